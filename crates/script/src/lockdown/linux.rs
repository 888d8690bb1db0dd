//! The measures of Linux. The order matters: some take away what others need.

use std::{fs, ptr};

use libc::{c_long, c_ulong};

use super::{Active, Bounds};

/// Beside the script: code, allocator, a copy of its variables as values, its answer.
const SPARE_MEMORY: u64 = 256 << 20;
/// How many times the bound on a script's memory all of that may take.
const MEMORY_FACTOR: u64 = 8;
/// Rights on files that Landlock has known since its versions 1, 2, 3 and 5.
const FILE_RIGHTS: [(isize, u64); 4] =
    [(1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15)];
/// Binding and connecting TCP sockets.
const NET_RIGHTS: (isize, u64) = (4, 0b11);
/// Abstract Unix sockets and signals beyond the process.
const SCOPES: (isize, u64) = (6, 0b11);
/// `LANDLOCK_CREATE_RULESET_VERSION`.
const ASK_VERSION: usize = 1;

/// Locks this process down.
pub(super) fn lock_down(bounds: &Bounds, prepare: impl FnOnce(), active: &mut Active) {
    let pdeathsig =
        call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize]);
    active.note("ends with its parent", pdeathsig == Some(0));
    let is_first_to_go = fs::write("/proc/self/oom_score_adj", "1000").is_ok();
    active.note("first to go when memory is short", is_first_to_go);
    let mapped = mapped();
    active.note("no debugger, no memory image", without_image());
    let no_new = call(libc::SYS_prctl, [libc::PR_SET_NO_NEW_PRIVS as usize, 1, 0, 0, 0]) == Some(0);
    active.note("no new privileges", no_new);
    active.note("no files by Landlock", landlock());
    // From here on every thread inherits what was done so far; the filter reaches all of them.
    prepare();
    let closed = call(libc::SYS_close_range, [3, u32::MAX as usize, 0]) == Some(0);
    active.note("no descriptors but its pipes", closed || close_one_by_one());
    let memory = bounds.memory.saturating_mul(MEMORY_FACTOR).saturating_add(SPARE_MEMORY);
    let memory = memory.saturating_add(bounds.stack);
    let is_bounded = limit(libc::RLIMIT_AS as usize, mapped.saturating_add(memory));
    active.note("address space bounded", is_bounded);
    active.note("processor time bounded", limit(libc::RLIMIT_CPU as usize, bounds.time.as_secs()));
    active.note("no file can grow", limit(libc::RLIMIT_FSIZE as usize, 0));
    active.note("no file can be opened", limit(libc::RLIMIT_NOFILE as usize, 0));
    let is_alone = limit(libc::RLIMIT_NPROC as usize, 0);
    let is_filtered = filter();
    // Whoever may raise limits, such as root, is not held by this one; the filter holds everybody.
    active.note("no process or thread can be started", is_alone && is_filtered);
    active.note("system calls filtered", is_filtered);
}

/// Leaves no memory image behind, and lets only the system's administrator look inside.
pub(super) fn without_image() -> bool {
    let undumpable = call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 0]) == Some(0);
    // Where a program collects images, the bound does not hold it back; elsewhere, children are
    // bound too.
    let no_core = limit(libc::RLIMIT_CORE as usize, 0);
    undumpable && no_core
}

/// Calls the system; `None` is an error.
fn call<const N: usize>(number: c_long, arguments: [usize; N]) -> Option<isize> {
    let mut all = [0; 5];
    all[..N].copy_from_slice(&arguments);
    let [a, b, c, d, e] = all;
    #[expect(
        unsafe_code,
        reason = "the standard library has no calls that take rights away; none of those made here \
                  gives memory to the system or takes any from it"
    )]
    // SAFETY: every caller is in this file. The calls change limits and attributes of this process
    // or close descriptors that nobody in it uses. Where an argument is an address, it is that of a
    // value that lives until the call returns and is only read, and its size goes with it.
    let result = unsafe { libc::syscall(number, a, b, c, d, e) };
    isize::try_from(result).ok().filter(|result| *result >= 0)
}

/// Sets both the bound in force and the highest it may be raised to.
fn limit(resource: usize, most: u64) -> bool {
    let wanted = [most; 2];
    call(libc::SYS_prlimit64, [0, resource, (&raw const wanted).addr(), 0]) == Some(0)
}

/// Returns the bytes of address space in use.
fn mapped() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    // Without `/proc`: more than any allocator reserves at first.
    kibibytes.map_or(4 << 30, |kibibytes| kibibytes << 10)
}

/// For kernels before 5.9.
fn close_one_by_one() -> bool {
    (3..1024).for_each(|descriptor| {
        call(libc::SYS_close, [descriptor]);
    });
    true
}

/// Denies everything that Landlock can deny.
fn landlock() -> bool {
    #[repr(C)]
    struct Ruleset {
        files: u64,
        net: u64,
        scoped: u64,
    }
    let create = libc::SYS_landlock_create_ruleset;
    let Some(version) = call(create, [ptr::null::<Ruleset>().addr(), 0, ASK_VERSION]) else {
        return false;
    };
    let rights = |(since, rights): (isize, u64)| if version >= since { rights } else { 0 };
    let ruleset = Ruleset {
        files: FILE_RIGHTS.into_iter().map(rights).sum(),
        net: rights(NET_RIGHTS),
        scoped: rights(SCOPES),
    };
    // Older kernels accept the longer form where the fields they do not know are zero.
    let made = call(create, [(&raw const ruleset).addr(), size_of::<Ruleset>(), 0]);
    let Some(descriptor) = made else { return false };
    call(libc::SYS_landlock_restrict_self, [descriptor.cast_unsigned(), 0]) == Some(0)
}

/// Installs the filter of system calls in all threads of this process.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn filter() -> bool {
    let program = super::filter::program();
    let Ok(len) = u16::try_from(program.len()) else { return false };
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    let (mode, all_threads): (_, c_ulong) =
        (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC);
    let all_threads = all_threads as usize;
    call(libc::SYS_seccomp, [mode as usize, all_threads, (&raw const program).addr()]) == Some(0)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn filter() -> bool {
    false
}
