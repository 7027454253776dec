//! Epochs of the simulated source: no split goes on to the next one until all others have come there, and all that was read has
//! arrived at the operators behind the exchange.
//!
//! So a source that is idle, and says so, does not miss anything: what it reads next is above all that has been read, and no row
//! is late, whichever sources were idle in between, and however long a channel was held up by a barrier. When an epoch begins is
//! drawn; it may be long after all are there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tidemill_core::Now;

use crate::clock::MS;
use crate::random::Random;
use crate::source::{Drawn, Rows};

/// A reader that has been polled so often knows all splits that there are: each slot has taken what it was dealt.
const POLLS_MIN: u64 = 12;

/// Where the splits of a source are, in one start of a job.
#[derive(Debug, Default)]
pub struct Epochs {
    seed: u64,
    splits: usize,
    is_used: bool,
    reached: Mutex<Reached>,
    read: AtomicU64,
    arrived: AtomicU64,
}

#[derive(Debug, Default)]
struct Reached {
    /// The epoch that each split waits for or is in.
    splits: BTreeMap<u64, u64>,
    /// When each epoch begins, of those that all have come to.
    begins_ns: BTreeMap<u64, u64>,
}

impl Epochs {
    /// Nobody has said where its splits are.
    pub fn new(rows: &Rows) -> Epochs {
        let is_used = matches!(rows.drawn, Drawn::InEpochs { .. });
        Epochs { seed: rows.seed, splits: rows.splits as usize, is_used, ..Epochs::default() }
    }

    /// A split wants to read rows of an epoch; true if it may. Its reader has been polled `polls` times.
    pub fn has_begun(&self, split: u64, epoch: u64, polls: u64, now: Now) -> bool {
        if !self.is_used {
            return true;
        }
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.splits.insert(split, epoch);
        let is_complete = reached.splits.len() == self.splits || polls >= POLLS_MIN;
        if !is_complete || reached.splits.values().any(|other| *other < epoch) {
            return false;
        }
        let is_all_there = self.arrived.load(Ordering::Relaxed) >= self.read.load(Ordering::Relaxed);
        if !is_all_there && !reached.begins_ns.contains_key(&epoch) {
            return false;
        }
        let mut random = Random::new(self.seed ^ epoch.rotate_left(32));
        let pause_ns = match random.below(10) {
            0..3 => 0,
            // Just when the last to come becomes idle.
            3..8 => random.between(3 * MS / 2, 3 * MS),
            _ => random.below(8 * MS),
        };
        *reached.begins_ns.entry(epoch).or_insert(now.monotonic_ns + pause_ns) <= now.monotonic_ns
    }

    /// A split is to be read, from an epoch on.
    pub fn add(&self, split: u64, epoch: u64) {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).splits.insert(split, epoch);
    }

    /// So many rows have been read.
    pub fn read(&self, rows: u64) {
        self.read.fetch_add(rows, Ordering::Relaxed);
    }

    /// So many rows have arrived at the operators behind the exchange.
    pub fn arrived(&self, rows: u64) {
        self.arrived.fetch_add(rows, Ordering::Relaxed);
    }

    /// A split has been read to its end.
    pub fn finished(&self, split: u64) {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).splits.insert(split, u64::MAX);
    }
}
