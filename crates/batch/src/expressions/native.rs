//! Expressions that mean exactly the same in DataFusion and cannot fail: columns, constants, comparisons of one type, AND,
//! OR, NOT, IS NULL.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr as DfExpr, Operator};
use tidemill_core::Result;
use tidemill_expr::{Expr, Scalar, SqlType, TypeKind};
use tidemill_planner::rel::ColumnRegistry;

use crate::failure::from_datafusion;
use crate::names;

/// The native form, if there is one.
pub(super) fn native(expr: &Expr, registry: &ColumnRegistry) -> Result<Option<DfExpr>> {
    match expr {
        Expr::Column(id) => Ok(Some(names::column(registry, *id))),
        Expr::Literal(value, ty) => literal(value, ty).map(Some),
        Expr::Call { function, args, .. } => call(function, args, registry),
        Expr::Cast { .. } | Expr::Case { .. } | Expr::Field { .. } => Ok(None),
    }
}

/// A constant.
fn literal(value: &Scalar, ty: &SqlType) -> Result<DfExpr> {
    let array = value.to_array(ty)?;
    let scalar = ScalarValue::try_from_array(&array, 0).map_err(from_datafusion)?;
    Ok(DfExpr::Literal(scalar, None))
}

fn call(function: &str, args: &[Expr], registry: &ColumnRegistry) -> Result<Option<DfExpr>> {
    match (function, args) {
        ("AND" | "OR", [_, ..]) => {
            let op = if function == "AND" { Operator::And } else { Operator::Or };
            let Some(parts) = truths(args, registry)? else { return Ok(None) };
            Ok(parts.into_iter().reduce(|left, right| binary(left, op, right)))
        }
        ("NOT", [arg]) => Ok(truths(std::slice::from_ref(arg), registry)?
            .and_then(|mut parts| parts.pop())
            .map(|part| DfExpr::Not(Box::new(part)))),
        ("IS NULL", [arg]) => Ok(native(arg, registry)?.map(|arg| DfExpr::IsNull(Box::new(arg)))),
        ("IS NOT NULL", [arg]) => Ok(native(arg, registry)?.map(|arg| DfExpr::IsNotNull(Box::new(arg)))),
        (_, [left, right]) => {
            let Some(op) = comparison(function) else { return Ok(None) };
            if !same_order(&registry.expr_ty(left), &registry.expr_ty(right)) {
                return Ok(None);
            }
            let (Some(left), Some(right)) = (native(left, registry)?, native(right, registry)?) else {
                return Ok(None);
            };
            Ok(Some(binary(left, op, right)))
        }
        _ => Ok(None),
    }
}

fn truths(args: &[Expr], registry: &ColumnRegistry) -> Result<Option<Vec<DfExpr>>> {
    if args.iter().any(|arg| registry.expr_ty(arg).kind != TypeKind::Boolean) {
        return Ok(None);
    }
    args.iter().map(|arg| native(arg, registry)).collect()
}

fn binary(left: DfExpr, op: Operator, right: DfExpr) -> DfExpr {
    DfExpr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn comparison(function: &str) -> Option<Operator> {
    Some(match function {
        "=" => Operator::Eq,
        "<>" => Operator::NotEq,
        "<" => Operator::Lt,
        "<=" => Operator::LtEq,
        ">" => Operator::Gt,
        ">=" => Operator::GtEq,
        _ => return None,
    })
}

/// Whether Arrow compares two types as we do: one type, and no floats (theirs tell -0.0 from 0.0), no nested values.
pub(super) fn same_order(left: &SqlType, right: &SqlType) -> bool {
    let characters = left.kind.is_character() && right.kind.is_character();
    let plain = left.kind.is_ordered() && !left.kind.is_approximate() && !left.kind.is_binary();
    plain && (characters || left.kind == right.kind)
}

/// Whether both are the same floating-point type.
pub(super) fn both_float(left: &SqlType, right: &SqlType) -> bool {
    left.kind.is_approximate() && left.kind == right.kind
}
