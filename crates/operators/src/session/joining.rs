//! Rows out of order: they join sessions, or begin one before the current one.

use std::cmp::Reverse;
use std::ops::Bound;

use tidemill_core::{KeyRef, Result};

use super::{END, Place, START, SessionAggregate, damaged_key, order_of, prefix_of, record_of};
use crate::aggregates::join::GroupAt;

impl SessionAggregate {
    /// A row before the current session, or one that may join it with others.
    pub(super) fn place_early(&mut self, position: u32, row: u32, time: i64, until: i64) -> Result<bool> {
        let touching = self.touching(position, time, until);
        let (start, end) = self.bounds(Place::Current(row));
        let joins_current = until >= start;
        let mut target = match (joins_current, touching.first()) {
            (true, _) => Some(Place::Current(row)),
            (false, Some(first)) => Some(Place::Earlier(*first)),
            (false, None) => None,
        };
        let (mut from, mut to) = if joins_current { (start.min(time), end.max(until)) } else { (time, until) };
        for row in &touching {
            let (start, end) = self.bounds(Place::Earlier(*row));
            (from, to) = (from.min(start), to.max(end));
        }
        if self.is_late(to) {
            return Ok(false);
        }
        if target.is_none() {
            let keys = self.fold.keys();
            let order = order_of(time);
            let (row, _) = self.earlier.insert(keys.key(position as usize), keys.hash(position as usize), &order)?;
            target = Some(Place::Earlier(row));
            self.begin(Place::Earlier(row), from, to);
            self.ends.push(Reverse((to, Place::Earlier(row))));
        }
        let Some(target) = target else { return Ok(false) };
        let joined: Vec<u32> = touching.into_iter().filter(|row| Place::Earlier(*row) != target).collect();
        if !joined.is_empty() {
            self.flush()?;
            match self.has_names {
                true => self.join_named(position, target, &joined)?,
                false => self.join_words(target, &joined)?,
            }
        }
        self.set_bounds(target, from, to);
        match target {
            Place::Current(row) => self.pending.push_current(row, position),
            Place::Earlier(row) => {
                self.pending.earlier.push(row);
                self.pending.earlier_rows.push(position);
            }
        }
        Ok(true)
    }

    /// Adds earlier sessions, which go, to another; states are words.
    fn join_words(&mut self, target: Place, joined: &[u32]) -> Result<()> {
        let mut words = Vec::new();
        for row in joined {
            words.extend_from_slice(self.earlier.values(*row));
            self.remove_earlier(*row);
        }
        let into = vec![target.row(); joined.len()];
        let records = record_of(&mut self.current, &mut self.earlier, target);
        self.fold.states.merge(records, &into, &words)
    }

    /// Adds earlier sessions of a row's key, which go, to another, with all that they have beside their records.
    fn join_named(&mut self, position: u32, target: Place, joined: &[u32]) -> Result<()> {
        let prefix = prefix_of(self.values(target));
        let keys = self.fold.keys();
        let hash = keys.hash(position as usize);
        let mut key = Vec::new();
        keys.key(position as usize).append_to(&mut key);
        let key = KeyRef::from_bytes(self.fold.layout(), &key).ok_or_else(damaged_key)?;
        let group = GroupAt { key, hash, prefix: &prefix };
        let row = target.row();
        for other in joined {
            let state = self.fold.states.copy(self.earlier.values(*other), |word| self.earlier.bytes(*other, word));
            let from = prefix_of(&state.words);
            self.remove_earlier(*other);
            let records = record_of(&mut self.current, &mut self.earlier, target);
            self.fold.states.join(records, row, group, &from, &state)?;
            for set in &mut self.sets {
                let changes = set.join(group, &from)?;
                for change in changes.iter() {
                    let records = record_of(&mut self.current, &mut self.earlier, target);
                    self.fold.states.change(records, row, group, &change)?;
                }
            }
        }
        Ok(())
    }

    /// The earlier sessions of a row's key that overlap or touch `time ..= until`, in order.
    fn touching(&self, position: u32, time: i64, until: i64) -> Vec<u32> {
        let keys = self.fold.keys();
        let Some(key) = self.earlier.key(keys.key(position as usize), keys.hash(position as usize)) else {
            return Vec::new();
        };
        // A session is found by a moment within it, at which it was first seen, so its bounds may lie on either side.
        let order = order_of(until);
        let before = self.earlier.range(key, Bound::Unbounded, Bound::Included(&order)).rev();
        let mut rows: Vec<u32> =
            before.map(|(_, row)| row).take_while(|row| self.earlier.values(*row)[END] as i64 >= time).collect();
        rows.reverse();
        let behind = self.earlier.range(key, Bound::Excluded(&order), Bound::Unbounded).map(|(_, row)| row).next();
        rows.extend(behind.filter(|row| self.earlier.values(*row)[START] as i64 <= until));
        rows
    }

    /// Moves the current session of a row's key to the earlier ones.
    pub(super) fn retire(&mut self, position: u32, row: u32) -> Result<()> {
        if self.pending.has_current(row) {
            self.flush()?;
        }
        let (start, end) = self.bounds(Place::Current(row));
        let keys = self.fold.keys();
        let order = order_of(start);
        let (to, _) = self.earlier.insert(keys.key(position as usize), keys.hash(position as usize), &order)?;
        let (mut from, mut into) = (self.current.update(&[row]), self.earlier.update(&[to]));
        // Bytes are moved to where the other table keeps its own.
        for word in &self.bytes_words {
            into.set_bytes(to, *word, from.bytes(row, *word));
            from.set_bytes(row, *word, None);
            from.values(row)[*word] = into.values(to)[*word];
        }
        let values = from.values(row);
        into.values(to).copy_from_slice(values);
        values.fill(0);
        self.ends.push(Reverse((end, Place::Earlier(to))));
        Ok(())
    }

    /// An earlier session is over or has become part of another.
    pub(super) fn remove_earlier(&mut self, row: u32) {
        self.set_bounds(Place::Earlier(row), 0, 0);
        self.earlier.remove(row);
    }
}
