//! Runs INSERTs: all sinks of a job are written and prepared first, then all are committed.
//!
//! A table that several INSERTs read is read once for each of them. If one fails, nothing is committed. What a process that was
//! killed has left is removed by the next INSERT into the same table.

use std::thread;

use tidemill_core::{Batch, Failure, OperatorId, Progress, Result};
use tidemill_dataflow::{Committer, CounterValues, RowHasher, Writer, WriterContext, check_not_null};
use tidemill_planner::{PlannedInsert, PlannedJob};

use crate::Lowering;
use crate::context::BatchContext;
use crate::execute::{BatchRows, execute_query};

/// The one checkpoint of a batch job: its end.
const LAST: u64 = 1;

/// What an INSERT has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsertReport {
    /// The sink's full name.
    pub sink: String,
    /// Rows read and written; the result hash is 0 where it is switched off.
    pub counts: CounterValues,
}

/// What a job has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobReport {
    /// INSERT by INSERT.
    pub inserts: Vec<InsertReport>,
    /// All together.
    pub counts: CounterValues,
}

/// Runs all INSERTs of a job and commits their output.
///
/// # Errors
/// As [`crate::execute_optimized`]; NULL in a NOT NULL column; whatever a sink reports. Nothing is committed then, unless
/// the failure is that of a commit.
pub fn execute_job(job: &PlannedJob, lowering: Lowering, cx: &BatchContext) -> Result<JobReport> {
    let mut sinks = Vec::new();
    let written: Result<Vec<Written>> =
        job.inserts.iter().map(|insert| write(insert, lowering, cx, &mut sinks)).collect();
    let written = match written {
        Ok(written) => written,
        Err(failure) => {
            // What was written is invisible; if it cannot be removed either, the first failure says more.
            sinks.iter_mut().for_each(|sink| _ = sink.clean());
            return Err(failure);
        }
    };
    let mut report = JobReport::default();
    for (sink, written) in sinks.iter_mut().zip(written) {
        sink.commit(&written.prepared)?;
        report.counts.add(&written.report.counts);
        report.inserts.push(written.report);
    }
    Ok(report)
}

/// Runs one INSERT and commits its output.
///
/// # Errors
/// As [`execute_job`].
pub fn execute_insert(insert: &PlannedInsert, lowering: Lowering, cx: &BatchContext) -> Result<InsertReport> {
    let job =
        PlannedJob { name: insert.sink.clone(), inserts: vec![insert.clone()], graph: None, definition: String::new() };
    let mut report = execute_job(&job, lowering, cx)?;
    report.inserts.pop().ok_or_else(|| Failure::fatal("batch.insert", "an INSERT gave no report"))
}

/// A sink in use.
struct OpenSink {
    committer: Option<Box<dyn Committer>>,
    generation: u64,
}

struct Written {
    prepared: Vec<Vec<u8>>,
    report: InsertReport,
}

impl OpenSink {
    fn commit(&mut self, prepared: &[Vec<u8>]) -> Result<()> {
        let Some(committer) = &mut self.committer else { return Ok(()) };
        committer.commit(prepared)?;
        committer.clean(self.generation + 1)?;
        committer.finish()
    }

    fn clean(&mut self) -> Result<()> {
        self.committer.as_mut().map_or(Ok(()), |committer| committer.clean(self.generation + 1))
    }
}

fn write(insert: &PlannedInsert, lowering: Lowering, cx: &BatchContext, sinks: &mut Vec<OpenSink>) -> Result<Written> {
    let query = match lowering {
        Lowering::Optimized => &insert.optimized,
        Lowering::Bound => &insert.bound,
    };
    let before = cx.counters.values();
    let mut rows = execute_query(query, cx)?;
    let sink = cx.components.sink(&insert.plan.kind, &insert.plan.config)?;
    // Names of files come from these, so every INSERT has its own.
    let operator = OperatorId(u128::from(cx.env.random_u64()) << 64 | u128::from(cx.env.random_u64()));
    let generation = cx.env.random_u64() >> 1;
    let mut committer = sink.committer(operator)?;
    if let Some(committer) = &mut committer {
        committer.hold()?;
    }
    sinks.push(OpenSink { committer, generation });
    let mut writer = sink.writer(&WriterContext { operator, generation, subtask: 0, parallelism: 1 })?;
    write_all(insert, &mut rows, writer.as_mut(), cx)?;
    writer.finish()?;
    let prepared = writer.prepare(LAST)?;
    let counts = cx.counters.values().since(&before);
    Ok(Written { prepared, report: InsertReport { sink: insert.sink.clone(), counts } })
}

fn write_all(insert: &PlannedInsert, rows: &mut BatchRows, writer: &mut dyn Writer, cx: &BatchContext) -> Result<()> {
    let mut hasher = None;
    for batch in &mut *rows {
        let batch = batch?;
        check_not_null(&insert.write, &batch)?;
        if insert.write.result_hash {
            let hasher = match &mut hasher {
                Some(hasher) => hasher,
                None => hasher.insert(RowHasher::new(&insert.write.sink, &batch)?),
            };
            cx.counters.add_result_hash(hasher.sum(&batch)?);
        }
        cx.counters.add_rows_out(batch.len() as u64);
        write_batch(batch, writer, cx)?;
    }
    Ok(())
}

/// Writes a batch however often the writer stops in its middle.
fn write_batch(mut rest: Batch, writer: &mut dyn Writer, cx: &BatchContext) -> Result<()> {
    while !rest.is_empty() {
        match writer.write(&rest, cx.env.now())? {
            Progress::Done => return Ok(()),
            Progress::Rows(0) => thread::yield_now(),
            Progress::Rows(rows) => rest = rest.slice(rows, rest.len() - rows),
        }
    }
    Ok(())
}
