//! A job with timers of both kinds, in tables of their own: a row registers one in event time, at the end of its window; when it
//! fires, another by the clock is registered; and when that fires, all windows that have closed are emitted. Every key and window
//! must come out exactly once.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, TimestampMillisecondArray};
use arrow::datatypes::{DataType, TimestampMillisecondType};
use tidemill_core::key::{KeyDecoder, KeyEncoder, KeyRef, Keys};
use tidemill_core::{Batch, Failure, InputId, Now, Progress, Result};
use tidemill_dataflow::{Operator, Output, Timers};
use tidemill_state::{StateTable, TimerTable};

use crate::sink::Net;
use crate::source::Rows;

/// Rows register for the end of their window of this length.
const WINDOW_MS: i64 = 200;
/// How long the second timer waits, by the clock.
const WAIT_MS: i64 = 3;

/// The operator.
pub struct Remind {
    encoder: KeyEncoder,
    /// Windows that are open, by their last millisecond.
    by_event: TimerTable,
    by_clock: TimerTable,
    /// Windows that have closed and are not emitted, in the same form.
    closed: TimerTable,
}

impl Remind {
    /// Without timers.
    pub fn new() -> Result<Remind> {
        let table = |name| TimerTable::new(name, vec![DataType::Int64]);
        Ok(Remind {
            encoder: KeyEncoder::new(vec![0], &[DataType::Int64])?,
            by_event: table("event"),
            by_clock: table("clock"),
            closed: table("closed"),
        })
    }

    /// Emits what has closed, as much as there is room for; true when nothing is left.
    fn emit_closed(&mut self, out: &mut Output<'_>) -> Result<bool> {
        let mut keys = KeyDecoder::new(&[DataType::Int64])?;
        let (mut ends, mut key) = (Vec::new(), Vec::new());
        while ends.len() < out.rows_max()
            && let Some(last_ms) = self.closed.pop_due(i64::MAX, &mut key)
        {
            let damaged = || Failure::fatal("sim.timer", "a timer's key is damaged");
            keys.push(KeyRef::from_bytes(self.encoder.layout(), &key).ok_or_else(damaged)?)?;
            ends.push(last_ms + 1);
        }
        let mut columns = keys.finish()?;
        let rows = ends.len();
        columns.push(Arc::new(TimestampMillisecondArray::from(ends)) as ArrayRef);
        columns.push(Arc::new(Int64Array::from(vec![1; rows])));
        out.emit(Batch::new(columns, rows));
        Ok(self.closed.is_empty())
    }

    /// Windows whose end has come close; their keys are called by the clock.
    fn close_due(&mut self, watermark_ms: i64, now: Now) -> Result<()> {
        let mut key = Vec::new();
        while let Some(last_ms) = self.by_event.pop_due(watermark_ms, &mut key) {
            self.closed.register(last_ms, &key)?;
            self.by_clock.register(now.wall_ms + WAIT_MS, &key)?;
        }
        Ok(())
    }
}

impl Operator for Remind {
    fn on_batch(&mut self, _input: InputId, batch: &Batch, _out: &mut Output<'_>) -> Result<Progress> {
        let (mut keys, mut scratch) = (Keys::new(), Vec::new());
        self.encoder.encode(batch, &mut keys)?;
        let times = batch.column(1);
        for (row, time) in times.as_primitive::<TimestampMillisecondType>().values().iter().enumerate() {
            self.by_event.register(end_of(*time) - 1, keys.bytes(row, &mut scratch))?;
        }
        Ok(Progress::Done)
    }

    fn on_timers(&mut self, due: &Timers, out: &mut Output<'_>) -> Result<Progress> {
        self.close_due(due.watermark.0, due.now)?;
        if self.by_clock.due(due.now.wall_ms).is_none() {
            return Ok(Progress::Done);
        }
        if !self.emit_closed(out)? {
            return Ok(Progress::Rows(0));
        }
        let mut key = Vec::new();
        while self.by_clock.pop_due(due.now.wall_ms, &mut key).is_some() {}
        Ok(Progress::Done)
    }

    fn next_timer_ms(&self) -> Option<i64> {
        self.by_clock.earliest()
    }

    fn on_end(&mut self, _input: InputId, out: &mut Output<'_>) -> Result<Progress> {
        // Nobody would wait for the clock.
        let done = self.emit_closed(out)?;
        Ok(if done { Progress::Done } else { Progress::Rows(0) })
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        vec![&mut self.by_event, &mut self.by_clock, &mut self.closed]
    }
}

/// What must be visible in the end: every key and window once.
pub fn expected(rows: &Rows) -> Net {
    let windows = rows.all().map(|(key, time, _)| (vec![Some(key), Some(end_of(time)), Some(1)], 1));
    windows.collect()
}

fn end_of(time: i64) -> i64 {
    time - time.rem_euclid(WINDOW_MS) + WINDOW_MS
}
