//! From hashes to row numbers: segments of 4,096 slots under an extendible directory.
//!
//! A segment is 512 buckets of a cache line; a bucket holds eight slots, their tags (the 32 low bits of the hash) first,
//! then their row numbers. Of a hash, bits 0 to 8 choose the bucket, the bits from 9 on the segment, so a key lies in the
//! first bucket from there, around the end of the segment, that had a free slot. A lookup of a batch is two passes: name
//! the cache lines, then look. When a segment is about five eighths full it is split in two, which moves some 3,000 slots
//! and nothing else; a table of millions of keys never stops to be rehashed. The first segment starts with one bucket and doubles.
//!
//! The index knows no keys: a row found by its tag is a candidate until its key has been compared.
//!
//! Invariants:
//! 1. `memory` holds `segments.len()` segments of 512 buckets, or one of `bucket_mask + 1`; every number in the directory,
//!    whose length is a power of two, is one of a segment.
//! 2. A bucket that has an empty slot (row [`NO_ROW`]) ends a search: nothing that belongs there lies behind it.
//! 3. A segment of depth n is in every entry of the directory whose n low bits are its own.

#![allow(unsafe_code)]

use tidemill_core::Result;

use crate::block::{Block, LINE};
use crate::failure;

/// No row: an empty slot, or no candidate.
pub(crate) const NO_ROW: u32 = u32::MAX;
/// A slot that was emptied within a full bucket: searches go on behind it.
const REMOVED: u32 = u32::MAX - 1;
/// Row numbers are below this.
pub(crate) const ROWS_MAX: u32 = u32::MAX - 2;

const SLOTS: usize = 8;
const BUCKET_BITS: u32 = 9;
const BUCKETS: usize = 1 << BUCKET_BITS;
/// Directory bits come from the tag, behind the bucket's.
const DEPTH_MAX: u32 = 32 - BUCKET_BITS - 1;
/// A search through more buckets than this is counted, and splits the segment.
const PROBES_MAX: usize = 16;

/// How many keys are looked up together: their cache lines fit the nearest caches.
pub const BLOCK_ROWS: usize = 256;

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Bucket {
    tags: [u32; SLOTS],
    rows: [u32; SLOTS],
}

const EMPTY: Bucket = Bucket { tags: [0; SLOTS], rows: [NO_ROW; SLOTS] };
const WORDS_PER_BUCKET: usize = size_of::<Bucket>() / size_of::<u64>();
const _: () = assert!(size_of::<Bucket>() == LINE);

#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Slots that are not empty.
    used: usize,
    /// Slots that were removed.
    removed: usize,
    depth: u32,
}

/// The index of a table.
#[derive(Debug)]
pub(crate) struct Index {
    /// Numbers of segments by the hash's bits from 9 on.
    directory: Vec<u32>,
    directory_bits: u32,
    /// Buckets of a segment, less one: 511 unless there is one segment that is still small.
    bucket_mask: usize,
    segments: Vec<Segment>,
    memory: Block,
    /// Words that may be in use before memory has to be asked for.
    reached: usize,
    long_probes: u64,
    scratch: Vec<(u32, u32)>,
}

/// Asks for the cache line at an address, which may be any: for the second cache, not the first, which keeps count of too few
/// lines that are on their way to ask for a block's (measured on an AMD EPYC: 40 to 61 million rows a CPU second over a million
/// keys).
#[inline(always)]
pub(crate) fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch does not access memory and ignores addresses that are not mapped; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// One bit for each of a bucket's values that equals `value`.
#[inline(always)]
fn equal(values: &[u32; SLOTS], value: u32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86-64; both loads lie within the array, unaligned loads are meant.
    unsafe {
        use std::arch::x86_64::*;
        let wanted = _mm_set1_epi32(value as i32);
        let first = _mm_cmpeq_epi32(_mm_loadu_si128(values.as_ptr().cast()), wanted);
        let second = _mm_cmpeq_epi32(_mm_loadu_si128(values.as_ptr().add(4).cast()), wanted);
        let bytes = _mm_packs_epi16(_mm_packs_epi32(first, second), _mm_setzero_si128());
        _mm_movemask_epi8(bytes) as u32
    }
    #[cfg(not(target_arch = "x86_64"))]
    values.iter().rev().fold(0, |bits, each| bits << 1 | u32::from(*each == value))
}

/// The same with registers that hold all of a bucket's tags.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn equal_avx2(values: &[u32; SLOTS], value: u32) -> u32 {
    use std::arch::x86_64::*;
    // SAFETY: the load lies within the array; an unaligned load is meant.
    let held = unsafe { _mm256_loadu_si256(values.as_ptr().cast()) };
    let found = _mm256_cmpeq_epi32(held, _mm256_set1_epi32(value as i32));
    _mm256_movemask_ps(_mm256_castsi256_ps(found)) as u32
}

impl Index {
    /// An empty index.
    pub(crate) fn new() -> Index {
        let mut index = Index {
            directory: vec![0],
            directory_bits: 0,
            bucket_mask: 0,
            segments: vec![Segment { used: 0, removed: 0, depth: 0 }],
            memory: Block::zeroed(WORDS_PER_BUCKET),
            reached: 0,
            long_probes: 0,
            scratch: Vec::new(),
        };
        index.buckets_mut(0).fill(EMPTY);
        index
    }

    /// The buckets of a segment.
    #[inline(always)]
    fn buckets(&self, number: usize) -> &[Bucket] {
        debug_assert!(number < self.segments.len());
        // SAFETY: the number is one of a segment (invariant 1), and any words are buckets.
        unsafe { std::slice::from_raw_parts(self.first_bucket().add(number * BUCKETS), self.bucket_mask + 1) }
    }

    /// The buckets of a segment, to be changed.
    fn buckets_mut(&mut self, number: usize) -> &mut [Bucket] {
        debug_assert!(number < self.segments.len());
        // SAFETY: as above, and the index is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.first_bucket().add(number * BUCKETS), self.bucket_mask + 1) }
    }

    #[inline(always)]
    fn first_bucket(&self) -> *mut Bucket {
        self.memory.as_ptr().cast()
    }

    /// Searches and insertions that went through more than 16 buckets.
    pub(crate) fn long_probes(&self) -> u64 {
        self.long_probes
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.segments.len() * (self.bucket_mask + 1) * LINE
            + self.directory.len() * 4
            + self.segments.len() * size_of::<Segment>()
    }

    /// For each hash a row whose slot has the hash's tag, or [`NO_ROW`]: then the hash has to be searched for with
    /// [`find`](Index::find). So it has if the row's key is another, or the row none below [`ROWS_MAX`]. `ask` is called with
    /// most of the candidates, and some other rows, to fetch them into the cache meanwhile.
    #[inline(always)]
    pub(crate) fn candidates(&self, hashes: &[u64], rows: &mut [u32], ask: impl Fn(u32)) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi1") {
            // SAFETY: the features are there.
            return unsafe { self.candidates_avx2(hashes, rows, ask) };
        }
        self.candidates_by(hashes, rows, equal, ask);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1")]
    fn candidates_avx2(&self, hashes: &[u64], rows: &mut [u32], ask: impl Fn(u32)) {
        self.candidates_by(hashes, rows, |values, value| equal_avx2(values, value), ask);
    }

    #[inline(always)]
    fn candidates_by(
        &self,
        hashes: &[u64],
        rows: &mut [u32],
        equal: impl Fn(&[u32; SLOTS], u32) -> u32,
        ask: impl Fn(u32),
    ) {
        let (directory, mask, first) = (&self.directory[..], self.bucket_mask, self.first_bucket());
        let directory_mask = directory.len() - 1;
        // First the buckets' numbers, which are below 2^32: at most 2^DEPTH_MAX segments of 2^BUCKET_BITS buckets.
        for (bucket, hash) in rows.iter_mut().zip(hashes) {
            let entry = (*hash >> BUCKET_BITS) as usize & directory_mask;
            // SAFETY: `entry` is masked to the directory's length, a power of two.
            let segment = unsafe { *directory.get_unchecked(entry) } as usize;
            let number = segment * BUCKETS + (*hash as usize & mask);
            prefetch(first.wrapping_add(number));
            *bucket = number as u32;
        }
        for (row, hash) in rows.iter_mut().zip(hashes) {
            // SAFETY: set above to the number of a bucket of this index: the segment is one of it, and the bucket masked to
            // the segment (invariant 1).
            let bucket = unsafe { &*first.add(*row as usize) };
            let found = equal(&bucket.tags, *hash as u32);
            let candidate = bucket.rows[found.trailing_zeros() as usize & (SLOTS - 1)];
            ask(candidate);
            *row = if found == 0 { NO_ROW } else { candidate };
        }
    }

    /// The row with this hash for which `is_it` says yes.
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.search(hash, |bucket| {
            let mut found = equal(&bucket.tags, hash as u32);
            while found != 0 {
                let row = bucket.rows[found.trailing_zeros() as usize & (SLOTS - 1)];
                if row < ROWS_MAX && is_it(row) {
                    return Some(row);
                }
                found &= found - 1;
            }
            None
        })
    }

    /// The first answer along the buckets where a hash may be.
    fn search<T>(&self, hash: u64, mut look: impl FnMut(&Bucket) -> Option<T>) -> Option<T> {
        let buckets = self.buckets(self.segment_of(hash));
        for step in 0..buckets.len() {
            let bucket = &buckets[(hash as usize).wrapping_add(step) & (buckets.len() - 1)];
            if let Some(answer) = look(bucket) {
                return Some(answer);
            }
            if equal(&bucket.rows, NO_ROW) != 0 {
                return None;
            }
        }
        None
    }

    /// Adds a row whose key is not in the index.
    pub(crate) fn insert(&mut self, hash: u64, row: u32) -> Result<()> {
        debug_assert!(row < ROWS_MAX);
        loop {
            let number = self.segment_of(hash);
            let limit = self.limit(number);
            if self.segments[number].used >= limit && self.grow(number, hash) {
                continue;
            }
            let Some(probes) = self.place(number, hash as u32, row) else {
                return Err(failure::index_degenerate());
            };
            if probes > PROBES_MAX {
                self.long_probes += 1;
                // A segment this uneven is better off split, unless it has been split as far as tags go.
                if self.segments[number].used >= limit / 2 {
                    self.grow(number, hash);
                }
            }
            return Ok(());
        }
    }

    /// With how many used slots a segment grows: from four to six eighths of them, another number for each segment. Keys
    /// are so even that otherwise all segments would be split within a few calls.
    fn limit(&self, number: usize) -> usize {
        let slots = (self.bucket_mask + 1) * SLOTS;
        slots / 2 + slots / 4 * (number.wrapping_mul(0x9e37_79b9) >> 8 & 255) / 256
    }

    /// Takes a row out. `hash` and `row` must be as inserted.
    pub(crate) fn remove(&mut self, hash: u64, row: u32) {
        let (number, mask) = (self.segment_of(hash), self.bucket_mask);
        let (mut used, mut removed) = (0, 0);
        let buckets = self.buckets_mut(number);
        for step in 0..=mask {
            let bucket = &mut buckets[(hash as usize).wrapping_add(step) & mask];
            let ends_search = equal(&bucket.rows, NO_ROW) != 0;
            let found = equal(&bucket.rows, row);
            if found != 0 {
                let slot = &mut bucket.rows[found.trailing_zeros() as usize & (SLOTS - 1)];
                (*slot, used, removed) = if ends_search { (NO_ROW, 1, 0) } else { (REMOVED, 0, 1) };
            }
            if ends_search || found != 0 {
                break;
            }
        }
        self.segments[number].used -= used;
        self.segments[number].removed += removed;
    }

    /// Number of segments, for [`clear_segments`](Index::clear_segments).
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Empties segments from number `from` on, at most `max` of them; the memory stays. Returns where to go on.
    pub(crate) fn clear_segments(&mut self, from: usize, max: usize) -> usize {
        let end = from.saturating_add(max).min(self.segments.len());
        for number in from..end {
            if self.segments[number].used > 0 {
                self.buckets_mut(number).fill(EMPTY);
                (self.segments[number].used, self.segments[number].removed) = (0, 0);
            }
        }
        end
    }

    fn segment_of(&self, hash: u64) -> usize {
        self.directory[(hash >> BUCKET_BITS) as usize & (self.directory.len() - 1)] as usize
    }

    /// Puts a slot into a segment; says through how many buckets it went, or nothing if the segment is full.
    fn place(&mut self, number: usize, tag: u32, row: u32) -> Option<usize> {
        let (mask, mut removed) = (self.bucket_mask, self.segments[number].removed > 0);
        let buckets = self.buckets_mut(number);
        for step in 0..=mask {
            let bucket = &mut buckets[(tag as usize).wrapping_add(step) & mask];
            let free = equal(&bucket.rows, NO_ROW) | if removed { equal(&bucket.rows, REMOVED) } else { 0 };
            if free != 0 {
                let slot = free.trailing_zeros() as usize & (SLOTS - 1);
                removed = bucket.rows[slot] == REMOVED;
                (bucket.tags[slot], bucket.rows[slot]) = (tag, row);
                let segment = &mut self.segments[number];
                if removed {
                    segment.removed -= 1;
                } else {
                    segment.used += 1;
                }
                return Some(step + 1);
            }
        }
        None
    }

    /// Makes room in a segment; false if there is no way.
    fn grow(&mut self, number: usize, hash: u64) -> bool {
        let Segment { used, removed, depth } = self.segments[number];
        let buckets = self.bucket_mask + 1;
        let sweep = removed * 4 >= used;
        if !sweep && buckets == BUCKETS && depth >= DEPTH_MAX {
            return false;
        }
        let mut slots = std::mem::take(&mut self.scratch);
        slots.clear();
        for bucket in self.buckets(number) {
            let slot = bucket.tags.iter().zip(&bucket.rows).filter(|(_, row)| **row < ROWS_MAX);
            slots.extend(slot.map(|(tag, row)| (*tag, *row)));
        }
        if !sweep && buckets < BUCKETS {
            self.memory.grow(buckets * 2 * WORDS_PER_BUCKET);
            self.bucket_mask = buckets * 2 - 1;
        }
        self.buckets_mut(number).fill(EMPTY);
        (self.segments[number].used, self.segments[number].removed) = (0, 0);
        let other = if !sweep && buckets == BUCKETS { self.split(number, hash) } else { number };
        for (tag, row) in &slots {
            let goes = tag >> (BUCKET_BITS + depth) & 1 == 1;
            self.place(if goes { other } else { number }, *tag, *row);
        }
        self.scratch = slots;
        true
    }

    /// Adds a segment that shares the entries of another, which is empty; returns its number.
    fn split(&mut self, number: usize, hash: u64) -> usize {
        let depth = self.segments[number].depth;
        if depth == self.directory_bits {
            self.directory.extend_from_within(..);
            self.directory_bits += 1;
        }
        let other = self.segments.len();
        let needed = (other + 1) * BUCKETS * WORDS_PER_BUCKET;
        if needed > self.memory.len() {
            self.memory.grow(needed.next_power_of_two());
        }
        if needed > self.reached {
            self.reached = self.memory.reach(needed);
        }
        self.segments[number].depth = depth + 1;
        self.segments.push(Segment { used: 0, removed: 0, depth: depth + 1 });
        self.buckets_mut(other).fill(EMPTY);
        let own_bits = (hash >> BUCKET_BITS) as usize & ((1 << depth) - 1);
        for entry in ((own_bits | 1 << depth)..self.directory.len()).step_by(2 << depth) {
            self.directory[entry] = other as u32;
        }
        other
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tidemill_core::hash;

    fn find(index: &Index, hash: u64, row: u32) -> Option<u32> {
        index.find(hash, |candidate| candidate == row)
    }

    #[test]
    fn what_is_inserted_is_found_and_what_is_removed_is_not() {
        let mut index = Index::new();
        let count = 100_000;
        for row in 0..count {
            index.insert(hash::of_u64(u64::from(row)), row).unwrap();
        }
        for row in (0..count).step_by(3) {
            index.remove(hash::of_u64(u64::from(row)), row);
        }
        for row in 0..count {
            let expected = (row % 3 != 0).then_some(row);
            assert_eq!(find(&index, hash::of_u64(u64::from(row)), row), expected);
        }
        for row in (0..count).step_by(3) {
            index.insert(hash::of_u64(u64::from(row)), row).unwrap();
        }
        assert!((0..count).all(|row| find(&index, hash::of_u64(u64::from(row)), row) == Some(row)));
    }

    #[test]
    fn candidates_are_right_or_absent() {
        let mut index = Index::new();
        let hashes: Vec<u64> = (0..20_000u64).map(hash::of_u64).collect();
        for (row, hash) in (0..).zip(&hashes) {
            index.insert(*hash, row).unwrap();
        }
        let (mut right, mut rows) = (0, [0; BLOCK_ROWS]);
        for (block, part) in hashes.chunks(BLOCK_ROWS).enumerate() {
            index.candidates(part, &mut rows, |_| {});
            for (place, row) in rows[..part.len()].iter().enumerate() {
                let expected = (block * BLOCK_ROWS + place) as u32;
                right += usize::from(*row == expected);
                assert!(*row == expected || *row >= ROWS_MAX);
            }
        }
        assert!(right > 17_000, "{right} of 20,000 in their first bucket");
    }

    #[test]
    fn a_cleared_index_is_empty_and_usable() {
        let mut index = Index::new();
        (0..50_000).for_each(|row| index.insert(hash::of_u64(u64::from(row)), row).unwrap());
        let mut at = 0;
        while at < index.segments() {
            at = index.clear_segments(at, 4);
        }
        assert!((0..50_000).all(|row| find(&index, hash::of_u64(u64::from(row)), row).is_none()));
        (0..50_000).for_each(|row| index.insert(hash::of_u64(u64::from(row)), row).unwrap());
        assert!((0..50_000).all(|row| find(&index, hash::of_u64(u64::from(row)), row) == Some(row)));
    }

    #[test]
    fn churn_does_not_fill_a_segment_with_removed_slots() {
        let mut index = Index::new();
        for round in 0..40u32 {
            let hash = |row: u32| hash::of_u64(u64::from(round * 10_000 + row));
            (0..10_000).for_each(|row| index.insert(hash(row), row).unwrap());
            (0..10_000).for_each(|row| index.remove(hash(row), row));
        }
        assert!(index.segments() <= 16, "{} segments", index.segments());
    }

    #[test]
    fn keys_made_to_collide_end_in_a_failure_not_in_a_loop() {
        let mut index = Index::new();
        let outcome = (0..10_000).try_for_each(|row| index.insert(u64::from(row) << 32 | 5, row));
        assert_eq!(outcome.unwrap_err().code(), "state.index-degenerate");
        assert!(index.long_probes() > 0);
        assert!(index.insert(6, 10_001).is_ok() || index.segments() > 1);
    }
}
