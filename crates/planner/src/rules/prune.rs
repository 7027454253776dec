//! Columns that nobody needs are neither computed nor read.

use tidemill_core::map::Set;
use tidemill_expr::Expr;

use crate::rel::{ColId, ColumnRegistry, Rel, WindowTime};

/// Prunes a plan of which only `columns` are needed.
pub(super) fn prune(rel: Rel, columns: &[ColId], registry: &ColumnRegistry) -> Rel {
    let needed: Set<ColId> = columns.iter().copied().collect();
    narrow(visit(rel, &needed, registry), &needed)
}

/// A projection to what is needed, where there is more: the inputs of nodes that keep or send rows are narrow.
fn narrow(rel: Rel, needed: &Set<ColId>) -> Rel {
    let columns = rel.columns();
    if columns.iter().all(|column| needed.contains(column)) {
        return rel;
    }
    let items = columns.into_iter().filter(|column| needed.contains(column)).map(|id| (id, Expr::Column(id))).collect();
    match rel {
        Rel::Project { input, items } => {
            Rel::Project { input, items: items.into_iter().filter(|(id, _)| needed.contains(id)).collect() }
        }
        other => Rel::Project { input: Box::new(other), items },
    }
}

fn with(needed: &Set<ColId>, more: impl IntoIterator<Item = ColId>) -> Set<ColId> {
    let mut all = needed.clone();
    all.extend(more);
    all
}

fn narrowed(rel: Rel, needed: Set<ColId>, registry: &ColumnRegistry) -> Box<Rel> {
    Box::new(narrow(visit(rel, &needed, registry), &needed))
}

fn wide(rel: Rel, needed: &Set<ColId>, registry: &ColumnRegistry) -> Box<Rel> {
    Box::new(visit(rel, needed, registry))
}

fn visit(rel: Rel, needed: &Set<ColId>, registry: &ColumnRegistry) -> Rel {
    match rel {
        Rel::Scan(mut scan) => {
            scan.reads.retain(|read| needed.contains(&read.id));
            Rel::Scan(scan)
        }
        Rel::Values { columns, rows } => {
            let keep: Vec<bool> = columns.iter().map(|column| needed.contains(column)).collect();
            let kept = |i: usize| keep.get(i).copied().unwrap_or(false);
            let pick =
                |row: Vec<Expr>| row.into_iter().enumerate().filter(|(i, _)| kept(*i)).map(|(_, cell)| cell).collect();
            Rel::Values {
                rows: rows.into_iter().map(pick).collect(),
                columns: columns.into_iter().filter(|column| needed.contains(column)).collect(),
            }
        }
        Rel::Watermark { input, time, watermark } => {
            let below = with(needed, watermark.columns().into_iter().chain([time]));
            Rel::Watermark { input: wide(*input, &below, registry), time, watermark }
        }
        Rel::Filter { input, predicate } => {
            let below = with(needed, predicate.columns());
            Rel::Filter { input: wide(*input, &below, registry), predicate }
        }
        Rel::Project { input, items } => {
            let items: Vec<(ColId, Expr)> = items.into_iter().filter(|(id, _)| needed.contains(id)).collect();
            let below: Set<ColId> = items.iter().flat_map(|(_, expr)| expr.columns()).collect();
            Rel::Project { input: wide(*input, &below, registry), items }
        }
        Rel::WindowTvf(mut tvf) => {
            let time = match tvf.time {
                WindowTime::Column(column) => Some(column),
                WindowTime::Processing => None,
            };
            let own = [tvf.start, tvf.end, tvf.window_time];
            let mut below = with(needed, tvf.partition_by.iter().copied().chain(time));
            below.retain(|column| !own.contains(column));
            tvf.input = narrowed(*tvf.input, below, registry);
            Rel::WindowTvf(tvf)
        }
        Rel::Aggregate { input, keys, mut calls, span } => {
            calls.retain(|call| needed.contains(&call.id));
            let below = keys
                .iter()
                .copied()
                .chain(calls.iter().flat_map(|call| call.args.iter().copied().chain(call.filter)))
                .collect();
            Rel::Aggregate { input: narrowed(*input, below, registry), keys, calls, span }
        }
        Rel::Union { inputs, columns, sources } => {
            let keep: Vec<usize> = (0..columns.len()).filter(|i| needed.contains(&columns[*i])).collect();
            let sources: Vec<Vec<ColId>> =
                sources.into_iter().map(|source| keep.iter().map(|i| source[*i]).collect()).collect();
            let inputs = inputs
                .into_iter()
                .zip(&sources)
                .map(|(input, source)| *narrowed(input, source.iter().copied().collect(), registry))
                .collect();
            Rel::Union { inputs, columns: keep.iter().map(|i| columns[*i]).collect(), sources }
        }
        Rel::Join { left, right, kind, condition, span } => {
            let all = with(needed, condition.columns());
            let side = |side: &Rel| -> Set<ColId> { side.columns().into_iter().filter(|c| all.contains(c)).collect() };
            let (lefts, rights) = (side(&left), side(&right));
            let left = narrowed(*left, lefts, registry);
            Rel::Join { left, right: narrowed(*right, rights, registry), kind, condition, span }
        }
        Rel::Sort { input, keys, span } => {
            let below = with(needed, keys.iter().map(|key| key.column));
            Rel::Sort { input: narrowed(*input, below, registry), keys, span }
        }
        Rel::Limit { input, offset, fetch, span } => {
            Rel::Limit { input: narrowed(*input, needed.clone(), registry), offset, fetch, span }
        }
    }
}
