//! Measures the longest call of an operator, in CPU time of its thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::{Barrier, Batch, EventTime, InputId, Progress, Result};
use tidemill_dataflow::snapshot::RestoredBlob;
use tidemill_dataflow::{OpenContext, Operator, Output, Timers};

use tidemill_state::StateTable;

use crate::measure;

/// The longest call so far, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Longest(Arc<AtomicU64>);

impl Longest {
    /// In milliseconds.
    pub fn ms(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64 / 1e6
    }

    fn measure<T>(&self, call: impl FnOnce() -> Result<T>) -> Result<T> {
        let (result, cpu) = measure::of_thread(call)?;
        self.0.fetch_max(cpu.as_nanos() as u64, Ordering::Relaxed);
        result
    }
}

/// An operator whose calls are measured.
pub struct Timed {
    operator: Box<dyn Operator>,
    longest: Longest,
}

impl Timed {
    /// Measures `operator`.
    pub fn new(operator: Box<dyn Operator>, longest: Longest) -> Timed {
        Timed { operator, longest }
    }
}

impl Operator for Timed {
    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.operator.open(cx)
    }

    fn start(&mut self) -> Result<()> {
        self.operator.start()
    }

    fn on_batch(&mut self, input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        self.longest.measure(|| self.operator.on_batch(input, batch, out))
    }

    fn on_watermark(&mut self, watermark: EventTime) -> Result<()> {
        self.longest.measure(|| self.operator.on_watermark(watermark))
    }

    fn on_timers(&mut self, due: &Timers, out: &mut Output<'_>) -> Result<Progress> {
        self.longest.measure(|| self.operator.on_timers(due, out))
    }

    fn next_timer_ms(&self) -> Option<i64> {
        self.operator.next_timer_ms()
    }

    fn hold(&self) -> EventTime {
        self.operator.hold()
    }

    fn on_barrier(&mut self, barrier: &Barrier, out: &mut Output<'_>) -> Result<Vec<Vec<u8>>> {
        self.longest.measure(|| self.operator.on_barrier(barrier, out))
    }

    fn on_end(&mut self, input: InputId, out: &mut Output<'_>) -> Result<Progress> {
        self.operator.on_end(input, out)
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        self.operator.tables()
    }

    fn blobs(&self) -> Vec<(String, Vec<u8>)> {
        self.operator.blobs()
    }

    fn restore_blobs(&mut self, blobs: &[RestoredBlob]) -> Result<()> {
        self.operator.restore_blobs(blobs)
    }
}
