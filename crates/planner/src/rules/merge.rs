//! Neighbouring projections become one; those that change nothing go.

use tidemill_core::map::Map;
use tidemill_expr::Expr;

use super::RuleContext;
use crate::rel::{ColId, ColumnRegistry, Rel};

/// A merged projection may have this many parts: what is used often is not written out without end.
const PARTS_MAX: usize = 2_000;

#[allow(clippy::only_used_in_recursion, reason = "all rules have one shape")]
/// Merges projections, from the leaves up.
pub(super) fn merge(rel: Rel, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Rel {
    let rel = rel.map_inputs(&mut |input| merge(input, registry, cx));
    match rel {
        Rel::Project { input, items } => match *input {
            Rel::Project { input, items: inner } if can_merge(&items, &inner, cx) => {
                merge(Rel::Project { input, items: substitute_items(items, &inner) }, registry, cx)
            }
            input => {
                let same = input.columns() == items.iter().map(|(id, _)| *id).collect::<Vec<ColId>>()
                    && items.iter().all(|(id, expr)| *expr == Expr::Column(*id));
                if same { input } else { Rel::Project { input: Box::new(input), items } }
            }
        },
        other => other,
    }
}

fn can_merge(outer: &[(ColId, Expr)], inner: &[(ColId, Expr)], cx: RuleContext<'_>) -> bool {
    let mut uses: Map<ColId, usize> = Map::default();
    for (_, expr) in outer {
        expr.visit_columns(&mut |column| *uses.entry(column).or_insert(0) += 1);
    }
    let mut parts = outer.iter().map(|(_, expr)| size(expr)).sum::<usize>();
    for (id, expr) in inner {
        let count = uses.get(id).copied().unwrap_or(0);
        if count > 1 && !cx.is_deterministic(expr) {
            return false;
        }
        parts += count * size(expr);
    }
    parts <= PARTS_MAX
}

fn size(expr: &Expr) -> usize {
    let mut parts = 0;
    expr.visit(&mut |_| parts += 1);
    parts
}

fn substitute_items(outer: Vec<(ColId, Expr)>, inner: &[(ColId, Expr)]) -> Vec<(ColId, Expr)> {
    outer.into_iter().map(|(id, expr)| (id, substitute(expr, inner))).collect()
}

/// An expression over a projection's output as one over its input.
pub(super) fn substitute(expr: Expr, items: &[(ColId, Expr)]) -> Expr {
    expr.replace_columns(&|column| {
        items.iter().find(|(id, _)| *id == column).map_or(Expr::Column(column), |(_, expr)| expr.clone())
    })
}
