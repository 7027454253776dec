//! What a job reports about itself: counts since its first start, kept in checkpoints.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one operator instance. Written by its slot, once a batch; read by others at any time.
#[derive(Debug, Default)]
pub struct Counters {
    rows_in: AtomicU64,
    rows_out: AtomicU64,
    late_rows_dropped: AtomicU64,
    hash_low: AtomicU64,
    hash_high: AtomicU64,
}

/// The values of [`Counters`] at a moment; those of several instances add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterValues {
    /// Rows that sources have read.
    pub rows_in: u64,
    /// Rows that sinks have written.
    pub rows_out: u64,
    /// Rows that came after their window had closed.
    pub late_rows_dropped: u64,
    /// Sum of the hashes of all net rows written, modulo 2^128.
    pub result_hash: u128,
}

impl Counters {
    /// Counts rows that a source has read.
    pub fn add_rows_in(&self, rows: u64) {
        self.rows_in.fetch_add(rows, Ordering::Relaxed);
    }

    /// Counts rows that a sink has written.
    pub fn add_rows_out(&self, rows: u64) {
        self.rows_out.fetch_add(rows, Ordering::Relaxed);
    }

    /// Counts late rows.
    pub fn add_late_rows_dropped(&self, rows: u64) {
        self.late_rows_dropped.fetch_add(rows, Ordering::Relaxed);
    }

    /// Adds to the result hash. Only the operator's own slot calls this.
    pub fn add_result_hash(&self, hash: u128) {
        let sum = self.values().result_hash.wrapping_add(hash);
        self.hash_low.store(sum as u64, Ordering::Relaxed);
        self.hash_high.store((sum >> 64) as u64, Ordering::Relaxed);
    }

    /// The present values.
    pub fn values(&self) -> CounterValues {
        let hash_high = u128::from(self.hash_high.load(Ordering::Relaxed));
        CounterValues {
            rows_in: self.rows_in.load(Ordering::Relaxed),
            rows_out: self.rows_out.load(Ordering::Relaxed),
            late_rows_dropped: self.late_rows_dropped.load(Ordering::Relaxed),
            result_hash: hash_high << 64 | u128::from(self.hash_low.load(Ordering::Relaxed)),
        }
    }
}

impl CounterValues {
    /// Adds those of another instance, or of an earlier start.
    pub fn add(&mut self, other: &CounterValues) {
        self.rows_in += other.rows_in;
        self.rows_out += other.rows_out;
        self.late_rows_dropped += other.late_rows_dropped;
        self.result_hash = self.result_hash.wrapping_add(other.result_hash);
    }

    /// What has come since an earlier moment.
    pub fn since(&self, before: &CounterValues) -> CounterValues {
        CounterValues {
            rows_in: self.rows_in.saturating_sub(before.rows_in),
            rows_out: self.rows_out.saturating_sub(before.rows_out),
            late_rows_dropped: self.late_rows_dropped.saturating_sub(before.late_rows_dropped),
            result_hash: self.result_hash.wrapping_sub(before.result_hash),
        }
    }
}
