//! The operator at the end of a chain that writes: checks NOT NULL, counts and hashes rows, and hands them to a writer.

use arrow::array::Array;
use arrow::datatypes::DataType;
use tidemill_core::key::{KeyEncoder, Keys};
use tidemill_core::{Barrier, Batch, Failure, InputId, Progress, Result};

use crate::graph::WriteStage;
use crate::operator::{OpenContext, Operator, Output};
use crate::sink::{Sink, Writer, WriterContext, output_id};
use crate::{Counters, Timers};
use std::sync::Arc;

/// A sink at the end of a chain.
pub(crate) struct SinkOperator {
    sink: Arc<dyn Sink>,
    stage: WriteStage,
    running: Option<Running>,
    hasher: Option<RowHasher>,
}

struct Running {
    writer: Box<dyn Writer>,
    counters: Arc<Counters>,
}

impl SinkOperator {
    pub(crate) fn new(sink: Arc<dyn Sink>, stage: WriteStage) -> SinkOperator {
        SinkOperator { sink, stage, running: None, hasher: None }
    }

    fn running(&mut self) -> Result<&mut Running> {
        self.running.as_mut().ok_or_else(|| Failure::fatal("sink.closed", "the sink was used before it was opened"))
    }
}

/// Refuses rows with NULL in a column that must not have it.
pub fn check_not_null(stage: &WriteStage, batch: &Batch) -> Result<()> {
    for column in &stage.not_null {
        if batch.column(*column as usize).null_count() > 0 {
            let name = stage.columns.get(*column as usize).map_or("?", String::as_str);
            let text = format!(
                "column '{name}' of sink {} is NOT NULL, but a row has NULL there; declare it nullable or use COALESCE",
                stage.sink
            );
            return Err(Failure::data("sink.not-null", text));
        }
    }
    Ok(())
}

impl Operator for SinkOperator {
    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        let writer = self.sink.writer(&WriterContext {
            operator: output_id(cx.job, cx.operator),
            generation: cx.generation,
            subtask: cx.subtask,
            parallelism: cx.parallelism,
        })?;
        self.running = Some(Running { writer, counters: Arc::clone(cx.counters) });
        Ok(())
    }

    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        check_not_null(&self.stage, batch)?;
        let running = self.running()?;
        let progress = running.writer.write(batch, out.now)?;
        let written = match progress {
            Progress::Done => batch.clone(),
            Progress::Rows(rows) => batch.slice(0, rows),
        };
        running.counters.add_rows_out(written.len() as u64);
        if self.stage.result_hash {
            let hasher = match &mut self.hasher {
                Some(hasher) => hasher,
                None => self.hasher.insert(RowHasher::new(&self.stage.sink, batch)?),
            };
            let sum = hasher.sum(&written)?;
            self.running()?.counters.add_result_hash(sum);
        }
        Ok(progress)
    }

    fn on_timers(&mut self, _due: &Timers, _out: &mut Output<'_>) -> Result<Progress> {
        Ok(Progress::Done)
    }

    fn on_barrier(&mut self, barrier: &Barrier, _out: &mut Output<'_>) -> Result<Vec<Vec<u8>>> {
        self.running()?.writer.prepare(barrier.checkpoint)
    }

    fn on_end(&mut self, _input: InputId, _out: &mut Output<'_>) -> Result<Progress> {
        self.running()?.writer.finish()?;
        Ok(Progress::Done)
    }
}

/// The result hash: for each net row xxh3-128 of the sink's name and all columns in key format v1, added modulo 2^128;
/// a retracted row is subtracted.
pub struct RowHasher {
    prefix: Vec<u8>,
    encoder: KeyEncoder,
    keys: Keys,
    row: Vec<u8>,
}

impl RowHasher {
    /// A hasher for rows of a sink; `batch` shows their types.
    pub fn new(sink: &str, batch: &Batch) -> Result<RowHasher> {
        let types: Vec<DataType> = batch.columns().iter().map(|column| column.data_type().clone()).collect();
        let encoder = KeyEncoder::new((0..batch.width()).collect(), &types)?;
        let mut prefix = sink.as_bytes().to_vec();
        prefix.push(0);
        Ok(RowHasher { prefix, encoder, keys: Keys::default(), row: Vec::new() })
    }

    /// The sum of the hashes of a batch's rows.
    pub fn sum(&mut self, batch: &Batch) -> Result<u128> {
        self.encoder.encode(batch, &mut self.keys)?;
        let mut sum = 0u128;
        for row in 0..batch.len() {
            self.row.clear();
            self.row.extend_from_slice(&self.prefix);
            self.keys.key(row).append_to(&mut self.row);
            let hash = xxhash_rust::xxh3::xxh3_128(&self.row);
            sum = if batch.kind(row).is_accumulate() { sum.wrapping_add(hash) } else { sum.wrapping_sub(hash) };
        }
        Ok(sum)
    }
}
