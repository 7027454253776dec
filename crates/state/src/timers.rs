//! Timers: (time, key), each once, by time. One table for each notion of time.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use tidemill_core::{Result, hash};

use crate::rows::{Owner, Rows, Storage};
use crate::sort_key::{self, SortKey};
use crate::{DeltaSink, Entry, Rewrite, Scope, StateTable, TableDescriptor, failure};

/// Words of a record: the time, and the key bytes.
const KEY_WORDS: usize = 2;

/// Keys by the time at which they want to be called.
#[derive(Debug)]
pub struct TimerTable {
    descriptor: TableDescriptor,
    keys: TimerKeys,
    rows: Rows,
}

#[derive(Debug, Default)]
struct TimerKeys {
    live: BTreeMap<(i64, SortKey), u32>,
    /// Removed timers whose tombstone has not been gathered.
    dead: BTreeMap<(i64, SortKey), u32>,
}

impl Owner for TimerKeys {
    fn describe(&self, storage: &Storage, row: u32, out: &mut Vec<u8>) -> (u64, usize) {
        let record = storage.records.get(row);
        let key = storage.arena.get(record[1]);
        out.extend_from_slice(key);
        let key_end = out.len();
        out.extend_from_slice(&sort_key::of_time(record[0] as i64));
        (hash::of_bytes(key), key_end)
    }

    fn release(&mut self, storage: &mut Storage, row: u32) {
        let record = storage.records.get(row);
        let (time, entry) = (record[0] as i64, record[1]);
        self.dead.remove(&(time, SortKey::new(storage.arena.get(entry))));
        storage.arena.remove(entry);
    }
}

impl TimerTable {
    /// Without timers. `key_types`: the types of the keys that register.
    pub fn new(name: impl Into<String>, key_types: Vec<DataType>) -> TimerTable {
        let descriptor = TableDescriptor::keyed(name, key_types, Vec::new()).with_order(vec![DataType::Int64]);
        let rows = Rows::new(&descriptor, KEY_WORDS, &[]);
        TimerTable { descriptor, keys: TimerKeys::default(), rows }
    }

    /// Number of timers.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without timers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The earliest time for which there is a timer: what the watermark is held at until it has fired.
    pub fn earliest(&self) -> Option<i64> {
        self.keys.live.first_key_value().map(|((time, _), _)| *time)
    }

    /// Registers a timer for key bytes; false if it was registered already.
    pub fn register(&mut self, time: i64, key: &[u8]) -> Result<bool> {
        let at = (time, SortKey::new(key));
        if self.keys.live.contains_key(&at) {
            return Ok(false);
        }
        let row = match self.keys.dead.remove(&at) {
            Some(row) => {
                self.rows.revive(row, &self.keys);
                row
            }
            None => {
                let row = self.rows.insert(hash::of_bytes(key))?;
                let entry = self.rows.storage.arena.insert(key);
                let record = self.rows.storage.records.get_mut(row);
                (record[0], record[1]) = (time as u64, entry);
                row
            }
        };
        self.keys.live.insert(at, row);
        Ok(true)
    }

    /// Removes a timer; false if there was none.
    pub fn delete(&mut self, time: i64, key: &[u8]) -> bool {
        let at = (time, SortKey::new(key));
        let Some(row) = self.keys.live.remove(&at) else { return false };
        self.remove(at, row);
        true
    }

    /// The earliest timer with a time of `through` or earlier, by time, then by key.
    pub fn due(&self, through: i64) -> Option<(i64, &[u8])> {
        let ((time, key), _) = self.keys.live.first_key_value()?;
        (*time <= through).then_some((*time, key.as_slice()))
    }

    /// Removes that timer: its time, its key in `key`.
    pub fn pop_due(&mut self, through: i64, key: &mut Vec<u8>) -> Option<i64> {
        let first = self.keys.live.first_entry().filter(|first| first.key().0 <= through)?;
        let (at, row) = first.remove_entry();
        key.clear();
        key.extend_from_slice(at.1.as_slice());
        let time = at.0;
        self.remove(at, row);
        Some(time)
    }

    /// All timers, by time, then by key.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &[u8])> {
        self.keys.live.keys().map(|(time, key)| (*time, key.as_slice()))
    }

    fn remove(&mut self, at: (i64, SortKey), row: u32) {
        // Until it is known that no tombstone is needed.
        self.keys.dead.insert(at, row);
        self.rows.remove(row, &mut self.keys);
    }
}

impl StateTable for TimerTable {
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
        for entry in entries.filter(|entry| scope.takes(entry.hash)) {
            let time = sort_key::time_of(entry.order).ok_or_else(|| failure::damaged("a timer has no time"))?;
            let at = (time, SortKey::new(entry.key));
            if let Some(value) = entry.value {
                self.register(time, entry.key)?;
                if let Some(row) = self.keys.live.get(&at) {
                    self.rows.restore(*row, value)?;
                }
            } else if let Some(row) = self.keys.live.remove(&at) {
                self.rows.restore_removed(row, &mut self.keys);
            }
        }
        Ok(())
    }

    fn live_rows(&self) -> usize {
        self.rows.len()
    }

    fn memory(&self) -> usize {
        // A B-tree entry with its share of half-full nodes.
        let entry = size_of::<((i64, SortKey), u32)>() * 3 / 2;
        self.rows.memory() + (self.keys.live.len() + self.keys.dead.len()) * entry
    }
}
