//! `LIMIT` and `OFFSET` without an order: rows are counted as they arrive.

use tidemill_core::{Batch, Failure, InputId, Progress, Result};
use tidemill_dataflow::snapshot::RestoredBlob;
use tidemill_dataflow::{Operator, Output};

use crate::config::{LIMIT, LimitConfig, decode};

/// The operator of kind `limit`. It runs at parallelism 1.
pub struct LimitOperator {
    offset: u64,
    end: u64,
    /// Rows that have arrived, up to `end`.
    seen: u64,
}

impl LimitOperator {
    /// An operator from its config.
    pub fn new(config: &[u8]) -> Result<LimitOperator> {
        let config: LimitConfig = decode(LIMIT, config)?;
        if config.input_retracts {
            let text =
                "LIMIT without ORDER BY needs an input that only adds rows; limit the input of the aggregation instead";
            return Err(Failure::user("limit.changelog", text));
        }
        Ok(LimitOperator { offset: config.offset, end: config.offset.saturating_add(config.limit), seen: 0 })
    }
}

impl Operator for LimitOperator {
    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        let rows = batch.len() as u64;
        let first = self.offset.saturating_sub(self.seen).min(rows);
        let last = self.end.saturating_sub(self.seen).min(rows);
        if first < last {
            out.emit(batch.slice(first as usize, (last - first) as usize));
        }
        self.seen = self.seen.saturating_add(rows).min(self.end);
        Ok(Progress::Done)
    }

    fn blobs(&self) -> Vec<(String, Vec<u8>)> {
        vec![("rows".to_string(), self.seen.to_le_bytes().to_vec())]
    }

    fn restore_blobs(&mut self, blobs: &[RestoredBlob]) -> Result<()> {
        let counts = blobs.iter().filter(|blob| blob.name == "rows").map(|blob| {
            blob.state.as_slice().try_into().map(u64::from_le_bytes).map_err(|_| {
                Failure::fatal(
                    "state.damaged",
                    "the stored row count of a LIMIT has not eight bytes; the state is damaged",
                )
            })
        });
        self.seen = counts.sum::<Result<u64>>()?.min(self.end);
        Ok(())
    }
}
