//! Bytes that are compared: what B-trees are ordered by.

use std::cmp::Ordering;

const INLINE: usize = 22;

/// Order bytes; short ones need no memory of their own.
#[derive(Clone, Debug)]
pub(crate) enum SortKey {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

impl SortKey {
    pub(crate) fn new(bytes: &[u8]) -> SortKey {
        if bytes.len() > INLINE {
            return SortKey::Heap(bytes.into());
        }
        let mut inline = [0; INLINE];
        inline[..bytes.len()].copy_from_slice(bytes);
        SortKey::Inline { len: bytes.len() as u8, bytes: inline }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            SortKey::Inline { len, bytes } => &bytes[..*len as usize],
            SortKey::Heap(bytes) => bytes,
        }
    }
}

impl PartialEq for SortKey {
    fn eq(&self, other: &SortKey) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SortKey {}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &SortKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &SortKey) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

/// The order bytes of a time: a BIGINT in key format v1.
pub(crate) fn of_time(time: i64) -> [u8; 9] {
    let mut bytes = [1; 9];
    bytes[1..].copy_from_slice(&(time as u64 ^ 1 << 63).to_be_bytes());
    bytes
}

/// The time of order bytes.
pub fn time_of(bytes: &[u8]) -> Option<i64> {
    let (1, number) = bytes.split_first().map(|(null, number)| (*null, number))? else { return None };
    Some((u64::from_be_bytes(number.try_into().ok()?) ^ 1 << 63) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_order_and_come_back() {
        let times = [i64::MIN, -1, 0, 1, 1_700_000_000_000, i64::MAX];
        assert!(times.map(of_time).is_sorted());
        assert_eq!(times.map(|time| time_of(&of_time(time))), times.map(Some));
        assert_eq!(time_of(&[1, 2, 3]), None);
    }
}
