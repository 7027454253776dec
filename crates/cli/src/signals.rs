//! Ctrl-C, SIGTERM, SIGQUIT and SIGHUP (the terminal is gone): counted by a thread, looked at by whoever waits for a job.
//!
//! The first asks for a clean stop, the second gives up a savepoint that is being taken, the next leaves at once; what counts as
//! another one says `decisions.rs`. They are taken over before anything else, so that one that comes early ends the process as
//! one that comes later: with a report. SIGHUP and SIGQUIT are left alone where they were ignored from the start: `nohup` and
//! shells that start something in the background want that.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals as Delivered;
use tidemill_core::{Env, Failure, Result};
use tidemill_runtime::SystemEnv;

use crate::decisions::Decisions;

/// The signals that were received; clones are the same.
#[derive(Clone, Debug)]
pub struct Signals {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: SystemEnv,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    decisions: Decisions,
    is_terminated: bool,
    business: Business,
    /// Ends the process.
    end: Option<Box<dyn Fn() + Send>>,
}

/// What the process is busy with when a signal comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Business {
    /// Somebody looks at the signals.
    #[default]
    Watched,
    /// Someone types: Ctrl-C drops the line, anything else ends the process at once.
    Typing,
    /// Nothing that would have to be stopped cleanly: a signal ends the process at once.
    Idle,
}

impl Signals {
    /// Takes the signals over. A file that becomes larger than the process may write (SIGXFSZ) is an error of whoever writes it.
    pub fn install() -> Result<Signals> {
        let cannot = |error| Failure::retryable("signals", format!("signals cannot be handled: {error}"));
        let shared = Arc::new(Shared { clock: SystemEnv::new(), state: Mutex::default() });
        let may_be_ignored = |signal| matches!(signal, SIGHUP | SIGQUIT);
        let wanted = [SIGINT, SIGTERM, SIGHUP, SIGQUIT].into_iter();
        let wanted = wanted.filter(|signal| !(may_be_ignored(*signal) && is_ignored(*signal)));
        let mut delivered = Delivered::new(wanted).map_err(cannot)?;
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map_err(cannot)?;
        let signals = Signals { shared };
        let heard = signals.clone();
        spawn("signals", move || delivered.forever().for_each(|signal| heard.hear(signal)))?;
        Ok(signals)
    }

    fn hear(&self, signal: i32) {
        let now_ns = self.shared.clock.now().monotonic_ns;
        let mut state = self.lock();
        state.is_terminated |= signal != SIGINT;
        state.decisions.hear(now_ns);
        let ends = match state.business {
            Business::Watched => false,
            Business::Typing => signal != SIGINT,
            Business::Idle => true,
        };
        if let Some(end) = state.end.as_ref().filter(|_| ends) {
            end();
        }
    }

    /// Says how the process ends at once, and that it may until [`Signals::set_business`] says otherwise. False where a signal
    /// has come already.
    #[must_use]
    pub fn may_end(&self, end: impl Fn() + Send + 'static) -> bool {
        let mut state = self.lock();
        state.business = Business::Idle;
        state.end = Some(Box::new(end));
        state.decisions.count() == 0
    }

    /// How many have counted since [`Signals::forget`].
    pub fn count(&self) -> usize {
        self.lock().decisions.count()
    }

    /// It is on stderr what is done about the last one.
    pub fn answer(&self) {
        let now_ns = self.shared.clock.now().monotonic_ns;
        self.lock().decisions.answer(now_ns);
    }

    /// True once another one than Ctrl-C was among them.
    pub fn is_terminated(&self) -> bool {
        self.lock().is_terminated
    }

    /// Begins to count anew: the shell goes on after a stopped query.
    pub fn forget(&self) {
        self.lock().decisions = Decisions::default();
    }

    /// Says what the process does from now on. Whoever begins to wait looks afterwards at what came before.
    pub fn set_business(&self, business: Business) {
        self.lock().business = business;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("decisions", &self.decisions).field("business", &self.business).finish()
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
