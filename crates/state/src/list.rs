//! Small state without keys: a list of encoded items, such as the splits of a source with their positions.
//!
//! Every delta that is not empty holds the whole list. Behind a restore the first delta is never empty, so that the lists of the
//! subtasks before are superseded by all those of the subtasks now, or by none.

use tidemill_core::{Result, hash};

use crate::{DeltaSink, Distribution, Entry, Rewrite, Scope, StateTable, TableDescriptor};

/// A list of encoded items.
#[derive(Debug)]
pub struct ListState {
    descriptor: TableDescriptor,
    items: Vec<Vec<u8>>,
    is_changed: bool,
    frozen: Option<Vec<Vec<u8>>>,
    /// Items seen while restoring, whoever took them.
    offered: usize,
    is_restored: bool,
}

impl ListState {
    /// An empty list. `distribution` says who gets which item on restore: Split, Union, Broadcast or Transient.
    pub fn new(name: impl Into<String>, distribution: Distribution) -> ListState {
        let descriptor = TableDescriptor {
            name: name.into(),
            distribution,
            key_types: Vec::new(),
            order_types: Vec::new(),
            fields: Vec::new(),
        };
        ListState { descriptor, items: Vec::new(), is_changed: false, frozen: None, offered: 0, is_restored: false }
    }

    /// The items, in order.
    pub fn items(&self) -> &[Vec<u8>] {
        &self.items
    }

    /// Replaces all items.
    pub fn set(&mut self, items: Vec<Vec<u8>>) {
        self.is_changed |= items != self.items;
        self.items = items;
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: Vec<u8>) {
        self.items.push(item);
        self.is_changed = true;
    }
}

impl StateTable for ListState {
    fn descriptor(&self) -> &TableDescriptor {
        &self.descriptor
    }

    /// A list is written whole or not at all.
    fn freeze(&mut self, rewrite: Rewrite) -> Result<()> {
        if self.frozen.is_some() {
            return Err(crate::failure::frozen_twice(&self.descriptor.name));
        }
        self.frozen = (rewrite.is_all() || self.is_changed).then(|| self.items.clone());
        self.is_changed = false;
        Ok(())
    }

    fn gather(&mut self, _: usize, out: &mut DeltaSink) -> bool {
        let frozen = self.frozen.take();
        out.describe(if frozen.is_some() { Rewrite::ALL } else { Rewrite::NONE }, None);
        for (number, item) in (0u32..).zip(frozen.iter().flatten()) {
            let key = number.to_be_bytes();
            out.push(Entry { hash: hash::of_bytes(&key), key: &key, order: &[], value: Some(item) });
        }
        true
    }

    /// Sources (the old subtasks) are applied in order of their number, each with its last delta that is not empty.
    fn apply(&mut self, entries: &mut dyn Iterator<Item = Entry<'_>>, scope: &Scope) -> Result<()> {
        let mut items: Vec<(Vec<u8>, Vec<u8>)> =
            entries.filter_map(|entry| Some((entry.key.to_vec(), entry.value?.to_vec()))).collect();
        // Files are sorted by hash first.
        items.sort();
        let first = self.offered;
        self.offered += items.len();
        let parallelism = scope.parallelism.max(1) as usize;
        let takes = |number: usize| match self.descriptor.distribution {
            Distribution::Split | Distribution::Keyed | Distribution::Transient => {
                number % parallelism == scope.subtask as usize
            }
            Distribution::Union => true,
            Distribution::Broadcast => !self.is_restored,
        };
        let taken = (first..).zip(items).filter(|(number, _)| takes(*number)).map(|(_, (_, item))| item);
        self.items.extend(taken.collect::<Vec<_>>());
        self.is_restored |= self.offered > 0;
        // The old lists are shared out anew: the next delta replaces them, on every subtask.
        self.is_changed = true;
        Ok(())
    }

    fn live_rows(&self) -> usize {
        self.items.len()
    }

    fn memory(&self) -> usize {
        self.items.iter().map(|item| item.capacity() + size_of::<Vec<u8>>()).sum()
    }
}
