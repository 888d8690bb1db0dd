//! The memory of this process, where the system says it.

use std::fs;

/// Returns the memory that this process has, in bytes; 0 where the system does not say.
pub fn resident() -> u64 {
    line_of_status("VmRSS:")
}

/// Returns the most memory that this process had since [`forget_peak`], in bytes.
pub fn peak() -> u64 {
    line_of_status("VmHWM:")
}

/// Begins to look for the peak anew; without effect where the system does not know it.
pub fn forget_peak() {
    // Linux only, and then the peak is that of the whole process.
    drop(fs::write("/proc/self/clear_refs", "5"));
}

fn line_of_status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
