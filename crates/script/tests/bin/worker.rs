//! What the tests start as workers: real ones, a prisoner that tries the bars, and bad ones.

use std::{
    alloc::System,
    env, fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    process::{self, Command},
    sync::mpsc,
    thread,
    time::Duration,
};

use blueprint_script::{
    lockdown::{self, Bounds},
    memory::CountingAllocator,
};

#[path = "../it/derivations.rs"]
mod derivations;

#[global_allocator]
static ALLOCATOR: CountingAllocator<System> = CountingAllocator(System);

fn main() {
    match env::args().nth(1).as_deref() {
        Some("__script-worker") => blueprint_script::worker_main(derivations::DERIVATIONS),
        Some("probe") => probe(),
        Some("garbage") => babble(&[7; 100]),
        Some("ready-then-garbage") => {
            say(&[&[16][..], &[0; 8]].concat());
            hear();
            babble(&[250; 50]);
        }
        Some("loads-then-floods") => {
            load();
            loop {
                say(&[18; 100]);
            }
        }
        Some("lies-about-length") => {
            load();
            write(&[255, 255, 255, 255, 20]);
            rest();
        }
        Some("many-values") => {
            load();
            // Five million values of one byte each.
            let count = 5_000_000_u32;
            let mut frame = [&[20, 7][..], &count.to_le_bytes()].concat();
            frame.resize(frame.len() + count as usize, 0);
            say(&frame);
            rest();
        }
        Some("asks-for-ever") => {
            load();
            loop {
                say(&[&[19, 2][..], &text("upper"), &[1, 0, 0, 0], &text("x")].concat());
                hear();
            }
        }
        Some("asks-too-early") => {
            say(&[&[16][..], &[0; 8]].concat());
            hear();
            say(&[&[19, 0][..], &text("TOKEN")].concat());
            rest();
        }
        Some("closes") => {
            load();
        }
        Some("never-ready") => rest(),
        Some("silent") => {
            load();
            rest();
        }
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn write(bytes: &[u8]) {
    if io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()).is_err() {
        process::exit(0);
    }
}

fn say(frame: &[u8]) {
    write(&(frame.len() as u32).to_le_bytes());
    write(frame);
}

fn hear() {
    let mut head = [0; 4];
    if io::stdin().read_exact(&mut head).is_err() {
        process::exit(0);
    }
    let mut body = vec![0; u32::from_le_bytes(head) as usize];
    io::stdin().read_exact(&mut body).expect("the pool sends whole frames");
}

/// Behaves until the script is to run.
fn load() {
    say(&[&[16][..], &[0; 8]].concat());
    hear();
    say(&[17]);
    hear();
}

fn babble(bytes: &[u8]) -> ! {
    loop {
        write(bytes);
    }
}

fn rest() -> ! {
    loop {
        thread::park_timeout(Duration::from_secs(60));
    }
}

/// Locks itself down like a worker and says what it still could do, one line each.
fn probe() {
    let bounds = Bounds { memory: 64 << 20, stack: 64 << 20, time: Duration::from_secs(60) };
    let (go, start) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let (begin, begun) = mpsc::channel();
    let prepare = || {
        thread::spawn(move || {
            begin.send(()).expect("somebody waits");
            start.recv().expect("it is told");
            tell.send(escapes()).expect("somebody listens");
        });
        begun.recv().expect("it begins");
    };
    let measures = lockdown::lock_down(&bounds, prepare);
    let mut lines = vec![format!("measures {measures:b}")];
    lines.extend(escapes().into_iter().map(|escape| format!("main {escape}")));
    go.send(()).expect("it waits");
    let escapes = told.recv().expect("it tells");
    lines.extend(escapes.into_iter().map(|escape| format!("thread {escape}")));
    lines.push("done".into());
    io::stdout().write_all(lines.join("\n").as_bytes()).expect("its pipe is left to it");
}

/// Returns what was not refused.
fn escapes() -> Vec<String> {
    let tries: [(&str, bool); 14] = [
        ("reads a file", fs::read("/etc/passwd").is_ok()),
        ("reads its memory", fs::read("/proc/self/maps").is_ok()),
        ("lists a folder", fs::read_dir("/").is_ok()),
        ("looks at a file", fs::metadata("/etc/passwd").is_ok()),
        ("writes a file", fs::write("/tmp/script-worker-probe", "x").is_ok()),
        ("removes a file", fs::remove_file("/tmp/script-worker-probe").is_ok()),
        ("makes a folder", fs::create_dir("/tmp/script-worker-probe-dir").is_ok()),
        ("opens a socket", UdpSocket::bind("127.0.0.1:0").is_ok()),
        ("listens", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("connects", TcpStream::connect("127.0.0.1:22").is_ok()),
        ("runs a program", Command::new("/bin/true").spawn().is_ok()),
        ("starts a thread", thread::Builder::new().spawn(|| ()).is_ok()),
        ("has an environment", env::vars_os().next().is_some()),
        ("moves", env::set_current_dir("/tmp").is_ok()),
    ];
    let mut escapes: Vec<String> =
        tries.iter().filter(|(_, works)| *works).map(|(what, _)| (*what).to_owned()).collect();
    escapes.extend(raw::escapes());
    escapes
}

#[cfg(target_os = "linux")]
mod raw {
    use libc::c_long;

    /// Returns the system calls that were not refused, of those that must be.
    pub(crate) fn escapes() -> Vec<String> {
        let page = 4096;
        let (read, run) = (libc::PROT_READ as c_long, libc::PROT_EXEC as c_long);
        let anonymous = c_long::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let calls: [(&str, c_long, [c_long; 6]); 22] = [
            (
                "socket",
                libc::SYS_socket,
                [libc::AF_UNIX.into(), libc::SOCK_STREAM.into(), 0, 0, 0, 0],
            ),
            ("socketpair", libc::SYS_socketpair, [1, 1, 0, 0, 0, 0]),
            ("clone", libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0, 0, 0, 0]),
            ("clone3", libc::SYS_clone3, [0; 6]),
            ("unshare", libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0, 0, 0]),
            ("ptrace", libc::SYS_ptrace, [0; 6]),
            ("kill", libc::SYS_kill, [0, 0, 0, 0, 0, 0]),
            ("dup", libc::SYS_dup, [1, 0, 0, 0, 0, 0]),
            ("pipe", libc::SYS_pipe2, [0; 6]),
            ("memfd", libc::SYS_memfd_create, [0; 6]),
            ("io_uring", libc::SYS_io_uring_setup, [0; 6]),
            ("prctl", libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1, 0, 0, 0, 0]),
            ("prlimit", libc::SYS_prlimit64, [0; 6]),
            ("setuid", libc::SYS_setuid, [0; 6]),
            ("umask", libc::SYS_umask, [0; 6]),
            ("bpf", libc::SYS_bpf, [0; 6]),
            ("userfaultfd", libc::SYS_userfaultfd, [0; 6]),
            ("shmget", libc::SYS_shmget, [0, page, 0o600, 0, 0, 0]),
            ("getpid", libc::SYS_getpid, [0; 6]),
            ("ioctl", libc::SYS_ioctl, [1, 0, 0, 0, 0, 0]),
            ("mmap to run", libc::SYS_mmap, [0, page, read | run, anonymous, -1, 0]),
            ("read from 1", libc::SYS_read, [1, 0, 0, 0, 0, 0]),
        ];
        calls
            .iter()
            .filter(|(_, number, with)| !is_refused(*number, with))
            .map(|(name, ..)| (*name).to_owned())
            .collect()
    }

    fn is_refused(number: c_long, [a, b, c, d, e, f]: &[c_long; 6]) -> bool {
        #[expect(unsafe_code, reason = "this is what a prisoner would try")]
        // SAFETY: the filter refuses each of these before it does anything; where it does not, the
        // test fails, and none of them hands memory to the system.
        let result = unsafe { libc::syscall(number, *a, *b, *c, *d, *e, *f) };
        result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    }
}

#[cfg(not(target_os = "linux"))]
mod raw {
    pub(crate) fn escapes() -> Vec<String> {
        Vec::new()
    }
}
