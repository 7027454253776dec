//! What every later step relies on: each column is produced once, and everything that is used is there.

use tidemill_core::map::Set;
use tidemill_expr::Expr;

use crate::error::{PlanError, PlanResult};
use crate::rel::{ColId, ColumnRegistry, Rel, WindowTime};

/// Checks a plan of which `columns` are the result.
///
/// # Errors
/// A rule has broken the plan: a defect, with the column and the node.
pub(super) fn check(rel: &Rel, columns: &[ColId], registry: &ColumnRegistry) -> PlanResult<()> {
    let mut produced: Set<ColId> = Set::default();
    let mut wrong: Option<String> = None;
    rel.visit(&mut |node| {
        let line = || crate::rel::explain(node, registry).lines().next().unwrap_or_default().to_string();
        let inputs: Set<ColId> = node.inputs().into_iter().flat_map(Rel::columns).collect();
        for id in new_columns(node) {
            if !produced.insert(id) {
                wrong.get_or_insert_with(|| {
                    format!("column {} ({id}) is produced twice, at {}", registry.name(id), line())
                });
            }
        }
        if let Some(free) = used_columns(node).into_iter().find(|id| !inputs.contains(id)) {
            wrong.get_or_insert_with(|| {
                format!("column {} ({free}) is used but not there, at {}", registry.name(free), line())
            });
        }
    });
    let top: Set<ColId> = rel.columns().into_iter().collect();
    if let Some(missing) = columns.iter().find(|id| !top.contains(*id)) {
        wrong.get_or_insert_with(|| format!("column {} ({missing}) of the result is gone", registry.name(*missing)));
    }
    wrong.map_or(Ok(()), |text| {
        Err(PlanError::defect(format!("the planner has made a wrong plan: {text}; please report it")))
    })
}

fn new_columns(node: &Rel) -> Vec<ColId> {
    match node {
        Rel::Scan(_) | Rel::Values { .. } | Rel::Union { .. } => node.columns(),
        Rel::Project { items, .. } => {
            items.iter().filter(|(id, expr)| *expr != Expr::Column(*id)).map(|(id, _)| *id).collect()
        }
        Rel::WindowTvf(tvf) => vec![tvf.start, tvf.end, tvf.window_time],
        Rel::Aggregate { calls, .. } => calls.iter().map(|call| call.id).collect(),
        _ => Vec::new(),
    }
}

fn used_columns(node: &Rel) -> Vec<ColId> {
    let mut used: Vec<ColId> = if matches!(node, Rel::Values { .. }) {
        Vec::new()
    } else {
        node.exprs().into_iter().flat_map(Expr::columns).collect()
    };
    match node {
        Rel::Watermark { time, .. } => used.push(*time),
        Rel::WindowTvf(tvf) => {
            used.extend(&tvf.partition_by);
            if let WindowTime::Column(time) = tvf.time {
                used.push(time);
            }
        }
        Rel::Aggregate { keys, calls, .. } => {
            used.extend(keys);
            used.extend(calls.iter().flat_map(|call| call.args.iter().copied().chain(call.filter)));
        }
        Rel::Union { sources, .. } => used.extend(sources.iter().flatten()),
        Rel::Sort { keys, .. } => used.extend(keys.iter().map(|key| key.column)),
        _ => {}
    }
    used
}
