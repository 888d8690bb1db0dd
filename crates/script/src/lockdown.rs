//! Takes from a process whatever scripts do not need, before it reads the first of them.
//!
//! Each measure stands alone: what the system refuses is reported, not fatal. All calls go through
//! one function, the only unsafe code here.

use std::{env, time::Duration};

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter;
#[cfg(target_os = "linux")]
mod linux;

/// A measure, and whether it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// What it is called.
    pub name: &'static str,
    /// Whether it holds.
    pub is_active: bool,
}

/// What a process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The bound on a script's memory, in bytes; the process gets a multiple.
    pub memory: u64,
    /// The bytes of stack that are reserved for the script.
    pub stack: u64,
    /// Processor time in the process's whole life.
    pub time: Duration,
}

/// Every measure, in the order of its bit.
const NAMES: [&str; 14] = [
    "empty environment",
    "root as working directory",
    "ends with its parent",
    "first to go when memory is short",
    "no debugger, no memory image",
    "no new privileges",
    "no files by Landlock",
    "no descriptors but its pipes",
    "address space bounded",
    "processor time bounded",
    "no file can be opened",
    "no file can grow",
    "no process or thread can be started",
    "system calls filtered",
];

/// A set of measures that hold.
#[derive(Debug, Clone, Copy, Default)]
struct Active(u64);

impl Active {
    fn note(&mut self, name: &str, is_active: bool) {
        let at = NAMES.iter().position(|known| *known == name);
        debug_assert!(at.is_some(), "{name} is not in the list");
        if is_active {
            self.0 |= at.map_or(0, |at| 1 << at);
        }
    }
}

/// Returns what the bits of [`lock_down`] mean; `None` where there is a bit without a meaning.
pub(crate) fn measures(active: u64) -> Option<Vec<Measure>> {
    let is_known = active >> NAMES.len() == 0;
    let measure =
        |(at, name): (usize, &&'static str)| Measure { name, is_active: active & (1 << at) != 0 };
    is_known.then(|| NAMES.iter().enumerate().map(measure).collect())
}

/// Locks this process down for good and returns which measures hold, a bit for each.
///
/// `prepare` is called when threads can still be started; they are locked in with the rest. It must
/// wait until they have begun: to the system's library, beginning is one of the things forbidden.
pub fn lock_down(bounds: &Bounds, prepare: impl FnOnce()) -> u64 {
    let mut active = Active::default();
    active.note("empty environment", env::vars_os().next().is_none());
    active.note("root as working directory", env::set_current_dir("/").is_ok());
    #[cfg(target_os = "linux")]
    linux::lock_down(bounds, prepare, &mut active);
    #[cfg(not(target_os = "linux"))]
    {
        let _bounds = bounds;
        prepare();
    }
    active.0
}

/// Has this process leave no memory image when it dies, and hides its memory and its variables from
/// other processes of the same user; children leave no image either. For a process that holds secrets
/// and still needs everything else. Returns whether it holds, which it does on Linux only.
pub fn hide_memory() -> bool {
    #[cfg(target_os = "linux")]
    let is_hidden = linux::without_image();
    #[cfg(not(target_os = "linux"))]
    let is_hidden = false;
    is_hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_a_name() {
        let mut active = Active::default();
        active.note(NAMES[0], true);
        active.note(NAMES[1], false);
        active.note(NAMES[13], true);
        let measures = measures(active.0).unwrap();
        let held: Vec<&str> = measures.iter().filter(|m| m.is_active).map(|m| m.name).collect();
        assert_eq!(held, [NAMES[0], NAMES[13]]);
        assert_eq!(super::measures(1 << NAMES.len()), None);
    }
}
