//! Groups and aggregates.

use std::sync::Arc;

use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};
use tidemill_core::Result;
use tidemill_planner::rel::{AggregateItem, ColId, Rel};

use super::{Lower, planned, projection};
use crate::aggregate::{self, Call};
use crate::canonical::{canonical, has_forms};
use crate::names;

impl Lower<'_> {
    pub(super) fn aggregate(&self, input: &Rel, keys: &[ColId], calls: &[AggregateItem]) -> Result<LogicalPlan> {
        if keys.is_empty() && calls.is_empty() {
            // HAVING alone: one group of whatever rows there are, of which nothing is asked.
            return planned(LogicalPlanBuilder::empty(true).build());
        }
        let plan = self.with_canonical_keys(input, keys)?;
        let keys = keys.iter().map(|id| self.column(*id)).collect();
        let calls: Result<Vec<Expr>> = calls.iter().map(|call| self.call(call)).collect();
        planned(Aggregate::try_new(Arc::new(plan), keys, calls?).map(LogicalPlan::Aggregate))
    }

    /// The input with one form of each key where values of their types can have several.
    fn with_canonical_keys(&self, input: &Rel, keys: &[ColId]) -> Result<LogicalPlan> {
        let plan = self.rel(input)?;
        let registry = self.registry();
        if !keys.iter().any(|id| has_forms(&registry.ty(*id).arrow_type())) {
            return Ok(plan);
        }
        let exprs = input.columns().into_iter().map(|id| {
            let data_type = registry.ty(id).arrow_type();
            if keys.contains(&id) && has_forms(&data_type) {
                canonical(self.column(id), &data_type).alias(names::name(registry, id))
            } else {
                self.column(id)
            }
        });
        projection(exprs.collect(), plan)
    }

    fn call(&self, item: &AggregateItem) -> Result<Expr> {
        let registry = self.registry();
        let call = Call {
            function: item.function.clone(),
            args: item.args.iter().map(|id| registry.ty(*id)).collect(),
            ty: registry.ty(item.id),
            distinct: item.distinct,
        };
        let args = item.args.iter().map(|id| self.column(*id)).collect();
        let filter = item.filter.map(|id| self.column(id));
        let call = aggregate::call(call, args, filter, &self.cx().batch.functions)?;
        Ok(call.alias(names::name(registry, item.id)))
    }
}
