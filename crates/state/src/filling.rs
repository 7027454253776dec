//! How far restored tables are filled: which buckets are still only in their home, and what of it has arrived.
//!
//! Invariants:
//! 1. Rows of a missing bucket are neither looked for nor changed, by whoever uses the tables.
//! 2. A row that arrives goes in only while its bucket is missing, so nothing that changed since is overwritten, and what was
//!    removed does not come back. What an answer covers is missing until the answer is in whole.
//! 3. Rows that arrive are not dirty.

use std::collections::VecDeque;
use std::sync::Arc;

use tidemill_core::Result;

use crate::home::HomeRows;
use crate::{Buckets, Distribution, Scope, StateTable};

/// The bookkeeping of an operator's tables while they are filled.
#[derive(Debug)]
pub struct Filling {
    scope: Scope,
    missing: Buckets,
    arrived: VecDeque<Arrived>,
}

/// An answer, and how far it is in.
#[derive(Debug)]
struct Arrived {
    rows: Arc<HomeRows>,
    table: usize,
    entry: usize,
}

impl Filling {
    /// Nothing is there yet of what a scope takes.
    pub fn new(scope: Scope) -> Filling {
        let missing = Buckets::of_groups(scope.key_groups, &scope.groups);
        Filling { scope, missing, arrived: VecDeque::new() }
    }

    /// What is taken.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The buckets that are not in memory.
    pub fn missing(&self) -> &Buckets {
        &self.missing
    }

    /// The buckets that are neither in memory nor have arrived.
    pub fn unread(&self) -> Buckets {
        let mut unread = self.missing.clone();
        self.arrived.iter().for_each(|arrived| unread.remove(&arrived.rows.buckets));
        unread
    }

    /// How many answers are not in yet.
    pub fn backlog(&self) -> usize {
        self.arrived.len()
    }

    /// True when everything is in memory.
    pub fn is_filled(&self) -> bool {
        self.arrived.is_empty() && self.missing.is_empty()
    }

    /// Rows have been read.
    pub fn arrive(&mut self, rows: Arc<HomeRows>) {
        self.arrived.push_back(Arrived { rows, table: 0, entry: 0 });
    }

    /// Puts up to about `rows_max` rows that have arrived into the tables.
    pub fn apply(&mut self, tables: &mut [&mut dyn StateTable], rows_max: usize) -> Result<()> {
        let mut left = rows_max;
        while left > 0
            && let Some(arrived) = self.arrived.front_mut()
        {
            let Some((name, delta)) = arrived.rows.tables.get(arrived.table) else {
                self.missing.remove(&arrived.rows.buckets);
                self.arrived.pop_front();
                continue;
            };
            let end = delta.len().min(arrived.entry.saturating_add(left));
            if let Some(table) = tables.iter_mut().find(|table| table.descriptor().name == *name) {
                if table.descriptor().distribution == Distribution::Keyed {
                    let missing = &self.missing;
                    let entries = (arrived.entry..end).map(|number| delta.entry(number));
                    let mut entries = entries.filter(|entry| missing.contains(Buckets::of(entry.hash)));
                    table.apply(&mut entries, &self.scope)?;
                } else if arrived.entry == 0 {
                    table.apply(&mut delta.entries(), &self.scope)?;
                }
            }
            left -= end - arrived.entry;
            arrived.entry = end;
            if end == delta.len() {
                (arrived.table, arrived.entry) = (arrived.table + 1, 0);
            }
        }
        Ok(())
    }
}
