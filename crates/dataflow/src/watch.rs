//! What a slot's thread is doing, for whoever looks from outside: an operator that does not return holds up all that shares its
//! slot, and someone should be able to say which one it is.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A call that takes longer than this holds up its slot.
pub const HELD_NS_MAX: u64 = 100_000_000;

/// What one thread is doing. Written by it, once a call; read by others at any time.
#[derive(Debug)]
pub struct Watch {
    names: Vec<String>,
    /// Which of the names runs.
    running: AtomicUsize,
    /// Since when; 0: nothing runs.
    since_ns: AtomicU64,
}

impl Watch {
    /// Nothing runs yet of what is called `names`.
    pub fn new(names: Vec<String>) -> Watch {
        Watch { names, running: AtomicUsize::new(0), since_ns: AtomicU64::new(0) }
    }

    /// A call begins.
    pub(crate) fn enter(&self, number: usize, now_ns: u64) {
        self.running.store(number, Ordering::Relaxed);
        self.since_ns.store(now_ns.max(1), Ordering::Release);
    }

    /// It has returned.
    pub(crate) fn leave(&self) {
        self.since_ns.store(0, Ordering::Release);
    }

    /// Who has been running for longer than [`HELD_NS_MAX`], and since when (monotonic nanoseconds).
    pub fn held(&self, now_ns: u64) -> Option<(&str, u64)> {
        let since_ns = self.since_ns.load(Ordering::Acquire);
        let is_held = since_ns > 0 && now_ns.saturating_sub(since_ns) > HELD_NS_MAX;
        let name = self.names.get(self.running.load(Ordering::Relaxed)).filter(|_| is_held)?;
        Some((name, since_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_return_is_named() {
        let watch = Watch::new(vec!["filter".to_string(), "sink".to_string()]);
        assert_eq!(watch.held(u64::MAX), None);
        watch.enter(1, 1_000);
        assert_eq!(watch.held(1_000 + HELD_NS_MAX), None);
        assert_eq!(watch.held(1_001 + HELD_NS_MAX), Some(("sink", 1_000)));
        watch.leave();
        assert_eq!(watch.held(u64::MAX), None);
    }
}
