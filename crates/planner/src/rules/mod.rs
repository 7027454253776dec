//! Rewrites of a bound plan: the same rows, less work.
//!
//! Order: fold constants, merge and push down, give equalities to connectors, again; then prune columns and fields. A
//! predicate never sinks below a watermark, which is the maximum over *all* rows, nor one that gives another value each time.
//! [`check`] asserts afterwards what every later step relies on.

mod check;
mod equalities;
mod fold;
mod merge;
mod nested;
mod prune;
mod push_down;

use tidemill_dataflow::Connectors;
use tidemill_expr::{EvalContext, Expr, Registry, TimeZone, Volatility};

use crate::error::PlanResult;
use crate::plan::BoundQuery;
use crate::rel::{ColumnRegistry, Rel};

/// Rounds of folding, merging and pushing down; each node moves past one other a round at least.
const ROUNDS_MAX: usize = 32;

/// What rules need to know of the session.
#[derive(Clone, Copy)]
pub(crate) struct RuleContext<'a> {
    pub(crate) functions: &'a Registry,
    pub(crate) connectors: &'a Connectors,
    pub(crate) time_zone: TimeZone,
    pub(crate) time_zone_name: &'a str,
    pub(crate) batch: bool,
}

/// Applies all rules.
///
/// # Errors
/// A connector refuses its options, or a rule has broken the plan (a defect).
pub(crate) fn optimize(query: &BoundQuery, cx: RuleContext<'_>) -> PlanResult<BoundQuery> {
    let mut query = query.clone();
    let mut rel = std::mem::replace(&mut query.rel, Rel::Values { columns: Vec::new(), rows: Vec::new() });
    if cx.batch {
        rel = without_watermarks(rel);
    }
    let registry = &mut query.registry;
    rel = settle(rel, registry, cx);
    rel = equalities::push_equalities(rel, registry, cx)?;
    rel = settle(rel, registry, cx);
    rel = prune::prune(rel, &query.columns, registry);
    rel = nested::read_fields(rel, &query.columns, registry, cx)?;
    rel = prune::prune(rel, &query.columns, registry);
    rel = merge::merge(rel, registry, cx);
    rel = push_down::limit_scans(rel);
    check::check(&rel, &query.columns, registry)?;
    query.rel = rel;
    Ok(query)
}

/// Neighbouring projections as one: for plans that the streaming planner has put together.
pub(crate) fn merge_projections(rel: Rel, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Rel {
    merge::merge(rel, registry, cx)
}

/// Folds, merges and pushes down until nothing moves.
fn settle(mut rel: Rel, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Rel {
    let mut shown = crate::rel::explain(&rel, registry);
    for _ in 0..ROUNDS_MAX {
        rel = fold::fold(rel, registry, cx);
        rel = push_down::push_down(rel, registry, cx);
        rel = merge::merge(rel, registry, cx);
        let now = crate::rel::explain(&rel, registry);
        if now == shown {
            break;
        }
        shown = now;
    }
    rel
}

/// Batch mode knows no watermarks.
fn without_watermarks(rel: Rel) -> Rel {
    let rel = rel.map_inputs(&mut without_watermarks);
    match rel {
        Rel::Watermark { input, .. } => *input,
        other => other,
    }
}

impl RuleContext<'_> {
    /// Whether an expression gives the same value however often and wherever it is computed.
    fn is_deterministic(&self, expr: &Expr) -> bool {
        self.functions.volatility(expr) == Volatility::Deterministic
    }

    /// Whether an expression may fail in a row.
    fn is_fallible(&self, expr: &Expr, registry: &ColumnRegistry) -> bool {
        self.functions.is_fallible(expr, &|id| registry.ty(id))
    }

    fn eval(&self) -> EvalContext {
        EvalContext { time_zone: self.time_zone, ..EvalContext::utc() }
    }
}
