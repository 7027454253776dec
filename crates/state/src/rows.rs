//! Rows by number: their records and bytes, which of them live, and which a checkpoint has to take.
//!
//! A row is *live*, *dead* or *free*. A removed row that an earlier delta holds is dead: it keeps its number and its key
//! until its tombstone has been gathered. A row that no delta holds is free at once; so without checkpoints every removed
//! row is reused, and rows that come and go between two checkpoints leave no trace.
//!
//! Invariants:
//! 1. A frozen row is gathered before its content changes ([`Rows::touch`]).
//! 2. A dead row is dirty or frozen; a free row is neither.
//! 3. *stored* is set for rows that a delta holds, and only for them.

use tidemill_core::Result;

use crate::arena::Arena;
use crate::changes::{BitPairs, Changes};
use crate::failure;
use crate::index::ROWS_MAX;
use crate::records::Records;
use crate::rewrite::{HashBytes, Rewrite};
use crate::{DeltaSink, TableDescriptor, ValueKind};

/// Records and the bytes they refer to. A record is key words, then value words.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) records: Records,
    pub(crate) arena: Arena,
    key_words: usize,
    value_words: usize,
    /// Where each field begins among the value words.
    fields: Vec<(usize, ValueKind)>,
    has_bytes: bool,
}

/// Who knows the keys of the rows.
pub(crate) trait Owner {
    /// Appends a row's key, then its order; returns the key's hash and where the key ends.
    fn describe(&self, storage: &Storage, row: u32, out: &mut Vec<u8>) -> (u64, usize);
    /// The row's number is about to be used for another: takes it out of the index and frees the bytes of its key.
    fn release(&mut self, storage: &mut Storage, row: u32);
}

/// No row is free.
const NO_FREE: u64 = u64::MAX;

const LIVE: usize = 0;
const STORED: usize = 1;

/// The rows of a table.
#[derive(Debug)]
pub(crate) struct Rows {
    name: String,
    pub(crate) storage: Storage,
    template: Vec<u64>,
    changes: Changes,
    /// Live and stored, a bit a row.
    flags: BitPairs,
    /// The first free row; its record begins with the next one.
    free: u64,
    live: usize,
    dead: usize,
    /// Rows gathered because they were about to change.
    pending: DeltaSink,
    /// The byte each row's hash begins with.
    hash_bytes: HashBytes,
    /// What the running delta takes in full: there it needs no tombstones.
    rewrite: Rewrite,
}

impl Storage {
    /// The values of a row.
    #[inline(always)]
    pub(crate) fn values(&self, row: u32) -> &[u64] {
        &self.records.get(row)[self.key_words..self.key_words + self.value_words]
    }

    /// The values of a row, to be written.
    #[inline(always)]
    pub(crate) fn values_mut(&mut self, row: u32) -> &mut [u64] {
        let (start, end) = (self.key_words, self.key_words + self.value_words);
        &mut self.records.get_mut(row)[start..end]
    }

    /// The bytes that a value word refers to.
    pub(crate) fn bytes(&self, row: u32, word: usize) -> Option<&[u8]> {
        match self.values(row)[word] {
            0 => None,
            entry => Some(self.arena.get(entry)),
        }
    }

    fn set_bytes(&mut self, row: u32, word: usize, bytes: Option<&[u8]>) {
        let entry = self.values(row)[word];
        let entry = match bytes {
            Some(bytes) => self.arena.replace(entry, bytes),
            None => {
                if entry != 0 {
                    self.arena.remove(entry);
                }
                0
            }
        };
        self.values_mut(row)[word] = entry;
    }

    fn free_bytes(&mut self, row: u32) {
        if self.has_bytes {
            for field in 0..self.fields.len() {
                if let (word, ValueKind::Bytes) = self.fields[field] {
                    self.set_bytes(row, word, None);
                }
            }
        }
    }

    /// Appends the stored form of a row's values.
    fn append_value(&self, row: u32, out: &mut Vec<u8>) {
        let words = self.values(row);
        if !self.has_bytes {
            words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            return;
        }
        for (word, kind) in &self.fields {
            match kind {
                ValueKind::Bytes => match self.bytes(row, *word) {
                    None => out.extend_from_slice(&u32::MAX.to_le_bytes()),
                    Some(bytes) => {
                        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                        out.extend_from_slice(bytes);
                    }
                },
                kind => {
                    words[*word..*word + kind.words()]
                        .iter()
                        .for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
                }
            }
        }
    }

    /// Sets a row's values from their stored form.
    fn read_value(&mut self, row: u32, mut value: &[u8]) -> Result<()> {
        fn take<const N: usize>(value: &mut &[u8]) -> Result<[u8; N]> {
            let (head, tail) = value.split_first_chunk().ok_or_else(|| failure::damaged("a value is too short"))?;
            *value = tail;
            Ok(*head)
        }
        for field in 0..self.fields.len() {
            let (word, kind) = self.fields[field];
            if kind == ValueKind::Bytes {
                let len = u32::from_le_bytes(take(&mut value)?);
                if len == u32::MAX {
                    self.set_bytes(row, word, None);
                    continue;
                }
                let bytes = value.split_at_checked(len as usize);
                let (bytes, rest) = bytes.ok_or_else(|| failure::damaged("a value is too short"))?;
                self.set_bytes(row, word, Some(bytes));
                value = rest;
                continue;
            }
            for word in word..word + kind.words() {
                self.values_mut(row)[word] = u64::from_le_bytes(take(&mut value)?);
            }
        }
        if value.is_empty() { Ok(()) } else { Err(failure::damaged("a value is too long")) }
    }
}

impl Rows {
    /// No rows. A new row's values are those of `template` (as many words as the descriptor's fields have).
    pub(crate) fn new(descriptor: &TableDescriptor, key_words: usize, template: &[u64]) -> Rows {
        let fields: Vec<(usize, ValueKind)> =
            descriptor.fields.iter().enumerate().map(|(at, field)| (descriptor.word(at), field.kind)).collect();
        let value_words = descriptor.words();
        debug_assert_eq!(template.len(), value_words);
        let storage = Storage {
            records: Records::new(key_words + value_words),
            arena: Arena::new(),
            key_words,
            value_words,
            has_bytes: fields.iter().any(|(_, kind)| *kind == ValueKind::Bytes),
            fields,
        };
        Rows {
            name: descriptor.name.clone(),
            storage,
            template: template.to_vec(),
            changes: Changes::new(),
            flags: BitPairs::new(),
            free: NO_FREE,
            live: 0,
            dead: 0,
            pending: DeltaSink::new(),
            hash_bytes: HashBytes::new(),
            rewrite: Rewrite::NONE,
        }
    }

    /// Number of live rows.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// True if there are dead rows, so that a row that was found may be one.
    #[inline(always)]
    pub(crate) fn has_dead(&self) -> bool {
        self.dead > 0
    }

    /// True if the row is live.
    #[inline(always)]
    pub(crate) fn is_live(&self, row: u32) -> bool {
        self.flag(row, LIVE)
    }

    #[inline(always)]
    fn flag(&self, row: u32, flag: usize) -> bool {
        self.flags.words()[(row / 64) as usize][flag] >> (row % 64) & 1 == 1
    }

    #[inline(always)]
    fn set_flag(&mut self, row: u32, flag: usize, on: bool) {
        let word = &mut self.flags.words_mut()[(row / 64) as usize][flag];
        *word = *word & !(1 << (row % 64)) | u64::from(on) << (row % 64);
    }

    /// The first live row from `from` on.
    pub(crate) fn next_live(&self, from: u32) -> Option<u32> {
        let (words, mut word) = (self.flags.words(), (from / 64) as usize);
        let mut bits = words.get(word)?[LIVE] & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = words.get(word)?[LIVE];
        }
        Some(word as u32 * 64 + bits.trailing_zeros())
    }

    /// A new live row, dirty, with the template's values; its key words are whatever was there. `hash`: of its key.
    pub(crate) fn insert(&mut self, hash: u64) -> Result<u32> {
        let row = if self.free != NO_FREE {
            let row = self.free as u32;
            self.free = self.storage.records.get(row)[0];
            row
        } else {
            if self.storage.records.len() >= ROWS_MAX as usize {
                return Err(failure::table_full(&self.name));
            }
            let row = self.storage.records.push();
            self.changes.resize(row as usize + 1);
            self.flags.resize(row as usize + 1);
            row
        };
        self.storage.values_mut(row).copy_from_slice(&self.template);
        self.hash_bytes.set(row, hash);
        self.set_flag(row, LIVE, true);
        self.live += 1;
        self.changes.mark(row);
        Ok(row)
    }

    /// Makes a dead row a new live one, with the template's values.
    pub(crate) fn revive(&mut self, row: u32, owner: &impl Owner) {
        self.touch(&[row], owner);
        self.storage.values_mut(row).copy_from_slice(&self.template);
        self.set_flag(row, LIVE, true);
        self.dead -= 1;
        self.live += 1;
    }

    /// Must be called before rows are changed: takes what is frozen of them, and marks them dirty.
    #[inline(always)]
    pub(crate) fn touch(&mut self, rows: &[u32], owner: &impl Owner) {
        if self.changes.is_gathering() {
            self.take_frozen(rows, owner);
        }
        self.changes.mark_all(rows);
    }

    #[cold]
    fn take_frozen(&mut self, rows: &[u32], owner: &impl Owner) {
        let mut pending = std::mem::take(&mut self.pending);
        for row in rows {
            if self.changes.is_frozen(*row) {
                self.changes.thaw(*row);
                self.emit(*row, owner, &mut pending);
            }
        }
        self.pending = pending;
    }

    /// Removes a live row.
    pub(crate) fn remove(&mut self, row: u32, owner: &mut impl Owner) {
        debug_assert!(self.is_live(row));
        self.touch(&[row], owner);
        self.storage.free_bytes(row);
        self.set_flag(row, LIVE, false);
        self.live -= 1;
        self.dead += 1;
        if !self.flag(row, STORED) {
            self.changes.forget(row);
            self.free(row, owner);
        }
    }

    fn free(&mut self, row: u32, owner: &mut impl Owner) {
        owner.release(&mut self.storage, row);
        self.set_flag(row, STORED, false);
        self.dead -= 1;
        self.storage.records.get_mut(row)[0] = self.free;
        self.free = row.into();
    }

    /// The row holds what a delta says, and is not dirty.
    pub(crate) fn restore(&mut self, row: u32, value: &[u8]) -> Result<()> {
        self.set_flag(row, STORED, true);
        self.changes.forget(row);
        self.storage.read_value(row, value)
    }

    /// The row is gone, as a delta says.
    pub(crate) fn restore_removed(&mut self, row: u32, owner: &mut impl Owner) {
        self.set_flag(row, STORED, false);
        self.remove(row, owner);
    }

    /// Puts a row into a delta, or its tombstone.
    fn emit(&mut self, row: u32, owner: &impl Owner, out: &mut DeltaSink) {
        let live = self.is_live(row);
        if live || self.rewrite.is_none() || !self.hash_bytes.is_in(row, &self.rewrite) {
            let storage = &self.storage;
            out.push_with(!live, |bytes| {
                let (hash, key_end) = owner.describe(storage, row, bytes);
                let order_end = bytes.len();
                if live {
                    storage.append_value(row, bytes);
                }
                (hash, key_end, order_end)
            });
        }
        self.set_flag(row, STORED, live);
    }

    /// Fixes what the next delta holds.
    pub(crate) fn freeze(&mut self, rewrite: Rewrite) -> Result<()> {
        if self.changes.is_gathering() {
            return Err(failure::frozen_twice(&self.name));
        }
        self.changes.freeze();
        let live = self.flags.words().iter().map(|flags| flags[LIVE]);
        if rewrite.is_all() {
            self.changes.freeze_also(live);
        } else if !rewrite.is_none() {
            self.changes.freeze_also(live.zip(self.hash_bytes.masks(&rewrite)).map(|(live, mask)| live & mask));
        }
        self.rewrite = rewrite;
        Ok(())
    }

    /// What the running delta takes in full.
    pub(crate) fn rewrite(&self) -> &Rewrite {
        &self.rewrite
    }

    /// True from the freeze until everything has been gathered.
    pub(crate) fn is_gathering(&self) -> bool {
        self.changes.is_gathering()
    }

    /// Appends up to `rows_max` more frozen rows; says how many it looked at, fewer if it is done.
    pub(crate) fn gather(&mut self, rows_max: usize, owner: &mut impl Owner, out: &mut DeltaSink) -> usize {
        out.append(&mut self.pending);
        for taken in 0..rows_max {
            let Some(row) = self.changes.next_frozen() else { return taken };
            if let Some(ahead) = self.changes.frozen_ahead(4) {
                self.storage.records.prefetch(ahead);
            }
            self.emit(row, owner, out);
            if !self.is_live(row) {
                self.free(row, owner);
            }
        }
        rows_max
    }

    /// Removes everything without a trace; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.storage.records.clear();
        self.storage.arena.clear();
        self.changes.clear();
        self.flags.clear();
        self.free = NO_FREE;
        (self.live, self.dead) = (0, 0);
        self.pending.clear();
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.storage.records.memory()
            + self.storage.arena.memory()
            + self.changes.memory()
            + self.flags.memory()
            // The byte of its hash.
            + self.storage.records.len()
            + self.pending.bytes()
    }
}

/// Rows that may be written: they are marked as changed, and what a checkpoint needed of them has been taken.
#[derive(Debug)]
pub struct RecordsMut<'a> {
    storage: &'a mut Storage,
}

impl<'a> RecordsMut<'a> {
    pub(crate) fn new(storage: &'a mut Storage) -> RecordsMut<'a> {
        RecordsMut { storage }
    }

    /// The value words of a row.
    #[inline(always)]
    pub fn values(&mut self, row: u32) -> &mut [u64] {
        self.storage.values_mut(row)
    }

    /// Calls `change` with the position in `rows` and the value words of each row, in order. A row may come more than once.
    #[inline(always)]
    pub fn for_each(&mut self, rows: &[u32], mut change: impl FnMut(usize, &mut [u64])) {
        for (position, row) in rows.iter().enumerate() {
            change(position, self.storage.values_mut(*row));
        }
    }

    /// The memory of the records and the bytes beside them, for loops without a call in them.
    pub fn into_parts(self) -> RecordParts<'a> {
        let Storage { records, arena, key_words, .. } = self.storage;
        let stride = records.stride();
        RecordParts { words: records.words_mut(), stride, first_value_word: *key_words, bytes: BytesMut(arena) }
    }

    /// The same for the `N` words from value word `first` on, which is faster: the inner loop of aggregation.
    #[inline(always)]
    pub fn for_each_words<const N: usize>(
        &mut self,
        first: usize,
        rows: &[u32],
        mut change: impl FnMut(usize, &mut [u64; N]),
    ) {
        debug_assert!(first + N <= self.storage.value_words);
        let (stride, start) = (self.storage.records.stride(), self.storage.key_words + first);
        let words = self.storage.records.words_mut();
        for (position, row) in rows.iter().enumerate() {
            let start = *row as usize * stride + start;
            if let Some(words) = words.get_mut(start..).and_then(<[u64]>::first_chunk_mut) {
                change(position, words);
            }
        }
    }

    /// The bytes that a value word refers to.
    pub fn bytes(&self, row: u32, word: usize) -> Option<&[u8]> {
        self.storage.bytes(row, word)
    }

    /// Sets the bytes that a value word (of a field of [`ValueKind::Bytes`]) refers to.
    pub fn set_bytes(&mut self, row: u32, word: usize, bytes: Option<&[u8]>) {
        self.storage.set_bytes(row, word, bytes);
    }
}

/// The records of a table as memory. What of them may be written is what [`RecordsMut`] was made for.
#[derive(Debug)]
pub struct RecordParts<'a> {
    /// The records.
    pub words: &'a mut [u64],
    /// Words from a record to the next.
    pub stride: usize,
    /// Where in a record the values begin.
    pub first_value_word: usize,
    /// The bytes that words refer to.
    pub bytes: BytesMut<'a>,
}

/// The bytes beside the records of a table, by the references that value words hold.
#[derive(Debug)]
pub struct BytesMut<'a>(&'a mut Arena);

impl BytesMut<'_> {
    /// The bytes of a reference, which must not be 0.
    pub fn get(&self, reference: u64) -> &[u8] {
        self.0.get(reference)
    }

    /// Keeps bytes instead of what `old` refers to (0: nothing); returns their reference, which is not 0.
    pub fn replace(&mut self, old: u64, bytes: &[u8]) -> u64 {
        self.0.replace(old, bytes)
    }
}
