//! Runs one operator by hand: elements in, changelogs out, snapshots taken and restored at another parallelism. For tests of
//! operators here and of whoever writes one.
//!
//! ```
//! use tidemill_expr::SqlType;
//! use tidemill_operators::{config::LimitConfig, harness::Harness, limit::LimitOperator};
//! use prost::Message;
//!
//! let config = LimitConfig { limit: 2, ..LimitConfig::default() }.encode_to_vec();
//! let types = [SqlType::BIGINT];
//! let mut harness = Harness::open(Box::new(LimitOperator::new(&config)?))?;
//! harness.rows(&types, "+I 1\n +I 2\n +I 3")?;
//! assert_eq!(harness.output_text(&types), "+I 1\n+I 2\n");
//! # Ok::<(), tidemill_core::Failure>(())
//! ```

mod refill;
pub mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use tidemill_core::metrics::Metrics;
use tidemill_core::options::Configuration;
use tidemill_core::{
    Barrier, Batch, CheckpointKind, EventTime, InputId, JobId, KeyEncoder, KeyGroupSet, KeyGroups, Keys, Now,
    OperatorId, Progress, Result, Routing, SubtaskIndex,
};
use tidemill_dataflow::snapshot::{RestoredBlob, RestoredWatermarks};
use tidemill_dataflow::{CounterValues, Counters, NeedsAllRows, OpenContext, Operator, Output, Timers};
use tidemill_expr::arrays::scalars_to_array;
use tidemill_expr::{Scalar, SqlType};
use tidemill_state::{DeltaSink, Rewrite, Scope};

use refill::Refill;
use text::{Row, parse_rows, print_rows};

/// Key groups of the jobs that harnesses pretend to be part of.
const KEY_GROUPS: u32 = 128;

/// Everything that an operator instance left in a checkpoint.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// For each table its deltas, oldest first.
    tables: BTreeMap<String, Vec<DeltaSink>>,
    /// Whose keys they are.
    groups: KeyGroupSet,
    blobs: Vec<(String, Vec<u8>)>,
    watermark: Option<EventTime>,
}

impl Snapshot {
    fn restored_blobs(&self) -> impl Iterator<Item = RestoredBlob> {
        let groups = self.groups.clone();
        self.blobs.iter().map(move |(name, state)| RestoredBlob {
            name: name.clone(),
            state: state.clone(),
            groups: groups.clone(),
        })
    }
}

/// An operator with its surroundings.
pub struct Harness {
    operator: Box<dyn Operator>,
    counters: Arc<Counters>,
    metrics: Metrics,
    watermark: EventTime,
    now: Now,
    rows_max: usize,
    out: Vec<Batch>,
    snapshot: Snapshot,
    checkpoint: u64,
    is_restored: bool,
    refill: Option<Refill>,
    /// Timers are due that wait for rows.
    is_due: bool,
}

impl Harness {
    /// Starts an operator as the only instance.
    pub fn open(operator: Box<dyn Operator>) -> Result<Harness> {
        Harness::restore(operator, 0, 1, &[])
    }

    /// Starts an instance of several from the snapshots of all former instances.
    pub fn restore(
        operator: Box<dyn Operator>,
        subtask: SubtaskIndex,
        parallelism: u32,
        snapshots: &[Snapshot],
    ) -> Result<Harness> {
        let mut harness = Harness {
            operator,
            counters: Arc::default(),
            metrics: Metrics::default(),
            watermark: EventTime::MIN,
            now: Now::default(),
            rows_max: 1024,
            out: Vec::new(),
            snapshot: Snapshot::default(),
            checkpoint: 0,
            is_restored: !snapshots.is_empty(),
            refill: None,
            is_due: false,
        };
        let routing = routing(parallelism)?;
        let (metrics, options) = (harness.metrics.clone(), Configuration::default());
        harness.operator.open(&mut OpenContext {
            job: JobId(1),
            operator: OperatorId::from_name("harness"),
            name: "harness",
            subtask,
            parallelism,
            key_groups: routing.key_groups(),
            owned: &routing.owned_by(subtask),
            generation: 1,
            options: &options,
            counters: &harness.counters,
            metric: &|name| metrics.metric(&format!("harness.{name}")),
            now: harness.now,
        })?;
        let blobs: Vec<RestoredBlob> = snapshots.iter().flat_map(Snapshot::restored_blobs).collect();
        if !blobs.is_empty() {
            harness.operator.restore_blobs(&blobs)?;
        }
        harness.snapshot.groups = routing.owned_by(subtask);
        if harness.is_restored {
            let scope = Scope::of(&routing, subtask);
            let operator = harness.operator.as_mut();
            harness.refill = Some(Refill::new(operator, snapshots, routing.key_groups(), scope)?);
            harness.fill(NeedsAllRows::Always)?;
        } else {
            harness.operator.start()?;
        }
        let watermarks = snapshots.iter().filter_map(|snapshot| snapshot.watermark);
        let watermarks = watermarks.fold(None, |all, one| Some(RestoredWatermarks::and(all, one)));
        if let Some(RestoredWatermarks { lowest, highest }) = watermarks {
            harness.watermark = lowest;
            harness.operator.on_watermark(lowest)?;
            if highest > lowest {
                harness.watermark(highest.0)?;
            }
        }
        Ok(harness)
    }

    /// How many rows the output has before it is full.
    pub fn set_rows_max(&mut self, rows_max: usize) {
        self.rows_max = rows_max;
    }

    /// Sends rows, as [`parse_rows`](text::parse_rows) reads them, to input 0.
    pub fn rows(&mut self, types: &[SqlType], rows: &str) -> Result<()> {
        self.batch(0, &batch_of(types, &parse_rows(types, rows)?)?)
    }

    /// Sends a batch.
    pub fn batch(&mut self, input: InputId, batch: &Batch) -> Result<()> {
        if let Some(refill) = &mut self.refill
            && refill.pin(self.operator.as_mut(), input, batch)?
        {
            self.filled()?;
        }
        let mut rest = batch.clone();
        loop {
            let mut emitted = Vec::new();
            let progress =
                self.operator.on_batch(input, &rest, &mut Output::new(&mut emitted, self.rows_max, self.now))?;
            self.out.append(&mut emitted);
            match progress {
                Progress::Done => return Ok(()),
                Progress::Rows(done) => rest = rest.slice(done, rest.len() - done),
            }
        }
    }

    /// Reads all rows that are missing after a restore, for an operator that needs all for so much.
    fn fill(&mut self, needs: NeedsAllRows) -> Result<()> {
        if let Some(refill) = &mut self.refill
            && refill.fill(self.operator.as_mut(), needs)?
        {
            self.filled()?;
        }
        Ok(())
    }

    fn filled(&mut self) -> Result<()> {
        self.refill = None;
        self.operator.start()?;
        if std::mem::take(&mut self.is_due) { self.fire() } else { Ok(()) }
    }

    /// The watermark that goes on, in milliseconds: as the operator was given it, but for what it holds back.
    pub fn watermark_passed_on(&self) -> i64 {
        self.watermark.min(self.operator.hold()).0
    }

    /// The watermark rises, and what is due fires; after a restore perhaps when all rows are there, a few batches later.
    pub fn watermark(&mut self, watermark_ms: i64) -> Result<()> {
        self.fill(NeedsAllRows::ForWatermarks)?;
        self.watermark = EventTime(watermark_ms);
        self.operator.on_watermark(self.watermark)?;
        let waits = self.refill.is_some() && self.operator.needs_all_rows() >= NeedsAllRows::ForTimers;
        self.is_due |= waits;
        if waits { Ok(()) } else { self.fire() }
    }

    /// The wall clock moves; what is due fires.
    pub fn wall_clock(&mut self, wall_ms: i64) -> Result<()> {
        self.fill(NeedsAllRows::ForTimers)?;
        self.now = Now { monotonic_ns: self.now.monotonic_ns + 1, wall_ms };
        while self.operator.next_timer_ms().is_some_and(|timer_ms| timer_ms <= wall_ms) {
            self.fire()?;
        }
        Ok(())
    }

    fn fire(&mut self) -> Result<()> {
        let due = Timers { watermark: self.watermark, now: self.now };
        self.until_done(|operator, out| operator.on_timers(&due, out))
    }

    fn until_done(
        &mut self,
        mut call: impl FnMut(&mut dyn Operator, &mut Output<'_>) -> Result<Progress>,
    ) -> Result<()> {
        loop {
            let mut emitted = Vec::new();
            let progress = call(self.operator.as_mut(), &mut Output::new(&mut emitted, self.rows_max, self.now))?;
            self.out.append(&mut emitted);
            if progress == Progress::Done {
                return Ok(());
            }
        }
    }

    /// The input ends: the greatest watermark, then the end.
    pub fn end(&mut self) -> Result<()> {
        self.fill(NeedsAllRows::ForTimers)?;
        self.watermark(i64::MAX)?;
        self.until_done(|operator, out| operator.on_end(0, out))
    }

    /// Takes what was emitted since the last call.
    pub fn output(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.out)
    }

    /// Takes what was emitted since the last call, as text.
    pub fn output_text(&mut self, types: &[SqlType]) -> String {
        let rows: Vec<Row> = self.output().iter().flat_map(|batch| rows_of(types, batch)).collect();
        print_rows(&rows)
    }

    /// A checkpoint: what changed since the last one; with `full`, and the first time after a restore, everything.
    pub fn checkpoint(&mut self, full: bool) -> Result<Snapshot> {
        // The first one after a restore stands alone.
        self.fill(NeedsAllRows::Never)?;
        self.checkpoint += 1;
        let full = full || self.is_restored && self.checkpoint == 1;
        let kind = if full { CheckpointKind::StopWithSavepoint } else { CheckpointKind::Checkpoint };
        let barrier = Barrier { checkpoint: self.checkpoint, kind, mutation: Vec::new() };
        let mut emitted = Vec::new();
        self.operator.on_barrier(&barrier, &mut Output::new(&mut emitted, self.rows_max, self.now))?;
        self.out.append(&mut emitted);
        for table in self.operator.tables() {
            let mut delta = DeltaSink::new();
            table.freeze(if full { Rewrite::ALL } else { Rewrite::NONE })?;
            while !table.gather(1000, &mut delta) {}
            self.snapshot.tables.entry(table.descriptor().name.clone()).or_default().push(delta);
        }
        self.snapshot.blobs = self.operator.blobs();
        self.snapshot.watermark = Some(self.watermark).filter(|watermark| *watermark != EventTime::MIN);
        Ok(self.snapshot.clone())
    }

    /// What the operator has counted.
    pub fn counters(&self) -> CounterValues {
        self.counters.values()
    }

    /// The value of one of the operator's metrics.
    pub fn metric(&self, name: &str) -> i64 {
        self.metrics.metric(&format!("harness.{name}")).get()
    }

    /// Rows in the operator's tables.
    pub fn state_rows(&mut self) -> usize {
        self.operator.tables().iter().map(|table| table.live_rows()).sum()
    }
}

fn routing(parallelism: u32) -> Result<Routing> {
    Routing::contiguous(KeyGroups::new(KEY_GROUPS)?, parallelism)
}

/// The rows of a batch that go to each of `parallelism` instances when keyed by `key`.
pub fn scatter(batch: &Batch, key: &[usize], parallelism: u32) -> Result<Vec<Batch>> {
    let types: Vec<_> = key.iter().map(|column| batch.column(*column).data_type().clone()).collect();
    let mut keys = Keys::new();
    KeyEncoder::new(key.to_vec(), &types)?.encode(batch, &mut keys)?;
    let routing = routing(parallelism)?;
    (0..parallelism)
        .map(|subtask| {
            let rows = keys.hashes().iter().zip(0u32..).filter(|(hash, _)| routing.subtask(**hash) == subtask);
            batch.take(&rows.map(|(_, row)| row).collect::<Vec<u32>>().into())
        })
        .collect()
}

/// Rows as a batch.
pub fn batch_of(types: &[SqlType], rows: &[Row]) -> Result<Batch> {
    let column = |(position, ty): (usize, &SqlType)| {
        let values: Vec<Scalar> = rows.iter().map(|(_, values)| values[position].clone()).collect();
        scalars_to_array(&values, ty)
    };
    let columns: Vec<ArrayRef> = types.iter().enumerate().map(column).collect::<Result<_>>()?;
    Ok(Batch::new(columns, rows.len()).with_kinds(rows.iter().map(|(kind, _)| *kind).collect()))
}

/// The rows of a batch.
pub fn rows_of(types: &[SqlType], batch: &Batch) -> Vec<Row> {
    let columns = batch.columns();
    let values = |row: usize| columns.iter().zip(types).map(|(column, ty)| Scalar::at(column, ty, row)).collect();
    (0..batch.len()).map(|row| (batch.kind(row), values(row))).collect()
}
