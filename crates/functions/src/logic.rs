//! NOT and the IS tests of truth values and NULL. (AND and OR are forms of the evaluator.)

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::{is_not_null, is_null, not};
use tidemill_core::Result;
use tidemill_expr::{Binding, Kernel, Operand, Output, Registry, Signature, SqlType, TypeKind};

use crate::access::truths;
use crate::define::{Function, Param, accept, typed};

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(Function::new(
        "NOT",
        |args| typed(args, &[Param::Bool], 0, TypeKind::Boolean, false),
        bind_not,
    ));
    registry.add_scalar(Function::new("IS NULL", infer_any, |_| {
        Ok(Box::new(|args, _, _| Ok(boolean(is_null(args[0].array())?))))
    }));
    registry.add_scalar(Function::new("IS NOT NULL", infer_any, |_| {
        Ok(Box::new(|args, _, _| Ok(boolean(is_not_null(args[0].array())?))))
    }));
    registry.add_scalar(Function::new("IS TRUE", infer_truth, |_| test(|truth| truth == Some(true))));
    registry.add_scalar(Function::new("IS NOT TRUE", infer_truth, |_| test(|truth| truth != Some(true))));
    registry.add_scalar(Function::new("IS FALSE", infer_truth, |_| test(|truth| truth == Some(false))));
    registry.add_scalar(Function::new("IS NOT FALSE", infer_truth, |_| test(|truth| truth != Some(false))));
}

fn boolean(array: BooleanArray) -> Output {
    Output::new(Arc::new(array))
}

fn infer_any(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[Param::Any], 0)?, SqlType::BOOLEAN.not_null()))
}

fn infer_truth(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[Param::Bool], 0)?, SqlType::BOOLEAN.not_null()))
}

fn bind_not(_call: &Binding<'_>) -> Result<Kernel> {
    Ok(Box::new(|args, _, _| {
        let array: &ArrayRef = args[0].array();
        Ok(match array.as_boolean_opt() {
            Some(array) => boolean(not(array)?),
            None => boolean(BooleanArray::new_null(array.len())),
        })
    }))
}

fn test(holds: fn(Option<bool>) -> bool) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let array = args[0].array().as_boolean_opt();
        Ok(truths(rows, |row| {
            let truth = array.filter(|array| array.is_valid(row)).map(|array| array.value(row));
            Some(holds(truth))
        }))
    }))
}
