//! What accumulators keep outside their words: byte strings beside the records, and values in order in tables of their own.
//!
//! Values are found by the group's key, so that they move with it when the job is restored at another parallelism, then by a
//! prefix (the window) and the value.

use std::ops::Bound;

use tidemill_core::map::Map;
use tidemill_core::{Failure, KeyLayout, KeyRef, Keys, Result};
use tidemill_expr::{AggregateStore, NoStore, RecordsMut};
use tidemill_state::{BytesMut, GroupTable, OrderedTable, RecordsMut as StateRecords};

use super::CallStore;

/// The keys of some records, by the records' numbers, and the prefix of each one's values: its window, or nothing.
#[derive(Debug, Default)]
pub struct RecordKeys {
    places: Map<u32, u32>,
    /// A key, its prefix, the next key.
    bytes: Vec<u8>,
    /// For each record where its key ends, and its prefix.
    ends: Vec<(usize, usize)>,
    hashes: Vec<u64>,
}

impl RecordKeys {
    /// Replaces everything by the keys of a batch and their records.
    pub fn set_batch(&mut self, keys: &Keys, first: usize, rows: &[u32], prefix: &[u8]) {
        self.clear();
        let mut scratch = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            self.add(*row, keys.hash(first + position), keys.bytes(first + position, &mut scratch), prefix);
        }
    }

    /// Replaces everything by records of rows of a batch, each with a prefix of its own.
    pub fn set_rows_of_batch(&mut self, keys: &Keys, records: &[u32], positions: &[u32], prefixes: &[[u8; 8]]) {
        self.clear();
        let mut scratch = Vec::new();
        for ((record, position), prefix) in records.iter().zip(positions).zip(prefixes) {
            let position = *position as usize;
            self.add(*record, keys.hash(position), keys.bytes(position, &mut scratch), prefix);
        }
    }

    /// Replaces everything by the keys of rows of a table.
    pub fn set_rows(&mut self, groups: &GroupTable, rows: &[u32], prefix: &[u8]) {
        self.clear();
        let mut key = Vec::new();
        for row in rows {
            key.clear();
            groups.append_key(*row, &mut key);
            self.add(*row, tidemill_core::hash::of_bytes(&key), &key, prefix);
        }
    }

    /// Forgets all records.
    pub fn clear(&mut self) {
        self.places.clear();
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
    }

    /// Adds a record, if it is not there.
    pub fn add(&mut self, row: u32, hash: u64, key: &[u8], prefix: &[u8]) {
        let place = self.ends.len() as u32;
        if self.places.try_insert(row, place).is_ok() {
            self.bytes.extend_from_slice(key);
            let key_end = self.bytes.len();
            self.bytes.extend_from_slice(prefix);
            self.ends.push((key_end, self.bytes.len()));
            self.hashes.push(hash);
        }
    }

    /// Key, hash and prefix of a record.
    fn of(&self, layout: KeyLayout, row: u32) -> Result<(KeyRef<'_>, u64, &[u8])> {
        let place = self.places.get(&row).map(|place| *place as usize).ok_or_else(no_key)?;
        let start = if place == 0 { 0 } else { self.ends[place - 1].1 };
        let (key_end, end) = self.ends[place];
        let key = KeyRef::from_bytes(layout, &self.bytes[start..key_end]).ok_or_else(no_key)?;
        Ok((key, self.hashes[place], &self.bytes[key_end..end]))
    }
}

/// The stores of an operator's calls while one table is worked on.
pub struct Stores<'a> {
    /// The bytes beside the records.
    bytes: BytesMut<'a>,
    /// For each call the table of its values, if it keeps any.
    values: &'a mut [Option<OrderedTable>],
    /// The keys of the records that are worked on; only needed if a call keeps values.
    keys: &'a RecordKeys,
    /// How the keys are held.
    layout: KeyLayout,
    /// The call that is at work.
    call: usize,
}

impl<'a> Stores<'a> {
    /// Records as accumulators see them, the word at which their values begin, and the stores beside them.
    pub fn beside(
        records: StateRecords<'a>,
        values: &'a mut [Option<OrderedTable>],
        keys: &'a RecordKeys,
        layout: KeyLayout,
    ) -> (RecordsMut<'a>, usize, Stores<'a>) {
        let parts = records.into_parts();
        let records = RecordsMut::new(parts.words, parts.stride, 0);
        (records, parts.first_value_word, Stores { bytes: parts.bytes, values, keys, layout, call: 0 })
    }
}

impl CallStore for Stores<'_> {
    fn of_call(&mut self, number: usize) -> &mut dyn AggregateStore {
        self.call = number;
        self
    }
}

/// For calls that keep nothing.
impl CallStore for NoStore {
    fn of_call(&mut self, _number: usize) -> &mut dyn AggregateStore {
        self
    }
}

impl Stores<'_> {
    fn table(&self) -> Result<&OrderedTable> {
        self.values.get(self.call).and_then(Option::as_ref).ok_or_else(no_table)
    }
}

impl AggregateStore for Stores<'_> {
    fn bytes(&self, reference: u64) -> &[u8] {
        if reference == 0 { &[] } else { self.bytes.get(reference) }
    }

    fn put_bytes(&mut self, old: u64, bytes: &[u8]) -> u64 {
        self.bytes.replace(old, bytes)
    }

    fn add_value(&mut self, record: u32, value: &[u8], delta: i64) -> Result<i64> {
        let (key, hash, prefix) = self.keys.of(self.layout, record)?;
        let order = [prefix, value].concat();
        let table = self.values.get_mut(self.call).and_then(Option::as_mut).ok_or_else(no_table)?;
        let (row, _) = table.insert(key, hash, &order)?;
        let mut access = table.update(&[row]);
        let count = &mut access.values(row)[0];
        *count = (*count as i64).wrapping_add(delta) as u64;
        let count = *count as i64;
        if count == 0 {
            table.remove(row);
        }
        Ok(count)
    }

    fn edge_value(&self, record: u32, last: bool, value: &mut Vec<u8>) -> Result<bool> {
        let table = self.table()?;
        let (key, hash, prefix) = self.keys.of(self.layout, record)?;
        let Some(key) = table.key(key, hash) else { return Ok(false) };
        let end = after_prefix(prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        // A value that was taken back before it was added counts less than once.
        let mut rows =
            table.range(key, Bound::Included(prefix), to).filter(|(_, row)| table.values(*row)[0] as i64 > 0);
        let found = if last { rows.next_back() } else { rows.next() };
        if let Some((order, _)) = found {
            value.extend_from_slice(&order[prefix.len()..]);
        }
        Ok(found.is_some())
    }

    fn for_each_value(&self, record: u32, visit: &mut dyn FnMut(&[u8], i64) -> bool) -> Result<()> {
        let table = self.table()?;
        let (key, hash, prefix) = self.keys.of(self.layout, record)?;
        let Some(key) = table.key(key, hash) else { return Ok(()) };
        let end = after_prefix(prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        for (order, row) in table.range(key, Bound::Included(prefix), to) {
            if !visit(&order[prefix.len()..], table.values(row)[0] as i64) {
                break;
            }
        }
        Ok(())
    }
}

/// Removes all values of a group under a prefix.
pub fn remove_values(table: &mut OrderedTable, key: KeyRef<'_>, hash: u64, prefix: &[u8]) {
    let rows: Vec<u32> = rows_under(table, key, hash, prefix).into_iter().map(|(_, row)| row).collect();
    rows.into_iter().for_each(|row| table.remove(row));
}

/// The rows of a group under a prefix, with what follows the prefix in their order.
pub fn rows_under<'a>(table: &'a OrderedTable, key: KeyRef<'_>, hash: u64, prefix: &[u8]) -> Vec<(&'a [u8], u32)> {
    let Some(key) = table.key(key, hash) else { return Vec::new() };
    let end = after_prefix(prefix);
    let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    table.range(key, Bound::Included(prefix), to).map(|(order, row)| (&order[prefix.len()..], row)).collect()
}

/// The least byte string above all that begin with `prefix`; none if there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

fn no_key() -> Failure {
    Failure::fatal("aggregate.key", "an aggregate function asked for the values of a record it was not given")
}

fn no_table() -> Failure {
    Failure::fatal("aggregate.store", "an aggregate function that keeps no values asked for them")
}
