//! Grouping: which aggregates a SELECT asks for, and what its other expressions may use beside them.

use tidemill_expr::{Expr, SqlType, Volatility};
use tidemill_sql_parser::Span;

use super::Binder;
use crate::error::{PlanError, PlanResult};
use crate::rel::{AggregateItem, ColId, ColumnRegistry, Rel};

/// A call of an aggregate function, bound over the rows.
#[derive(Clone, Debug)]
pub(super) struct BoundCall {
    pub(super) function: String,
    pub(super) args: Vec<Expr>,
    pub(super) filter: Option<Expr>,
    pub(super) distinct: bool,
    pub(super) ty: SqlType,
    pub(super) span: Span,
}

/// The calls of one SELECT; equal ones are computed once.
#[derive(Debug)]
pub(super) struct Aggregates {
    /// Without GROUP BY there is a group even if there are no rows.
    grouped: bool,
    calls: Vec<(ColId, BoundCall)>,
}

impl Aggregates {
    pub(super) fn new(grouped: bool) -> Aggregates {
        Aggregates { grouped, calls: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether a column is that of a call.
    pub(super) fn computes(&self, column: ColId) -> bool {
        self.calls.iter().any(|(id, _)| *id == column)
    }

    /// The column of a call.
    pub(super) fn add(&mut self, call: BoundCall, registry: &mut ColumnRegistry) -> ColId {
        let same = |known: &BoundCall| {
            known.function == call.function
                && known.args == call.args
                && known.filter == call.filter
                && known.distinct == call.distinct
        };
        if let Some((id, _)) = self.calls.iter().find(|(_, known)| same(known)) {
            return *id;
        }
        // Only COUNT has a value for no rows.
        let may_be_empty = (!self.grouped || call.filter.is_some()) && call.function != "COUNT";
        let nullable = call.ty.nullable || may_be_empty;
        let name = format!("$agg{}", self.calls.len());
        let id = registry.computed(name, call.ty.clone().with_null(nullable), Some(call.span));
        self.calls.push((id, call));
        id
    }
}

/// A key of GROUP BY.
#[derive(Clone, Debug)]
pub(super) struct GroupKey {
    pub(super) expr: Expr,
    pub(super) id: ColId,
}

impl Binder<'_> {
    /// A key's column: itself, or a new one for an expression.
    pub(super) fn group_key(&mut self, expr: Expr, name: &str, span: Span) -> GroupKey {
        let id = match &expr {
            Expr::Column(id) => *id,
            computed => {
                let ty = self.ty(computed);
                self.registry.computed(name, ty, Some(span))
            }
        };
        GroupKey { expr, id }
    }

    /// The plan that groups `input`: a projection of keys, arguments and filters, then the aggregation.
    pub(super) fn group(&mut self, input: Rel, keys: &[GroupKey], aggregates: Aggregates, span: Span) -> Rel {
        let mut items: Vec<(ColId, Expr)> = Vec::new();
        for key in keys {
            items.push((key.id, key.expr.clone()));
        }
        let mut calls = Vec::with_capacity(aggregates.calls.len());
        for (id, call) in aggregates.calls {
            let args = call.args.into_iter().map(|arg| {
                let arg = self.guarded(arg, call.filter.as_ref());
                self.pre_project(&mut items, arg)
            });
            let args = args.collect();
            let filter = call.filter.map(|filter| self.pre_project(&mut items, filter));
            calls.push(AggregateItem { id, function: call.function, args, filter, distinct: call.distinct });
        }
        let keys = keys.iter().map(|key| key.id).collect();
        Rel::Aggregate { input: Box::new(Rel::Project { input: Box::new(input), items }), keys, calls, span }
    }

    /// The argument of a call, which is asked only of the rows that its filter lets through: an error of another row is
    /// not the call's. A filter that differs each time cannot be asked twice.
    fn guarded(&self, arg: Expr, filter: Option<&Expr>) -> Expr {
        let Some(filter) = filter else { return arg };
        let fallible = self.functions.is_fallible(&arg, &|id| self.registry.ty(id));
        if !fallible || self.functions.volatility(filter) == Volatility::Volatile {
            return arg;
        }
        let ty = self.ty(&arg).with_null(true);
        Expr::Case { branches: vec![(filter.clone(), arg)], otherwise: None, ty }
    }

    fn pre_project(&mut self, items: &mut Vec<(ColId, Expr)>, expr: Expr) -> ColId {
        if let Some((id, _)) = items.iter().find(|(_, known)| *known == expr) {
            return *id;
        }
        let id = match &expr {
            Expr::Column(id) => *id,
            computed => {
                let ty = self.ty(computed);
                self.registry.computed(format!("$f{}", items.len()), ty, None)
            }
        };
        items.push((id, expr));
        id
    }

    /// An expression over groups: parts that equal a key become the key's column; other columns of the rows are refused.
    pub(super) fn over_groups(
        &self,
        expr: Expr,
        keys: &[GroupKey],
        aggregates: &Aggregates,
        uses: &[(ColId, Span)],
        span: Span,
    ) -> PlanResult<Expr> {
        let replaced = replace_keys(expr, keys);
        let known =
            |id: usize| keys.iter().any(|key| key.id == id) || aggregates.calls.iter().any(|(call, _)| *call == id);
        match replaced.columns().into_iter().find(|id| !known(*id)) {
            None => Ok(replaced),
            Some(free) => {
                let at = uses.iter().find(|(id, _)| *id == free).map_or(span, |(_, span)| *span);
                let text = format!(
                    "column '{}' is neither in GROUP BY nor within an aggregate function",
                    self.registry.name(free)
                );
                Err(PlanError::new("sql.group-by", at, text)
                    .help("add it to GROUP BY, or choose one of the group's values, such as MAX of it"))
            }
        }
    }
}

fn replace_keys(expr: Expr, keys: &[GroupKey]) -> Expr {
    match keys.iter().find(|key| key.expr == expr) {
        Some(key) => Expr::Column(key.id),
        None => expr.map_children(&mut |child| replace_keys(child, keys)),
    }
}
