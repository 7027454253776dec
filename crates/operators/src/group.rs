//! Aggregates without windows: the output is a changelog of one row per group.
//!
//! A batch's changes of a group are folded: `+I` if the group is new, `-D` if all its rows were taken back, otherwise `-U` and
//! `+U` (or `+U` alone) if a result has changed, and nothing if none has. As in Flink, a group without rows has no row, the
//! one group of an aggregation without keys included.

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, make_comparator};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{SortOptions, interleave, take};
use tidemill_core::key::one_form;
use tidemill_core::metrics::Metric;
use tidemill_core::{Batch, InputId, Progress, Result, RowKind};
use tidemill_dataflow::{NeedsAllRows, OpenContext, Operator, Output, Pins};
use tidemill_expr::Registry;
use tidemill_state::{KeyedTable, StateTable};

use crate::aggregates::fold::{Fold, OwnWords};
use crate::config::{AggregatePhase, GROUP_AGGREGATE, GroupAggregateConfig, decode, decode_types};
use crate::local::{numbers, states_of};

/// The operator of kind `group_aggregate`, but for the local phase.
pub struct GroupAggregate {
    fold: Fold,
    table: KeyedTable,
    sets: Vec<KeyedTable>,
    emit_update_before: bool,
    retracting: bool,
    global: bool,
    /// The record of each row of the batch.
    rows: Vec<u32>,
    touched: Touched,
    words: Vec<u64>,
    missing: Option<Metric>,
}

/// The groups that a batch has changed, in order of their first row.
#[derive(Debug, Default)]
struct Touched {
    /// Their records.
    groups: Vec<u32>,
    /// The first row of each in the batch.
    first_rows: Vec<u32>,
    /// Whether each had rows before.
    existed: Vec<bool>,
    /// For each record the last batch in which it was touched.
    seen: Vec<u32>,
    batch: u32,
}

impl GroupAggregate {
    /// An operator from its config.
    pub fn new(config: &[u8], functions: &Registry) -> Result<GroupAggregate> {
        let config: GroupAggregateConfig = decode(GROUP_AGGREGATE, config)?;
        let types = decode_types(&config.input_types)?;
        let keys: Vec<usize> = config.keys.iter().map(|column| *column as usize).collect();
        let own = OwnWords { reserved: &["rows"], ..OwnWords::default() };
        let fold = Fold::new(&keys, &config.aggregates, &types, config.input_retracts, own, functions)?;
        Ok(GroupAggregate {
            table: KeyedTable::new(fold.descriptor("groups"), &fold.template()),
            sets: fold.set_tables(),
            fold,
            emit_update_before: config.emit_update_before,
            retracting: config.input_retracts,
            global: config.phase == AggregatePhase::Global as i32,
            rows: Vec::new(),
            touched: Touched::default(),
            words: Vec::new(),
            missing: None,
        })
    }

    /// Makes the rows of a batch the ones to be taken; returns their key columns, with one form of each key: of `-0.0` and
    /// `0.0`, which are one group, a later batch must not take back the other than was emitted.
    fn set_keys(&mut self, batch: &Batch) -> Result<Vec<ArrayRef>> {
        if self.global {
            let keys: Vec<ArrayRef> = (0..self.fold.key_count()).map(|column| batch.column(column)).collect();
            self.fold.set_keys(&keys, batch.len())?;
            return keys.iter().map(one_form).collect();
        }
        self.fold.set_batch(batch.project(self.fold.needed()))?;
        self.fold.batch_key_columns().iter().map(one_form).collect()
    }

    /// Counts the rows of each group, and finds rows that take back what is not there: their positions.
    fn count(&mut self, kinds: Option<&[RowKind]>) -> Vec<u32> {
        let mut missing = Vec::new();
        let mut records = self.table.update(&self.rows);
        let Some(kinds) = kinds else {
            self.rows.iter().for_each(|row| records.values(*row)[0] += 1);
            return missing;
        };
        for (position, (row, kind)) in (0..).zip(self.rows.iter().zip(kinds)) {
            let count = &mut records.values(*row)[0];
            match kind.is_accumulate() {
                true => *count += 1,
                false if *count == 0 => missing.push(position),
                false => *count -= 1,
            }
        }
        missing
    }

    /// Takes rows into their groups.
    fn take_rows(&mut self, batch: &Batch) -> Result<()> {
        let missing = self.count(batch.kinds());
        if !missing.is_empty() {
            self.without(batch, &missing)?;
        }
        self.fold.fold_rows(&mut self.table, &self.rows, 0, &[], &mut self.sets)
    }

    /// Leaves out rows that take back what is not there; as in Flink they change nothing.
    fn without(&mut self, batch: &Batch, missing: &[u32]) -> Result<()> {
        if let Some(metric) = &self.missing {
            metric.add(missing.len() as i64);
        }
        let kept: Vec<u32> = (0..batch.len() as u32).filter(|row| missing.binary_search(row).is_err()).collect();
        let rows: Vec<u32> = kept.iter().map(|row| self.rows[*row as usize]).collect();
        self.fold.set_batch(batch.take(&UInt32Array::from(kept))?)?;
        self.rows = rows;
        Ok(())
    }

    /// Merges partial rows into their groups.
    fn take_states(&mut self, batch: &Batch) -> Result<()> {
        // Behind the keys: how many rows came, the net number if rows may be taken back, then the words of the calls.
        let key_count = self.fold.key_count();
        let net = key_count + usize::from(self.retracting);
        let calls = self.fold.aggregates().words() - 1;
        states_of(batch, net, calls + 1, &mut self.words)?;
        let counts = numbers(batch, net)?;
        let mut records = self.table.update(&self.rows);
        for (row, count) in self.rows.iter().zip(counts) {
            let rows = &mut records.values(*row)[0];
            *rows = rows.wrapping_add(count as u64);
        }
        self.fold.states.merge(self.table.update(&self.rows), &self.rows, &self.words)
    }

    /// Emits what has changed.
    fn emit_changes(&mut self, keys: &[ArrayRef], before: &[ArrayRef], out: &mut Output<'_>) -> Result<()> {
        let after = self.fold.emit(&mut self.table, &self.touched.groups, &[])?;
        let changed = differs(before, &after, self.touched.groups.len())?;
        // (false: the old row, true: the new one; which group)
        let mut emitted: Vec<(bool, u32)> = Vec::with_capacity(self.touched.groups.len() * 2);
        let mut kinds = Vec::with_capacity(emitted.capacity());
        let mut gone = Vec::new();
        for (position, (row, existed)) in (0..).zip(self.touched.groups.iter().zip(&self.touched.existed)) {
            let exists = self.table.values(*row)[0] as i64 > 0;
            if !exists {
                gone.push(*row);
            }
            match (existed, exists) {
                (false, true) => {
                    emitted.push((true, position));
                    kinds.push(RowKind::Insert);
                }
                (true, false) => {
                    emitted.push((false, position));
                    kinds.push(RowKind::Delete);
                }
                (true, true) if changed.value(position as usize) => {
                    if self.emit_update_before {
                        emitted.push((false, position));
                        kinds.push(RowKind::UpdateBefore);
                    }
                    emitted.push((true, position));
                    kinds.push(RowKind::UpdateAfter);
                }
                _ => {}
            }
        }
        if !emitted.is_empty() {
            let batch = changes(keys, before, &after, &self.touched.first_rows, &emitted)?.with_kinds(kinds);
            for start in (0..batch.len()).step_by(out.rows_max().max(1)) {
                out.emit(batch.slice(start, out.rows_max().max(1).min(batch.len() - start)));
            }
        }
        self.fold.remove_values(&self.table, &gone, &[]);
        gone.into_iter().for_each(|row| self.table.remove(row));
        Ok(())
    }
}

/// The emitted rows: keys from the batch, results from before or after.
fn changes(
    keys: &[ArrayRef],
    before: &[ArrayRef],
    after: &[ArrayRef],
    first_rows: &[u32],
    emitted: &[(bool, u32)],
) -> Result<Batch> {
    let rows: UInt32Array = emitted.iter().map(|(_, position)| first_rows[*position as usize]).collect();
    let mut columns: Vec<ArrayRef> = keys.iter().map(|key| take(key, &rows, None)).collect::<Result<_, _>>()?;
    if emitted.iter().all(|(new, _)| *new) {
        let positions: UInt32Array = emitted.iter().map(|(_, position)| *position).collect();
        let all = emitted.len() == first_rows.len();
        for after in after {
            columns.push(if all { after.clone() } else { take(after, &positions, None)? });
        }
    } else {
        let places: Vec<(usize, usize)> =
            emitted.iter().map(|(new, position)| (usize::from(*new), *position as usize)).collect();
        for (before, after) in before.iter().zip(after) {
            columns.push(interleave(&[before.as_ref(), after.as_ref()], &places)?);
        }
    }
    Ok(Batch::new(columns, emitted.len()))
}

/// In which rows any of the columns differs.
fn differs(before: &[ArrayRef], after: &[ArrayRef], rows: usize) -> Result<BooleanBuffer> {
    let mut changed = BooleanBuffer::new_unset(rows);
    for (before, after) in before.iter().zip(after) {
        let column: BooleanArray = if before.data_type().is_nested() {
            let compare = make_comparator(before.as_ref(), after.as_ref(), SortOptions::default())?;
            (0..rows).map(|row| Some(compare(row, row).is_ne())).collect()
        } else {
            arrow::compute::kernels::cmp::distinct(before, after)?
        };
        changed = &changed | column.values();
    }
    Ok(changed)
}

impl Touched {
    /// Finds the groups that a batch touches, given the record of each row; `exists` says whether a record has rows.
    fn find(&mut self, rows: &[u32], exists: impl Fn(u32) -> bool) {
        self.groups.clear();
        self.first_rows.clear();
        self.existed.clear();
        if self.batch == u32::MAX {
            self.seen.fill(0);
            self.batch = 0;
        }
        self.batch += 1;
        for (position, row) in (0..).zip(rows) {
            let place = *row as usize;
            if place >= self.seen.len() {
                self.seen.resize((place + 1).next_power_of_two(), 0);
            }
            if self.seen[place] != self.batch {
                self.seen[place] = self.batch;
                self.groups.push(*row);
                self.first_rows.push(position);
                self.existed.push(exists(*row));
            }
        }
    }
}

impl Operator for GroupAggregate {
    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.missing = Some((cx.metric)("numMissingRetractions"));
        Ok(())
    }

    fn needs_all_rows(&self) -> NeedsAllRows {
        NeedsAllRows::Never
    }

    fn pin(&mut self, _input: InputId, batch: &Batch, pins: &mut Pins<'_>) -> Result<()> {
        // The tables of DISTINCT and of values are hashed by the same key where it matters.
        if !batch.is_empty() {
            self.set_keys(batch)?;
            pins.add(self.fold.keys().hashes());
            self.fold.forget_batch();
        }
        Ok(())
    }

    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        if batch.is_empty() {
            return Ok(Progress::Done);
        }
        let keys = self.set_keys(batch)?;
        self.rows.clear();
        self.table.upsert(self.fold.keys(), 0..batch.len(), &mut self.rows)?;
        let table = &self.table;
        self.touched.find(&self.rows, |row| table.values(row)[0] as i64 > 0);
        let before = self.fold.emit(&mut self.table, &self.touched.groups, &[])?;
        if self.global {
            self.take_states(batch)?;
        } else {
            let narrow = self.fold.batch().cloned();
            self.take_rows(narrow.as_ref().unwrap_or(batch))?;
        }
        self.emit_changes(&keys, &before, out)?;
        self.fold.forget_batch();
        Ok(Progress::Done)
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        let sets = self.sets.iter_mut().map(|table| table as &mut dyn StateTable);
        std::iter::once(&mut self.table as &mut dyn StateTable).chain(sets).chain(self.fold.value_tables()).collect()
    }
}
