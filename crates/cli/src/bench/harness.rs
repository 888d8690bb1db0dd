//! Rounds that alternate: the machine's speed drifts, so only what is measured in turns compares.

use std::time::{Duration, Instant};

/// How long to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Rounds after the warm-up.
    pub rounds: usize,
    /// Rounds that are measured although the time is up.
    pub least_rounds: usize,
    /// What is shorter is repeated within a round until it has taken so long.
    pub turn: Duration,
    /// After so long there is no further round.
    pub budget: Duration,
}

impl Pace {
    /// For a person who waits.
    pub const BRISK: Self = Self {
        rounds: 15,
        least_rounds: 5,
        turn: Duration::from_millis(10),
        budget: Duration::from_millis(1_500),
    };
    /// For the record.
    pub const THOROUGH: Self = Self {
        rounds: 15,
        least_rounds: 10,
        turn: Duration::from_millis(50),
        budget: Duration::from_secs(12),
    };
    /// Does it still work?
    pub const ONCE: Self =
        Self { rounds: 1, least_rounds: 1, turn: Duration::ZERO, budget: Duration::ZERO };
}

/// The middle of some measurements, and their spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// One in ten is below.
    pub p10: f64,
    /// Half are below.
    pub median: f64,
    /// One in ten is above.
    pub p90: f64,
}

impl Spread {
    /// Returns the spread of samples.
    ///
    /// # Panics
    ///
    /// Panics if there is none.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self { p10: at(&samples, 0.1), median: at(&samples, 0.5), p90: at(&samples, 0.9) }
    }
}

/// Returns the sample below which this share of them is. They are sorted, and there is one.
pub fn at(samples: &[f64], share: f64) -> f64 {
    samples[((samples.len() - 1) as f64 * share).round() as usize]
}

/// A point in time to measure from.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Returns now.
    #[expect(clippy::disallowed_methods, reason = "the one place that measures")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns how long it has been.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Returns how long `work` takes.
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Stopwatch::start();
    work();
    start.elapsed()
}

/// Something that is measured beside others: works so many times over.
pub type Contender<'a, E> = Box<dyn FnMut(usize) -> Result<(), E> + 'a>;

/// What was measured of some contenders: for each, nanoseconds a time, round by round.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    /// Measures contenders in turns. `is_stopped` is asked before each round.
    ///
    /// # Errors
    ///
    /// Returns what a contender did not do; `None` if it was stopped.
    pub fn measure<E>(
        pace: Pace,
        contenders: &mut [Contender<'_, E>],
        is_stopped: impl Fn() -> bool,
    ) -> Result<Option<Self>, E> {
        let one_time = |contender: &mut Contender<'_, E>, times: usize| {
            let start = Stopwatch::start();
            contender(times)?;
            Ok(start.elapsed().as_nanos() as f64 / times as f64)
        };
        let begin = Stopwatch::start();
        let mut times = vec![1; contenders.len()];
        if pace != Pace::ONCE {
            // The second time tells: the first meets cold caches.
            for (contender, times) in contenders.iter_mut().zip(&mut times) {
                one_time(contender, 1)?;
                let once = one_time(contender, 1)?.max(1.0);
                *times = ((pace.turn.as_nanos() as f64 / once).ceil() as usize).max(1);
            }
        }
        let mut rounds = vec![Vec::new(); contenders.len()];
        for round in 0..pace.rounds {
            if is_stopped() {
                return Ok(None);
            }
            if round >= pace.least_rounds && begin.elapsed() > pace.budget {
                break;
            }
            for (at, contender) in contenders.iter_mut().enumerate() {
                rounds[at].push(one_time(contender, times[at])?);
            }
        }
        Ok(Some(Self(rounds)))
    }

    /// Returns how many rounds there were.
    pub fn count(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// Returns nanoseconds of one of them per unit of work.
    pub fn per_unit(&self, contender: usize, units: usize) -> Spread {
        let samples = self.0[contender].iter().map(|ns| ns / units.max(1) as f64);
        Spread::of(samples.collect())
    }

    /// Returns the first over another, of the same round, each per unit of its work.
    pub fn ratio(&self, other: usize, units: usize, other_units: usize) -> Spread {
        let scale = other_units.max(1) as f64 / units.max(1) as f64;
        let pairs = self.0[0].iter().zip(&self.0[other]);
        Spread::of(pairs.map(|(ours, limit)| ours / limit.max(f64::MIN_POSITIVE) * scale).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_samples_that_were_there() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0]);
        assert_eq!(spread, Spread { p10: 1.0, median: 2.0, p90: 3.0 });
        assert_eq!(Spread::of(vec![5.0]), Spread { p10: 5.0, median: 5.0, p90: 5.0 });
    }

    #[test]
    fn contenders_work_in_turns_and_can_be_stopped() {
        let order = std::cell::RefCell::new(String::new());
        let contender = |name: char| -> Contender<'_, ()> {
            let order = &order;
            Box::new(move |_| {
                order.borrow_mut().push(name);
                Ok(())
            })
        };
        let pace =
            Pace { rounds: 2, least_rounds: 2, turn: Duration::ZERO, budget: Duration::ZERO };
        let mut both = [contender('a'), contender('b')];
        let rounds = Rounds::measure(pace, &mut both, || false).unwrap().unwrap();
        assert_eq!((order.borrow().as_str(), rounds.count()), ("aabbabab", 2));
        assert_eq!(Rounds::measure(pace, &mut both, || true), Ok(None));
    }

    #[test]
    fn a_ratio_is_per_unit() {
        let rounds = Rounds(vec![vec![100.0], vec![10.0]]);
        assert!((rounds.ratio(1, 10, 1).median - 1.0).abs() < 1e-9);
        assert!((rounds.per_unit(0, 10).median - 10.0).abs() < 1e-9);
    }
}
