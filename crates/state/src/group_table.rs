//! Groups: from key to row number to record.
//!
//! A key of one fixed-width column is one word of its record. Others take up to four words: the key bytes, filled up with
//! zeros, and their length in the last byte (up to 31 bytes); longer ones are in the arena, and the length says 255.

use std::ops::Range;

use tidemill_core::{KeyDecoder, KeyLayout, KeyRef, Keys, Result, hash};

pub use crate::index::BLOCK_ROWS;
use crate::index::{Index, NO_ROW};
use crate::rows::{Owner, RecordsMut, Rows, Storage};
use crate::{DeltaSink, Entry, Rewrite, Scope, TableDescriptor, failure};

/// The length byte of a key in the arena.
const SPILLED: u64 = 0xff;
const KEY_WORDS_MAX: usize = 4;

/// Rows by key.
#[derive(Debug)]
pub struct GroupTable {
    keys: GroupKeys,
    rows: Rows,
}

#[derive(Debug)]
struct GroupKeys {
    index: Index,
    layout: KeyLayout,
    words: usize,
    null_row: Option<u32>,
    order: Option<[u8; 9]>,
    /// Which word of a record holds the key's hash, where that is not the hash of the key bytes.
    hash_word: Option<usize>,
    scratch: Vec<u8>,
}

/// Places in a block whose keys have to be searched for one by one.
struct Missing {
    places: [u16; BLOCK_ROWS],
    count: usize,
}

impl Missing {
    fn none() -> Missing {
        Missing { places: [0; BLOCK_ROWS], count: 0 }
    }

    fn all(count: usize) -> Missing {
        let mut missing = Missing::none();
        (0..count).for_each(|place| missing.note(place, true));
        missing
    }

    /// Notes the place if it is missing; places come in ascending order, each once. Without a branch, as nobody can foresee it.
    #[inline(always)]
    fn note(&mut self, place: usize, is_missing: bool) {
        if let Some(next) = self.places.get_mut(self.count) {
            *next = place as u16;
        }
        self.count += usize::from(is_missing);
    }

    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.places[..self.count].iter().map(|place| usize::from(*place))
    }
}

/// The keys of a batch as record words.
trait KeyWords<const K: usize> {
    /// A key as it stands in a record; none if it is NULL or too long.
    fn words(&self, position: usize) -> Option<[u64; K]>;
}

struct FixedWords<'a>(&'a [u64]);

impl KeyWords<1> for FixedWords<'_> {
    #[inline(always)]
    fn words(&self, position: usize) -> Option<[u64; 1]> {
        // A NULL stands here as 0; a row with that word has another hash, and the other way round: both go the long way.
        Some([self.0[position]])
    }
}

struct ByteWords<'a> {
    bytes: &'a [u8],
    offsets: &'a [u32],
}

impl<const K: usize> KeyWords<K> for ByteWords<'_> {
    #[inline(always)]
    fn words(&self, position: usize) -> Option<[u64; K]> {
        let (start, end) = (self.offsets[position] as usize, self.offsets[position + 1] as usize);
        inline_words(self.bytes.get(start..start + K * 8)?, end - start)
    }
}

/// `len` key bytes as record words; `bytes` has as many as the words have.
#[inline(always)]
fn inline_words<const K: usize>(bytes: &[u8], len: usize) -> Option<[u64; K]> {
    if len >= K * 8 {
        return None;
    }
    let mut words = [0; K];
    for (at, (word, bytes)) in words.iter_mut().zip(bytes.chunks_exact(8)).enumerate() {
        let mut eight = [0; 8];
        eight.copy_from_slice(bytes);
        let held = len.saturating_sub(at * 8).min(8) as u32;
        *word = u64::from_le_bytes(eight) & u64::MAX.checked_shr(64 - held * 8).unwrap_or(0);
    }
    words[K - 1] |= (len as u64) << 56;
    Some(words)
}

impl GroupKeys {
    /// True if the row has this key.
    fn is_key(&self, storage: &Storage, row: u32, key: KeyRef<'_>) -> bool {
        let record = storage.records.get(row);
        match key {
            KeyRef::Null => self.null_row == Some(row),
            KeyRef::Fixed { value, .. } => record[0] == value && self.null_row != Some(row),
            KeyRef::Bytes(bytes) => {
                let len = record[self.words - 1] >> 56;
                if len == SPILLED {
                    return storage.arena.get(record[0]) == bytes;
                }
                let place = |at: usize| (record[at / 8] >> (at % 8 * 8)) as u8;
                len == bytes.len() as u64 && bytes.iter().enumerate().all(|(at, byte)| place(at) == *byte)
            }
        }
    }

    fn write_key(&mut self, storage: &mut Storage, row: u32, key: KeyRef<'_>) {
        let words = self.words;
        match key {
            KeyRef::Null => {
                self.null_row = Some(row);
                storage.records.get_mut(row)[0] = 0;
            }
            KeyRef::Fixed { value, .. } => storage.records.get_mut(row)[0] = value,
            KeyRef::Bytes(bytes) if bytes.len() < words * 8 => {
                let mut padded = [0; KEY_WORDS_MAX * 8];
                padded[..bytes.len()].copy_from_slice(bytes);
                padded[words * 8 - 1] = bytes.len() as u8;
                for (word, bytes) in storage.records.get_mut(row)[..words].iter_mut().zip(padded.chunks_exact(8)) {
                    *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
                }
            }
            KeyRef::Bytes(bytes) => {
                let entry = storage.arena.insert(bytes);
                let record = &mut storage.records.get_mut(row)[..words];
                record.fill(0);
                record[0] = entry;
                record[words - 1] = SPILLED << 56;
            }
        }
    }

    /// Appends the key bytes of a row.
    fn append_key(&self, storage: &Storage, row: u32, out: &mut Vec<u8>) {
        let record = storage.records.get(row);
        if let KeyLayout::Fixed { width } = self.layout {
            let null = self.null_row == Some(row);
            let key = if null { KeyRef::Null } else { KeyRef::Fixed { width, value: record[0] } };
            key.append_to(out);
            return;
        }
        let len = record[self.words - 1] >> 56;
        if len == SPILLED {
            out.extend_from_slice(storage.arena.get(record[0]));
        } else {
            let end = out.len() + len as usize;
            record[..self.words].iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            out.truncate(end);
        }
    }

    fn hash(&self, storage: &Storage, row: u32, key: &[u8]) -> u64 {
        if let Some(word) = self.hash_word {
            return storage.records.get(row)[word];
        }
        match self.layout {
            KeyLayout::Fixed { width } if self.null_row != Some(row) => {
                hash::of_fixed(storage.records.get(row)[0], width)
            }
            _ => hash::of_bytes(key),
        }
    }
}

impl Owner for GroupKeys {
    #[inline]
    fn describe(&self, storage: &Storage, row: u32, out: &mut Vec<u8>) -> (u64, usize) {
        let start = out.len();
        self.append_key(storage, row, out);
        let key_end = out.len();
        let hash = self.hash(storage, row, &out[start..]);
        if let Some(order) = &self.order {
            out.extend_from_slice(order);
        }
        (hash, key_end)
    }

    fn release(&mut self, storage: &mut Storage, row: u32) {
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        self.append_key(storage, row, &mut key);
        self.index.remove(self.hash(storage, row, &key), row);
        self.scratch = key;
        if self.null_row == Some(row) {
            self.null_row = None;
        }
        let record = storage.records.get(row);
        if matches!(self.layout, KeyLayout::Bytes { .. }) && record[self.words - 1] >> 56 == SPILLED {
            let entry = record[0];
            storage.arena.remove(entry);
        }
    }
}

/// Words that keys of a layout take in a record.
fn key_words(layout: KeyLayout) -> usize {
    match layout {
        KeyLayout::Fixed { .. } => 1,
        KeyLayout::Bytes { len_max: None } => KEY_WORDS_MAX,
        KeyLayout::Bytes { len_max: Some(len) } if len < KEY_WORDS_MAX * 8 => (len + 1).div_ceil(8),
        KeyLayout::Bytes { .. } => 2,
    }
}

impl GroupTable {
    /// What [`lookup`](GroupTable::lookup) gives for a key that is not there.
    pub const ABSENT: u32 = NO_ROW;

    /// An empty table. The values of a new row are those of `template`: as many words as the descriptor's fields have.
    pub fn new(descriptor: &TableDescriptor, template: &[u64]) -> GroupTable {
        let layout = descriptor.key_layout();
        let words = key_words(layout);
        let keys = GroupKeys {
            index: Index::new(),
            layout,
            words,
            null_row: None,
            order: None,
            hash_word: None,
            scratch: Vec::new(),
        };
        GroupTable { keys, rows: Rows::new(descriptor, words, template) }
    }

    /// Keeps each key's hash in a value word instead of computing it from the key: for tables whose keys are hashed by their
    /// first columns, so that they are where these are. Must be called before there are rows; nobody else may write the word.
    pub(crate) fn keep_hash(&mut self, value_word: usize) {
        self.keys.hash_word = Some(self.keys.words + value_word);
    }

    /// Entries of its deltas get the end of a slice as their order.
    pub(crate) fn set_slice(&mut self, order: [u8; 9]) {
        self.keys.order = Some(order);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.keys.index.memory() + self.rows.memory()
    }

    /// How often a search went through more than 16 cache lines. It is some tens in a million rows; much more tells
    /// of keys that were made to collide.
    pub fn long_probes(&self) -> u64 {
        self.keys.index.long_probes()
    }

    /// Appends the row number of each key in `range` to `rows`; what is not there is inserted with the template's values.
    /// The keys must have been encoded for the descriptor's key types. Fastest for ranges of [`BLOCK_ROWS`] whose rows are
    /// updated before the next range is looked up.
    ///
    /// Fails if the table is full or keys are made to collide; then what has been inserted stays.
    pub fn upsert(&mut self, keys: &Keys, range: Range<usize>, rows: &mut Vec<u32>) -> Result<()> {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + BLOCK_ROWS);
            self.upsert_block(keys, start..end, rows)?;
            start = end;
        }
        Ok(())
    }

    fn upsert_block(&mut self, keys: &Keys, range: Range<usize>, rows: &mut Vec<u32>) -> Result<()> {
        let first = rows.len();
        rows.resize(first + range.len(), NO_ROW);
        let found = &mut rows[first..];
        let missing = self.find_block(keys, &range, found);
        for place in missing.places() {
            let position = range.start + place;
            found[place] = self.upsert_key(keys.key(position), keys.hash(position))?;
        }
        Ok(())
    }

    /// Appends the row number of each key in `range` to `rows`, [`ABSENT`](GroupTable::ABSENT) for keys that are not there.
    pub fn lookup(&self, keys: &Keys, range: Range<usize>, rows: &mut Vec<u32>) {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + BLOCK_ROWS);
            let first = rows.len();
            rows.resize(first + end - start, NO_ROW);
            let found = &mut rows[first..];
            for place in self.find_block(keys, &(start..end), found).places() {
                let position = start + place;
                found[place] = self.find(keys.key(position), keys.hash(position)).unwrap_or(NO_ROW);
            }
            start = end;
        }
    }

    /// The rows of most of the keys in a block, and for which they are missing.
    #[inline(always)]
    fn find_block(&self, keys: &Keys, range: &Range<usize>, rows: &mut [u32]) -> Missing {
        let hashes = &keys.hashes()[range.clone()];
        if let Some(fixed) = keys.fixed() {
            return self.find_words::<1>(hashes, &FixedWords(&fixed.values[range.clone()]), rows);
        }
        let Some((bytes, offsets)) = keys.bytes_and_offsets() else { return Missing::all(rows.len()) };
        let words = ByteWords { bytes, offsets: &offsets[range.start..=range.end] };
        match self.keys.words {
            1 => self.find_words::<1>(hashes, &words, rows),
            2 => self.find_words::<2>(hashes, &words, rows),
            3 => self.find_words::<3>(hashes, &words, rows),
            _ => self.find_words::<4>(hashes, &words, rows),
        }
    }

    #[inline(always)]
    fn find_words<const K: usize>(&self, hashes: &[u64], keys: &impl KeyWords<K>, rows: &mut [u32]) -> Missing {
        let records = &self.rows.storage.records;
        self.keys.index.candidates(hashes, rows, |row| records.prefetch(row));
        if self.rows.has_dead() {
            self.compare(keys, rows, |row| self.rows.is_live(row))
        } else {
            self.compare(keys, rows, |_| true)
        }
    }

    /// For which of the keys the candidates are not their rows.
    #[inline(always)]
    fn compare<const K: usize>(&self, keys: &impl KeyWords<K>, rows: &[u32], is_live: impl Fn(u32) -> bool) -> Missing {
        let records = &self.rows.storage.records;
        let (words, stride) = (records.words(), records.stride());
        let mut missing = Missing::none();
        for (place, row) in rows.iter().enumerate() {
            // No candidate is far beyond the last record.
            let held = words.get(*row as usize * stride..).and_then(<[u64]>::first_chunk::<K>);
            let is_it = |held: &[u64; K], wanted: &[u64; K]| {
                held.iter().zip(wanted).fold(0, |differs, (held, wanted)| differs | held ^ wanted) == 0
            };
            missing.note(
                place,
                !held.zip(keys.words(place)).is_some_and(|(held, wanted)| is_it(held, &wanted) && is_live(*row)),
            );
        }
        missing
    }

    /// The row of one key, if it is there.
    pub fn find(&self, key: KeyRef<'_>, hash: u64) -> Option<u32> {
        let row = self.find_any(key, hash)?;
        self.rows.is_live(row).then_some(row)
    }

    fn find_any(&self, key: KeyRef<'_>, hash: u64) -> Option<u32> {
        self.keys.index.find(hash, |row| self.keys.is_key(&self.rows.storage, row, key))
    }

    /// The row of one key, inserted with the template's values if it was not there.
    pub fn upsert_key(&mut self, key: KeyRef<'_>, hash: u64) -> Result<u32> {
        if let Some(row) = self.find_any(key, hash) {
            if !self.rows.is_live(row) {
                self.rows.revive(row, &self.keys);
                self.write_hash(row, hash);
            }
            return Ok(row);
        }
        let row = self.rows.insert(hash)?;
        self.keys.write_key(&mut self.rows.storage, row, key);
        self.write_hash(row, hash);
        self.keys.index.insert(hash, row)?;
        Ok(row)
    }

    fn write_hash(&mut self, row: u32, hash: u64) {
        if let Some(word) = self.keys.hash_word {
            self.rows.storage.records.get_mut(row)[word] = hash;
        }
    }

    /// The values of a row.
    #[inline]
    pub fn values(&self, row: u32) -> &[u64] {
        self.rows.storage.values(row)
    }

    /// The bytes that a value word (of a field of [`ValueKind::Bytes`](crate::ValueKind::Bytes)) refers to.
    pub fn bytes(&self, row: u32, word: usize) -> Option<&[u8]> {
        self.rows.storage.bytes(row, word)
    }

    /// Access to write the given rows, and no others: they are marked as changed, and what a running checkpoint needs of
    /// them is taken first. The rows must be live.
    #[inline(always)]
    pub fn update(&mut self, rows: &[u32]) -> RecordsMut<'_> {
        self.rows.touch(rows, &self.keys);
        RecordsMut::new(&mut self.rows.storage)
    }

    /// Removes a live row. Its number may be used again for another key.
    pub fn remove(&mut self, row: u32) {
        self.rows.remove(row, &mut self.keys);
    }

    /// The first row with the number `from` or a higher one, for going through all rows; their order means nothing, but
    /// is the same in every run.
    pub fn next_row(&self, from: u32) -> Option<u32> {
        self.rows.next_live(from)
    }

    /// Appends up to `max` row numbers from `from` on; returns where to go on, nothing at the end.
    pub fn rows_from(&self, from: u32, max: usize, rows: &mut Vec<u32>) -> Option<u32> {
        let mut at = from;
        for _ in 0..max {
            let row = self.next_row(at)?;
            rows.push(row);
            at = row + 1;
        }
        Some(at)
    }

    /// The key of a row as a number that has the key's order (see [`Keys::fixed`]): none if it is NULL, or not one column
    /// of a fixed width.
    pub fn key_u64(&self, row: u32) -> Option<u64> {
        let fixed = matches!(self.keys.layout, KeyLayout::Fixed { .. }) && self.keys.null_row != Some(row);
        fixed.then(|| self.rows.storage.records.get(row)[0])
    }

    /// Appends the key bytes of a row.
    pub fn append_key(&self, row: u32, out: &mut Vec<u8>) {
        self.keys.append_key(&self.rows.storage, row, out);
    }

    /// Adds the keys of rows to a decoder for the descriptor's key types.
    pub fn decode_keys(&self, rows: &[u32], decoder: &mut KeyDecoder) -> Result<()> {
        let mut scratch = Vec::new();
        for row in rows {
            let key = match (self.keys.layout, self.key_u64(*row)) {
                (KeyLayout::Fixed { width }, Some(value)) => KeyRef::Fixed { width, value },
                (KeyLayout::Fixed { .. }, None) => KeyRef::Null,
                (KeyLayout::Bytes { .. }, _) => {
                    scratch.clear();
                    self.append_key(*row, &mut scratch);
                    KeyRef::Bytes(&scratch)
                }
            };
            decoder.push(key)?;
        }
        Ok(())
    }

    /// Fixes what the next delta holds; see [`StateTable::freeze`](crate::StateTable::freeze).
    pub fn freeze(&mut self, rewrite: Rewrite) -> Result<()> {
        self.rows.freeze(rewrite)
    }

    /// What the running delta takes in full.
    pub(crate) fn rewrite(&self) -> &Rewrite {
        self.rows.rewrite()
    }

    /// True from the freeze until everything has been gathered.
    pub fn is_gathering(&self) -> bool {
        self.rows.is_gathering()
    }

    /// Appends up to `rows_max` more frozen rows; returns how many, fewer when that was all.
    pub fn gather(&mut self, rows_max: usize, out: &mut DeltaSink) -> usize {
        self.rows.gather(rows_max, &mut self.keys, out)
    }

    /// Puts one entry of a delta into the table, if the scope takes it.
    pub fn apply(&mut self, entry: &Entry<'_>, scope: &Scope) -> Result<()> {
        if !scope.takes(entry.hash) {
            return Ok(());
        }
        let key = KeyRef::from_bytes(self.keys.layout, entry.key)
            .ok_or_else(|| failure::damaged("a key has another length"))?;
        match entry.value {
            Some(value) => {
                let row = self.upsert_key(key, entry.hash)?;
                self.rows.restore(row, value)
            }
            None => {
                if let Some(row) = self.find(key, entry.hash) {
                    self.rows.restore_removed(row, &mut self.keys);
                }
                Ok(())
            }
        }
    }

    /// Removes all rows without a trace, but for the index, which [`clear_step`](GroupTable::clear_step) empties.
    pub(crate) fn start_clear(&mut self) {
        self.rows.clear();
        self.keys.null_row = None;
    }

    /// Empties up to `segments` parts of the index from `from` on; returns where to go on, nothing when it is empty.
    pub(crate) fn clear_step(&mut self, from: usize, segments: usize) -> Option<usize> {
        let next = self.keys.index.clear_segments(from, segments);
        (next < self.keys.index.segments()).then_some(next)
    }
}
