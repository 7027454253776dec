//! Filters sink towards the scans, and limits into them.
//!
//! A condition that can fail in a row never passes a node that drops rows (a join, a window that may have closed): below it,
//! it would fail for rows that nobody asks about.

use tidemill_expr::Expr;

use super::RuleContext;
use super::merge::substitute;
use crate::rel::{ColId, ColumnRegistry, JoinKind, Rel};
use crate::traits::window_attributes;

/// Moves every filter down past one node at least, where it can pass.
pub(super) fn push_down(rel: Rel, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Rel {
    let rel = match rel {
        Rel::Filter { input, predicate } => sink(*input, predicate.conjuncts(), registry, cx),
        Rel::Join { left, right, kind, condition, span } => {
            join_condition(*left, *right, kind, condition, span, registry, cx)
        }
        other => other,
    };
    rel.map_inputs(&mut |input| push_down(input, registry, cx))
}

fn filtered(rel: Rel, conjuncts: Vec<Expr>, registry: &ColumnRegistry) -> Rel {
    if conjuncts.is_empty() {
        return rel;
    }
    Rel::Filter { input: Box::new(rel), predicate: Expr::and(conjuncts, &|id| registry.ty(id)) }
}

/// `conjuncts` over `input`, as deep as they may.
fn sink(input: Rel, conjuncts: Vec<Expr>, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Rel {
    let (movable, fixed): (Vec<Expr>, Vec<Expr>) = conjuncts.into_iter().partition(|expr| cx.is_deterministic(expr));
    if movable.is_empty() {
        return filtered(input, fixed, registry);
    }
    let (rel, stay) = match input {
        Rel::Filter { input, predicate } => {
            let mut all = predicate.conjuncts();
            all.extend(movable);
            let all = Expr::and(all, &|id| registry.ty(id));
            (Rel::Filter { input, predicate: all }, Vec::new())
        }
        Rel::Project { input, items } => {
            let volatile =
                |expr: &Expr| items.iter().any(|(id, item)| !cx.is_deterministic(item) && expr.columns().contains(id));
            let (stay, sinking): (Vec<Expr>, Vec<Expr>) = movable.into_iter().partition(volatile);
            let sinking = sinking.into_iter().map(|expr| substitute(expr, &items)).collect();
            (Rel::Project { input: Box::new(filtered(*input, sinking, registry)), items }, stay)
        }
        Rel::WindowTvf(mut tvf) => {
            let own = [tvf.start, tvf.end, tvf.window_time];
            let (sinking, stay): (Vec<Expr>, Vec<Expr>) =
                movable.into_iter().partition(|expr| !expr.columns().iter().any(|column| own.contains(column)));
            // Sessions are made of the rows that come, late ones aside: only what holds for a whole partition may go first.
            let (sinking, held): (Vec<Expr>, Vec<Expr>) = match tvf.window {
                crate::rel::Window::Session { .. } => sinking.into_iter().partition(|expr| {
                    expr.columns().iter().all(|c| tvf.partition_by.contains(c)) && !cx.is_fallible(expr, registry)
                }),
                _ => (sinking, Vec::new()),
            };
            tvf.input = Box::new(filtered(*tvf.input, sinking, registry));
            (Rel::WindowTvf(tvf), stay.into_iter().chain(held).collect())
        }
        Rel::Aggregate { input, keys, calls, span } => {
            let windows = window_attributes(&input);
            let passes = |expr: &Expr| {
                let columns = expr.columns();
                !columns.is_empty()
                    && columns.iter().all(|column| keys.contains(column) && !windows.iter().any(|w| w.owns(*column)))
                    && (windows.is_empty() || !cx.is_fallible(expr, registry))
            };
            let (sinking, stay): (Vec<Expr>, Vec<Expr>) = movable.into_iter().partition(passes);
            let input = Box::new(filtered(*input, sinking, registry));
            (Rel::Aggregate { input, keys, calls, span }, stay)
        }
        Rel::Union { inputs, columns, sources } => {
            let inputs = inputs
                .into_iter()
                .zip(&sources)
                .map(|(input, source)| {
                    let place = |column: ColId| {
                        columns.iter().position(|known| *known == column).and_then(|at| source.get(at)).copied()
                    };
                    let own = movable
                        .iter()
                        .map(|expr| expr.clone().map_columns(&|column| place(column).unwrap_or(column)))
                        .collect();
                    filtered(input, own, registry)
                })
                .collect();
            (Rel::Union { inputs, columns, sources }, Vec::new())
        }
        Rel::Sort { input, keys, span } => {
            (Rel::Sort { input: Box::new(filtered(*input, movable, registry)), keys, span }, Vec::new())
        }
        Rel::Join { left, right, kind, condition, span } => {
            let (lefts, rights) = (left.columns(), right.columns());
            let keeps_left = !matches!(kind, JoinKind::Right | JoinKind::Full);
            let keeps_right = matches!(kind, JoinKind::Inner | JoinKind::Right);
            let within = |expr: &Expr, side: &[ColId]| expr.columns().iter().all(|column| side.contains(column));
            let (above, movable): (Vec<Expr>, Vec<Expr>) =
                movable.into_iter().partition(|expr| cx.is_fallible(expr, registry));
            let (to_left, rest): (Vec<Expr>, Vec<Expr>) =
                movable.into_iter().partition(|expr| keeps_left && within(expr, &lefts));
            let (to_right, rest): (Vec<Expr>, Vec<Expr>) =
                rest.into_iter().partition(|expr| keeps_right && within(expr, &rights));
            let (condition, stay) = if kind == JoinKind::Inner && !rest.is_empty() {
                let all = condition.conjuncts().into_iter().chain(rest).collect();
                (Expr::and(all, &|id| registry.ty(id)), Vec::new())
            } else {
                (condition, rest)
            };
            let left = Box::new(filtered(*left, to_left, registry));
            let right = Box::new(filtered(*right, to_right, registry));
            (Rel::Join { left, right, kind, condition, span }, stay.into_iter().chain(above).collect())
        }
        leaf @ (Rel::Scan(_) | Rel::Values { .. } | Rel::Watermark { .. } | Rel::Limit { .. }) => (leaf, movable),
    };
    filtered(rel, stay.into_iter().chain(fixed).collect(), registry)
}

/// Parts of a join's condition that concern one side go to that side, where unmatched rows of it do not matter.
fn join_condition(
    left: Rel,
    right: Rel,
    kind: JoinKind,
    condition: Expr,
    span: tidemill_sql_parser::Span,
    registry: &ColumnRegistry,
    cx: RuleContext<'_>,
) -> Rel {
    let (lefts, rights) = (left.columns(), right.columns());
    let filters_left = matches!(kind, JoinKind::Inner | JoinKind::Right | JoinKind::Semi);
    let filters_right = matches!(kind, JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti);
    let within = |expr: &Expr, side: &[ColId]| {
        let columns = expr.columns();
        !columns.is_empty()
            && columns.iter().all(|column| side.contains(column))
            && cx.is_deterministic(expr)
            && !cx.is_fallible(expr, registry)
    };
    let (to_left, rest): (Vec<Expr>, Vec<Expr>) =
        condition.conjuncts().into_iter().partition(|expr| filters_left && within(expr, &lefts));
    let (to_right, rest): (Vec<Expr>, Vec<Expr>) =
        rest.into_iter().partition(|expr| filters_right && within(expr, &rights));
    let condition = Expr::and(rest, &|id| registry.ty(id));
    let left = Box::new(filtered(left, to_left, registry));
    let right = Box::new(filtered(right, to_right, registry));
    Rel::Join { left, right, kind, condition, span }
}

/// A limit right above a scan (projections aside) is the scan's too.
pub(super) fn limit_scans(rel: Rel) -> Rel {
    let rel = rel.map_inputs(&mut limit_scans);
    match rel {
        Rel::Limit { input, offset, fetch: Some(fetch), span } => {
            let rows = offset.saturating_add(fetch);
            Rel::Limit { input: Box::new(limit_scan(*input, rows)), offset, fetch: Some(fetch), span }
        }
        other => other,
    }
}

fn limit_scan(rel: Rel, rows: u64) -> Rel {
    match rel {
        Rel::Scan(mut scan) => {
            scan.limit = Some(scan.limit.map_or(rows, |known| known.min(rows)));
            Rel::Scan(scan)
        }
        Rel::Project { .. } | Rel::Watermark { .. } => rel.map_inputs(&mut |input| limit_scan(input, rows)),
        other => other,
    }
}
