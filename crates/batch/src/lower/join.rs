//! Joins: equalities between a column of each side become keys, the rest a condition on pairs.

use std::sync::Arc;

use datafusion::common::{JoinType, NullEquality};
use datafusion::logical_expr::{Expr as DfExpr, Join, JoinConstraint, LogicalPlan};
use tidemill_core::Result;
use tidemill_expr::Expr;
use tidemill_planner::rel::{ColId, JoinKind, Rel};

use super::{Lower, planned};
use crate::canonical::{self, canonical};
use crate::expressions::Asked;

impl Lower<'_> {
    pub(super) fn join(&self, left: &Rel, right: &Rel, kind: JoinKind, condition: &Expr) -> Result<LogicalPlan> {
        let sides = [left.columns(), right.columns()];
        let (on, filter) = if kind == JoinKind::NullAwareAnti {
            // A row stays out as soon as the condition is not FALSE for one right row; such pairs have no keys.
            (Vec::new(), Some(DfExpr::IsNotFalse(Box::new(self.on_pairs(condition, &sides, Asked::Value)?))))
        } else {
            self.keys_and_rest(condition, &sides)?
        };
        let (left, right) = (Arc::new(self.rel(left)?), Arc::new(self.rel(right)?));
        let join = Join::try_new(
            left,
            right,
            on,
            filter,
            join_type(kind),
            JoinConstraint::On,
            NullEquality::NullEqualsNothing,
            false,
        );
        planned(join.map(LogicalPlan::Join))
    }

    /// Pairs of keys, and what else must be true.
    #[allow(clippy::type_complexity)]
    fn keys_and_rest(
        &self,
        condition: &Expr,
        sides: &[Vec<ColId>; 2],
    ) -> Result<(Vec<(DfExpr, DfExpr)>, Option<DfExpr>)> {
        let (mut pairs, mut rest) = (Vec::new(), Vec::new());
        for conjunct in condition.clone().conjuncts() {
            match self.exprs.equality(&conjunct, &sides[0], &sides[1]) {
                Some(pair) => pairs.push(pair),
                None => rest.push(conjunct),
            }
        }
        let rest = Expr::and(rest, &|id| self.registry().ty(id));
        // DataFusion puts one key for the other to ask a condition of one side alone, even one that must stay where it is;
        // but only where both keys are plain columns.
        let left_key =
            |id: ColId| if self.exprs.is_movable(&rest) { self.key(id) } else { canonical::call(self.column(id)) };
        let on = pairs.into_iter().map(|(left, right)| (left_key(left), self.key(right))).collect();
        let filter = if rest.is_true() { None } else { Some(self.on_pairs(&rest, sides, Asked::Truth)?) };
        Ok((on, filter))
    }

    fn key(&self, id: ColId) -> DfExpr {
        canonical(self.column(id), &self.registry().ty(id).arrow_type())
    }

    /// A condition on pairs of rows. One that can fail depends on both sides, so that it is not asked of rows that are in
    /// no pair.
    fn on_pairs(&self, condition: &Expr, sides: &[Vec<ColId>; 2], asked: Asked) -> Result<DfExpr> {
        if self.exprs.is_movable(condition) {
            return self.exprs.any(condition);
        }
        let both: Vec<ColId> = sides.iter().filter_map(|side| side.first()).copied().collect();
        self.exprs.whole(condition, asked, &both)
    }
}

fn join_type(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::Inner => JoinType::Inner,
        JoinKind::Left => JoinType::Left,
        JoinKind::Right => JoinType::Right,
        JoinKind::Full => JoinType::Full,
        JoinKind::Semi => JoinType::LeftSemi,
        JoinKind::Anti | JoinKind::NullAwareAnti => JoinType::LeftAnti,
    }
}
