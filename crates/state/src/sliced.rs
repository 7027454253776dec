//! A table of slices of time: the groups of each slice by the slice's end. A window is one slice or several.
//!
//! Slices go from the earliest on, as windows close, and each goes whole: a delta says up to which end they are gone (its
//! *floor*), not row by row. The memory of a slice that is gone is used for the next one.

use std::collections::BTreeMap;

use tidemill_core::{Failure, Result};

use crate::{DeltaSink, Entry, GroupTable, Rewrite, Scope, StateTable, TableDescriptor, failure, sort_key};

/// Segments of an index emptied at a time: half a megabyte.
const CLEAR_SEGMENTS: usize = 16;
/// Tables kept for slices to come: so many of any size, more if they are small.
const SPARE_MAX: usize = 4;
const SMALL_SPARE_MAX: usize = 1024;
const SMALL: usize = 64 << 10;

/// Rows by slice and key.
#[derive(Debug)]
pub struct SlicedTable {
    descriptor: TableDescriptor,
    template: Vec<u64>,
    hash_word: Option<usize>,
    slices: BTreeMap<i64, Slice>,
    /// Slices that may have changed since the last freeze.
    changed: Vec<i64>,
    /// Every slice up to this end is gone.
    floor: Option<i64>,
    /// The floor that a delta has told of: one that has not risen need not be told again.
    told_floor: Option<i64>,
    delta: Option<Delta>,
    spare: Vec<GroupTable>,
    /// Spare tables whose index is not empty yet, and how far it is.
    clearing: Vec<(GroupTable, usize)>,
}

#[derive(Debug)]
struct Slice {
    groups: GroupTable,
    is_listed: bool,
}

/// The delta that is being gathered.
#[derive(Debug)]
struct Delta {
    rewrite: Rewrite,
    floor: Option<i64>,
    /// Slices that still have to be gathered.
    slices: Vec<i64>,
    /// Slices that were removed before they had been.
    removed: Vec<GroupTable>,
}

impl SlicedTable {
    /// An empty table whose new rows have the values of `template`: as many words as the descriptor's fields have.
    pub fn new(descriptor: TableDescriptor, template: &[u64]) -> SlicedTable {
        SlicedTable {
            descriptor,
            template: template.to_vec(),
            hash_word: None,
            slices: BTreeMap::new(),
            changed: Vec::new(),
            floor: None,
            told_floor: None,
            delta: None,
            spare: Vec::new(),
            clearing: Vec::new(),
        }
    }

    /// The same table, still empty, with hashes that are not those of the key bytes: it keeps each key's hash in a value
    /// word, which nobody else may write.
    pub fn keeping_hash(mut self, value_word: usize) -> SlicedTable {
        self.hash_word = Some(value_word);
        self
    }

    /// The end of the earliest slice.
    pub fn first_slice(&self) -> Option<i64> {
        self.slices.first_key_value().map(|(end, _)| *end)
    }

    /// The ends of all slices, in order.
    pub fn slices(&self) -> impl DoubleEndedIterator<Item = i64> {
        self.slices.keys().copied()
    }

    /// Up to which end slices have been removed.
    pub fn floor(&self) -> Option<i64> {
        self.floor
    }

    /// The groups of a slice, if there are any.
    pub fn slice(&self, end: i64) -> Option<&GroupTable> {
        self.slices.get(&end).map(|slice| &slice.groups)
    }

    /// The groups of a slice, to be changed; a new slice if it is not there. Fails for a slice that has been removed: its
    /// rows are late, and the operator drops them first.
    pub fn slice_mut(&mut self, end: i64) -> Result<&mut GroupTable> {
        self.clear_spare();
        if !self.slices.contains_key(&end) {
            if self.floor.is_some_and(|floor| end <= floor) {
                return Err(Failure::fatal(
                    "state.slice-removed",
                    format!("the slice that ends at {end} ms has been removed; this is a defect in Tidemill"),
                ));
            }
            let mut groups = self.new_groups();
            groups.set_slice(sort_key::of_time(end));
            self.slices.insert(end, Slice { groups, is_listed: false });
        }
        let slice = self.slices.get_mut(&end).ok_or_else(|| failure::damaged("a slice vanished"))?;
        if !slice.is_listed {
            slice.is_listed = true;
            self.changed.push(end);
        }
        Ok(&mut slice.groups)
    }

    /// Removes every slice whose end is `end` or earlier.
    pub fn remove_through(&mut self, end: i64) {
        self.floor = Some(self.floor.map_or(end, |floor| floor.max(end)));
        while let Some(entry) = self.slices.first_entry().filter(|entry| *entry.key() <= end) {
            let groups = entry.remove().groups;
            match &mut self.delta {
                Some(delta) if groups.is_gathering() => delta.removed.push(groups),
                _ => self.recycle(groups),
            }
        }
    }

    fn recycle(&mut self, mut groups: GroupTable) {
        let kept = self.spare.len() + self.clearing.len();
        let kept_max = if groups.memory() <= SMALL { SMALL_SPARE_MAX } else { SPARE_MAX };
        if kept < kept_max {
            groups.start_clear();
            self.clearing.push((groups, 0));
        }
    }

    /// Empties a bit of a spare table, so that removing a large slice costs no more than any other call.
    fn clear_spare(&mut self) {
        if let Some((groups, at)) = self.clearing.last_mut() {
            match groups.clear_step(*at, CLEAR_SEGMENTS) {
                Some(next) => *at = next,
                None => self.spare.extend(self.clearing.pop().map(|(groups, _)| groups)),
            }
        }
    }

    fn new_groups(&mut self) -> GroupTable {
        if let Some(groups) = self.spare.pop() {
            return groups;
        }
        if let Some((mut groups, at)) = self.clearing.pop() {
            groups.clear_step(at, usize::MAX);
            return groups;
        }
        let mut groups = GroupTable::new(&self.descriptor, &self.template);
        if let Some(word) = self.hash_word {
            groups.keep_hash(word);
        }
        groups
    }
}

impl StateTable for SlicedTable {
    fn descriptor(&self) -> &TableDescriptor {
        &self.descriptor
    }

    fn freeze(&mut self, rewrite: Rewrite) -> Result<()> {
        if self.delta.is_some() {
            return Err(failure::frozen_twice(&self.descriptor.name));
        }
        let changed = std::mem::take(&mut self.changed);
        let all = || self.slices.keys().copied().collect();
        let mut slices: Vec<i64> = if rewrite.is_none() { changed } else { all() };
        slices.retain(|end| self.slices.contains_key(end));
        for end in &slices {
            if let Some(slice) = self.slices.get_mut(end) {
                slice.is_listed = false;
                slice.groups.freeze(rewrite.clone())?;
            }
        }
        let floor = self.floor.filter(|_| !rewrite.is_none() || self.floor > self.told_floor);
        self.told_floor = self.floor;
        self.delta = Some(Delta { rewrite, floor, slices, removed: Vec::new() });
        Ok(())
    }

    fn gather(&mut self, rows_max: usize, out: &mut DeltaSink) -> bool {
        let Some(mut delta) = self.delta.take() else { return true };
        out.describe(delta.rewrite.clone(), delta.floor);
        let mut left = rows_max;
        while let Some(mut groups) = delta.removed.pop() {
            left -= groups.gather(left, out);
            if groups.is_gathering() {
                delta.removed.push(groups);
                break;
            }
            self.recycle(groups);
        }
        while left > 0
            && let Some(end) = delta.slices.pop()
        {
            let Some(slice) = self.slices.get_mut(&end) else { continue };
            left -= slice.groups.gather(left, out);
            if slice.groups.is_gathering() {
                delta.slices.push(end);
                break;
            }
        }
        if delta.slices.is_empty() && delta.removed.is_empty() {
            return true;
        }
        self.delta = Some(delta);
        false
    }

    fn apply(&mut self, entries: &mut dyn Iterator<Item = Entry<'_>>, scope: &Scope) -> Result<()> {
        for entry in entries {
            let end = sort_key::time_of(entry.order).ok_or_else(|| failure::damaged("a slice has no end"))?;
            if scope.order_floor.is_none_or(|floor| end > floor) && scope.takes(entry.hash) {
                self.slice_mut(end)?.apply(&entry, scope)?;
            }
        }
        Ok(())
    }

    fn live_rows(&self) -> usize {
        self.slices.values().map(|slice| slice.groups.len()).sum()
    }

    fn memory(&self) -> usize {
        let removed = self.delta.iter().flat_map(|delta| &delta.removed);
        let spare = self.spare.iter().chain(self.clearing.iter().map(|(groups, _)| groups)).chain(removed);
        self.slices.values().map(|slice| &slice.groups).chain(spare).map(GroupTable::memory).sum()
    }
}
