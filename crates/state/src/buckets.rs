//! Sets of buckets. A bucket is the top 16 bits of a hash: what run files are sorted by first, and in what units a restored
//! table is read back. A key group is a run of buckets, however many there are.

use tidemill_core::{KeyGroupSet, KeyGroups};

const WORDS: usize = 1 << 10;

/// A set of buckets, a bit each.
#[derive(Clone, PartialEq, Eq)]
pub struct Buckets(Box<[u64]>);

impl Buckets {
    /// The bucket of a hash.
    #[inline(always)]
    pub fn of(hash: u64) -> u16 {
        (hash >> 48) as u16
    }

    /// Without any.
    pub fn none() -> Buckets {
        Buckets(vec![0; WORDS].into())
    }

    /// Those of key groups.
    pub fn of_groups(key_groups: KeyGroups, groups: &KeyGroupSet) -> Buckets {
        let mut buckets = Buckets::none();
        for (low, high) in groups.ranges().iter().filter_map(|range| key_groups.hashes(range.clone())) {
            buckets.insert_range(Buckets::of(low), Buckets::of(high));
        }
        buckets
    }

    /// Adds a bucket.
    #[inline(always)]
    pub fn insert(&mut self, bucket: u16) {
        self.0[usize::from(bucket >> 6)] |= 1 << (bucket & 63);
    }

    /// Adds a range of buckets, both ends included.
    fn insert_range(&mut self, low: u16, high: u16) {
        let (first, last) = (usize::from(low >> 6), usize::from(high >> 6));
        let (from, to) = (u64::MAX << (low & 63), u64::MAX >> (63 - (high & 63)));
        if first == last {
            self.0[first] |= from & to;
            return;
        }
        self.0[first] |= from;
        self.0[first + 1..last].fill(u64::MAX);
        self.0[last] |= to;
    }

    /// True if the bucket is in it.
    #[inline(always)]
    pub fn contains(&self, bucket: u16) -> bool {
        self.0[usize::from(bucket >> 6)] >> (bucket & 63) & 1 == 1
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Adds all of another set.
    pub fn add(&mut self, other: &Buckets) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Takes all of another set away.
    pub fn remove(&mut self, other: &Buckets) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// Keeps what is in another set, too.
    pub fn retain(&mut self, other: &Buckets) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// Keeps the buckets up to one, which is included.
    pub fn truncate(&mut self, last: u16) {
        let word = usize::from(last >> 6);
        self.0[word] &= u64::MAX >> (63 - (last & 63));
        self.0[word + 1..].fill(0);
    }

    /// The lowest bucket.
    pub fn first(&self) -> Option<u16> {
        self.next(0, |word| word).map(|bucket| bucket as u16)
    }

    /// The highest bucket.
    pub fn last(&self) -> Option<u16> {
        let word = self.0.iter().rposition(|word| *word != 0)?;
        Some((word * 64) as u16 + 63 - self.0[word].leading_zeros() as u16)
    }

    /// Its runs of neighbours, ascending: the lowest and the highest of each.
    pub fn ranges(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let low = self.next(at, |word| word)?;
            at = self.next(low, |word| !word).unwrap_or(WORDS * 64);
            Some((low as u16, (at - 1) as u16))
        })
    }

    /// The first set bit from `from` on, in words seen through `see`.
    fn next(&self, from: usize, see: impl Fn(u64) -> u64) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = see(*self.0.get(word)?) & u64::MAX << (from % 64);
        while bits == 0 {
            word += 1;
            bits = see(*self.0.get(word)?);
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

impl std::fmt::Debug for Buckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ranges()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(buckets: &[u16]) -> Buckets {
        let mut set = Buckets::none();
        buckets.iter().for_each(|bucket| set.insert(*bucket));
        set
    }

    #[test]
    fn ranges_are_runs_of_neighbours() {
        let set = of(&[0, 1, 2, 63, 64, 65, 200, 65_534, 65_535]);
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(0, 2), (63, 65), (200, 200), (65_534, 65_535)]);
        assert_eq!((set.first(), set.last()), (Some(0), Some(65_535)));
        assert_eq!((Buckets::none().first(), Buckets::none().last()), (None, None));
        assert_eq!(Buckets::none().ranges().count(), 0);
    }

    #[test]
    fn a_set_is_cut_behind_a_bucket() {
        for (last, expected) in
            [(0, vec![0]), (63, vec![0, 63]), (64, vec![0, 63, 64]), (65_535, vec![0, 63, 64, 65_535])]
        {
            let mut set = of(&[0, 63, 64, 65_535]);
            set.truncate(last);
            assert_eq!(set, of(&expected));
        }
    }

    #[test]
    fn key_groups_are_runs_of_buckets() {
        let groups = KeyGroups::new(128).unwrap();
        let set = Buckets::of_groups(groups, &KeyGroupSet::from_range(3..5));
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(3 * 512, 5 * 512 - 1)]);
        let fine = KeyGroups::new(32_768).unwrap();
        let set = Buckets::of_groups(fine, &KeyGroupSet::from_ascending([0, 5, 6, 31, 32, 33, 500]));
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(0, 1), (10, 13), (62, 67), (1000, 1001)]);
        let one = KeyGroups::new(1).unwrap();
        assert_eq!(Buckets::of_groups(one, &KeyGroupSet::all(one)).ranges().collect::<Vec<_>>(), [(0, 65_535)]);
    }
}
