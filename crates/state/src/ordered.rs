//! A table with an order within the key: a B-tree of (key's row, order) beside the index of the keys.

use std::collections::BTreeMap;
use std::ops::Bound;

use tidemill_core::{KeyRef, Result};

use crate::rows::{Owner, RecordsMut, Rows, Storage};
use crate::sort_key::SortKey;
use crate::{
    DeltaSink, Entry, GroupTable, Rewrite, Scope, StateTable, TableDescriptor, ValueField, ValueKind, failure,
};

/// Words of a record before its values: the key's row, and the order bytes.
const KEY_WORDS: usize = 2;

/// Rows by key and order bytes.
#[derive(Debug)]
pub struct OrderedTable {
    descriptor: TableDescriptor,
    keys: OrderedKeys,
    rows: Rows,
}

#[derive(Debug)]
struct OrderedKeys {
    /// A row for each key; its values are how many rows refer to it, and the key's hash.
    groups: GroupTable,
    live: BTreeMap<(u32, SortKey), u32>,
    /// Removed rows whose tombstone has not been gathered.
    dead: BTreeMap<(u32, SortKey), u32>,
}

fn place(storage: &Storage, row: u32) -> (u32, &[u8]) {
    let record = storage.records.get(row);
    (record[0] as u32, storage.arena.get(record[1]))
}

impl Owner for OrderedKeys {
    fn describe(&self, storage: &Storage, row: u32, out: &mut Vec<u8>) -> (u64, usize) {
        let (group, order) = place(storage, row);
        self.groups.append_key(group, out);
        let key_end = out.len();
        out.extend_from_slice(order);
        (self.groups.values(group)[1], key_end)
    }

    fn release(&mut self, storage: &mut Storage, row: u32) {
        let (group, order) = place(storage, row);
        self.dead.remove(&(group, SortKey::new(order)));
        let entry = storage.records.get(row)[1];
        storage.arena.remove(entry);
        let rows = self.groups.values(group)[0] - 1;
        self.groups.update(&[group]).values(group)[0] = rows;
        if rows == 0 {
            self.groups.remove(group);
        }
    }
}

impl OrderedTable {
    /// An empty table whose new rows have the values of `template`: as many words as the descriptor's fields have.
    pub fn new(descriptor: TableDescriptor, template: &[u64]) -> OrderedTable {
        let fields = ["rows", "hash"].map(|name| ValueField::new(0, name, ValueKind::UInt64));
        let groups = TableDescriptor { fields: fields.to_vec(), ..descriptor.clone() };
        let mut groups = GroupTable::new(&groups, &[0, 0]);
        groups.keep_hash(1);
        let keys = OrderedKeys { groups, live: BTreeMap::new(), dead: BTreeMap::new() };
        let rows = Rows::new(&descriptor, KEY_WORDS, template);
        OrderedTable { descriptor, keys, rows }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of a key, for the calls below; none if it has no rows. It is valid until the key's last row is removed.
    pub fn key(&self, key: KeyRef<'_>, hash: u64) -> Option<u32> {
        self.keys.groups.find(key, hash)
    }

    /// The row of a key and order bytes, inserted with the template's values if it was not there (then true).
    pub fn insert(&mut self, key: KeyRef<'_>, hash: u64, order: &[u8]) -> Result<(u32, bool)> {
        let group = self.keys.groups.upsert_key(key, hash)?;
        let at = (group, SortKey::new(order));
        if let Some(row) = self.keys.live.get(&at) {
            return Ok((*row, false));
        }
        if let Some(row) = self.keys.dead.remove(&at) {
            self.rows.revive(row, &self.keys);
            self.keys.live.insert(at, row);
            return Ok((row, true));
        }
        let row = self.rows.insert(hash)?;
        let entry = self.rows.storage.arena.insert(order);
        let record = self.rows.storage.records.get_mut(row);
        (record[0], record[1]) = (u64::from(group), entry);
        self.keys.groups.update(&[group]).values(group)[0] += 1;
        self.keys.live.insert(at, row);
        Ok((row, true))
    }

    /// The row of a key's number and order bytes.
    pub fn get(&self, key: u32, order: &[u8]) -> Option<u32> {
        self.keys.live.get(&(key, SortKey::new(order))).copied()
    }

    /// The rows of a key in order, with their order bytes. Excluded and included ends as in [`BTreeMap::range`]; an empty
    /// range, or one whose ends are exchanged, has no rows.
    pub fn range<'a>(
        &'a self,
        key: u32,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> impl DoubleEndedIterator<Item = (&'a [u8], u32)> + 'a {
        let empty = match (from, to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        };
        let at = |order: &[u8]| (key, SortKey::new(order));
        let from = match from {
            Bound::Unbounded => Bound::Included(at(&[])),
            bound => bound.map(at),
        };
        let to = match to {
            _ if empty => Bound::Excluded((key, SortKey::new(&[]))),
            Bound::Unbounded => Bound::Excluded((key.saturating_add(1), SortKey::new(&[]))),
            bound => bound.map(at),
        };
        let from = if empty { Bound::Included((key, SortKey::new(&[]))) } else { from };
        self.keys.live.range((from, to)).map(|((_, order), row)| (order.as_slice(), *row))
    }

    /// The first row of a key.
    pub fn first(&self, key: u32) -> Option<(&[u8], u32)> {
        self.range(key, Bound::Unbounded, Bound::Unbounded).next()
    }

    /// The last row of a key.
    pub fn last(&self, key: u32) -> Option<(&[u8], u32)> {
        self.range(key, Bound::Unbounded, Bound::Unbounded).next_back()
    }

    /// The values of a row.
    pub fn values(&self, row: u32) -> &[u64] {
        self.rows.storage.values(row)
    }

    /// The bytes that a value word (of a field of [`ValueKind::Bytes`]) refers to.
    pub fn bytes(&self, row: u32, word: usize) -> Option<&[u8]> {
        self.rows.storage.bytes(row, word)
    }

    /// Appends the bytes of a key by its number.
    pub fn append_key(&self, key: u32, out: &mut Vec<u8>) {
        self.keys.groups.append_key(key, out);
    }

    /// The key's number and the order bytes of a row.
    pub fn place(&self, row: u32) -> (u32, &[u8]) {
        place(&self.rows.storage, row)
    }

    /// The numbers of all keys that have rows, from number `from` on; in an order that means nothing.
    pub fn next_key(&self, from: u32) -> Option<u32> {
        let mut at = from;
        loop {
            let key = self.keys.groups.next_row(at)?;
            if self.first(key).is_some() {
                return Some(key);
            }
            at = key + 1;
        }
    }

    /// Access to write the given rows, and no others; see [`GroupTable::update`].
    pub fn update(&mut self, rows: &[u32]) -> RecordsMut<'_> {
        self.rows.touch(rows, &self.keys);
        RecordsMut::new(&mut self.rows.storage)
    }

    /// Removes a live row.
    pub fn remove(&mut self, row: u32) {
        let (group, order) = place(&self.rows.storage, row);
        let at = (group, SortKey::new(order));
        self.keys.live.remove(&at);
        // Until it is known that no tombstone is needed.
        self.keys.dead.insert(at, row);
        self.rows.remove(row, &mut self.keys);
    }
}

impl StateTable for OrderedTable {
    fn descriptor(&self) -> &TableDescriptor {
        &self.descriptor
    }

    fn freeze(&mut self, rewrite: Rewrite) -> Result<()> {
        self.rows.freeze(rewrite)
    }

    fn gather(&mut self, rows_max: usize, out: &mut DeltaSink) -> bool {
        out.describe(self.rows.rewrite().clone(), None);
        self.rows.gather(rows_max, &mut self.keys, out);
        !self.rows.is_gathering()
    }

    fn apply(&mut self, entries: &mut dyn Iterator<Item = Entry<'_>>, scope: &Scope) -> Result<()> {
        let layout = self.descriptor.key_layout();
        for entry in entries.filter(|entry| scope.takes(entry.hash)) {
            let key =
                KeyRef::from_bytes(layout, entry.key).ok_or_else(|| failure::damaged("a key has another length"))?;
            match entry.value {
                Some(value) => {
                    let (row, _) = self.insert(key, entry.hash, entry.order)?;
                    self.rows.restore(row, value)?;
                }
                None => {
                    let row = self.key(key, entry.hash).and_then(|key| self.get(key, entry.order));
                    if let Some(row) = row {
                        self.keys.live.remove(&(place(&self.rows.storage, row).0, SortKey::new(entry.order)));
                        self.rows.restore_removed(row, &mut self.keys);
                    }
                }
            }
        }
        Ok(())
    }

    fn live_rows(&self) -> usize {
        self.rows.len()
    }

    fn memory(&self) -> usize {
        // A B-tree entry with its share of half-full nodes.
        let entry = size_of::<((u32, SortKey), u32)>() * 3 / 2;
        self.rows.memory() + self.keys.groups.memory() + (self.keys.live.len() + self.keys.dead.len()) * entry
    }
}
