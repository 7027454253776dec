//! Which of DataFusion's rules are run.
//!
//! Logical ones by an allow-list: those that move columns, keys and native conditions, and none that simplifies
//! expressions, relies on constraints or rewrites DISTINCT. There is no analyzer: our binder has typed everything. Of the
//! physical rules, only the push-down of filters is left out (it would move conditions past our nodes), and two are ours.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Optimizer, OptimizerContext, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use crate::aggregate::runs_in_one_phase;
use crate::outer::PadOuterJoins;

/// The logical rules that are run.
const ALLOWED: &[&str] = &[
    "optimize_unions",
    "replace_distinct_aggregate",
    "extract_equijoin_predicate",
    "eliminate_duplicated_expr",
    "eliminate_filter",
    "eliminate_cross_join",
    "propagate_empty_relation",
    "eliminate_outer_join",
    "push_down_filter",
    "push_down_limit",
    "optimize_projections",
];

/// Runs the allowed logical rules.
pub(crate) fn optimize(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    let context = OptimizerContext::new().without_query_execution_start_time().with_skip_failing_rules(false);
    Optimizer::with_rules(logical()).optimize(plan, &context, |_, _| {})
}

fn logical() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    Optimizer::new().rules.into_iter().filter(|rule| ALLOWED.contains(&rule.name())).collect()
}

/// The physical rules.
pub(crate) fn physical() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> =
        vec![Arc::new(PadOuterJoins), Arc::new(OnePhase)];
    rules.extend(PhysicalOptimizer::new().rules.into_iter().filter(|rule| !rule.name().starts_with("FilterPushdown")));
    rules
}

/// Joins the two phases of an aggregation into one where a call's states cannot be merged. Runs before rows are
/// distributed, which then happens below it.
#[derive(Debug)]
struct OnePhase;

impl PhysicalOptimizerRule for OnePhase {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            Ok(match joined(&plan)? {
                Some(joined) => Transformed::yes(joined),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "OnePhase"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn joined(plan: &Arc<dyn ExecutionPlan>) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
    let Some(second) = plan.downcast_ref::<AggregateExec>() else { return Ok(None) };
    let Some(first) = second.input().downcast_ref::<AggregateExec>() else { return Ok(None) };
    let mode = match (first.mode(), second.mode()) {
        (AggregateMode::Partial, AggregateMode::Final) => AggregateMode::Single,
        (AggregateMode::Partial, AggregateMode::FinalPartitioned) => AggregateMode::SinglePartitioned,
        _ => return Ok(None),
    };
    if !first.aggr_expr().iter().any(|call| runs_in_one_phase(call.fun())) {
        return Ok(None);
    }
    let whole = AggregateExec::try_new(
        mode,
        first.group_expr().clone(),
        first.aggr_expr().to_vec(),
        first.filter_expr().to_vec(),
        Arc::clone(first.input()),
        first.input_schema(),
    )?;
    Ok(Some(Arc::new(whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_rule_exists() {
        let rules = logical();
        let names: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
        for allowed in ALLOWED {
            assert!(names.contains(allowed), "{allowed} is not among DataFusion's rules");
        }
        assert!(physical().iter().all(|rule| !rule.name().contains("FilterPushdown")));
    }
}
