//! Ctrl-C, SIGTERM and SIGHUP (the terminal is gone): counted by a thread, looked at by whoever waits for a job.
//!
//! The first asks for a clean stop, the second gives up a savepoint that is being taken, the next leaves at once. SIGHUP is left
//! alone where it was ignored from the start: `nohup` wants that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals as Delivered;
use tidemill_core::{Failure, Result};

/// The signals that were received.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicUsize,
    is_terminated: AtomicBool,
    is_idle: AtomicBool,
}

impl Signals {
    /// Takes the signals over. `at_idle` runs on the signals' thread when one comes while nothing is run; Ctrl-C is none where
    /// someone types (`is_interactive`): it drops the line.
    pub fn install(is_interactive: bool, at_idle: impl Fn() + Send + 'static) -> Result<Signals> {
        let signals = Signals::default();
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| *signal != SIGHUP || !is_ignored(SIGHUP));
        let mut delivered = Delivered::new(wanted)
            .map_err(|error| Failure::retryable("signals", format!("signals cannot be handled: {error}")))?;
        let shared = Arc::clone(&signals.shared);
        spawn("signals", move || {
            for signal in delivered.forever() {
                shared.is_terminated.fetch_or(signal != SIGINT, Ordering::SeqCst);
                shared.count.fetch_add(1, Ordering::SeqCst);
                let ends = signal != SIGINT || !is_interactive;
                if ends && shared.is_idle.load(Ordering::SeqCst) {
                    at_idle();
                }
            }
        })?;
        Ok(signals)
    }

    /// How many there have been since [`Signals::forget`].
    pub fn count(&self) -> usize {
        self.shared.count.load(Ordering::SeqCst)
    }

    /// True once SIGTERM or SIGHUP was among them.
    pub fn is_terminated(&self) -> bool {
        self.shared.is_terminated.load(Ordering::SeqCst)
    }

    /// Begins to count anew: the shell goes on after a stopped query.
    pub fn forget(&self) {
        self.shared.count.store(0, Ordering::SeqCst);
    }

    /// Says whether the process waits for input and runs nothing. Whoever begins to wait looks afterwards at what came before.
    pub fn set_idle(&self, idle: bool) {
        self.shared.is_idle.store(idle, Ordering::SeqCst);
    }
}

/// True where the process was started with a signal ignored; where the system does not tell, it was not.
fn is_ignored(signal: i32) -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored_in(&status, signal))
}

fn is_ignored_in(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Starts a thread of the command line's own: for signals, and for what may block while signals are looked at.
#[allow(clippy::disallowed_methods, reason = "the edge: these threads wait for signals, stdout and batch queries")]
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let failed = |error| Failure::retryable("thread", format!("the system refuses another thread: {error}"));
    std::thread::Builder::new().name(format!("tidemill-{name}")).spawn(body).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_which_signals_are_ignored() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(is_ignored_in(status, SIGHUP));
        assert!(!is_ignored_in(status, SIGINT));
        assert!(!is_ignored_in("", SIGHUP));
    }
}
