//! What an operator is: a step of a chain that takes elements and emits batches, and can stop in the middle.

use std::sync::Arc;

use tidemill_core::key_group::{KeyGroupSet, KeyGroups};
use tidemill_core::metrics::Metric;
use tidemill_core::{
    Barrier, Batch, CheckpointId, EventTime, InputId, JobId, Now, OperatorId, Progress, Result, SubtaskIndex,
};
use tidemill_state::{Buckets, StateTable};

use crate::counters::Counters;
use crate::snapshot::RestoredBlob;

/// One operator of a chain; never called concurrently; stops when `out.is_full()`.
///
/// Calls come in this order: `open`, then (after a restore) [`restore_blobs`](Operator::restore_blobs), then elements as they
/// come. [`start`](Operator::start) is called once all rows are in [`tables`](Operator::tables): before any element if there
/// is nothing to restore, or if the operator [needs all rows](Operator::needs_all_rows) always; otherwise between elements.
pub trait Operator: Send {
    /// Declares tables and takes what it needs of its surroundings.
    fn open(&mut self, _cx: &mut OpenContext<'_>) -> Result<()> {
        Ok(())
    }

    /// All rows and blobs are restored; rebuild what derives from them.
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    /// Which inputs it would like to read from now. A wish: all are read while a barrier waits on one of them, for otherwise no
    /// checkpoint would come to an end.
    fn wants(&self) -> Inputs {
        Inputs::ALL
    }

    /// For what it needs all rows of its tables, which after a restore are filled in the background.
    fn needs_all_rows(&self) -> NeedsAllRows {
        NeedsAllRows::Always
    }

    /// Names the rows that [`on_batch`](Operator::on_batch) will look for in any table, by their hashes. Called before a batch
    /// is offered while tables are being filled, unless all rows are needed always. Changes nothing.
    fn pin(&mut self, _input: InputId, _batch: &Batch, _pins: &mut Pins<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes rows. `Rows(n)`: the first n are done; the rest is offered again.
    fn on_batch(&mut self, input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress>;

    /// News from outside the flow of elements, between two calls. `Rows(0)`: call again.
    fn on_mail(&mut self, _mail: &Mail, _out: &mut Output<'_>) -> Result<Progress> {
        Ok(Progress::Done)
    }

    /// The watermark of the operator's inputs rose. May register timers; emits nothing.
    fn on_watermark(&mut self, _watermark: EventTime) -> Result<()> {
        Ok(())
    }

    /// Emits what is due. Called after every watermark, and when [`next_timer_ms`](Operator::next_timer_ms) has come, until
    /// it returns `Done`; a watermark goes on only then.
    fn on_timers(&mut self, _due: &Timers, _out: &mut Output<'_>) -> Result<Progress> {
        Ok(Progress::Done)
    }

    /// The next processing time, in milliseconds since the epoch, at which `on_timers` has something to do.
    fn next_timer_ms(&self) -> Option<i64> {
        None
    }

    /// The smallest timestamp that the operator may still emit of its own accord; the watermark it forwards stays below.
    fn hold(&self) -> EventTime {
        EventTime::MAX
    }

    /// A checkpoint's barrier passes; the tables are frozen right after. Sinks return what they have prepared.
    fn on_barrier(&mut self, _barrier: &Barrier, _out: &mut Output<'_>) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    /// No more rows on this input (the maximum watermark came before). `Rows(0)`: call again.
    fn on_end(&mut self, _input: InputId, _out: &mut Output<'_>) -> Result<Progress> {
        Ok(Progress::Done)
    }

    /// The operator's tables; always the same ones in the same order.
    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        Vec::new()
    }

    /// Small state that is no table: name and bytes. Written to every checkpoint.
    fn blobs(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    /// The blobs of all former subtasks of this operator, after a restore, perhaps at another parallelism.
    fn restore_blobs(&mut self, _blobs: &[RestoredBlob]) -> Result<()> {
        Ok(())
    }
}

/// A set of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs(u64);

impl Inputs {
    /// Every input.
    pub const ALL: Inputs = Inputs(u64::MAX);

    /// One input; from the 64th on, all that are so high.
    pub fn only(input: InputId) -> Inputs {
        Inputs(1 << input.min(63))
    }

    /// True if it is in the set.
    pub fn contains(self, input: InputId) -> bool {
        self.0 & (1 << input.min(63)) != 0
    }
}

/// What reaches an operator from outside the flow of elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// A checkpoint that it was part of is complete.
    CheckpointCompleted(CheckpointId),
    /// A checkpoint that it was part of has been given up.
    CheckpointAborted(CheckpointId),
}

/// For what an operator needs all rows of its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeedsAllRows {
    /// For nothing: it looks only for rows that `pin` has named.
    Never,
    /// For `on_timers` and `on_end`. Rows may come between a watermark and what it makes due.
    ForTimers,
    /// For watermarks: what one makes due must fire before another row comes.
    ForWatermarks,
    /// For everything.
    Always,
}

/// The rows that a batch needs.
#[derive(Debug)]
pub struct Pins<'a> {
    buckets: &'a mut Buckets,
}

impl<'a> Pins<'a> {
    /// Pins that are collected into `buckets`.
    pub fn new(buckets: &'a mut Buckets) -> Pins<'a> {
        Pins { buckets }
    }

    /// Adds the rows with these hashes.
    pub fn add(&mut self, hashes: &[u64]) {
        hashes.iter().for_each(|hash| self.buckets.insert(Buckets::of(*hash)));
    }
}

/// What an operator learns about its place when it is opened.
pub struct OpenContext<'a> {
    /// The job, the same whenever it goes on.
    pub job: JobId,
    /// Its identity.
    pub operator: OperatorId,
    /// Its name in plans and messages.
    pub name: &'a str,
    /// Which of the parallel instances it is.
    pub subtask: SubtaskIndex,
    /// How many there are.
    pub parallelism: u32,
    /// The job's division into key groups.
    pub key_groups: KeyGroups,
    /// The key groups whose keys arrive here.
    pub owned: &'a KeyGroupSet,
    /// How often this job has been started; unique file names rest on it.
    pub generation: u64,
    /// The job's options.
    pub options: &'a tidemill_core::options::Configuration,
    /// Rows in and out, late rows, result hash: kept in checkpoints.
    pub counters: &'a Arc<Counters>,
    /// Other metrics of this operator.
    pub metric: &'a dyn Fn(&str) -> Metric,
    /// The moment of opening.
    pub now: Now,
}

/// What is due in [`Operator::on_timers`].
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// The watermark: event-time timers at or before it are due.
    pub watermark: EventTime,
    /// The present moment: processing-time timers at or before its wall clock are due.
    pub now: Now,
}

/// Where an operator's rows go. Batches pile up for the next operators of the chain or for the exchanges.
pub struct Output<'a> {
    pub(crate) batches: &'a mut Vec<Batch>,
    pub(crate) rows: usize,
    pub(crate) rows_max: usize,
    /// The present moment.
    pub now: Now,
}

impl<'a> Output<'a> {
    /// An output that collects into `batches` and is full from `rows_max` rows on.
    pub fn new(batches: &'a mut Vec<Batch>, rows_max: usize, now: Now) -> Output<'a> {
        let rows = batches.iter().map(Batch::len).sum();
        Output { batches, rows, rows_max, now }
    }

    /// Emits rows. An empty batch vanishes.
    pub fn emit(&mut self, batch: Batch) {
        if !batch.is_empty() {
            self.rows += batch.len();
            self.batches.push(batch);
        }
    }

    /// True when the operator should stop and return how far it got.
    pub fn is_full(&self) -> bool {
        self.rows >= self.rows_max
    }

    /// How many rows a batch should have at most (`tidemill.batch.rows-max`).
    pub fn rows_max(&self) -> usize {
        self.rows_max
    }
}
