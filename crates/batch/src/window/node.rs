//! The logical node that attaches windows.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{DFSchemaRef, Result as DfResult, ToDFSchema, internal_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use tidemill_operators::window::zone::Zone;
use tidemill_planner::rel::Window;

use super::assign::slices;
use super::exec::WindowExec;
use super::session_exec::SessionExec;
use crate::canonical::canonical;
use crate::context::QueryContext;
use crate::failure::to_datafusion;
use crate::names;
use crate::plan_id::Same;

/// Which windows, over which columns.
pub(crate) struct WindowPlan {
    pub window: Window,
    /// The column with a row's time; none: the clock.
    pub time: Option<String>,
    /// The columns whose combinations have sessions of their own.
    pub partition_by: Vec<String>,
    /// Where times are moments: the zone to whose clock windows are aligned.
    pub zone: Option<Zone>,
    /// Window start, end and time.
    pub added: [Field; 3],
    pub cx: Arc<QueryContext>,
}

/// Rows with their windows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WindowNode {
    plan: Same<WindowPlan>,
    input: Arc<LogicalPlan>,
    schema: DFSchemaRef,
}

impl WindowNode {
    /// The node as a plan.
    pub fn plan(plan: WindowPlan, input: LogicalPlan) -> DfResult<LogicalPlan> {
        let node = WindowNode::over(Same::new(plan), input)?;
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }

    fn over(plan: Same<WindowPlan>, input: LogicalPlan) -> DfResult<WindowNode> {
        let schema = with_added(input.schema().inner(), &plan).to_dfschema_ref()?;
        Ok(WindowNode { plan, input: Arc::new(input), schema })
    }

    /// The expressions by which sessions are partitioned.
    pub fn partition_exprs(&self) -> Vec<Expr> {
        let schema = self.input.schema();
        let key = |name: &String| {
            let known = schema.index_of_column_by_name(None, name).map(|index| schema.field(index).data_type());
            known.map_or_else(|| names::named(name), |data_type| canonical(names::named(name), data_type))
        };
        self.plan.partition_by.iter().map(key).collect()
    }

    /// What runs it; `partition`: the partition expressions over the input.
    pub fn physical(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: Vec<Arc<dyn PhysicalExpr>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let schema = with_added(&input.schema(), &self.plan);
        Ok(match (slices(self.plan.window).map_err(to_datafusion)?, self.plan.window) {
            (Some(slices), _) => Arc::new(WindowExec::new(self.plan.clone(), slices, Arc::clone(input), schema)?),
            (None, Window::Session { gap_ms }) => {
                Arc::new(SessionExec::new(self.plan.clone(), gap_ms, partition, Arc::clone(input), schema)?)
            }
            (None, _) => return internal_err!("windows have no shape"),
        })
    }
}

fn with_added(input: &SchemaRef, plan: &WindowPlan) -> SchemaRef {
    let mut fields: Vec<FieldRef> = input.fields().to_vec();
    fields.extend(plan.added.iter().cloned().map(Arc::new));
    Arc::new(Schema::new(fields))
}

impl PartialOrd for WindowNode {
    fn partial_cmp(&self, other: &WindowNode) -> Option<std::cmp::Ordering> {
        self.plan.partial_cmp(&other.plan).filter(|order| order.is_ne() || self == other)
    }
}

impl UserDefinedLogicalNodeCore for WindowNode {
    fn name(&self) -> &str {
        "Window"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Window: {}", self.plan.window)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<WindowNode> {
        match inputs.pop() {
            Some(input) => WindowNode::over(self.plan.clone(), input),
            None => internal_err!("windows are attached to one input"),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let named = self.plan.time.iter().chain(&self.plan.partition_by).map(String::as_str);
        Some(vec![names::with_named(output_columns, named, self.input.schema())])
    }
}
