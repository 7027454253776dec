//! What accumulators keep outside their words: byte strings beside the records, and values in order in tables of their own.
//!
//! Values are found by the group's key, so that they move with it when the job is restored at another parallelism, then by a
//! prefix (the window) and the value.

use std::ops::Bound;

use tidemill_core::map::Map;
use tidemill_core::{Failure, KeyLayout, KeyRef, Keys, Result};
use tidemill_expr::{AggregateStore, NoStore};
use tidemill_state::{BytesMut, GroupTable, OrderedTable};

use super::CallStore;

/// The keys of some records, by the records' numbers.
#[derive(Debug, Default)]
pub struct RecordKeys {
    places: Map<u32, u32>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
}

impl RecordKeys {
    /// Replaces everything by the keys of a batch and their records.
    pub fn set_batch(&mut self, keys: &Keys, first: usize, rows: &[u32]) {
        self.clear();
        let mut scratch = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            self.add(*row, keys.hash(first + position), keys.bytes(first + position, &mut scratch));
        }
    }

    /// Replaces everything by the keys of rows of a table.
    pub fn set_rows(&mut self, groups: &GroupTable, rows: &[u32]) {
        self.clear();
        let mut key = Vec::new();
        for row in rows {
            key.clear();
            groups.append_key(*row, &mut key);
            self.add(*row, tidemill_core::hash::of_bytes(&key), &key);
        }
    }

    fn clear(&mut self) {
        self.places.clear();
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
    }

    fn add(&mut self, row: u32, hash: u64, key: &[u8]) {
        let place = self.ends.len() as u32;
        if self.places.try_insert(row, place).is_ok() {
            self.bytes.extend_from_slice(key);
            self.ends.push(self.bytes.len());
            self.hashes.push(hash);
        }
    }

    fn key(&self, layout: KeyLayout, row: u32) -> Result<(KeyRef<'_>, u64)> {
        let place = self.places.get(&row).map(|place| *place as usize).ok_or_else(no_key)?;
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        let key = KeyRef::from_bytes(layout, &self.bytes[start..self.ends[place]]).ok_or_else(no_key)?;
        Ok((key, self.hashes[place]))
    }
}

/// The stores of an operator's calls while one table is worked on.
pub struct Stores<'a> {
    /// The bytes beside the records.
    pub bytes: BytesMut<'a>,
    /// For each call the table of its values, if it keeps any.
    pub values: &'a mut [Option<OrderedTable>],
    /// The keys of the records that are worked on; only needed if a call keeps values.
    pub keys: &'a RecordKeys,
    /// How the keys are held.
    pub layout: KeyLayout,
    /// What comes before a value: the window, or nothing.
    pub prefix: &'a [u8],
    /// The call that is at work.
    pub call: usize,
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
        let (key, hash) = self.keys.key(self.layout, record)?;
        let order = [self.prefix, value].concat();
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
        let (key, hash) = self.keys.key(self.layout, record)?;
        let Some(key) = table.key(key, hash) else { return Ok(false) };
        let end = after_prefix(self.prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        // A value that was taken back before it was added counts less than once.
        let mut rows =
            table.range(key, Bound::Included(self.prefix), to).filter(|(_, row)| table.values(*row)[0] as i64 > 0);
        let found = if last { rows.next_back() } else { rows.next() };
        if let Some((order, _)) = found {
            value.extend_from_slice(&order[self.prefix.len()..]);
        }
        Ok(found.is_some())
    }

    fn for_each_value(&self, record: u32, visit: &mut dyn FnMut(&[u8], i64) -> bool) -> Result<()> {
        let table = self.table()?;
        let (key, hash) = self.keys.key(self.layout, record)?;
        let Some(key) = table.key(key, hash) else { return Ok(()) };
        let end = after_prefix(self.prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        for (order, row) in table.range(key, Bound::Included(self.prefix), to) {
            if !visit(&order[self.prefix.len()..], table.values(row)[0] as i64) {
                break;
            }
        }
        Ok(())
    }
}

/// Removes all values of a group under a prefix.
pub fn remove_values(table: &mut OrderedTable, key: KeyRef<'_>, hash: u64, prefix: &[u8]) {
    let Some(key) = table.key(key, hash) else { return };
    let end = after_prefix(prefix);
    let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let rows: Vec<u32> = table.range(key, Bound::Included(prefix), to).map(|(_, row)| row).collect();
    rows.into_iter().for_each(|row| table.remove(row));
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
