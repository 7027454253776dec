//! From our logical nodes to plans that run, and the session that DataFusion plans in.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Result as DfResult, internal_err};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;

use crate::context::BatchContext;
use crate::guard::GuardNode;
use crate::read::ReadNode;
use crate::rules;
use crate::window::WindowNode;

/// A session without functions, tables and logical rules: plans come optimised.
pub(crate) fn session(batch: &BatchContext) -> SessionState {
    let config =
        SessionConfig::new().with_target_partitions(batch.parallelism.max(1)).with_batch_size(batch.rows_max.max(1));
    SessionStateBuilder::new()
        .with_config(config)
        .with_analyzer_rules(Vec::new())
        .with_optimizer_rules(Vec::new())
        .with_physical_optimizer_rules(rules::physical())
        .build()
}

/// What runs a logical plan.
pub(crate) async fn plan(plan: &LogicalPlan, session: &SessionState) -> DfResult<Arc<dyn ExecutionPlan>> {
    let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(OurNodes)]);
    planner.create_physical_plan(plan, session).await
}

struct OurNodes;

#[async_trait]
impl ExtensionPlanner for OurNodes {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        planning_ctx: &PhysicalPlanningContext,
    ) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
        if let Some(read) = node.as_any().downcast_ref::<ReadNode>() {
            return Ok(Some(read.physical()));
        }
        let ([logical], [input]) = (logical_inputs, physical_inputs) else {
            return internal_err!("{} has not one input", node.name());
        };
        if let Some(guard) = node.as_any().downcast_ref::<GuardNode>() {
            let predicate = planner.create_physical_expr(&guard.predicate, logical.schema(), session, planning_ctx)?;
            return Ok(Some(Arc::new(FilterExec::try_new(predicate, Arc::clone(input))?)));
        }
        if let Some(window) = node.as_any().downcast_ref::<WindowNode>() {
            let keys = window.partition_exprs();
            let keys = keys
                .iter()
                .map(|key| planner.create_physical_expr(key, logical.schema(), session, planning_ctx))
                .collect::<DfResult<_>>()?;
            return Ok(Some(window.physical(input, keys)?));
        }
        Ok(None)
    }
}
