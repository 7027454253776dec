//! Operators that are watched: the watermark of none may fall, whether or not the job was restored in between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_core::{Barrier, Batch, EventTime, Failure, InputId, OperatorId, Progress, Result};
use tidemill_dataflow::snapshot::RestoredBlob;
use tidemill_dataflow::{Inputs, Mail, NeedsAllRows, OpenContext, Operator, Output, Pins, Timers};
use tidemill_state::StateTable;

use crate::epochs::Epochs;

/// Generation and checkpoint.
type Moment = (u64, u64);

/// The watermarks that operators had at each barrier, of all processes, and the checkpoint that a process goes on from.
#[derive(Clone, Debug, Default)]
pub struct Watermarks {
    /// The lowest of an operator's instances.
    seen: Arc<Mutex<BTreeMap<(Moment, OperatorId), EventTime>>>,
    restored: Arc<Mutex<Option<Moment>>>,
}

impl Watermarks {
    /// For another process of the same world.
    pub fn of_process(&self) -> Watermarks {
        Watermarks { seen: Arc::clone(&self.seen), restored: Arc::default() }
    }

    /// The process goes on from the checkpoint whose manifest is at a URL, or from none.
    pub fn restored(&self, url: Option<&str>) {
        let at = |url: &str| url.find("chk-").and_then(|at| tidemill_checkpoint::JobDirectory::origin(&url[at..]));
        let moment = url.and_then(at).map(|origin| (origin.generation, origin.checkpoint));
        *self.restored.lock().unwrap_or_else(PoisonError::into_inner) = moment;
    }

    fn note(&self, moment: Moment, operator: OperatorId, watermark: EventTime) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let lowest = seen.entry((moment, operator)).or_insert(watermark);
        *lowest = watermark.min(*lowest);
    }

    fn lowest(&self, operator: OperatorId) -> EventTime {
        let restored = *self.restored.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        restored.and_then(|moment| seen.get(&(moment, operator)).copied()).unwrap_or(EventTime::MIN)
    }
}

/// An operator with the watermark it has heard of.
pub struct Watched {
    inner: Box<dyn Operator>,
    watermarks: Watermarks,
    epochs: Arc<Epochs>,
    id: OperatorId,
    generation: u64,
    last: EventTime,
    /// What it had in the checkpoint, at least; nothing may happen before it has that again.
    before: EventTime,
}

impl Watched {
    /// Watches an operator.
    pub fn new(inner: Box<dyn Operator>, watermarks: &Watermarks, epochs: Arc<Epochs>) -> Watched {
        let (last, before) = (EventTime::MIN, EventTime::MIN);
        Watched {
            inner,
            watermarks: watermarks.clone(),
            epochs,
            id: OperatorId::default(),
            generation: 0,
            last,
            before,
        }
    }

    fn check(&self, watermark: EventTime, before: EventTime) -> Result<()> {
        if watermark >= before {
            return Ok(());
        }
        Err(Failure::fatal("sim.watermark", format!("a watermark fell from {before} to {watermark}")))
    }
}

impl Operator for Watched {
    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        (self.id, self.generation) = (cx.operator, cx.generation);
        self.before = self.watermarks.lowest(self.id);
        self.inner.open(cx)
    }

    fn start(&mut self) -> Result<()> {
        self.inner.start()
    }

    fn wants(&self) -> Inputs {
        self.inner.wants()
    }

    fn needs_all_rows(&self) -> NeedsAllRows {
        self.inner.needs_all_rows()
    }

    fn pin(&mut self, input: InputId, batch: &Batch, pins: &mut Pins<'_>) -> Result<()> {
        self.inner.pin(input, batch, pins)
    }

    fn on_batch(&mut self, input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        self.check(self.last, self.before)?;
        let progress = self.inner.on_batch(input, batch, out)?;
        self.epochs.arrived(match progress {
            Progress::Done => batch.len() as u64,
            Progress::Rows(rows) => rows as u64,
        });
        Ok(progress)
    }

    fn on_mail(&mut self, mail: &Mail, out: &mut Output<'_>) -> Result<Progress> {
        self.inner.on_mail(mail, out)
    }

    fn on_watermark(&mut self, watermark: EventTime) -> Result<()> {
        self.check(watermark, self.last)?;
        self.last = watermark;
        self.inner.on_watermark(watermark)
    }

    fn on_timers(&mut self, due: &Timers, out: &mut Output<'_>) -> Result<Progress> {
        self.inner.on_timers(due, out)
    }

    fn next_timer_ms(&self) -> Option<i64> {
        self.inner.next_timer_ms()
    }

    fn hold(&self) -> EventTime {
        self.inner.hold()
    }

    fn on_barrier(&mut self, barrier: &Barrier, out: &mut Output<'_>) -> Result<Vec<Vec<u8>>> {
        self.watermarks.note((self.generation, barrier.checkpoint), self.id, self.last);
        self.inner.on_barrier(barrier, out)
    }

    fn on_end(&mut self, input: InputId, out: &mut Output<'_>) -> Result<Progress> {
        self.inner.on_end(input, out)
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        self.inner.tables()
    }

    fn blobs(&self) -> Vec<(String, Vec<u8>)> {
        self.inner.blobs()
    }

    fn restore_blobs(&mut self, blobs: &[RestoredBlob]) -> Result<()> {
        self.inner.restore_blobs(blobs)
    }
}
