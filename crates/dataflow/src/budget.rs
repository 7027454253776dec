//! How many rows an operator is offered at a time, so that no call holds its slot for long.
//!
//! A call that took longer than [`CALL_NS_MAX`] is followed by smaller ones, down to [`ROWS_MIN`] rows; quick ones grow again.
//! Whole batches are offered while calls are quick, which is nearly always.

/// What a call should last at most.
const CALL_NS_MAX: u64 = 2_000_000;
/// No fewer rows are offered: a cut costs about 300 ns.
const ROWS_MIN: usize = 1_000;
/// No fewer rows are left over by a cut.
const REST_MIN: usize = 500;

/// The rows that one operator is offered at a time.
#[derive(Debug)]
pub(crate) struct Budget {
    rows: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { rows: usize::MAX }
    }
}

impl Budget {
    /// How many of the `rows` rows of a batch to offer.
    pub(crate) fn of(&self, rows: usize) -> usize {
        if rows.saturating_sub(self.rows) < REST_MIN { rows } else { self.rows }
    }

    /// A call with that many rows took that long.
    pub(crate) fn spent(&mut self, rows: usize, call_ns: u64) {
        if call_ns > CALL_NS_MAX {
            let affordable = (rows as u64).saturating_mul(CALL_NS_MAX) / call_ns;
            self.rows = (affordable as usize).max(ROWS_MIN);
        } else if call_ns < CALL_NS_MAX / 4 {
            self.rows = self.rows.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_calls_are_cut_and_quick_ones_grow_again() {
        let mut budget = Budget::default();
        assert_eq!(budget.of(4096), 4096);
        budget.spent(4096, 4_000_000);
        assert_eq!(budget.of(4096), 2048);
        assert_eq!(budget.of(2400), 2400, "a rest of 352 rows is not worth a cut");
        budget.spent(2048, 100_000_000);
        assert_eq!(budget.of(4096), 1000, "never fewer");
        for _ in 0..3 {
            budget.spent(1000, 100_000);
        }
        assert_eq!(budget.of(4096), 4096);
    }
}
