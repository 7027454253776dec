//! TUMBLE, HOP and CUMULATE: the windows of each row follow from its time alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMillisecondArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use tidemill_core::Result;
use tidemill_operators::config::{WindowKind, WindowSpec};
use tidemill_operators::window::slices::Slices;
use tidemill_operators::window::times::times;
use tidemill_operators::window::zone::Zone;
use tidemill_planner::rel::Window;

/// Where a row's time is.
#[derive(Clone, Copy, Debug)]
pub(super) enum TimeOf {
    /// A column of milliseconds.
    Column(usize),
    /// The clock, in milliseconds since the epoch.
    Clock(i64),
}

/// Local time where windows are over moments; none where they are over local times already.
fn to_local(zone: Option<Zone>, time: i64) -> i64 {
    zone.map_or(time, |zone| zone.to_local(time))
}

/// The slices of windows that do not depend on the rows; none for sessions.
pub(super) fn slices(window: Window) -> Result<Option<Slices>> {
    let (kind, size_ms, step_ms, offset_ms) = match window {
        Window::Tumble { size_ms, offset_ms } => (WindowKind::Tumble, size_ms, 0, offset_ms),
        Window::Hop { size_ms, slide_ms, offset_ms } => (WindowKind::Hop, size_ms, slide_ms, offset_ms),
        Window::Cumulate { size_ms, step_ms, offset_ms } => (WindowKind::Cumulate, size_ms, step_ms, offset_ms),
        Window::Session { .. } => return Ok(None),
    };
    Slices::new(&WindowSpec { kind: kind as i32, size_ms, step_ms, offset_ms }).map(Some)
}

/// The times of rows, local where windows are over moments; a row without a time is a failure.
pub(super) fn local_times(batch: &RecordBatch, column: usize, zone: Option<Zone>) -> Result<Vec<i64>> {
    let times = times(batch.column(column), "event time")?;
    Ok(times.iter().map(|time| to_local(zone, *time)).collect())
}

/// The rows once for each of their windows. `schema`: the batch's columns and three more.
pub(super) fn assign(
    batch: &RecordBatch,
    slices: &Slices,
    time: TimeOf,
    zone: Option<Zone>,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let (mut rows, mut bounds) = (Vec::new(), Bounds::default());
    let times = match time {
        TimeOf::Clock(now_ms) => vec![to_local(zone, now_ms); batch.num_rows()],
        TimeOf::Column(column) => local_times(batch, column, zone)?,
    };
    for (row, time) in times.into_iter().enumerate() {
        for (start, end) in slices.windows_of(time) {
            rows.push(row as u32);
            bounds.push(start, end);
        }
    }
    let columns: Vec<ArrayRef> = if slices.is_tumbling() {
        batch.columns().to_vec()
    } else {
        let rows = UInt32Array::from(rows);
        batch.columns().iter().map(|column| take(column, &rows, None)).collect::<Result<_, _>>()?
    };
    bounds.append_to(columns, zone, schema)
}

/// Starts and ends of windows, a pair a row.
#[derive(Default)]
pub(super) struct Bounds {
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl Bounds {
    /// One more row.
    pub fn push(&mut self, start: i64, end: i64) {
        self.push_many(start, end, 1);
    }

    /// More rows of one window.
    pub fn push_many(&mut self, start: i64, end: i64, rows: usize) {
        self.starts.resize(self.starts.len() + rows, start);
        self.ends.resize(self.ends.len() + rows, end);
    }

    /// The columns and behind them start, end and time of the windows.
    pub fn append_to(self, mut columns: Vec<ArrayRef>, zone: Option<Zone>, schema: &SchemaRef) -> Result<RecordBatch> {
        let last = |end: &i64| {
            let last = end.saturating_sub(1);
            zone.map_or(last, |zone| zone.to_moment(last))
        };
        let times: Vec<i64> = self.ends.iter().map(last).collect();
        for values in [self.starts, self.ends, times] {
            columns.push(Arc::new(TimestampMillisecondArray::from(values)));
        }
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}
