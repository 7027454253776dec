//! Key groups: the units in which keyed state moves. A key group is the top bits of the hash, so a coarser division is a
//! prefix of a finer one and their number may change on restore.

use std::ops::Range;

use crate::{Failure, Result, SubtaskIndex};

/// The most key groups that a job may have.
pub const KEY_GROUPS_MAX: u32 = 32_768;

/// How many key groups there are: a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyGroups {
    bits: u32,
}

impl KeyGroups {
    /// `count` must be a power of two from 1 to 32,768.
    pub fn new(count: u32) -> Result<KeyGroups> {
        if count.is_power_of_two() && count <= KEY_GROUPS_MAX {
            return Ok(KeyGroups { bits: count.trailing_zeros() });
        }
        let next = count.clamp(1, KEY_GROUPS_MAX).next_power_of_two();
        Err(Failure::user(
            "key-groups.count",
            format!("the number of key groups must be a power of two up to {KEY_GROUPS_MAX}, not {count}; use {next}"),
        ))
    }

    /// Flink's default: 1.5 times the parallelism, rounded up to a power of two, from 128 to 32,768.
    pub fn for_parallelism(parallelism: u32) -> KeyGroups {
        let wanted = parallelism.saturating_add(parallelism / 2).clamp(128, KEY_GROUPS_MAX);
        KeyGroups { bits: wanted.next_power_of_two().trailing_zeros() }
    }

    /// How many.
    pub fn count(self) -> u32 {
        1 << self.bits
    }

    /// The key group of a hash.
    #[inline(always)]
    pub fn of(self, hash: u64) -> u32 {
        // Two shifts, because one by 64 is not defined.
        (hash >> 1 >> (63 - self.bits)) as u32
    }

    /// The hashes that belong to a range of key groups: from the first, up to and including the last.
    pub fn hashes(self, groups: Range<u32>) -> Option<(u64, u64)> {
        if groups.is_empty() {
            return None;
        }
        let width = 64 - self.bits;
        let first = if width == 64 { 0 } else { u64::from(groups.start) << width };
        let last = u64::MAX >> self.bits;
        let last_start = if width == 64 { 0 } else { u64::from(groups.end - 1) << width };
        Some((first, last_start | last))
    }
}

/// A set of key groups, kept as ranges.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct KeyGroupSet {
    ranges: Vec<Range<u32>>,
}

impl KeyGroupSet {
    /// All of them.
    pub fn all(groups: KeyGroups) -> KeyGroupSet {
        KeyGroupSet::from_range(0..groups.count())
    }

    /// One range.
    pub fn from_range(range: Range<u32>) -> KeyGroupSet {
        KeyGroupSet { ranges: if range.is_empty() { Vec::new() } else { vec![range] } }
    }

    /// The key groups of an ascending sequence.
    pub fn from_ascending(groups: impl IntoIterator<Item = u32>) -> KeyGroupSet {
        let mut set = KeyGroupSet::default();
        groups.into_iter().for_each(|group| set.push(group));
        set
    }

    /// The ranges, in order, neither touching nor overlapping.
    pub fn ranges(&self) -> &[Range<u32>] {
        &self.ranges
    }

    /// Adds the key group behind the last one or later.
    fn push(&mut self, group: u32) {
        match self.ranges.last_mut() {
            Some(last) if last.end == group => last.end += 1,
            _ => self.ranges.push(group..group + 1),
        }
    }

    /// True if the key group is in it.
    #[inline]
    pub fn contains(&self, group: u32) -> bool {
        let after = self.ranges.partition_point(|range| range.start <= group);
        after > 0 && group < self.ranges[after - 1].end
    }

    /// How many key groups are in it.
    pub fn len(&self) -> u32 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// Which subtask owns which key group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    groups: KeyGroups,
    parallelism: u32,
    owners: Vec<SubtaskIndex>,
}

impl Routing {
    /// Contiguous ranges, as Flink deals them. `parallelism` must be from 1 to the number of key groups.
    pub fn contiguous(groups: KeyGroups, parallelism: u32) -> Result<Routing> {
        if parallelism == 0 || parallelism > groups.count() {
            return Err(Failure::user(
                "key-groups.parallelism",
                format!(
                    "parallelism {parallelism} needs as many key groups, there are {0}; choose a parallelism from 1 to {0}",
                    groups.count()
                ),
            ));
        }
        let owner = |group: u32| (u64::from(group) * u64::from(parallelism) / u64::from(groups.count())) as u32;
        Ok(Routing { groups, parallelism, owners: (0..groups.count()).map(owner).collect() })
    }

    /// A table as it was stored: the owner of every key group.
    pub fn from_owners(owners: Vec<SubtaskIndex>, parallelism: u32) -> Result<Routing> {
        let groups = KeyGroups::new(u32::try_from(owners.len()).unwrap_or(u32::MAX))?;
        match owners.iter().find(|owner| **owner >= parallelism) {
            None => Ok(Routing { groups, parallelism, owners }),
            Some(owner) => Err(Failure::fatal(
                "key-groups.routing",
                format!("the routing table names subtask {owner} of {parallelism}; the stored table is damaged"),
            )),
        }
    }

    /// The division into key groups.
    pub fn key_groups(&self) -> KeyGroups {
        self.groups
    }

    /// How many subtasks share the key groups.
    pub fn parallelism(&self) -> u32 {
        self.parallelism
    }

    /// The owner of each key group.
    pub fn owners(&self) -> &[SubtaskIndex] {
        &self.owners
    }

    /// The subtask that owns a hash.
    #[inline(always)]
    pub fn subtask(&self, hash: u64) -> SubtaskIndex {
        self.owners[self.groups.of(hash) as usize]
    }

    /// What a subtask owns.
    pub fn owned_by(&self, subtask: SubtaskIndex) -> KeyGroupSet {
        let mut set = KeyGroupSet::default();
        (0..).zip(&self.owners).filter(|(_, owner)| **owner == subtask).for_each(|(group, _)| set.push(group));
        set
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_default_count_is_flinks() {
        let counts = [1, 85, 86, 128, 200, 1000, 30_000].map(|p| KeyGroups::for_parallelism(p).count());
        assert_eq!(counts, [128, 128, 256, 256, 512, 2048, 32_768]);
    }

    #[test]
    fn a_key_group_is_a_prefix_of_the_hash() {
        let hash = 0xabcd_ef01_2345_6789;
        assert_eq!(KeyGroups::new(1).unwrap().of(hash), 0);
        assert_eq!(KeyGroups::new(32_768).unwrap().of(hash), 0xabcd >> 1);
        assert_eq!(KeyGroups::new(256).unwrap().of(hash), 0xab);
        assert!(KeyGroups::new(100).is_err());
        let (first, last) = KeyGroups::new(256).unwrap().hashes(0xab..0xad).unwrap();
        assert_eq!((first, last), (0xab00_0000_0000_0000, 0xacff_ffff_ffff_ffff));
        assert_eq!(KeyGroups::new(1).unwrap().hashes(0..1).unwrap(), (0, u64::MAX));
    }

    #[test]
    fn every_key_group_has_one_owner_and_shares_differ_by_one() {
        for parallelism in [1, 2, 3, 7, 128] {
            let routing = Routing::contiguous(KeyGroups::new(128).unwrap(), parallelism).unwrap();
            let sets: Vec<KeyGroupSet> = (0..parallelism).map(|subtask| routing.owned_by(subtask)).collect();
            for group in 0..128 {
                assert_eq!(sets.iter().filter(|set| set.contains(group)).count(), 1);
            }
            let sizes: Vec<u32> = sets.iter().map(KeyGroupSet::len).collect();
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        }
        assert!(Routing::contiguous(KeyGroups::new(128).unwrap(), 129).is_err());
    }
}
