//! When a table is written anew, so that a restore does not have to read all that it has ever been: which part of it the next
//! delta holds in full.
//!
//! That happens when a restore would read twice its rows. A small table then goes whole. Of a large one every delta has a further
//! part, as large as what has changed or larger: so the work is even, and the oldest runs are superseded first.

use std::ops::Range;

use tidemill_state::{DeltaSink, Rewrite};

use crate::snapshot::DELTA_ROWS_MIN;

/// Of a large table whose deltas are tiny there are never more than about so many.
const DELTAS_MAX: usize = 4096;
/// A table with fewer rows is not worth the trouble.
const LIVE_ROWS_MIN: usize = 1024;

/// What is to be known of a table for it.
#[derive(Clone, Debug)]
pub(crate) struct Rewriting {
    /// The parts that the table's rows are in, and how many parts must go together.
    parts: Range<u16>,
    step: u16,
    /// A table of so many rows is rewritten whole, a larger one in parts of so many or more.
    rows_max: usize,
    /// For each part the rows that a restore would read.
    rows: Vec<usize>,
    /// What the last delta held in full, and how many other rows it had.
    rewrite: Rewrite,
    changed: usize,
    /// The part that comes next.
    next: u16,
}

impl Rewriting {
    /// A table with rows in some parts, of which `step` go together; a restore has found `restored` rows.
    pub(crate) fn new(parts: Range<u16>, step: u16, rows_max: usize, restored: usize) -> Rewriting {
        let each = restored.div_ceil(parts.len().max(1));
        let (rows, next) = (vec![each; parts.len()], parts.start);
        Rewriting {
            parts,
            step: step.max(1),
            rows_max: rows_max.max(1),
            rows,
            rewrite: Rewrite::NONE,
            changed: 0,
            next,
        }
    }

    /// Counts the entries of a delta that have been gathered, from a number on.
    pub(crate) fn count(&mut self, delta: &DeltaSink, from: usize) {
        for hash in delta.hashes_from(from) {
            self.changed += usize::from(!self.rewrite.takes(hash));
            let part = Rewrite::part_of(hash).saturating_sub(self.parts.start);
            if let Some(rows) = self.rows.get_mut(usize::from(part)) {
                *rows += 1;
            }
        }
    }

    /// A delta is complete; however small it is, reading it costs something.
    pub(crate) fn finish(&mut self, delta: &DeltaSink, live_rows: usize) {
        let is_nothing = delta.is_empty() && delta.order_floor().is_none();
        if is_nothing || delta.is_full() {
            return;
        }
        let weight = (DELTA_ROWS_MIN as usize).max(live_rows / DELTAS_MAX);
        let next = usize::from(self.next - self.parts.start);
        if let Some(rows) = self.rows.get_mut(next) {
            *rows += weight.saturating_sub(delta.len());
        }
    }

    /// What the next delta holds in full.
    pub(crate) fn next(&mut self, live_rows: usize) -> Rewrite {
        let changed = std::mem::take(&mut self.changed);
        self.rewrite = Rewrite::NONE;
        let live = live_rows.max(LIVE_ROWS_MIN.min(self.rows_max));
        if self.rows.iter().sum::<usize>() <= 2 * live {
            return Rewrite::NONE;
        }
        if live <= self.rows_max {
            return self.whole();
        }
        let parts = (changed.max(self.rows_max) * self.parts.len()).div_ceil(live) as u16;
        let end = (self.next + parts).next_multiple_of(self.step).min(self.parts.end);
        let start = std::mem::replace(&mut self.next, if end == self.parts.end { self.parts.start } else { end });
        self.rows[usize::from(start - self.parts.start)..usize::from(end - self.parts.start)].fill(0);
        self.rewrite = Rewrite::parts(start..end);
        self.rewrite.clone()
    }

    /// Everything.
    pub(crate) fn whole(&mut self) -> Rewrite {
        self.rows.fill(0);
        (self.changed, self.next, self.rewrite) = (0, self.parts.start, Rewrite::ALL);
        Rewrite::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidemill_state::Entry;

    fn push(delta: &mut DeltaSink, hash: u64) {
        delta.push(Entry { hash, key: &hash.to_be_bytes(), order: &[], value: None });
    }

    fn delta(rows: u64, random: &mut u64) -> DeltaSink {
        let mut delta = DeltaSink::new();
        for _ in 0..rows {
            *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            push(&mut delta, *random);
        }
        delta
    }

    /// The most rows rewritten at once, the most that a restore would read, how often the whole table was rewritten.
    fn rounds(live: usize, changed: u64, rounds: usize) -> (usize, usize, usize) {
        let mut rewriting = Rewriting::new(0..256, 2, 1000, 0);
        let (mut random, mut largest, mut most, mut whole) = (7, 0, 0, 0);
        for _ in 0..rounds {
            let rewrite = rewriting.next(live);
            whole += usize::from(rewrite.is_all());
            let mut delta = delta(changed, &mut random);
            let mut rewritten = 0;
            for part in (0..256u64).map(|byte| byte << 56).filter(|part| rewrite.takes(*part)) {
                (0..live as u64 / 256).for_each(|_| push(&mut delta, part | 1));
                rewritten += live / 256;
            }
            largest = largest.max(rewritten);
            rewriting.count(&delta, 0);
            rewriting.finish(&delta, live);
            most = most.max(rewriting.rows.iter().sum());
        }
        (largest, most, whole)
    }

    #[test]
    fn a_small_table_is_rewritten_whole() {
        let (_, most, whole) = rounds(900, 100, 100);
        assert!(most <= 2 * 1024 + 100, "{most}");
        assert!((6..=9).contains(&whole), "{whole} times");
    }

    #[test]
    fn a_large_table_is_rewritten_in_parts_and_no_more_than_twice_its_rows_are_read() {
        for (live, changed) in [(20_000, 300), (20_000, 5_000), (100_000, 10), (1_000_000, 1)] {
            let (largest, most, whole) = rounds(live, changed, 3 * live / changed.max(250) as usize);
            assert_eq!(whole, 0);
            assert!(largest <= 2 * (changed as usize).max(1000) + live / 64, "{largest} rows at once of {live}");
            assert!(most <= 2 * live + 2 * (changed as usize).max(1000), "{most} rows to be read of {live}");
        }
    }

    #[test]
    fn parts_begin_and_end_with_key_groups_and_go_round() {
        let mut rewriting = Rewriting::new(64..128, 4, 10, 10_000);
        let mut seen = 0;
        for _ in 0..8 {
            let rewrite = rewriting.next(100);
            let taken: Vec<u64> = (0..256).filter(|byte| rewrite.takes(byte << 56)).collect();
            if let (Some(first), Some(last)) = (taken.first(), taken.last()) {
                assert_eq!((*first % 4, (*last + 1) % 4), (0, 0));
                assert_eq!(*first, 64 + seen % 64);
                seen += taken.len() as u64;
            }
        }
        assert!(seen >= 32, "{seen} parts");
    }
}
