//! The rows of a closed window: keys, results and the window's own columns, in the order that the plan asks for.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMillisecondArray};
use tidemill_core::{Batch, Failure, Result, TimeBounds, bounds};

use super::zone::Zone;
use crate::config::{OutputColumn, OutputKind};

/// The columns of the output.
#[derive(Clone, Debug)]
pub struct WindowOutput {
    columns: Vec<(OutputKind, usize)>,
    zone: Zone,
    /// Where the output's event time is, if it has one.
    time_column: Option<usize>,
}

impl WindowOutput {
    /// Columns as configured, of an operator with so many keys and aggregates. `event_time`: window time is event time.
    pub fn new(
        columns: &[OutputColumn],
        keys: usize,
        aggregates: usize,
        zone: Zone,
        event_time: bool,
    ) -> Result<WindowOutput> {
        let wrong = || Failure::fatal("graph.malformed", "a window aggregation emits a column that it does not have");
        let columns: Vec<(OutputKind, usize)> = columns
            .iter()
            .map(|column| {
                let kind = OutputKind::try_from(column.kind).map_err(|_| wrong())?;
                let index = column.index as usize;
                let exists = match kind {
                    OutputKind::Key => index < keys,
                    OutputKind::Aggregate => index < aggregates,
                    _ => true,
                };
                if exists { Ok((kind, index)) } else { Err(wrong()) }
            })
            .collect::<Result<_>>()?;
        let time_column = columns.iter().position(|(kind, _)| event_time && *kind == OutputKind::WindowTime);
        Ok(WindowOutput { columns, zone, time_column })
    }

    /// Rows of the one window `start .. end` (local time).
    pub fn of_window(&self, keys: &[ArrayRef], results: &[ArrayRef], rows: usize, start: i64, end: i64) -> Batch {
        let constant = |value: i64| Arc::new(TimestampMillisecondArray::from_value(value, rows)) as ArrayRef;
        let time = self.zone.to_moment(end.saturating_sub(1));
        self.build(keys, results, rows, (time, time), &|kind| match kind {
            OutputKind::WindowStart => constant(start),
            OutputKind::WindowEnd => constant(end),
            _ => constant(time),
        })
    }

    /// Rows with a window each.
    pub fn of_windows(&self, keys: &[ArrayRef], results: &[ArrayRef], starts: Vec<i64>, ends: Vec<i64>) -> Batch {
        let rows = starts.len();
        let times: Vec<i64> = ends.iter().map(|end| self.zone.to_moment(end.saturating_sub(1))).collect();
        let bounds = bounds(&times).unwrap_or((i64::MAX, i64::MIN));
        let [starts, ends, times] =
            [starts, ends, times].map(|column| Arc::new(TimestampMillisecondArray::from(column)) as ArrayRef);
        self.build(keys, results, rows, bounds, &|kind| match kind {
            OutputKind::WindowStart => Arc::clone(&starts),
            OutputKind::WindowEnd => Arc::clone(&ends),
            _ => Arc::clone(&times),
        })
    }

    fn build(
        &self,
        keys: &[ArrayRef],
        results: &[ArrayRef],
        rows: usize,
        (min, max): (i64, i64),
        window: &dyn Fn(OutputKind) -> ArrayRef,
    ) -> Batch {
        let column = |(kind, index): &(OutputKind, usize)| match kind {
            OutputKind::Key => Arc::clone(&keys[*index]),
            OutputKind::Aggregate => Arc::clone(&results[*index]),
            kind => window(*kind),
        };
        let batch = Batch::new(self.columns.iter().map(column).collect(), rows);
        batch.with_time(self.time_column.map(|column| TimeBounds { column, min, max }))
    }
}
