//! SESSION as a plan that runs: its input is brought together by partition and sorted by time.

use std::fmt;
use std::sync::Arc;
use std::vec;

use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DfResult, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{Distribution, LexRequirement, OrderingRequirements, PhysicalSortRequirement};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PhysicalExpr, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use tidemill_core::Failure;

use super::exec::properties;
use super::node::WindowPlan;
use super::session::Sessions;
use crate::failure::to_datafusion;
use crate::plan_id::Same;

/// Attaches sessions.
#[derive(Debug)]
pub(super) struct SessionExec {
    plan: Same<WindowPlan>,
    gap_ms: i64,
    /// What rows are brought together and sorted by, before the time.
    partition: Vec<Arc<dyn PhysicalExpr>>,
    /// The positions of the partition columns.
    partition_columns: Vec<usize>,
    time: usize,
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl SessionExec {
    /// Over an input; `schema`: its columns and three more.
    pub fn new(
        plan: Same<WindowPlan>,
        gap_ms: i64,
        partition: Vec<Arc<dyn PhysicalExpr>>,
        input: Arc<dyn ExecutionPlan>,
        schema: SchemaRef,
    ) -> DfResult<SessionExec> {
        let Some(time) = &plan.time else {
            let text = "SESSION windows over processing time have no meaning in batch mode; use an event-time column, \
                        or SET 'execution.runtime-mode' = 'streaming'";
            return Err(to_datafusion(Failure::user("batch.session", text)));
        };
        let time = input.schema().index_of(time)?;
        let position = |name: &String| input.schema().index_of(name);
        let partition_columns = plan.partition_by.iter().map(position).collect::<Result<_, _>>()?;
        let properties = properties(&input, &schema);
        Ok(SessionExec { plan, gap_ms, partition, partition_columns, time, input, schema, properties })
    }
}

impl DisplayAs for SessionExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SessionExec: {}, partition by={:?}", self.plan.window, self.plan.partition_by)
    }
}

impl ExecutionPlan for SessionExec {
    fn name(&self) -> &str {
        "SessionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![match self.partition.as_slice() {
            [] => Distribution::SinglePartition,
            keys => Distribution::KeyPartitioned(keys.to_vec()),
        }])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let ascending = SortOptions { descending: false, nulls_first: true };
        let time: Arc<dyn PhysicalExpr> = Arc::new(Column::new(self.input.schema().field(self.time).name(), self.time));
        let keys = self.partition.iter().cloned().chain([time]);
        let order = LexRequirement::new(keys.map(|key| PhysicalSortRequirement::new(key, Some(ascending))));
        vec![order.map(OrderingRequirements::new)]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for key in &self.partition {
            recursion = visit(key)?;
        }
        Ok(recursion)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("windows are attached to one input") };
        let (partition, schema) = (self.partition.clone(), Arc::clone(&self.schema));
        Ok(Arc::new(SessionExec::new(self.plan.clone(), self.gap_ms, partition, input, schema)?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (columns, schema) = (&self.partition_columns, Arc::clone(&self.schema));
        let sessions = Sessions::new(self.gap_ms, self.time, columns, self.plan.zone, schema).map_err(to_datafusion)?;
        let batches = stream::try_unfold((input, Some(sessions)), |(input, sessions)| next(input, sessions));
        let batches = batches.try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches)))
    }
}

/// What a batch of the input gives, or its end; nothing behind the end.
async fn next(mut input: SendableRecordBatchStream, sessions: Option<Sessions>) -> DfResult<Option<(Ready, Place)>> {
    let Some(mut sessions) = sessions else { return Ok(None) };
    let mut out = Vec::new();
    let sessions = match input.next().await.transpose()? {
        Some(batch) => {
            sessions.add(batch, &mut out).map_err(to_datafusion)?;
            Some(sessions)
        }
        None => {
            sessions.finish(&mut out).map_err(to_datafusion)?;
            None
        }
    };
    let ready: Vec<DfResult<RecordBatch>> = out.into_iter().map(Ok).collect();
    Ok(Some((stream::iter(ready), (input, sessions))))
}

/// Rows whose sessions are over.
type Ready = stream::Iter<vec::IntoIter<DfResult<RecordBatch>>>;
/// The rest of the input and the sessions so far; none behind the end.
type Place = (SendableRecordBatchStream, Option<Sessions>);
