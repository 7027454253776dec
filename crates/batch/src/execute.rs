//! Runs a query: a blocking iterator over the batches of its answer, with a small runtime inside.

use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{displayable, execute_stream};
use futures::StreamExt;
use tidemill_core::{Batch, Failure, Result, strings};
use tidemill_expr::RowType;
use tidemill_planner::{BoundQuery, PlannedQuery};
use tokio::runtime::{Builder, Runtime};

use crate::context::{BatchContext, QueryContext};
use crate::failure::from_datafusion;
use crate::lower::Lower;
use crate::{Lowering, physical, rules};

/// The rows of a query, computed as they are asked for. Must not be used within another tokio runtime.
pub struct BatchRows {
    stream: SendableRecordBatchStream,
    runtime: Runtime,
    /// Where the answer's columns are in the plan's.
    columns: Vec<usize>,
    schema: RowType,
    failed: bool,
}

impl BatchRows {
    /// Names and types of the columns.
    pub fn schema(&self) -> &RowType {
        &self.schema
    }
}

impl Iterator for BatchRows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        while !self.failed {
            match self.runtime.block_on(self.stream.next())? {
                Ok(rows) if rows.num_rows() == 0 => {}
                Ok(rows) => {
                    let columns = self.columns.iter().map(|column| {
                        let column = rows.column(*column);
                        strings::shared_or_copied(Arc::clone(column))
                    });
                    return Some(Ok(Batch::new(columns.collect(), rows.num_rows())));
                }
                Err(error) => {
                    self.failed = true;
                    return Some(Err(from_datafusion(error)));
                }
            }
        }
        None
    }
}

/// Runs a query from its optimised plan.
///
/// # Errors
/// A table is unbounded, its connector refuses, or the plan cannot be made; errors of rows come from the iterator.
pub fn execute_optimized(query: &PlannedQuery, cx: &BatchContext) -> Result<BatchRows> {
    execute_query(&query.optimized, cx)
}

/// Runs a query from the plan as it was bound: the oracle of [`execute_optimized`].
///
/// # Errors
/// As [`execute_optimized`].
pub fn execute_bound(query: &PlannedQuery, cx: &BatchContext) -> Result<BatchRows> {
    execute_query(&query.bound, cx)
}

/// Runs one plan of a query.
///
/// # Errors
/// As [`execute_optimized`].
pub fn execute_query(query: &BoundQuery, cx: &BatchContext) -> Result<BatchRows> {
    let plan = lower(query, cx)?;
    let all = query.rel.columns();
    let columns: Result<Vec<usize>> = query
        .columns
        .iter()
        .map(|id| {
            all.iter().position(|column| column == id).ok_or_else(|| {
                Failure::fatal("batch.columns", format!("the plan lacks column {}", query.registry.name(*id)))
            })
        })
        .collect();
    let runtime = runtime(cx)?;
    let session = physical::session(cx);
    let stream = runtime
        .block_on(async {
            let plan = physical::plan(&plan, &session).await?;
            execute_stream(plan, Arc::new(TaskContext::from(&session)))
        })
        .map_err(from_datafusion)?;
    Ok(BatchRows { stream, runtime, columns: columns?, schema: query.schema.clone(), failed: false })
}

/// The plan that would run, as text: DataFusion's optimised plan, then what runs it.
///
/// # Errors
/// As [`execute_optimized`].
pub fn explain_query(query: &PlannedQuery, lowering: Lowering, cx: &BatchContext) -> Result<String> {
    let query = match lowering {
        Lowering::Optimized => &query.optimized,
        Lowering::Bound => &query.bound,
    };
    let logical = lower(query, cx)?;
    let session = physical::session(cx);
    let plan = runtime(cx)?.block_on(physical::plan(&logical, &session)).map_err(from_datafusion)?;
    Ok(format!("{}\n\n{}", logical.display_indent(), displayable(plan.as_ref()).indent(false)))
}

fn lower(query: &BoundQuery, cx: &BatchContext) -> Result<LogicalPlan> {
    let cx = QueryContext::begin(cx)?;
    let plan = Lower::new(&query.registry, &cx).rel(&query.rel)?;
    rules::optimize(plan).map_err(from_datafusion)
}

/// A runtime of as many threads as there are partitions.
fn runtime(cx: &BatchContext) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(cx.parallelism.max(1))
        .thread_name("batch")
        .enable_time()
        .build()
        .map_err(|error| Failure::retryable("batch.runtime", format!("no runtime can be made: {error}")))
}
