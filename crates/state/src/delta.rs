//! What a checkpoint takes out of a table: entries in no particular order, in pieces of a bounded size, so that whoever adds
//! one never waits until all that is there has moved to a larger buffer.

use crate::Rewrite;
use crate::index::prefetch;

/// One row of a delta. No two entries of a delta have the same key and order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The hash by which the row is found and has its key group: that of `key`, unless the table keeps another.
    pub hash: u64,
    /// The key, in key format v1.
    pub key: &'a [u8],
    /// The order within the key; empty where the table has none.
    pub order: &'a [u8],
    /// The row's values, or nothing: the row is gone.
    pub value: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    hash: u64,
    start: usize,
    key: u32,
    order: u32,
    value: u32,
}

/// Length of a value that is not there.
const GONE: u32 = u32::MAX;

/// Entries of a piece.
const PIECE_ENTRIES: usize = 4096;

/// Up to [`PIECE_ENTRIES`] entries; all pieces but the last have as many.
#[derive(Clone, Debug, Default)]
struct Piece {
    heads: Vec<Head>,
    bytes: Vec<u8>,
}

/// Collects a delta; meant to be recycled.
#[derive(Clone, Debug, Default)]
pub struct DeltaSink {
    pieces: Vec<Piece>,
    rewrite: Rewrite,
    order_floor: Option<i64>,
}

impl DeltaSink {
    /// Without entries.
    pub fn new() -> DeltaSink {
        DeltaSink::default()
    }

    /// Without entries again; the memory of a few is kept.
    pub fn clear(&mut self) {
        self.pieces.truncate(1);
        self.pieces.iter_mut().for_each(|piece| {
            piece.heads.clear();
            piece.bytes.clear();
        });
        self.rewrite = Rewrite::NONE;
        self.order_floor = None;
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * PIECE_ENTRIES + last.heads.len())
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>() + self.len() * size_of::<Head>()
    }

    /// True if it holds every row: older deltas of the table mean nothing any more.
    pub fn is_full(&self) -> bool {
        self.rewrite.is_all()
    }

    /// What of the table it holds in full.
    pub fn rewrite(&self) -> &Rewrite {
        &self.rewrite
    }

    /// Everything in *this and older* deltas with an order (a slice's end) at or below it is gone.
    pub fn order_floor(&self) -> Option<i64> {
        self.order_floor
    }

    /// Says what kind of delta it is.
    pub fn describe(&mut self, rewrite: Rewrite, order_floor: Option<i64>) {
        self.rewrite = rewrite;
        self.order_floor = order_floor;
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: Entry<'_>) {
        self.push_with(entry.value.is_none(), |bytes| {
            bytes.extend_from_slice(entry.key);
            let key = bytes.len();
            bytes.extend_from_slice(entry.order);
            let order = bytes.len();
            bytes.extend_from_slice(entry.value.unwrap_or_default());
            (entry.hash, key, order)
        });
    }

    /// Adds an entry whose key, order and value `write` appends; it returns the hash and where key and order end.
    pub(crate) fn push_with(&mut self, gone: bool, write: impl FnOnce(&mut Vec<u8>) -> (u64, usize, usize)) {
        let piece = self.piece();
        let start = piece.bytes.len();
        let (hash, key_end, order_end) = write(&mut piece.bytes);
        let value = if gone { GONE } else { (piece.bytes.len() - order_end) as u32 };
        piece.heads.push(Head {
            hash,
            start,
            key: (key_end - start) as u32,
            order: (order_end - key_end) as u32,
            value,
        });
    }

    /// The piece that takes the next entry.
    fn piece(&mut self) -> &mut Piece {
        let is_full = |piece: &Piece| piece.heads.len() == PIECE_ENTRIES;
        if self.pieces.last().is_none_or(is_full) {
            // As large as the one before turned out to be; the first may stay small.
            let (entries, bytes) = self.pieces.last().map_or((0, 0), |last| (PIECE_ENTRIES, last.bytes.len()));
            let bytes = Vec::with_capacity(bytes + bytes / 16);
            self.pieces.push(Piece { heads: Vec::with_capacity(entries), bytes });
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    /// Takes over all entries of another delta, which is empty then.
    pub(crate) fn append(&mut self, other: &mut DeltaSink) {
        other.entries().for_each(|entry| self.push(entry));
        other.clear();
    }

    #[inline(always)]
    fn piece_and_head(&self, number: usize) -> (&Piece, &Head) {
        let piece = &self.pieces[number / PIECE_ENTRIES];
        (piece, &piece.heads[number % PIECE_ENTRIES])
    }

    /// An entry by its number.
    pub fn entry(&self, number: usize) -> Entry<'_> {
        let (piece, head) = self.piece_and_head(number);
        let (key, rest) = piece.bytes[head.start..].split_at(head.key as usize);
        let (order, rest) = rest.split_at(head.order as usize);
        let value = (head.value != GONE).then(|| &rest[..head.value as usize]);
        Entry { hash: head.hash, key, order, value }
    }

    /// An entry with all its bytes: key, order and value, one behind the other.
    pub(crate) fn entry_and_bytes(&self, number: usize) -> (Entry<'_>, &[u8]) {
        let (piece, head) = self.piece_and_head(number);
        let entry = self.entry(number);
        let len = entry.key.len() + entry.order.len() + entry.value.map_or(0, <[u8]>::len);
        (entry, &piece.bytes[head.start..][..len])
    }

    /// Begins to fetch the head of an entry into the cache: the first of two steps ahead of its use.
    #[inline(always)]
    pub(crate) fn prefetch_head(&self, number: usize) {
        prefetch(self.piece_and_head(number).1);
    }

    /// Begins to fetch the bytes of an entry, whose head should be there by now.
    #[inline(always)]
    pub(crate) fn prefetch_bytes(&self, number: usize) {
        let (piece, head) = self.piece_and_head(number);
        let bytes = &piece.bytes[head.start..];
        // Two lines hold most entries.
        prefetch(bytes.as_ptr());
        prefetch(bytes.as_ptr().wrapping_add(64));
    }

    /// The hashes of all entries from a number on.
    pub fn hashes_from(&self, number: usize) -> impl Iterator<Item = u64> {
        let pieces = self.pieces.iter().skip(number / PIECE_ENTRIES);
        pieces.flat_map(|piece| &piece.heads).skip(number % PIECE_ENTRIES).map(|head| head.hash)
    }

    /// All entries.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        (0..self.len()).map(|number| self.entry(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_numbers_over_pieces() {
        let (mut delta, mut other) = (DeltaSink::new(), DeltaSink::new());
        let count = PIECE_ENTRIES * 2 + 5;
        let push = |delta: &mut DeltaSink, number: usize| {
            let key = (number as u32).to_be_bytes();
            let len = number % 3;
            let value = (len > 0).then_some(&key[..len]);
            delta.push(Entry { hash: number as u64, key: &key, order: &[], value });
        };
        (0..count / 2).for_each(|number| push(&mut delta, number));
        (count / 2..count).for_each(|number| push(&mut other, number));
        delta.append(&mut other);
        assert_eq!((delta.len(), other.len(), delta.entries().len()), (count, 0, count));
        for (number, entry) in delta.entries().enumerate() {
            assert_eq!((entry.hash, entry.key), (number as u64, &(number as u32).to_be_bytes()[..]));
            assert_eq!(entry.value.map(<[u8]>::len), (number % 3 > 0).then_some(number % 3));
        }
        delta.clear();
        assert!(delta.is_empty());
    }
}
