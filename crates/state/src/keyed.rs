//! A table without order: a group for each key.

use std::ops::{Deref, DerefMut};

use tidemill_core::Result;

use crate::{DeltaSink, Entry, GroupTable, Rewrite, Scope, StateTable, TableDescriptor};

/// Rows by key, with a descriptor; everything else is [`GroupTable`]'s.
#[derive(Debug)]
pub struct KeyedTable {
    descriptor: TableDescriptor,
    groups: GroupTable,
}

impl KeyedTable {
    /// An empty table whose new rows have the values of `template`: as many words as the descriptor's fields have.
    pub fn new(descriptor: TableDescriptor, template: &[u64]) -> KeyedTable {
        let groups = GroupTable::new(&descriptor, template);
        KeyedTable { descriptor, groups }
    }

    /// The same table, still empty, with hashes that are not those of the key bytes: it keeps each key's hash in a value
    /// word, which nobody else may write.
    pub fn keeping_hash(mut self, value_word: usize) -> KeyedTable {
        self.groups.keep_hash(value_word);
        self
    }
}

impl Deref for KeyedTable {
    type Target = GroupTable;

    fn deref(&self) -> &GroupTable {
        &self.groups
    }
}

impl DerefMut for KeyedTable {
    fn deref_mut(&mut self) -> &mut GroupTable {
        &mut self.groups
    }
}

impl StateTable for KeyedTable {
    fn descriptor(&self) -> &TableDescriptor {
        &self.descriptor
    }

    fn freeze(&mut self, rewrite: Rewrite) -> Result<()> {
        self.groups.freeze(rewrite)
    }

    fn gather(&mut self, rows_max: usize, out: &mut DeltaSink) -> bool {
        out.describe(self.groups.rewrite().clone(), None);
        self.groups.gather(rows_max, out);
        !self.groups.is_gathering()
    }

    fn apply(&mut self, entries: &mut dyn Iterator<Item = Entry<'_>>, scope: &Scope) -> Result<()> {
        for entry in entries {
            self.groups.apply(&entry, scope)?;
        }
        Ok(())
    }

    fn live_rows(&self) -> usize {
        self.groups.len()
    }

    fn memory(&self) -> usize {
        self.groups.memory()
    }
}
