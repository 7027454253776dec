//! Which part of a table a delta holds in full, and the byte of each row's hash that says whether a row is in it.

use std::ops::Range;

use tidemill_core::{KeyGroupSet, KeyGroups};

use crate::block::Block;

/// How many parts the first byte of a hash makes.
const PARTS: u16 = 256;

/// The part of a table that a delta holds in full, whether rows have changed or not: rows whose hash begins with one of some
/// bytes. Older deltas mean nothing in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite(Range<u16>);

impl Rewrite {
    /// Nothing: only what has changed.
    pub const NONE: Rewrite = Rewrite(0..0);
    /// The whole table.
    pub const ALL: Rewrite = Rewrite(0..PARTS);

    /// The rows whose hash begins with one of these bytes.
    pub fn parts(parts: Range<u16>) -> Rewrite {
        if parts.is_empty() { Rewrite::NONE } else { Rewrite(parts.start..parts.end.min(PARTS)) }
    }

    /// True for nothing.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// True for the whole table.
    pub fn is_all(&self) -> bool {
        *self == Rewrite::ALL
    }

    /// The number of the byte that a hash begins with.
    #[inline]
    pub fn part_of(hash: u64) -> u16 {
        (hash >> 56) as u16
    }

    /// True if rows with this hash are in the part.
    #[inline]
    pub fn takes(&self, hash: u64) -> bool {
        self.0.contains(&Rewrite::part_of(hash))
    }

    /// The key groups of the part among some that are given. The part's ends must be ends of key groups
    /// ([`aligned`](Rewrite::aligned)).
    pub fn groups(&self, key_groups: KeyGroups, among: &KeyGroupSet) -> KeyGroupSet {
        let per_part = |part: u16| (u64::from(part) * u64::from(key_groups.count()) / u64::from(PARTS)) as u32;
        let (start, end) = (per_part(self.0.start), per_part(self.0.end));
        let all = among.ranges().iter().flat_map(|range| range.start.max(start)..range.end.min(end));
        KeyGroupSet::from_ascending(all)
    }

    /// How many bytes make a key group; 1 where a byte has several.
    pub fn parts_per_group(key_groups: KeyGroups) -> u16 {
        (u32::from(PARTS) / key_groups.count()).max(1) as u16
    }

    /// The bytes that hashes of some key groups begin with, rounded to whole key groups.
    pub fn parts_of(key_groups: KeyGroups, groups: &KeyGroupSet) -> Range<u16> {
        let (Some(first), Some(last)) = (groups.ranges().first(), groups.ranges().last()) else { return 0..0 };
        let (parts, count) = (u64::from(PARTS), u64::from(key_groups.count()));
        let start = u64::from(first.start) * parts / count;
        let end = (u64::from(last.end) * parts).div_ceil(count);
        start as u16..end as u16
    }
}

/// For each row the byte its hash begins with, in memory that grows in place.
#[derive(Debug)]
pub(crate) struct HashBytes {
    memory: Block,
}

impl HashBytes {
    pub(crate) fn new() -> HashBytes {
        HashBytes { memory: Block::zeroed(0) }
    }

    /// Sets the byte of a row.
    #[inline(always)]
    pub(crate) fn set(&mut self, row: u32, hash: u64) {
        let (word, shift) = ((row / 8) as usize, row % 8 * 8);
        if word >= self.memory.len() {
            self.memory.grow((word + 1).next_power_of_two().max(8));
        }
        let word = &mut self.memory[word];
        *word = *word & !(0xff << shift) | u64::from(Rewrite::part_of(hash)) << shift;
    }

    /// True if a row is in the part.
    pub(crate) fn is_in(&self, row: u32, rewrite: &Rewrite) -> bool {
        let byte = self.memory[(row / 8) as usize] >> (row % 8 * 8) & 0xff;
        rewrite.0.contains(&(byte as u16))
    }

    /// For every 64 rows a bit for each that is in the part.
    pub(crate) fn masks(&self, rewrite: &Rewrite) -> impl Iterator<Item = u64> {
        let (start, len) = (rewrite.0.start as u8, rewrite.0.len() as u16);
        self.memory.chunks(8).map(move |words| {
            let mut mask = 0;
            for (at, word) in words.iter().enumerate() {
                for (bit, byte) in word.to_le_bytes().into_iter().enumerate() {
                    mask |= u64::from(u16::from(byte.wrapping_sub(start)) < len) << (at * 8 + bit);
                }
            }
            mask
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_whole_key_groups_and_every_group_is_in_one_part() {
        for count in [1, 2, 64, 128, 256, 1024, 32_768] {
            let key_groups = KeyGroups::new(count).unwrap();
            let all = KeyGroupSet::all(key_groups);
            let step = Rewrite::parts_per_group(key_groups);
            let parts = (0..256).step_by(step.into()).map(|start| Rewrite::parts(start..start + step));
            let mut groups = 0;
            for part in parts {
                let own = part.groups(key_groups, &all);
                groups += own.len();
                let inside = |hash: u64| own.contains(key_groups.of(hash));
                assert!((0..=u8::MAX).all(|byte| {
                    let hash = u64::from(byte) << 56;
                    inside(hash) == part.takes(hash) && inside(hash | u64::MAX >> 8) == part.takes(hash)
                }));
            }
            assert_eq!(groups, count);
            assert_eq!(Rewrite::parts_of(key_groups, &all), 0..256);
        }
        let key_groups = KeyGroups::new(32_768).unwrap();
        assert_eq!(Rewrite::parts_of(key_groups, &KeyGroupSet::from_range(100..300)), 0..3);
    }

    #[test]
    fn masks_say_of_every_row_whether_it_is_in_the_part() {
        let mut bytes = HashBytes::new();
        let hash = |row: u32| u64::from(row).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..1000).for_each(|row| bytes.set(row, hash(row)));
        for rewrite in [Rewrite::NONE, Rewrite::ALL, Rewrite::parts(3..77), Rewrite::parts(200..256)] {
            let masks: Vec<u64> = bytes.masks(&rewrite).collect();
            for row in 0..1000 {
                let expected = rewrite.takes(hash(row));
                assert_eq!(bytes.is_in(row, &rewrite), expected);
                assert_eq!(masks[(row / 64) as usize] >> (row % 64) & 1 == 1, expected, "row {row} of {rewrite:?}");
            }
        }
    }
}
