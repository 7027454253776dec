//! The leaves of a plan: a source read to its end, or rows that are written out.
//!
//! All splits of a source are found when the plan is made and dealt over the partitions; a reader polls the splits of its
//! partition until they are finished.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchemaRef, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};
use futures::stream;
use tidemill_core::{Batch, Failure, Result};
use tidemill_dataflow::{Offload, Pace, Poll, Reader, ReaderContext, Source, Split};

use crate::context::QueryContext;
use crate::failure::to_datafusion;
use crate::names;
use crate::plan_id::Same;

/// Where a leaf's rows come from.
pub(crate) enum Feed {
    /// A bounded source.
    Source(SourceFeed),
    /// Rows that are there already.
    Rows(Batch, Arc<QueryContext>),
}

/// A source with all its splits.
pub(crate) struct SourceFeed {
    table: String,
    source: Arc<dyn Source>,
    splits: Vec<Split>,
    partitions: usize,
    pace: Option<Pace>,
    cx: Arc<QueryContext>,
}

impl SourceFeed {
    /// Finds the splits of a bounded source.
    pub fn open(table: String, source: Arc<dyn Source>, cx: &Arc<QueryContext>) -> Result<SourceFeed> {
        let mut enumerator = source.enumerator()?;
        let splits = enumerator.discover()?.splits;
        let partitions = splits.len().clamp(1, cx.batch.parallelism.max(1));
        let pace = source.rows_per_second().map(|rows| Pace::new(rows, cx.batch.env.now()));
        Ok(SourceFeed { table, source, splits, partitions, pace, cx: Arc::clone(cx) })
    }

    fn reader(&self, partition: usize) -> Result<OpenReader> {
        let mut reader = self.source.reader(&ReaderContext {
            subtask: partition as u32,
            parallelism: self.partitions as u32,
            rows_max: self.cx.batch.rows_max,
            offload: Offload::inline(),
        })?;
        let mine = self.splits.iter().skip(partition).step_by(self.partitions);
        let mut open = 0;
        for split in mine {
            reader.add_split(open, split.clone())?;
            open += 1;
        }
        Ok(OpenReader { reader, open })
    }

    /// Lets the other partitions go on until a moment (monotonic nanoseconds).
    async fn wait_until(&self, wake_at_ns: u64) {
        let now_ns = self.cx.batch.env.now().monotonic_ns;
        tokio::time::sleep(Duration::from_nanos(wake_at_ns.saturating_sub(now_ns))).await;
    }
}

/// A reader with splits that are not finished.
struct OpenReader {
    reader: Box<dyn Reader>,
    open: u32,
}

impl OpenReader {
    /// The next rows; none at the end.
    async fn next(&mut self, feed: &SourceFeed) -> Result<Option<Batch>> {
        while self.open > 0 {
            feed.cx.check_canceled()?;
            let rows_max = feed.cx.batch.rows_max;
            let granted = match &feed.pace {
                None => rows_max,
                Some(pace) => match pace.take(rows_max as u64, feed.cx.batch.env.now()) {
                    Ok(rows) => rows as usize,
                    Err(wake_at_ns) => {
                        feed.wait_until(wake_at_ns).await;
                        continue;
                    }
                },
            };
            let polled = self.reader.poll(granted, feed.cx.batch.env.now())?;
            if let Some(pace) = &feed.pace {
                let read = if let Poll::Batch(_, batch) = &polled { batch.len() } else { 0 };
                pace.give_back(granted.saturating_sub(read) as u64);
            }
            match polled {
                Poll::Batch(_, batch) if batch.is_empty() => {}
                Poll::Batch(_, batch) => return Ok(Some(batch)),
                Poll::Finished(_) => self.open -= 1,
                // What is offloaded is done at once here.
                Poll::Waiting => {}
                Poll::Pending { wake_at_ns: Some(wake_at_ns) } => feed.wait_until(wake_at_ns).await,
                Poll::Pending { wake_at_ns: None } => {
                    let text = format!("table {} has splits that neither give rows nor end", feed.table);
                    return Err(Failure::fatal("batch.reader", text));
                }
            }
        }
        Ok(None)
    }
}

/// The logical leaf.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReadNode {
    pub feed: Same<Feed>,
    schema: DFSchemaRef,
}

impl ReadNode {
    /// A leaf that reads from `feed`.
    pub fn plan(feed: Feed, schema: SchemaRef) -> Result<LogicalPlan> {
        let node = ReadNode { feed: Same::new(feed), schema: names::df_schema(schema)? };
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }

    /// What runs it.
    pub fn physical(&self) -> Arc<dyn ExecutionPlan> {
        let partitions = match &*self.feed {
            Feed::Source(source) => source.partitions,
            Feed::Rows(..) => 1,
        };
        let schema = Arc::clone(self.schema.inner());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Arc::new(ReadExec { feed: self.feed.clone(), schema, properties: Arc::new(properties) })
    }
}

impl PartialOrd for ReadNode {
    fn partial_cmp(&self, other: &ReadNode) -> Option<std::cmp::Ordering> {
        self.feed.partial_cmp(&other.feed)
    }
}

impl UserDefinedLogicalNodeCore for ReadNode {
    fn name(&self) -> &str {
        "Read"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        describe(&self.feed, f)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> DfResult<ReadNode> {
        Ok(self.clone())
    }
}

fn describe(feed: &Feed, f: &mut fmt::Formatter) -> fmt::Result {
    match feed {
        Feed::Source(source) => write!(f, "Read: {}, splits={}", source.table, source.splits.len()),
        Feed::Rows(rows, _) => write!(f, "Values: rows={}", rows.len()),
    }
}

/// The leaf that runs.
#[derive(Debug)]
struct ReadExec {
    feed: Same<Feed>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for ReadExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        describe(&self.feed, f)
    }
}

impl ExecutionPlan for ReadExec {
    fn name(&self) -> &str {
        "ReadExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let schema = Arc::clone(&self.schema);
        match &*self.feed {
            Feed::Rows(rows, cx) => {
                cx.batch.counters.add_rows_in(rows.len() as u64);
                let batch = rows.to_record_batch(&schema).map_err(to_datafusion);
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter([batch]))))
            }
            Feed::Source(source) => {
                let reader = source.reader(partition).map_err(to_datafusion)?;
                let begin = (reader, self.feed.clone(), Arc::clone(&schema));
                let batches = stream::try_unfold(begin, |(mut reader, feed, schema)| async move {
                    let batch = read(&mut reader, &feed, &schema).await.map_err(to_datafusion)?;
                    Ok(batch.map(|batch| (batch, (reader, feed, schema))))
                });
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
            }
        }
    }
}

async fn read(reader: &mut OpenReader, feed: &Feed, schema: &SchemaRef) -> Result<Option<RecordBatch>> {
    let Feed::Source(source) = feed else { return Ok(None) };
    let Some(batch) = reader.next(source).await? else { return Ok(None) };
    source.cx.batch.counters.add_rows_in(batch.len() as u64);
    let batch = batch.to_record_batch(schema).map_err(|failure| {
        let text = format!("table {} gave columns of other types than it says: {}", source.table, failure.message());
        Failure::fatal("batch.columns", text)
    })?;
    Ok(Some(batch))
}
