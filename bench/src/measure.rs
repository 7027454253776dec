//! CPU time and memory of this process, as the operating system counts them.

use std::time::Duration;

use cpu_time::{ProcessTime, ThreadTime};
use tidemill_core::{Env, Failure, Result};
use tidemill_runtime::SystemEnv;

fn unavailable(error: &std::io::Error) -> Failure {
    Failure::retryable("bench.clock", format!("the system does not tell CPU time: {error}"))
}

/// What a piece of work cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// CPU time of all threads.
    pub cpu: Duration,
    /// Time by the clock.
    pub wall: Duration,
    /// The most memory that was resident, in MiB.
    pub rss_max_mib: f64,
}

/// Runs a piece of work and says what it cost.
pub fn of_process<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Cost)> {
    // "5" resets the peak; where the kernel refuses, the peak counts from the start of the process.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let env = SystemEnv::new();
    let start = ProcessTime::try_now().map_err(|error| unavailable(&error))?;
    let result = work()?;
    let cpu = start.try_elapsed().map_err(|error| unavailable(&error))?;
    let wall = Duration::from_nanos(env.now().monotonic_ns);
    Ok((result, Cost { cpu, wall, rss_max_mib: rss_max_kib() as f64 / 1024.0 }))
}

/// CPU time of this thread for a piece of work.
pub fn of_thread<T>(work: impl FnOnce() -> T) -> Result<(T, Duration)> {
    let start = ThreadTime::try_now().map_err(|error| unavailable(&error))?;
    let result = work();
    Ok((result, start.try_elapsed().map_err(|error| unavailable(&error))?))
}

fn rss_max_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
