//! Emits sessions that are over.

use std::cmp::Reverse;

use arrow::array::ArrayRef;
use tidemill_core::map::Set;
use tidemill_core::{KeyRef, Progress, Result, hash};
use tidemill_dataflow::Output;

use super::{END, Place, START, SessionAggregate, damaged_key, prefix_of};
use crate::aggregates::join::GroupAt;

impl SessionAggregate {
    /// Emits sessions that are over until the output is full.
    pub(super) fn fire_due(&mut self, out: &mut Output<'_>) -> Result<Progress> {
        while !out.is_full() {
            let (mut current, mut earlier) = (Vec::new(), Vec::new());
            let mut taken = Set::default();
            while current.len() + earlier.len() < out.rows_max() {
                let Some(Reverse((end, place))) =
                    self.ends.peek().copied().filter(|Reverse((end, _))| self.is_over(*end))
                else {
                    break;
                };
                self.ends.pop();
                let (start, actual) = self.bounds(place);
                if start == actual || taken.contains(&place) {
                    continue;
                }
                if actual > end {
                    // Its turn comes at its end, behind sessions of its key that end before.
                    self.ends.push(Reverse((actual, place)));
                    continue;
                }
                taken.insert(place);
                match place {
                    Place::Current(row) => current.push(row),
                    Place::Earlier(row) => earlier.push(row),
                }
            }
            if current.is_empty() && earlier.is_empty() {
                return Ok(Progress::Done);
            }
            self.emit_earlier(&earlier, out)?;
            self.emit_current(&current, out)?;
        }
        Ok(Progress::Rows(0))
    }

    fn emit_current(&mut self, rows: &[u32], out: &mut Output<'_>) -> Result<()> {
        let kept: Vec<u32> = rows.iter().copied().filter(|row| self.counts(self.current.values(*row))).collect();
        let keys = self.fold.decode_keys(&self.current, &kept)?;
        self.work_on(&kept, Place::Current);
        let results = self.fold.states.emit(self.current.update(&[]), &kept)?;
        let word = |word: usize| kept.iter().map(|row| self.current.values(*row)[word] as i64).collect();
        out.emit(self.output.of_windows(&keys, &results, word(START), word(END)));
        for row in rows {
            self.forget(Place::Current(*row))?;
            self.set_bounds(Place::Current(*row), 0, 0);
            self.current.remove(*row);
        }
        Ok(())
    }

    fn emit_earlier(&mut self, rows: &[u32], out: &mut Output<'_>) -> Result<()> {
        let kept: Vec<u32> = rows.iter().copied().filter(|row| self.counts(self.earlier.values(*row))).collect();
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for row in &kept {
            self.earlier.append_key(self.earlier.place(*row).0, &mut bytes);
            ends.push(bytes.len());
        }
        let keys: Vec<ArrayRef> = self.fold.decode_key_bytes(&bytes, &ends)?;
        self.work_on(&kept, Place::Earlier);
        let results = self.fold.states.emit(self.earlier.update(&[]), &kept)?;
        let word = |word: usize| kept.iter().map(|row| self.earlier.values(*row)[word] as i64).collect();
        out.emit(self.output.of_windows(&keys, &results, word(START), word(END)));
        for row in rows {
            self.forget(Place::Earlier(*row))?;
            self.remove_earlier(*row);
        }
        Ok(())
    }

    fn append_key(&self, place: Place, key: &mut Vec<u8>) {
        match place {
            Place::Current(row) => self.current.append_key(row, key),
            Place::Earlier(row) => self.earlier.append_key(self.earlier.place(row).0, key),
        }
    }

    /// Says whose keys the records of sessions have, and where their values are.
    fn work_on(&mut self, rows: &[u32], place: fn(u32) -> Place) {
        if !self.fold.keeps_values() {
            return;
        }
        self.fold.states.keys().clear();
        let mut key = Vec::new();
        for row in rows {
            key.clear();
            self.append_key(place(*row), &mut key);
            let prefix = prefix_of(self.values(place(*row)));
            self.fold.states.keys().add(*row, hash::of_bytes(&key), &key, &prefix);
        }
    }

    /// Forgets what a session has beside its record.
    fn forget(&mut self, place: Place) -> Result<()> {
        if self.sets.is_empty() && !self.fold.keeps_values() {
            return Ok(());
        }
        let mut key = Vec::new();
        self.append_key(place, &mut key);
        let prefix = prefix_of(self.values(place));
        let hash = hash::of_bytes(&key);
        let key = KeyRef::from_bytes(self.fold.layout(), &key).ok_or_else(damaged_key)?;
        self.fold.states.remove_values(key, hash, &prefix);
        self.sets.iter_mut().for_each(|set| set.remove(GroupAt { key, hash, prefix: &prefix }));
        Ok(())
    }

    /// False if all rows of a session were taken back.
    fn counts(&self, values: &[u64]) -> bool {
        self.net_word.is_none_or(|word| values[word] as i64 > 0)
    }
}
