//! What this process has used: CPU time and memory.

use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::resource::{UsageWho, getrusage};

/// CPU time and memory of the process so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of all threads, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory that was resident, in bytes, mapped files included.
    pub rss_max_bytes: u64,
    /// The most anonymous memory that was resident when it was looked at, in bytes.
    pub anon_max_bytes: u64,
}

/// Remembers the most anonymous memory it has seen: the system keeps no record of it.
#[derive(Debug, Default)]
pub struct UsageMeter {
    anon_max_bytes: AtomicU64,
}

impl UsageMeter {
    /// Looks at the anonymous memory of this moment.
    pub fn sample(&self) {
        if let Some(bytes) = anonymous_bytes() {
            self.anon_max_bytes.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// What was used until now.
    pub fn usage(&self) -> Usage {
        self.sample();
        let anon_max_bytes = self.anon_max_bytes.load(Ordering::Relaxed);
        let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
            return Usage { anon_max_bytes, ..Usage::default() };
        };
        let micros = |time: nix::sys::time::TimeVal| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
        // Linux counts in KiB, macOS in bytes.
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        let rss_max_bytes = usage.max_rss() as u64 * unit;
        Usage {
            cpu_ms: (micros(usage.user_time()) + micros(usage.system_time())) / 1000,
            rss_max_bytes,
            anon_max_bytes: if anon_max_bytes == 0 { rss_max_bytes } else { anon_max_bytes },
        }
    }
}

/// Resident anonymous memory; none where the system does not tell.
fn anonymous_bytes() -> Option<u64> {
    anonymous_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn anonymous_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_anonymous_memory_is_found() {
        assert_eq!(anonymous_in("VmHWM:\t  100 kB\nRssAnon:\t    2048 kB\nRssFile:\t 1 kB\n"), Some(2048 * 1024));
        assert_eq!(anonymous_in("VmHWM:\t  100 kB\n"), None);
    }

    #[test]
    fn a_process_uses_memory() {
        let usage = UsageMeter::default().usage();
        assert!(usage.rss_max_bytes > 0 && usage.anon_max_bytes > 0);
    }
}
