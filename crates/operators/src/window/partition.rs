//! Splits the rows of a batch by slice: once, by counting, and not at all where all rows are in one slice.

use std::ops::Range;

use super::slices::Slices;

/// So many slices are few.
const FEW: usize = 6;

/// Rows of a batch, grouped by slice. Reused from batch to batch.
#[derive(Debug, Default)]
pub struct Partition {
    /// Slices that have rows, in order of their ends.
    parts: Vec<Part>,
    rows: Vec<u32>,
    slice_of: Vec<u32>,
    counts: Vec<u32>,
    sorted: Vec<(i64, u32)>,
}

/// The rows of one slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// End of the slice.
    pub slice_end: i64,
    /// Where its rows are in [`Partition::order`].
    pub range: Range<usize>,
}

impl Partition {
    /// Groups rows whose times lie between `min` and `max`. Within a slice rows keep their order.
    pub fn split(&mut self, slices: &Slices, times: &[i64], min: i64, max: i64) {
        self.parts.clear();
        self.rows.clear();
        if times.is_empty() {
            return;
        }
        let (first, last) = (slices.slice_end(min), slices.slice_end(max));
        let len = slices.slice_len();
        if first == last {
            self.parts.push(Part { slice_end: first, range: 0..times.len() });
            return;
        }
        let count = last.abs_diff(first) / len as u64 + 1;
        let start = i128::from(first) - i128::from(len);
        let near = last != i64::MAX && start >= i128::from(i64::MIN) && u128::from(count) * (len as u128) < 1 << 32;
        if near && count <= times.len() as u64 * 4 {
            self.count(times, start as i64, len, count as usize);
        } else {
            self.sort(times.iter().map(|time| slices.slice_end(*time)));
        }
    }

    /// Groups rows by the ends of their slices.
    pub fn split_by_end(&mut self, ends: &[i64]) {
        self.parts.clear();
        self.rows.clear();
        let Some(first) = ends.first() else { return };
        if ends.iter().all(|end| end == first) {
            self.parts.push(Part { slice_end: *first, range: 0..ends.len() });
            return;
        }
        self.sort(ends.iter().copied());
    }

    /// Slices with rows.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The rows of the batch, part by part; none where one part has them all.
    pub fn order(&self) -> Option<&[u32]> {
        (!self.rows.is_empty()).then_some(&self.rows[..])
    }

    /// All slices lie in less than 2^32 ms from `start`.
    fn count(&mut self, times: &[i64], start: i64, len: i64, count: usize) {
        self.slice_of.clear();
        // Division by multiplication: exact, as distance and length have 32 bits.
        let inverse = (u64::MAX / len as u64).wrapping_add(1);
        self.slice_of.extend(times.iter().map(|time| {
            let distance = time.wrapping_sub(start) as u64;
            if len == 1 { distance as u32 } else { ((u128::from(distance) * u128::from(inverse)) >> 64) as u32 }
        }));
        self.counts.clear();
        if count <= FEW {
            // Compared in wide registers: cheaper than counters that wait for one another.
            let rows_of = |slice: u32| self.slice_of.iter().map(|of| u32::from(*of == slice)).sum::<u32>();
            self.counts.extend((0..count as u32).map(rows_of));
        } else {
            self.counts.resize(count, 0);
            self.slice_of.iter().for_each(|slice| self.counts[*slice as usize] += 1);
        }
        let slice_end = |slice: usize| start + len * (slice as i64 + 1);
        let mut at = 0;
        for (slice, counted) in self.counts.iter_mut().enumerate() {
            let range = at..at + *counted as usize;
            *counted = at as u32;
            at = range.end;
            if !range.is_empty() {
                self.parts.push(Part { slice_end: slice_end(slice), range });
            }
        }
        self.rows.resize(times.len(), 0);
        for (row, slice) in self.slice_of.iter().enumerate() {
            let place = &mut self.counts[*slice as usize];
            self.rows[*place as usize] = row as u32;
            *place += 1;
        }
    }

    fn sort(&mut self, ends: impl Iterator<Item = i64>) {
        self.sorted.clear();
        self.sorted.extend(ends.zip(0..));
        self.sorted.sort_unstable();
        self.rows.extend(self.sorted.iter().map(|(_, row)| *row));
        let mut at = 0;
        for chunk in self.sorted.chunk_by(|left, right| left.0 == right.0) {
            self.parts.push(Part { slice_end: chunk[0].0, range: at..at + chunk.len() });
            at += chunk.len();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{WindowKind, WindowSpec};
    use tidemill_core::bounds;

    #[test]
    fn every_row_is_found_in_its_slice_in_order() {
        let mut partition = Partition::default();
        for (len, step, spread) in [(10, 1, 100), (1, 1, 50), (7, 977, 1_000_000), (10_000, 1, 45_000), (3, 1 << 55, 9)]
        {
            let spec = WindowSpec { kind: WindowKind::Tumble as i32, size_ms: len, step_ms: 0, offset_ms: 3 };
            let slices = Slices::new(&spec).unwrap();
            let times: Vec<i64> = (0..200i64).map(|i| (i * 7919 % spread) * step - 20).collect();
            let (min, max) = bounds(&times).unwrap();
            partition.split(&slices, &times, min, max);
            let mut seen = 0;
            for part in partition.parts() {
                let rows = &partition.order().unwrap()[part.range.clone()];
                assert!(rows.is_sorted());
                assert!(rows.iter().all(|row| slices.slice_end(times[*row as usize]) == part.slice_end));
                seen += rows.len();
            }
            assert_eq!(seen, times.len());
            assert!(partition.parts().is_sorted_by_key(|part| part.slice_end));
        }
    }
}
