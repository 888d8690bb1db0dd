//! An open-loop HTTP client: requests leave at a fixed rate, whatever the server does, and each is
//! timed from when it should have left.
//!
//! A client that waits for an answer before it sends the next request sends less just when the server
//! is slow, and so hides the slowness ("coordinated omission", Gil Tene). Here a request that finds no
//! free connection waits, and the wait counts.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
};

/// How many connections there are: more requests than that are not under way at once.
const CONNECTIONS: usize = 128;
/// A request that has no answer by then counts as lost.
const LOST: Duration = Duration::from_secs(30);

/// What came of a load.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// How long each answer took, in order of length.
    pub times: Vec<Duration>,
    /// Answers by status.
    pub statuses: Vec<(u16, usize)>,
    /// Requests without an answer.
    pub lost: usize,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Load {
    /// Returns the time within which this part of the answers came, from 0 to 1.
    pub fn quantile(&self, part: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list that fits in memory"
        )]
        let at = ((self.times.len() as f64 * part) as usize).min(self.times.len().max(1) - 1);
        self.times.get(at).copied().unwrap_or(LOST)
    }

    /// Returns how many answers had this status.
    pub fn count(&self, status: u16) -> usize {
        self.statuses.iter().find(|(it, _)| *it == status).map_or(0, |(_, count)| *count)
    }
}

/// Sends `count` requests, one every `gap` (zero: as fast as answers come), each made by `request` from
/// its number.
///
/// # Panics
///
/// Panics if the server cannot be reached at all.
pub async fn run(
    address: SocketAddr,
    count: usize,
    gap: Duration,
    request: impl Fn(usize) -> Vec<u8>,
) -> Load {
    let (done, mut answers) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let mut idle = VecDeque::new();
    for at in 0..CONNECTIONS.min(count) {
        let (sender, receiver) = mpsc::unbounded_channel();
        idle.push_back(sender);
        tasks.spawn(work(address, at, receiver, done.clone()));
    }
    let workers: Vec<_> = idle.iter().cloned().collect();
    let begin = now();
    let (mut load, mut sent, mut queue) = (Load::default(), 0, VecDeque::new());
    while load.times.len() + load.lost < count {
        let is_due = |sent: usize| begin.elapsed() >= gap * u32::try_from(sent).unwrap_or(u32::MAX);
        while sent < count && is_due(sent) && (!gap.is_zero() || !idle.is_empty()) {
            let due = match gap {
                Duration::ZERO => now(),
                gap => begin + gap * u32::try_from(sent).unwrap_or(u32::MAX),
            };
            queue.push_back((due, request(sent)));
            sent += 1;
            hand_out(&mut queue, &mut idle);
        }
        let next = begin + gap * u32::try_from(sent).unwrap_or(u32::MAX);
        let answer = async {
            match (sent < count, gap.is_zero()) {
                (true, false) => {
                    tokio::time::timeout_at(next.into(), answers.recv()).await.ok().flatten()
                }
                (_, _) => tokio::time::timeout(LOST, answers.recv()).await.ok().flatten(),
            }
        };
        let Some(answer) = answer.await else {
            if sent == count {
                load.lost = count - load.times.len();
            }
            continue;
        };
        take(answer, &mut load);
        let (at, _, _) = answer;
        idle.push_back(workers[at].clone());
        while let Ok(answer) = answers.try_recv() {
            take(answer, &mut load);
            idle.push_back(workers[answer.0].clone());
        }
        hand_out(&mut queue, &mut idle);
    }
    load.took = begin.elapsed();
    load.times.sort_unstable();
    load
}

/// Sends one request and returns the status and the body of its answer; status 0 if there is none.
pub async fn once(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return (0, String::new()) };
    let mut buffer = Vec::new();
    let status = exchange(&mut stream, request, &mut buffer).await.unwrap_or(0);
    let text = String::from_utf8_lossy(&buffer).into_owned();
    (status, text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned())
}

type Work = (Instant, Vec<u8>);
/// Which connection, how long, and the status; 0 if the connection broke.
type Answer = (usize, Duration, u16);

fn hand_out(queue: &mut VecDeque<Work>, idle: &mut VecDeque<mpsc::UnboundedSender<Work>>) {
    while !queue.is_empty() && !idle.is_empty() {
        if let (Some(work), Some(worker)) = (queue.pop_front(), idle.pop_front()) {
            worker.send(work).expect("the connection's task waits for work");
        }
    }
}

fn take((_, time, status): Answer, load: &mut Load) {
    if status == 0 {
        load.lost += 1;
        return;
    }
    load.times.push(time);
    match load.statuses.iter_mut().find(|(it, _)| *it == status) {
        Some((_, count)) => *count += 1,
        None => load.statuses.push((status, 1)),
    }
}

async fn work(
    address: SocketAddr,
    at: usize,
    mut work: mpsc::UnboundedReceiver<Work>,
    done: mpsc::UnboundedSender<Answer>,
) {
    let mut stream = None;
    let mut buffer = Vec::with_capacity(16 * 1024);
    while let Some((due, request)) = work.recv().await {
        if stream.is_none() {
            stream = TcpStream::connect(address).await.ok();
            if let Some(stream) = &stream {
                drop(stream.set_nodelay(true));
            }
        }
        let status = match &mut stream {
            Some(open) => exchange(open, &request, &mut buffer).await.unwrap_or(0),
            None => 0,
        };
        if status == 0 {
            stream = None;
        }
        if done.send((at, due.elapsed(), status)).is_err() {
            // The load has ended.
            return;
        }
    }
}

/// Sends a request and reads its answer, which says its length; `None` if the connection broke.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Option<u16> {
    stream.write_all(request).await.ok()?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
        let Some(head) = buffer.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(Some(0), |length| length.trim().parse().ok())?;
        if buffer.len() >= head + 4 + length {
            return text.get(9..12)?.parse().ok();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures the time that passes")]
fn now() -> Instant {
    Instant::now()
}
