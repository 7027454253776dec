//! A filter that stays where it is: its predicate can fail or is volatile, so no rule may evaluate it for other rows.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchemaRef, Result as DfResult, internal_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::names;

/// Rows of the input for which the predicate is true.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GuardNode {
    pub predicate: Expr,
    input: Arc<LogicalPlan>,
}

impl GuardNode {
    /// The node as a plan.
    pub fn plan(predicate: Expr, input: LogicalPlan) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(GuardNode { predicate, input: Arc::new(input) }) })
    }
}

impl PartialOrd for GuardNode {
    fn partial_cmp(&self, other: &GuardNode) -> Option<std::cmp::Ordering> {
        self.predicate.partial_cmp(&other.predicate).filter(|order| order.is_ne() || self == other)
    }
}

impl UserDefinedLogicalNodeCore for GuardNode {
    fn name(&self) -> &str {
        "GuardedFilter"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.predicate.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "GuardedFilter: {}", self.predicate)
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<GuardNode> {
        match (exprs.pop(), inputs.pop()) {
            (Some(predicate), Some(input)) => Ok(GuardNode { predicate, input: Arc::new(input) }),
            _ => internal_err!("a filter has one predicate and one input"),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let names = self.predicate.column_refs().into_iter().map(|column| column.name.as_str());
        Some(vec![names::with_named(output_columns, names, self.input.schema())])
    }
}
