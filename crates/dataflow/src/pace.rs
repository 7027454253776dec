//! `'rows-per-second'`: the total over all subtasks of a source, counted from the start of the process.

use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::Now;

/// Rows are handed out in portions of at least this many milliseconds' worth.
const PORTION_MS: u64 = 5;

/// Shared by the subtasks of one source.
#[derive(Debug)]
pub struct Pace {
    rows_per_second: u64,
    start_ns: u64,
    taken: AtomicU64,
}

impl Pace {
    /// A pace that begins now.
    pub fn new(rows_per_second: u64, now: Now) -> Pace {
        Pace { rows_per_second: rows_per_second.max(1), start_ns: now.monotonic_ns, taken: AtomicU64::new(0) }
    }

    /// Takes the right to read up to `rows_max` rows, or says when to ask again (monotonic nanoseconds).
    pub fn take(&self, rows_max: u64, now: Now) -> Result<u64, u64> {
        let elapsed_ns = u128::from(now.monotonic_ns.saturating_sub(self.start_ns));
        let allowed = (elapsed_ns * u128::from(self.rows_per_second) / 1_000_000_000) as u64;
        let portion = (self.rows_per_second * PORTION_MS / 1000).clamp(1, rows_max);
        let taken = self.taken.load(Ordering::Relaxed);
        let free = allowed.saturating_sub(taken).min(rows_max);
        if free >= portion {
            self.taken.fetch_add(free, Ordering::Relaxed);
            return Ok(free);
        }
        let due_ns = u128::from(taken + portion) * 1_000_000_000 / u128::from(self.rows_per_second) + 1;
        Err(self.start_ns + due_ns as u64)
    }

    /// Gives back what was not read.
    pub fn give_back(&self, rows: u64) {
        self.taken.fetch_sub(rows, Ordering::Relaxed);
    }
}
