//! The first of two phases: rows of a batch are folded by key (and slice) and go on as partial states.
//!
//! Nothing is kept from batch to batch, so nothing is held back: no watermark waits, a barrier finds nothing, and what is late
//! is decided behind the exchange, where the states arrive.
//!
//! A partial row is: the keys, the slice's end (only for windows), how many rows it stands for, then the words of a record as
//! the second phase has it (the net number of rows first, if rows may be taken back), all BIGINT.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use tidemill_core::{Batch, Failure, InputId, Progress, Result};
use tidemill_dataflow::{Operator, Output};
use tidemill_expr::{Registry, SqlType};
use tidemill_state::SlicedTable;

use crate::aggregates::fold::{Fold, OwnWords};
use crate::config::{
    AggregateCall, GROUP_AGGREGATE, GroupAggregateConfig, WINDOW_AGGREGATE, WindowAggregateConfig, decode, decode_types,
};
use crate::window::slices::Slices;
use crate::window::times::{Assigner, RowTime};
use crate::window::zone::Zone;

/// The operator of kinds `window_aggregate` and `group_aggregate` in the local phase.
pub struct LocalAggregate {
    fold: Fold,
    /// Groups of one slice of one batch at a time; the slices of this table are numbers.
    scratch: SlicedTable,
    uses: i64,
    windows: Option<(Slices, Assigner)>,
    rows: Vec<u32>,
}

impl LocalAggregate {
    /// The local phase of a window aggregation.
    pub fn of_windows(config: &[u8], functions: &Registry) -> Result<LocalAggregate> {
        let config: WindowAggregateConfig = decode(WINDOW_AGGREGATE, config)?;
        let time = config.time.unwrap_or_default();
        let zone = Zone::parse(&time.time_zone)?;
        let spec = config.window.filter(|_| config.attached.is_none() && !time.processing_time).ok_or_else(|| {
            Failure::fatal("graph.malformed", "only windows over event time can be aggregated in two phases")
        })?;
        let windows = (Slices::new(&spec)?, Assigner::new(RowTime::Event(time.column as usize), zone));
        let types = decode_types(&config.input_types)?;
        LocalAggregate::new(&config.keys, &config.aggregates, &types, config.input_retracts, Some(windows), functions)
    }

    /// The local phase of an aggregation without windows.
    pub fn of_groups(config: &[u8], functions: &Registry) -> Result<LocalAggregate> {
        let config: GroupAggregateConfig = decode(GROUP_AGGREGATE, config)?;
        let types = decode_types(&config.input_types)?;
        LocalAggregate::new(&config.keys, &config.aggregates, &types, config.input_retracts, None, functions)
    }

    fn new(
        keys: &[u32],
        calls: &[AggregateCall],
        types: &[SqlType],
        retracting: bool,
        windows: Option<(Slices, Assigner)>,
        functions: &Registry,
    ) -> Result<LocalAggregate> {
        let keys: Vec<usize> = keys.iter().map(|column| *column as usize).collect();
        let own = OwnWords { input_rows: true, net_rows: retracting, ..OwnWords::default() };
        let fold = Fold::new(&keys, calls, types, retracting, own, functions)?;
        if !fold.aggregates().mergeable() {
            let text = "an aggregate cannot be computed in two phases; this is a defect in Tidemill's planner";
            return Err(Failure::fatal("graph.malformed", text));
        }
        let scratch = SlicedTable::new(fold.descriptor("partial"), &fold.template());
        Ok(LocalAggregate { fold, scratch, uses: 0, windows, rows: Vec::new() })
    }

    /// Folds rows of the batch and emits their states.
    fn emit(&mut self, range: std::ops::Range<usize>, slice_end: Option<i64>, out: &mut Output<'_>) -> Result<()> {
        self.uses += 1;
        let groups = self.scratch.slice_mut(self.uses)?;
        self.fold.fold(groups, range, &[], &mut Vec::new())?;
        self.rows.clear();
        groups.rows_from(0, usize::MAX, &mut self.rows);
        let mut columns = self.fold.decode_keys(groups, &self.rows)?;
        if let Some(end) = slice_end {
            columns.push(Arc::new(Int64Array::from_value(end, self.rows.len())));
        }
        for word in 0..self.fold.aggregates().words() {
            let values = self.rows.iter().map(|row| groups.values(*row)[word] as i64);
            columns.push(Arc::new(Int64Array::from_iter_values(values)) as ArrayRef);
        }
        self.scratch.remove_through(self.uses);
        out.emit(Batch::new(columns, self.rows.len()));
        Ok(())
    }
}

impl Operator for LocalAggregate {
    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        if batch.is_empty() {
            return Ok(Progress::Done);
        }
        let narrow = batch.project(self.fold.needed());
        let Some((slices, mut assigner)) = self.windows.take() else {
            self.fold.set_batch(narrow)?;
            self.emit(0..batch.len(), None, out)?;
            self.fold.forget_batch();
            return Ok(Progress::Done);
        };
        assigner.assign(batch, Some(&slices), 0)?;
        let narrow = match assigner.partition.order() {
            None => narrow,
            Some(order) => narrow.take(&UInt32Array::from(order.to_vec()))?,
        };
        self.fold.set_batch(narrow)?;
        for part in assigner.partition.parts() {
            self.emit(part.range.clone(), Some(part.slice_end), out)?;
        }
        self.windows = Some((slices, assigner));
        self.fold.forget_batch();
        Ok(Progress::Done)
    }
}

/// The states in partial rows, from column `first` on: `words` words a row, row by row.
pub fn states_of(batch: &Batch, first: usize, words: usize, states: &mut Vec<u64>) -> Result<()> {
    states.clear();
    states.resize(words * batch.len(), 0);
    for word in 0..words {
        for (row, value) in numbers(batch, first + word)?.into_iter().enumerate() {
            states[row * words + word] = value as u64;
        }
    }
    Ok(())
}

/// A BIGINT column of partial rows.
pub fn numbers(batch: &Batch, column: usize) -> Result<Vec<i64>> {
    use arrow::array::AsArray;
    let array = (column < batch.width()).then(|| batch.column(column));
    let numbers = array.as_ref().and_then(|array| array.as_primitive_opt::<arrow::datatypes::Int64Type>());
    let numbers = numbers
        .ok_or_else(|| Failure::fatal("graph.malformed", "partial results of an aggregation have the wrong types"))?;
    Ok(numbers.values().to_vec())
}
