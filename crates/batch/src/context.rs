//! What a query needs from outside: functions, connectors, the world, and how wide to run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidemill_core::{Env, Failure, Result};
use tidemill_dataflow::{Connectors, Counters};
use tidemill_expr::{EvalContext, TimeZone};

/// Everything around a query. Cheap to clone.
#[derive(Clone)]
pub struct BatchContext {
    /// Functions, aggregates and casts.
    pub functions: Arc<tidemill_expr::Registry>,
    /// Connectors, which say how a table is read.
    pub connectors: Connectors,
    /// Makes the sources and sinks that connectors name.
    pub components: tidemill_dataflow::Registry,
    /// Clock and randomness.
    pub env: Arc<dyn Env>,
    /// `table.local-time-zone`: an IANA name or an offset.
    pub time_zone: String,
    /// How many partitions each stage has; at least 1.
    pub parallelism: usize,
    /// How many rows a batch has at most (`tidemill.batch.rows-max`).
    pub rows_max: usize,
    /// Set to true by whoever wants the query to stop; it then fails with `batch.canceled` at the next batch read.
    pub canceled: Arc<AtomicBool>,
    /// What queries in this context have read and sinks written so far, whether they end well or not.
    pub counters: Arc<Counters>,
}

/// A query's surroundings while it runs: the context and the moment it began.
pub(crate) struct QueryContext {
    pub batch: BatchContext,
    pub zone: TimeZone,
    now_ms: i64,
    database: Arc<str>,
}

impl QueryContext {
    /// A query that begins now.
    pub fn begin(batch: &BatchContext) -> Result<Arc<QueryContext>> {
        Ok(Arc::new(QueryContext {
            batch: batch.clone(),
            zone: TimeZone::parse(&batch.time_zone)?,
            now_ms: batch.env.now().wall_ms,
            database: Arc::from(tidemill_planner::catalog::DATABASE),
        }))
    }

    /// The world as expressions of one batch see it.
    pub fn eval(&self) -> EvalContext {
        EvalContext {
            time_zone: self.zone,
            now_ms: self.now_ms,
            random_seed: self.batch.env.random_u64(),
            watermark_ms: None,
            database: Arc::clone(&self.database),
        }
    }

    /// Fails once someone has asked the query to stop.
    pub fn check_canceled(&self) -> Result<()> {
        if self.batch.canceled.load(Ordering::Relaxed) {
            return Err(Failure::refused("batch.canceled", "the query was stopped"));
        }
        Ok(())
    }
}
