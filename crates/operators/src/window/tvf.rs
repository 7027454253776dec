//! Attaches windows to rows: a row for each window that holds it, with the window's start, end and time behind its columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMillisecondArray, UInt32Array};
use tidemill_core::{Batch, Failure, InputId, Progress, Result, TimeBounds, bounds};
use tidemill_dataflow::{Operator, Output};

use super::slices::Slices;
use super::times::times;
use super::zone::Zone;
use crate::config::{WINDOW_TVF, WindowTvfConfig, decode};

/// The operator of kind `window_tvf`.
pub struct WindowTvf {
    slices: Slices,
    zone: Zone,
    /// None: the wall clock.
    time_column: Option<usize>,
    window_time_is_event_time: bool,
    local: Vec<i64>,
}

impl WindowTvf {
    /// An operator from its config.
    pub fn new(config: &[u8]) -> Result<WindowTvf> {
        let config: WindowTvfConfig = decode(WINDOW_TVF, config)?;
        let time = config.time.unwrap_or_default();
        let spec =
            config.window.ok_or_else(|| Failure::fatal("graph.malformed", "a window function has no windows"))?;
        Ok(WindowTvf {
            slices: Slices::new(&spec)?,
            zone: Zone::parse(&time.time_zone)?,
            time_column: (!time.processing_time).then_some(time.column as usize),
            window_time_is_event_time: config.window_time_is_event_time,
            local: Vec::new(),
        })
    }

    /// Emits rows `first .. last` of the batch with their windows.
    fn emit(&self, batch: &Batch, first: usize, last: usize, out: &mut Output<'_>) -> Result<()> {
        let (mut rows, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for row in first..last {
            for (start, end) in self.slices.windows_of(self.local[row]) {
                rows.push(row as u32);
                starts.push(start);
                ends.push(end);
            }
        }
        let moments: Vec<i64> = ends.iter().map(|end: &i64| self.zone.to_moment(end.saturating_sub(1))).collect();
        let repeated = if self.slices.is_tumbling() {
            batch.slice(first, last - first)
        } else {
            batch.take(&UInt32Array::from(rows))?
        };
        let time = match self.window_time_is_event_time {
            true => bounds(&moments).map(|(min, max)| TimeBounds { column: batch.width() + 2, min, max }),
            false => batch.time(),
        };
        let mut columns = repeated.columns();
        columns.extend(
            [starts, ends, moments].map(|column| Arc::new(TimestampMillisecondArray::from(column)) as ArrayRef),
        );
        out.emit(repeated.with_columns(columns).with_time(time));
        Ok(())
    }
}

impl Operator for WindowTvf {
    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        match self.time_column {
            Some(column) => self.zone.all_to_local(times(&batch.column(column), "event time")?, &mut self.local),
            None => {
                self.local.clear();
                self.local.resize(batch.len(), self.zone.to_local(out.now.wall_ms));
            }
        }
        let step = (out.rows_max() / self.slices.slices_per_window().max(1) as usize).max(1);
        let mut first = 0;
        while first < batch.len() {
            if out.is_full() {
                return Ok(Progress::Rows(first));
            }
            let last = batch.len().min(first + step);
            self.emit(batch, first, last, out)?;
            first = last;
        }
        Ok(Progress::Done)
    }
}
