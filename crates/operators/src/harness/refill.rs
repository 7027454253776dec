//! How a harness goes on from snapshots: their deltas become run files, and the operator's tables fill from these as in a job,
//! what a batch needs before the batch, the rest bit by bit.

use std::ops::Range;
use std::sync::Arc;

use tidemill_core::{Batch, InputId, KeyGroups, Result};
use tidemill_dataflow::{NeedsAllRows, Operator, Pins};
use tidemill_state::{Buckets, Filling, Home, HomeRun, HomeTable, Scope, TableDescriptor, run_file};

use super::Snapshot;

/// Tables that are being filled.
pub(super) struct Refill {
    home: Home,
    filling: Filling,
}

impl Refill {
    /// What fills an operator's tables from snapshots.
    pub(super) fn new(
        operator: &mut dyn Operator,
        snapshots: &[Snapshot],
        key_groups: KeyGroups,
        scope: Scope,
    ) -> Result<Refill> {
        let table = |descriptor: &TableDescriptor| {
            let mut runs = Vec::new();
            for snapshot in snapshots {
                for delta in snapshot.tables.get(&descriptor.name).into_iter().flatten() {
                    runs.push(HomeRun {
                        source: Box::new(run_file::write(delta, descriptor)?),
                        groups: groups_of(snapshot),
                        is_base: delta.is_full(),
                        order_floor: delta.order_floor(),
                    });
                }
            }
            HomeTable::open(&descriptor.name, descriptor.distribution, key_groups, runs)
        };
        let tables: Result<Vec<HomeTable>> = operator.tables().iter().map(|other| table(other.descriptor())).collect();
        Ok(Refill { home: Home::new(tables?), filling: Filling::new(scope) })
    }

    /// Makes sure that the rows are there that a batch needs; then fills a bit. True when nothing is missing any more.
    pub(super) fn pin(&mut self, operator: &mut dyn Operator, input: InputId, batch: &Batch) -> Result<bool> {
        let mut wanted = Buckets::none();
        operator.pin(input, batch, &mut Pins::new(&mut wanted))?;
        wanted.retain(self.filling.missing());
        self.read(operator, &wanted, u64::MAX)?;
        let mut next = self.filling.unread();
        if let Some(first) = next.first() {
            next.truncate(first.saturating_add(10_000));
        }
        self.read(operator, &next, 0)?;
        Ok(self.filling.is_filled())
    }

    /// Fills everything if the operator needs that much, or always.
    pub(super) fn fill(&mut self, operator: &mut dyn Operator, needs: NeedsAllRows) -> Result<bool> {
        if operator.needs_all_rows() >= needs {
            let unread = self.filling.unread();
            self.read(operator, &unread, u64::MAX)?;
        }
        Ok(self.filling.is_filled())
    }

    fn read(&mut self, operator: &mut dyn Operator, buckets: &Buckets, pages_max: u64) -> Result<()> {
        if !buckets.is_empty() {
            self.filling.arrive(Arc::new(self.home.read(buckets, pages_max, true)?));
        }
        self.filling.apply(&mut operator.tables(), usize::MAX)
    }
}

fn groups_of(snapshot: &Snapshot) -> Range<u32> {
    let ranges = snapshot.groups.ranges();
    ranges.first().map_or(0, |range| range.start)..ranges.last().map_or(0, |range| range.end)
}
