//! The text format of Prometheus.

use std::{
    fmt::{self, Write as _},
    fs,
    sync::{Arc, atomic::Ordering},
};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use blueprint_model::event::RunStatus;

use super::{BOUNDS_MS, Metrics, Sort, Times};
use crate::site::Site;

/// The type of the text.
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text of metrics in the making.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Begins a metric.
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP blueprint_{name} {help}\n# TYPE blueprint_{name} {kind}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        self.0.write_fmt(line).expect("a String takes all text");
        self.0.push('\n');
    }

    /// Adds a metric that is one number.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.metric(name, kind, help);
        self.line(format_args!("blueprint_{name} {value}"));
    }
}

/// Shows what the server counts of itself, as Prometheus reads it.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "server",
    responses((status = 200, description = "The counters", body = String)),
)]
pub(crate) async fn page(State(site): State<Arc<Site>>) -> Response {
    let mut page = Page::default();
    runs(&mut page, &site);
    requests(&mut page, &site.metrics);
    process(&mut page, &site);
    ([(header::CONTENT_TYPE, KIND)], page.0).into_response()
}

fn runs(page: &mut Page, site: &Site) {
    let metrics = &site.metrics;
    let count = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed) as f64;
    let help = "Runs that were started by this process.";
    page.one("runs_started_total", "counter", help, count(&metrics.started));
    page.metric("runs_ended_total", "counter", "Runs that ended in this process.");
    for status in RunStatus::ALL {
        let (name, value) = (status.as_str(), count(metrics.ended(status)));
        page.line(format_args!("blueprint_runs_ended_total{{status=\"{name}\"}} {value}"));
    }
    let (under_way, waiting, max) = site.runs.load();
    page.one("runs_under_way", "gauge", "Runs that are at work now.", under_way as f64);
    page.one("runs_limit", "gauge", "The most runs at once.", max as f64);
    let help = "Requests that wait until a run may start.";
    page.one("requests_waiting", "gauge", help, waiting as f64);
    let help = "Requests that were answered 429.";
    page.one("requests_refused_total", "counter", help, count(&metrics.refused));
    let help = "Streams of events that are open.";
    page.one("streams_open", "gauge", help, site.streams.open() as f64);
    let plans = site.catalogue.now().entries.values().filter(|entry| entry.is_stale()).count();
    let help = "Blueprint files with errors as they are now.";
    page.one("blueprints_faulty", "gauge", help, plans as f64);
}

fn requests(page: &mut Page, metrics: &Metrics) {
    let requests = metrics.requests().clone();
    let help = "How long requests took, up to the first byte of the answer.";
    page.metric("request_duration_seconds", "histogram", help);
    for (sort, times) in &requests {
        request(page, sort, times);
    }
}

fn request(page: &mut Page, sort: &Sort, times: &Times) {
    let (method, route, class) = (sort.method, &sort.route, sort.class);
    let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{class}xx\"");
    let name = "blueprint_request_duration_seconds";
    for (within, bound) in times.within.iter().zip(BOUNDS_MS) {
        let bound = bound as f64 / 1_000.0;
        page.line(format_args!("{name}_bucket{{{labels},le=\"{bound}\"}} {within}"));
    }
    let (count, total) = (times.count, times.total.as_secs_f64());
    page.line(format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}"));
    page.line(format_args!("{name}_sum{{{labels}}} {total}"));
    page.line(format_args!("{name}_count{{{labels}}} {count}"));
}

fn process(page: &mut Page, site: &Site) {
    let up = site.now().duration_since(site.started).as_secs_f64();
    page.one("uptime_seconds", "gauge", "How long this process serves.", up.max(0.0));
    if let Some(bytes) = resident() {
        let help = "Memory of this process that is in use.";
        page.one("memory_bytes", "gauge", help, bytes as f64);
    }
}

/// Returns how much memory the process has, where the system says it.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_histogram_counts_up() {
        let mut times = Times::default();
        for ms in [1, 3, 70_000] {
            times.add(Duration::from_millis(ms));
        }
        let mut page = Page::default();
        request(&mut page, &Sort { method: "GET", route: "/x/{y}".into(), class: 2 }, &times);
        let labels = "method=\"GET\",route=\"/x/{y}\",status=\"2xx\"";
        for (suffix, value) in [
            ("le=\"0.001\"}", "1"),
            ("le=\"0.005\"}", "2"),
            ("le=\"60\"}", "2"),
            ("le=\"+Inf\"}", "3"),
        ] {
            let line = format!("_bucket{{{labels},{suffix} {value}\n");
            assert!(page.0.contains(&line), "{line}{}", page.0);
        }
        assert!(page.0.contains(&format!("_count{{{labels}}} 3\n")));
    }
}
