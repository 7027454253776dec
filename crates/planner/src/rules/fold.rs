//! Constant folding: what can be computed now is; what is decided by a constant is decided.

use tidemill_expr::evaluator::Program;
use tidemill_expr::{Expr, Scalar};

use super::RuleContext;
use crate::rel::{ColumnRegistry, Rel};

/// Folds every expression of a plan, and drops filters that let everything pass.
pub(super) fn fold(rel: Rel, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Rel {
    let rel = rel.map_inputs(&mut |input| fold(input, registry, cx));
    // VALUES stay as they are written: their cells are computed where they are read.
    let rel = match rel {
        values @ Rel::Values { .. } => values,
        other => other.map_exprs(&mut |expr| fold_expr(expr, registry, cx)),
    };
    match rel {
        Rel::Filter { input, predicate } if predicate.is_true() => *input,
        other => other,
    }
}

/// Folds an expression from its leaves up.
pub(super) fn fold_expr(expr: Expr, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Expr {
    expr.transform(&mut |part| simplify(part, registry, cx))
}

fn simplify(expr: Expr, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Expr {
    match expr {
        leaf @ (Expr::Column(_) | Expr::Literal(..)) => leaf,
        Expr::Call { function, args, ty } if function == "AND" || function == "OR" => {
            let (neutral, decisive) = if function == "AND" { (true, false) } else { (false, true) };
            let is =
                |arg: &Expr, wanted: bool| matches!(arg, Expr::Literal(Scalar::Boolean(value), _) if *value == wanted);
            if args.iter().any(|arg| is(arg, decisive)) {
                return Expr::boolean(decisive);
            }
            let mut rest: Vec<Expr> = args.into_iter().filter(|arg| !is(arg, neutral)).collect();
            match rest.len() {
                0 => Expr::boolean(neutral),
                1 => rest.remove(0),
                _ => constant(Expr::Call { function, args: rest, ty }, registry, cx),
            }
        }
        Expr::Case { branches, otherwise, ty } => {
            let mut kept = Vec::with_capacity(branches.len());
            let mut otherwise = otherwise;
            for (when, then) in branches {
                match when {
                    Expr::Literal(Scalar::Boolean(true), _) => {
                        otherwise = Some(Box::new(then));
                        break;
                    }
                    Expr::Literal(Scalar::Boolean(false) | Scalar::Null, _) => {}
                    when => kept.push((when, then)),
                }
            }
            if kept.is_empty() {
                return otherwise.map_or_else(|| Expr::null(ty), |value| *value);
            }
            constant(Expr::Case { branches: kept, otherwise, ty }, registry, cx)
        }
        other => constant(other, registry, cx),
    }
}

/// The value of an expression of constants; the expression itself if it has none (its error belongs to the rows).
fn constant(expr: Expr, registry: &ColumnRegistry, cx: RuleContext<'_>) -> Expr {
    let constant_parts = expr.children().into_iter().all(|part| matches!(part, Expr::Literal(..)));
    if !constant_parts || !cx.is_deterministic(&expr) {
        return expr;
    }
    match Program::fold(&expr, cx.functions, &cx.eval()) {
        Ok(Some(value)) => {
            let ty = registry.expr_ty(&expr);
            Expr::Literal(value, ty)
        }
        _ => expr,
    }
}
