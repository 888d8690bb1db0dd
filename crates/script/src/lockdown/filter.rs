//! The system calls that are left: a program for the kernel's filter, and nothing unsafe.
//!
//! Everything not listed fails with `EPERM`: no files, sockets, processes, threads, signals to
//! others, memory that can be run, and no way to raise a limit. Failing is kinder than killing to a
//! C library that tries something new first.

use libc::{c_long, sock_filter};

/// Where the number of the call, the architecture and the arguments stand in what the filter sees.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

#[cfg(target_arch = "x86_64")]
const OWN_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const OWN_ARCHITECTURE: u32 = 0xc000_00b7;

const KILL: u32 = 0x8000_0000;
const ALLOW: u32 = 0x7fff_0000;
const REFUSE: u32 = 0x0005_0000 | libc::EPERM as u32;

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// When a call is allowed.
enum When {
    /// Always.
    Always,
    /// Where an argument is one of two.
    Either(u8, u32, u32),
    /// Where an argument has no bit of these.
    Without(u8, u32),
}

const EXECUTABLE: u32 = libc::PROT_EXEC as u32;

/// What reading, writing, allocating and waiting take. Rhai sleeps where it waits for a lock.
const RULES: &[(c_long, When)] = &[
    (libc::SYS_read, When::Either(0, 0, 0)),
    (libc::SYS_write, When::Either(0, 1, 2)),
    (libc::SYS_futex, When::Always),
    (libc::SYS_mmap, When::Without(2, EXECUTABLE)),
    (libc::SYS_mprotect, When::Without(2, EXECUTABLE)),
    (libc::SYS_munmap, When::Always),
    (libc::SYS_mremap, When::Always),
    (libc::SYS_madvise, When::Always),
    (libc::SYS_brk, When::Always),
    (libc::SYS_clock_gettime, When::Always),
    (libc::SYS_clock_nanosleep, When::Always),
    (libc::SYS_nanosleep, When::Always),
    (libc::SYS_getrandom, When::Always),
    (libc::SYS_sched_yield, When::Always),
    (libc::SYS_gettid, When::Always),
    (libc::SYS_rt_sigaction, When::Always),
    (libc::SYS_rt_sigprocmask, When::Always),
    (libc::SYS_rt_sigreturn, When::Always),
    (libc::SYS_sigaltstack, When::Always),
    (libc::SYS_restart_syscall, When::Always),
    (libc::SYS_exit, When::Always),
    (libc::SYS_exit_group, When::Always),
];

/// Returns the program.
pub(super) fn program() -> Vec<sock_filter> {
    let mut program =
        vec![load(ARCHITECTURE), jump(JUMP_EQUAL, OWN_ARCHITECTURE, 1, 0), end(KILL), load(NUMBER)];
    for (number, when) in RULES {
        let steps = steps(when);
        // Numbers of calls are small and never negative.
        program.push(jump(JUMP_EQUAL, *number as u32, 0, steps.len() as u8));
        program.extend(steps);
    }
    program.push(end(REFUSE));
    program
}

/// Returns the steps that decide about one call; the last always returns.
fn steps(when: &When) -> Vec<sock_filter> {
    match *when {
        When::Always => vec![end(ALLOW)],
        When::Either(argument, one, other) => vec![
            load(ARGUMENTS + 8 * u32::from(argument)),
            jump(JUMP_EQUAL, one, 1, 0),
            jump(JUMP_EQUAL, other, 0, 1),
            end(ALLOW),
            end(REFUSE),
        ],
        When::Without(argument, bits) => vec![
            load(ARGUMENTS + 8 * u32::from(argument)),
            jump(JUMP_ANY_BIT, bits, 1, 0),
            end(ALLOW),
            end(REFUSE),
        ],
    }
}

fn load(at: u32) -> sock_filter {
    sock_filter { code: LOAD, jt: 0, jf: 0, k: at }
}

fn end(verdict: u32) -> sock_filter {
    sock_filter { code: RETURN, jt: 0, jf: 0, k: verdict }
}

/// Compares, and skips so many steps where it holds, and where it does not.
fn jump(code: u16, with: u32, if_so: u8, if_not: u8) -> sock_filter {
    sock_filter { code, jt: if_so, jf: if_not, k: with }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn verdict(architecture: u32, number: c_long, arguments: [u64; 6]) -> u32 {
        let program = program();
        let (mut at, mut register) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            let holds = match step.code {
                LOAD => {
                    register = match step.k {
                        NUMBER => number as u32,
                        ARCHITECTURE => architecture,
                        low => arguments[((low - ARGUMENTS) / 8) as usize] as u32,
                    };
                    continue;
                }
                RETURN => return step.k,
                JUMP_EQUAL => register == step.k,
                JUMP_ANY_BIT => register & step.k != 0,
                other => panic!("{other}"),
            };
            at += usize::from(if holds { step.jt } else { step.jf });
        }
    }

    #[track_caller]
    fn check(number: c_long, arguments: [u64; 6], expected: u32) {
        assert_eq!(verdict(OWN_ARCHITECTURE, number, arguments), expected);
        assert_eq!(verdict(0x4000_0003, number, arguments), KILL);
    }

    #[test]
    fn only_what_is_listed_is_allowed() {
        let none = [0; 6];
        for number in 0..600 {
            let is_listed = RULES.iter().any(|(listed, _)| *listed == number);
            let allowed = [0, 1, 2]
                .map(|first| verdict(OWN_ARCHITECTURE, number, [first, 0, 0, 0, 0, 0]) == ALLOW);
            assert_eq!(allowed.contains(&true), is_listed, "{number}");
        }
        for number in [
            libc::SYS_openat,
            libc::SYS_socket,
            libc::SYS_clone,
            libc::SYS_execve,
            libc::SYS_ptrace,
            libc::SYS_kill,
            libc::SYS_prctl,
            libc::SYS_prlimit64,
            libc::SYS_ioctl,
        ] {
            check(number, none, REFUSE);
        }
    }

    #[test]
    fn only_the_pipes_are_read_and_written() {
        for (number, descriptor, expected) in [
            (libc::SYS_read, 0, ALLOW),
            (libc::SYS_read, 1, REFUSE),
            (libc::SYS_read, 3, REFUSE),
            (libc::SYS_write, 0, REFUSE),
            (libc::SYS_write, 1, ALLOW),
            (libc::SYS_write, 2, ALLOW),
            (libc::SYS_write, 3, REFUSE),
        ] {
            check(number, [descriptor, 0, 0, 0, 0, 0], expected);
        }
    }

    #[test]
    fn memory_cannot_be_run() {
        for number in [libc::SYS_mmap, libc::SYS_mprotect] {
            check(number, [0, 0, 3, 0, 0, 0], ALLOW);
            check(number, [0, 0, 4, 0, 0, 0], REFUSE);
            check(number, [0, 0, 7, 0, 0, 0], REFUSE);
        }
    }
}
