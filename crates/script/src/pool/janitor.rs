//! The thread of a pool that starts workers, ends those that are late, and buries them.
//!
//! Workers end with the thread that started them, so that thread must live as long as the pool, and
//! is this one. Whoever waits for a worker's answer just reads: if it takes too long, the worker is
//! killed from here, and the pipe ends.

#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::{
    io::{self, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use blueprint_model::block::Cancel;

use super::{PoolSettings, Size, process::Process};
use crate::guard::{self, Stop};

/// How often the watch looks at clock and cancel.
const STEP: Duration = Duration::from_millis(10);
/// How many looks at nothing go by before it sleeps until it is woken.
const IDLE_LOOKS: u32 = 100;

/// The janitor, for those who need it. It ends when nobody does.
pub(super) struct Janitor {
    orders: Sender<Order>,
    is_asleep: Arc<AtomicBool>,
}

enum Order {
    Start(Size, Sender<io::Result<Process>>),
    Bury(Box<Process>),
    Wake,
}

/// A worker, as the janitor sees it.
pub(super) struct Seat {
    child: Mutex<Child>,
    watch: Mutex<Option<Watch>>,
}

struct Watch {
    /// `None` where it is beyond what a clock can say.
    deadline: Option<Instant>,
    cancel: Cancel,
    killed: Option<Stop>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Janitor {
    /// Starts it.
    pub(super) fn start(settings: PoolSettings) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        let is_asleep = Arc::new(AtomicBool::new(false));
        let rounds =
            Rounds { settings, is_asleep: is_asleep.clone(), seats: Vec::new(), dying: Vec::new() };
        thread::Builder::new().name("script-pool".into()).spawn(move || rounds.make(&inbox))?;
        Ok(Self { orders, is_asleep })
    }

    /// Starts a worker.
    pub(super) fn hire(&self, size: Size) -> io::Result<Process> {
        let (answer, answers) = mpsc::channel();
        let gone = || io::Error::other("the pool's own thread is gone");
        self.orders.send(Order::Start(size, answer)).map_err(|_| gone())?;
        answers.recv().map_err(|_| gone())?
    }

    /// Ends a worker, without waiting for its end.
    pub(super) fn bury(&self, process: Process) {
        // Without a janitor it ends where it is dropped.
        drop(self.orders.send(Order::Bury(Box::new(process))));
    }

    /// Watches a worker until [`Seat::rest`].
    pub(super) fn watch(&self, seat: &Seat, time: Duration, cancel: &Cancel) {
        let deadline = guard::now().checked_add(time);
        let mut watch = lock(&seat.watch);
        let killed = watch.take().and_then(|before| before.killed);
        *watch = Some(Watch { deadline, cancel: cancel.clone(), killed });
        drop(watch);
        if self.is_asleep.swap(false, Ordering::AcqRel) {
            drop(self.orders.send(Order::Wake));
        }
    }
}

impl Seat {
    /// Ends the watch and returns why the worker was killed, if it was.
    pub(super) fn rest(&self) -> Option<Stop> {
        lock(&self.watch).take().and_then(|watch| watch.killed)
    }

    /// Returns whether the worker lives.
    pub(super) fn is_alive(&self) -> bool {
        matches!(lock(&self.child).try_wait(), Ok(None))
    }

    /// Returns how the worker ended; kills it if it has not.
    pub(super) fn obituary(&self) -> String {
        let mut child = lock(&self.child);
        // It has ended, or is told to here; either way its end is near.
        drop(child.kill());
        child.wait().map_or_else(|err| err.to_string(), |status| status.to_string())
    }

    /// Kills the worker if it is late or cancelled; returns whether it is watched.
    fn look(&self, now: Instant) -> bool {
        let mut watch = lock(&self.watch);
        let Some(watch) = &mut *watch else { return false };
        if watch.killed.is_none() {
            watch.killed = if watch.cancel.is_cancelled() {
                Some(Stop::Cancelled)
            } else if watch.deadline.is_some_and(|deadline| now >= deadline) {
                Some(Stop::Time)
            } else {
                return true;
            };
            drop(lock(&self.child).kill());
        }
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // An error means that it has ended already.
        drop(child.kill());
        drop(child.wait());
    }
}

/// What the janitor's thread knows.
struct Rounds {
    settings: PoolSettings,
    is_asleep: Arc<AtomicBool>,
    seats: Vec<Weak<Seat>>,
    /// Killed and not yet ended.
    dying: Vec<Process>,
}

impl Rounds {
    fn make(mut self, inbox: &Receiver<Order>) {
        let mut idle_looks = 0;
        loop {
            let order = if idle_looks < IDLE_LOOKS {
                inbox.recv_timeout(STEP)
            } else {
                self.is_asleep.store(true, Ordering::Release);
                // Whoever began to watch before that has not woken anybody.
                if self.look() {
                    idle_looks = 0;
                    continue;
                }
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match order {
                Ok(order) => self.follow(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            idle_looks = if self.look() { 0 } else { idle_looks.saturating_add(1) };
        }
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::Start(size, answer) => {
                let started = self.start(size);
                // Nobody waits any more where this fails; then it ends here.
                drop(answer.send(started));
            }
            Order::Bury(process) => {
                drop(lock(&process.seat.child).kill());
                self.dying.push(*process);
            }
            Order::Wake => {}
        }
    }

    /// Looks after everybody and returns whether there was anything to look at.
    fn look(&mut self) -> bool {
        let now = guard::now();
        let mut is_busy = false;
        self.seats.retain(|seat| {
            let seat = seat.upgrade();
            is_busy |= seat.as_ref().is_some_and(|seat| seat.look(now));
            seat.is_some()
        });
        self.dying.retain(|process| process.seat.is_alive());
        is_busy || !self.dying.is_empty()
    }

    fn start(&mut self, size: Size) -> io::Result<Process> {
        let mut command = Command::new(&self.settings.program);
        command.args(&self.settings.arguments).args(size.to_arguments());
        command.env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Ctrl-C in a terminal is for the program, which then cancels its scripts.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let seat = Arc::new(Seat { child: Mutex::new(child), watch: Mutex::default() });
        self.seats.push(Arc::downgrade(&seat));
        match pipes {
            (Some(stdin), Some(stdout)) => Ok(Process::new(seat, stdin, reader(stdout), size)),
            _ => Err(io::Error::other("a worker has no pipes")),
        }
    }
}

fn reader(stdout: ChildStdout) -> BufReader<ChildStdout> {
    BufReader::with_capacity(16 << 10, stdout)
}
