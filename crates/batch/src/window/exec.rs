//! TUMBLE, HOP and CUMULATE as a plan that runs.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DfResult, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr, PlanProperties,
};
use futures::{StreamExt, stream};
use tidemill_operators::window::slices::Slices;

use super::assign::{TimeOf, assign};
use super::node::WindowPlan;
use crate::failure::to_datafusion;
use crate::plan_id::Same;

/// The properties of a node that works partition by partition and promises nothing about order.
pub(super) fn properties(input: &Arc<dyn ExecutionPlan>, schema: &SchemaRef) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(Arc::clone(schema)),
        Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

/// Attaches windows that do not depend on other rows.
#[derive(Debug)]
pub(super) struct WindowExec {
    plan: Same<WindowPlan>,
    slices: Slices,
    /// Position of the time column; none: the clock.
    time: Option<usize>,
    input: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl WindowExec {
    /// Over an input; `schema`: its columns and three more.
    pub fn new(
        plan: Same<WindowPlan>,
        slices: Slices,
        input: Arc<dyn ExecutionPlan>,
        schema: SchemaRef,
    ) -> DfResult<WindowExec> {
        let time = plan.time.as_ref().map(|name| input.schema().index_of(name)).transpose()?;
        let properties = properties(&input, &schema);
        Ok(WindowExec { plan, slices, time, input, schema, properties })
    }
}

impl DisplayAs for WindowExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "WindowExec: {}", self.plan.window)
    }
}

impl ExecutionPlan for WindowExec {
    fn name(&self) -> &str {
        "WindowExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("windows are attached to one input") };
        Ok(Arc::new(WindowExec::new(self.plan.clone(), self.slices, input, Arc::clone(&self.schema))?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let (plan, slices, time) = (self.plan.clone(), self.slices, self.time);
        let windows_max = usize::try_from(slices.slices_per_window()).unwrap_or(usize::MAX).max(1);
        let rows_max = (context.session_config().batch_size() / windows_max).max(1);
        let schema = Arc::clone(&self.schema);
        let batches = input.flat_map(move |batch| {
            let (plan, schema) = (plan.clone(), Arc::clone(&schema));
            let parts = match batch {
                Ok(batch) => parts(&batch, rows_max).into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(parts).map(move |part| {
                let time = match time {
                    Some(column) => TimeOf::Column(column),
                    None => TimeOf::Clock(plan.cx.batch.env.now().wall_ms),
                };
                assign(&part?, &slices, time, plan.zone, &schema).map_err(to_datafusion)
            })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches)))
    }
}

/// The batch in parts of at most `rows_max` rows.
fn parts(batch: &RecordBatch, rows_max: usize) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    (0..rows).step_by(rows_max).map(|from| batch.slice(from, rows_max.min(rows - from))).collect()
}
