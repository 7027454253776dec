//! Our expressions as DataFusion's: natively where the meaning is exactly the same and nothing can fail, otherwise whole in
//! one function that runs our evaluator.

mod function;
mod native;

use std::sync::Arc;

use datafusion::logical_expr::Expr as DfExpr;
use tidemill_core::Result;
use tidemill_expr::{Expr, SqlType, Volatility};
use tidemill_planner::rel::{ColId, ColumnRegistry};

pub(crate) use self::function::Asked;
use crate::context::QueryContext;

/// Turns the expressions of one plan.
#[derive(Clone)]
pub(crate) struct Translator<'a> {
    pub registry: &'a ColumnRegistry,
    pub cx: Arc<QueryContext>,
}

impl Translator<'_> {
    fn ty(&self, id: ColId) -> SqlType {
        self.registry.ty(id)
    }

    /// Any expression. One that can fail or is volatile comes out volatile, so that it stays where it is.
    pub fn any(&self, expr: &Expr) -> Result<DfExpr> {
        match native::native(expr, self.registry)? {
            Some(native) => Ok(native),
            None => self.whole(expr, Asked::Value, &[]),
        }
    }

    /// The expression whole in our evaluator, with further columns it is to depend on.
    pub fn whole(&self, expr: &Expr, asked: Asked, besides: &[ColId]) -> Result<DfExpr> {
        function::call(expr, asked, besides, self.registry, &self.cx, !self.is_movable(expr))
    }

    /// Whether the expression may be evaluated for other rows than the plan says: it cannot fail and is not volatile.
    pub fn is_movable(&self, expr: &Expr) -> bool {
        let functions = &self.cx.batch.functions;
        functions.volatility(expr) < Volatility::Volatile && !functions.is_fallible(expr, &|id| self.ty(id))
    }

    /// A movable condition: its native conjuncts, so that they can be pushed down, and the whole if more is in it.
    pub fn condition(&self, predicate: &Expr) -> Result<DfExpr> {
        if let Some(native) = native::native(predicate, self.registry)? {
            return Ok(native);
        }
        let mut condition = self.whole(predicate, Asked::Truth, &[])?;
        for conjunct in predicate.clone().conjuncts().iter().rev() {
            if let Some(native) = native::native(conjunct, self.registry)? {
                condition = native.and(condition);
            }
        }
        Ok(condition)
    }

    /// The two sides of a native equality between a column of the left and one of the right input.
    pub fn equality(&self, conjunct: &Expr, left: &[ColId], right: &[ColId]) -> Option<(ColId, ColId)> {
        let Expr::Call { function, args, .. } = conjunct else { return None };
        let ("=", [Expr::Column(a), Expr::Column(b)]) = (function.as_str(), args.as_slice()) else { return None };
        if !native::same_order(&self.ty(*a), &self.ty(*b)) && !native::both_float(&self.ty(*a), &self.ty(*b)) {
            return None;
        }
        if left.contains(a) && right.contains(b) {
            return Some((*a, *b));
        }
        (left.contains(b) && right.contains(a)).then_some((*b, *a))
    }
}
