//! `column = constant` right above a scan goes to the connector, which may read less for it.
//!
//! Above a watermark only what cannot make other rows late is handed down: partitions, and what a connector answers
//! exactly. What it answers exactly is then known: the column becomes the constant and is not read.

use tidemill_expr::{Expr, Scalar};

use super::RuleContext;
use crate::error::{PlanError, PlanResult};
use crate::rel::{ColId, ColumnRegistry, Rel, Scan};

/// Hands equalities to the scans below filters.
pub(super) fn push_equalities(rel: Rel, registry: &mut ColumnRegistry, cx: RuleContext<'_>) -> PlanResult<Rel> {
    let mut failed = None;
    let rel = rel.map_inputs(&mut |input| match push_equalities(input, registry, cx) {
        Ok(rel) => rel,
        Err(error) => {
            failed.get_or_insert(error);
            Rel::Values { columns: Vec::new(), rows: Vec::new() }
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let Rel::Filter { mut input, predicate } = rel else { return Ok(rel) };
    let conjuncts = predicate.conjuncts();
    let mut kept = Vec::with_capacity(conjuncts.len());
    for conjunct in conjuncts {
        let answered = match equality(&conjunct, registry) {
            Some((id, fields, value)) => offer(&mut input, id, &fields, &value, false, registry, cx)?,
            None => false,
        };
        if !answered {
            kept.push(conjunct);
        }
    }
    if kept.is_empty() {
        return Ok(*input);
    }
    Ok(Rel::Filter { input, predicate: Expr::and(kept, &|id| registry.ty(id)) })
}

/// `column.field… = constant`, both of one type.
fn equality(expr: &Expr, registry: &ColumnRegistry) -> Option<(ColId, Vec<usize>, Scalar)> {
    let Expr::Call { function, args, .. } = expr else { return None };
    let ("=", [left, right]) = (function.as_str(), args.as_slice()) else { return None };
    let (path, literal) = if matches!(left, Expr::Literal(..)) { (right, left) } else { (left, right) };
    let Expr::Literal(value, ty) = literal else { return None };
    let same_kind = registry.expr_ty(path).kind == ty.kind
        || (registry.expr_ty(path).kind.is_character() && ty.kind.is_character());
    if value.is_null() || !same_kind {
        return None;
    }
    let mut fields = Vec::new();
    let mut base = path;
    while let Expr::Field { expr, index } = base {
        fields.push(*index);
        base = expr;
    }
    fields.reverse();
    let Expr::Column(id) = base else { return None };
    Some((*id, fields, value.clone()))
}

/// Offers an equality to the scan below; true if it need not be tested again.
fn offer(
    rel: &mut Rel,
    id: ColId,
    fields: &[usize],
    value: &Scalar,
    below_watermark: bool,
    registry: &ColumnRegistry,
    cx: RuleContext<'_>,
) -> PlanResult<bool> {
    match rel {
        Rel::Watermark { input, .. } => offer(input, id, fields, value, true, registry, cx),
        Rel::Project { input, items } => match items.iter().find(|(known, _)| *known == id) {
            Some((_, Expr::Column(below))) => offer(input, *below, fields, value, below_watermark, registry, cx),
            _ => Ok(false),
        },
        Rel::Scan(scan) => {
            let Some(read) = scan.reads.iter().position(|read| read.id == id) else { return Ok(false) };
            let mut path = scan.reads[read].path.clone();
            path.extend_from_slice(fields);
            let spec = scan.table.read_spec(cx.time_zone_name);
            let connector = cx.connectors.of(&spec);
            let connector = connector.map_err(|failure| PlanError::of_table(failure, &scan.table, scan.span))?;
            let exact = connector.answers_exactly(&spec, &path);
            let is_partition = path.len() == 1 && spec.partition_keys.contains(&path[0]);
            if below_watermark && !exact && !is_partition {
                return Ok(false);
            }
            if scan.equals.iter().any(|(known, other)| *known == path && other != value) {
                return Ok(false);
            }
            if !scan.equals.iter().any(|(known, _)| *known == path) {
                scan.equals.push((path, value.clone()));
            }
            if exact && fields.is_empty() {
                let constant = Expr::literal(value.clone(), registry.ty(id).not_null());
                let scan = std::mem::replace(rel, Rel::Values { columns: Vec::new(), rows: Vec::new() });
                *rel = known_column(scan, id, constant);
            }
            Ok(exact)
        }
        _ => Ok(false),
    }
}

/// The scan without a column, and the column as a constant above it.
fn known_column(rel: Rel, id: ColId, constant: Expr) -> Rel {
    let Rel::Scan(scan) = rel else { return rel };
    let items = scan
        .reads
        .iter()
        .map(|read| (read.id, if read.id == id { constant.clone() } else { Expr::Column(read.id) }))
        .collect();
    let reads = scan.reads.into_iter().filter(|read| read.id != id).collect();
    Rel::Project { input: Box::new(Rel::Scan(Scan { reads, ..scan })), items }
}
