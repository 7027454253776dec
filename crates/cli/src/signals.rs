//! Ctrl-C and SIGTERM: counted by a thread, looked at by whoever waits for a job.
//!
//! The first asks for a clean stop, the second gives up a savepoint that is being taken, the next leaves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
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
    /// Takes the two signals over. `at_idle` runs on the signals' thread when SIGTERM comes while nothing is run.
    pub fn install(at_idle: impl Fn() + Send + 'static) -> Result<Signals> {
        let signals = Signals::default();
        let mut delivered = Delivered::new([SIGINT, SIGTERM])
            .map_err(|error| Failure::retryable("signals", format!("signals cannot be handled: {error}")))?;
        let shared = Arc::clone(&signals.shared);
        spawn("signals", move || {
            for signal in delivered.forever() {
                shared.is_terminated.fetch_or(signal == SIGTERM, Ordering::Relaxed);
                shared.count.fetch_add(1, Ordering::Relaxed);
                if signal == SIGTERM && shared.is_idle.load(Ordering::Relaxed) {
                    at_idle();
                }
            }
        })?;
        Ok(signals)
    }

    /// How many there have been since [`Signals::forget`].
    pub fn count(&self) -> usize {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// True once SIGTERM was among them.
    pub fn is_terminated(&self) -> bool {
        self.shared.is_terminated.load(Ordering::Relaxed)
    }

    /// Begins to count anew: the shell goes on after a stopped query.
    pub fn forget(&self) {
        self.shared.count.store(0, Ordering::Relaxed);
    }

    /// Says whether the process waits for input and runs nothing.
    pub fn set_idle(&self, idle: bool) {
        self.shared.is_idle.store(idle, Ordering::Relaxed);
    }
}

/// Starts a thread of the command line's own: for signals, and for what may block while signals are looked at.
#[allow(clippy::disallowed_methods, reason = "the edge: these threads wait for signals, stdout and batch queries")]
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let failed = |error| Failure::retryable("thread", format!("the system refuses another thread: {error}"));
    std::thread::Builder::new().name(format!("tidemill-{name}")).spawn(body).map(drop).map_err(failed)
}
