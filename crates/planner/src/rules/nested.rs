//! Where a connector can read single fields of nested rows and only fields of a column are used, only those are read.

use tidemill_core::map::{Map, Set};
use tidemill_expr::{Expr, TypeKind};

use super::RuleContext;
use crate::error::{PlanError, PlanResult};
use crate::rel::{ColId, ColumnInfo, ColumnRegistry, Rel, ScanColumn, WindowTime};

/// Fields of a column, each with the column that will hold it.
type Fields = Vec<(Vec<usize>, ColId)>;

/// Replaces rows by their fields.
pub(super) fn read_fields(
    rel: Rel,
    outputs: &[ColId],
    registry: &mut ColumnRegistry,
    cx: RuleContext<'_>,
) -> PlanResult<Rel> {
    let mut candidates: Map<ColId, Fields> = Map::default();
    let mut failed = None;
    rel.visit(&mut |node| {
        if let Rel::Scan(scan) = node {
            match cx.connectors.of(&scan.table.read_spec(cx.time_zone_name)) {
                Ok(connector) if connector.reads_nested_fields() => {
                    let rows = scan.reads.iter().filter(|read| matches!(registry.ty(read.id).kind, TypeKind::Row(_)));
                    candidates.extend(rows.map(|read| (read.id, Fields::new())));
                }
                Ok(_) => {}
                Err(failure) => {
                    failed.get_or_insert(PlanError::of_table(failure, &scan.table, scan.span));
                }
            }
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let mut whole: Set<ColId> = outputs.iter().copied().collect();
    rel.visit(&mut |node| note_uses(node, &mut candidates, &mut whole));
    candidates.retain(|id, fields| !whole.contains(id) && !fields.is_empty());
    let mut ids: Vec<ColId> = candidates.keys().copied().collect();
    ids.sort_unstable();
    for id in ids {
        let Some(fields) = candidates.get_mut(&id) else { continue };
        fields.sort();
        for (path, column) in fields {
            *column = field_column(id, path, registry);
        }
    }
    if candidates.is_empty() { Ok(rel) } else { Ok(replace(rel, &candidates)) }
}

/// A new column for a field of a column.
fn field_column(id: ColId, path: &[usize], registry: &mut ColumnRegistry) -> ColId {
    let expr = chain(Expr::Column(id), path);
    let (name, ty) = (registry.show(&expr), registry.expr_ty(&expr));
    let (span, origin) = registry.get(id).map_or((None, crate::rel::Origin::Computed), |c| (c.span, c.origin.clone()));
    registry.add(ColumnInfo { name, ty, span, origin })
}

fn chain(base: Expr, path: &[usize]) -> Expr {
    path.iter().fold(base, |expr, index| Expr::Field { expr: Box::new(expr), index: *index })
}

/// The column and the fields of `column.field.field`.
fn field_path(expr: &Expr) -> Option<(ColId, Vec<usize>)> {
    let mut path = Vec::new();
    let mut base = expr;
    while let Expr::Field { expr, index } = base {
        path.push(*index);
        base = expr;
    }
    path.reverse();
    match base {
        Expr::Column(id) => Some((*id, path)),
        _ => None,
    }
}

fn note_uses(node: &Rel, candidates: &mut Map<ColId, Fields>, whole: &mut Set<ColId>) {
    match node {
        Rel::Project { items, .. } => {
            // Handing a column on is no use of it.
            for (_, expr) in items.iter().filter(|(id, expr)| *expr != Expr::Column(*id)) {
                note_expr(expr, candidates, whole);
            }
        }
        Rel::Aggregate { keys, calls, .. } => {
            whole.extend(keys.iter().copied());
            whole.extend(calls.iter().flat_map(|call| call.args.iter().copied().chain(call.filter)));
        }
        Rel::WindowTvf(tvf) => {
            whole.extend(tvf.partition_by.iter().copied());
            if let WindowTime::Column(time) = tvf.time {
                whole.insert(time);
            }
        }
        Rel::Watermark { time, watermark, .. } => {
            whole.insert(*time);
            note_expr(watermark, candidates, whole);
        }
        Rel::Union { sources, .. } => whole.extend(sources.iter().flatten().copied()),
        Rel::Sort { keys, .. } => whole.extend(keys.iter().map(|key| key.column)),
        other => other.exprs().into_iter().for_each(|expr| note_expr(expr, candidates, whole)),
    }
}

fn note_expr(expr: &Expr, candidates: &mut Map<ColId, Fields>, whole: &mut Set<ColId>) {
    match expr {
        Expr::Column(id) => {
            whole.insert(*id);
        }
        Expr::Field { .. } => match field_path(expr) {
            Some((id, path)) => {
                if let Some(fields) = candidates.get_mut(&id)
                    && !fields.iter().any(|(known, _)| *known == path)
                {
                    fields.push((path, id));
                }
            }
            None => expr.children().into_iter().for_each(|part| note_expr(part, candidates, whole)),
        },
        other => other.children().into_iter().for_each(|part| note_expr(part, candidates, whole)),
    }
}

fn replace(rel: Rel, fields: &Map<ColId, Fields>) -> Rel {
    let rel = rel.map_inputs(&mut |input| replace(input, fields));
    match rel {
        Rel::Scan(mut scan) => {
            let reads = std::mem::take(&mut scan.reads);
            for read in reads {
                match fields.get(&read.id) {
                    None => scan.reads.push(read),
                    Some(fields) => scan.reads.extend(fields.iter().map(|(path, id)| ScanColumn {
                        id: *id,
                        path: read.path.iter().chain(path).copied().collect(),
                    })),
                }
            }
            Rel::Scan(scan)
        }
        Rel::Project { input, items } => {
            let mut changed = Vec::with_capacity(items.len());
            for (id, expr) in items {
                match fields.get(&id).filter(|_| expr == Expr::Column(id)) {
                    Some(fields) => changed.extend(fields.iter().map(|(_, id)| (*id, Expr::Column(*id)))),
                    None => changed.push((id, replace_expr(expr, fields))),
                }
            }
            Rel::Project { input, items: changed }
        }
        other => other.map_exprs(&mut |expr| replace_expr(expr, fields)),
    }
}

fn replace_expr(expr: Expr, fields: &Map<ColId, Fields>) -> Expr {
    if let Some((id, path)) = field_path(&expr)
        && let Some((_, column)) = fields.get(&id).and_then(|fields| fields.iter().find(|(known, _)| *known == path))
    {
        return Expr::Column(*column);
    }
    expr.map_children(&mut |child| replace_expr(child, fields))
}
