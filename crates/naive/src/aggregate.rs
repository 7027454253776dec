//! COUNT, SUM, AVG, MIN, MAX over the rows of a group, all of them at once.

use std::collections::BTreeSet;

use tidemill_sql_parser::ast::{ArgValue, BinaryOp, FunctionCall, SetQuantifier};

use crate::arithmetic::result_digits;
use crate::cast::{cast, wrap};
use crate::decimal;
use crate::error::{Error, Result};
use crate::expr::{Binder, Bound};
use crate::types::Type;
use crate::value::{Row, Value};

/// A call of an aggregate function.
pub(crate) struct Call {
    pub(crate) ty: Type,
    function: Function,
    /// None for `COUNT(*)`.
    arg: Option<Bound>,
    distinct: bool,
    filter: Option<Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Count,
    Sum,
    Avg,
    Min,
    Max,
}

fn function_of(call: &FunctionCall) -> Option<Function> {
    [
        ("COUNT", Function::Count),
        ("SUM", Function::Sum),
        ("AVG", Function::Avg),
        ("MIN", Function::Min),
        ("MAX", Function::Max),
    ]
    .into_iter()
    .find(|(name, _)| call.is(name))
    .map(|(_, function)| function)
}

/// Whether the call is one of this module's.
pub(crate) fn is_aggregate(call: &FunctionCall) -> bool {
    function_of(call).is_some()
}

/// The call over rows that `binder` knows.
pub(crate) fn bind(call: &FunctionCall, binder: Binder<'_>) -> Result<Call> {
    let function = function_of(call).ok_or_else(|| Error::Unsupported(call.name.to_string()))?;
    if call.over.is_some() || !call.order_by.is_empty() || !call.within_group.is_empty() {
        return Err(Error::Unsupported(format!("{call:?}")));
    }
    let arg = match call.args.as_slice() {
        [arg] if matches!(arg.value, ArgValue::Wildcard) && function == Function::Count => None,
        args => match <[Bound; 1]>::try_from(binder.args(args)?) {
            Ok([arg]) => Some(arg),
            Err(_) => return Err(Error::Unsupported(format!("{} of several arguments", call.name))),
        },
    };
    let of = arg.as_ref().map_or(Type::Null, |arg| arg.ty.clone());
    if matches!(function, Function::Sum | Function::Avg) && !of.is_number() {
        return Err(Error::Mistake(format!("{} of {of}", call.name)));
    }
    let ty = match (function, of) {
        (Function::Count, _) => Type::BigInt,
        (Function::Sum, Type::Decimal(_, s)) => Type::Decimal(38, s),
        (Function::Avg, Type::Decimal(_, s)) => {
            let (precision, scale) = result_digits(BinaryOp::Divide, (38, s), (20, 0));
            Type::Decimal(precision, scale)
        }
        (_, of) => of,
    };
    let filter = call.filter.as_ref().map(|filter| binder.condition(filter)).transpose()?;
    Ok(Call { ty, function, arg, distinct: call.quantifier == Some(SetQuantifier::Distinct), filter })
}

impl Call {
    /// The aggregate over a group's rows.
    pub(crate) fn over(&self, rows: &[Row]) -> Value {
        let mut values = Vec::new();
        for row in rows {
            match self.filter.as_ref().map(|filter| (filter.eval)(row)) {
                None | Some(Value::Boolean(true)) => {}
                Some(error @ Value::Error(_)) => return error,
                Some(_) => continue,
            }
            match self.arg.as_ref().map(|arg| (arg.eval)(row)) {
                None => values.push(Value::Boolean(true)),
                Some(error @ Value::Error(_)) => return error,
                Some(Value::Null) => {}
                Some(value) => values.push(value),
            }
        }
        if self.distinct {
            let mut seen = BTreeSet::new();
            values.retain(|value| seen.insert(value.clone()));
        }
        match self.function {
            Function::Count => Value::Int(values.len() as i64),
            Function::Min => values.into_iter().min().unwrap_or(Value::Null),
            Function::Max => values.into_iter().max().unwrap_or(Value::Null),
            Function::Sum => sum(&values, &self.ty),
            Function::Avg => average(&values, &self.ty),
        }
    }
}

fn sum(values: &[Value], ty: &Type) -> Value {
    if values.is_empty() {
        return Value::Null;
    }
    let doubles: f64 = values
        .iter()
        .map(|value| match value {
            Value::Double(x) => *x,
            Value::Float(x) => f64::from(*x),
            _ => 0.0,
        })
        .sum();
    match ty {
        Type::Double => Value::Double(doubles),
        Type::Float => Value::Float(doubles as f32),
        Type::Decimal(p, s) => {
            let exact = values.iter().map(|value| if let Value::Decimal(n, _) = value { *n } else { 0 });
            let total = exact.into_iter().try_fold(0, |total, n| decimal::add((total, *s), (n, *s), *p, *s));
            total.map_or(Value::Null, |total| Value::Decimal(total, *s))
        }
        ty => {
            let total: i128 =
                values.iter().map(|value| if let Value::Int(n) = value { i128::from(*n) } else { 0 }).sum();
            Value::Int(wrap(total, ty))
        }
    }
}

/// The sum by the count; of integers towards zero, the sum being a BIGINT that wraps.
fn average(values: &[Value], ty: &Type) -> Value {
    let count = values.len() as i64;
    if count == 0 {
        return Value::Null;
    }
    match ty {
        Type::Float | Type::Double => match sum(values, &Type::Double) {
            Value::Double(total) => {
                cast(&Value::Double(total / count as f64), &Type::Double, ty, 0).unwrap_or(Value::Null)
            }
            other => other,
        },
        Type::Decimal(p, scale) => {
            let from = values.iter().find_map(|v| if let Value::Decimal(_, s) = v { Some(*s) } else { None });
            let from = from.unwrap_or(0);
            match sum(values, &Type::Decimal(38, from)) {
                Value::Decimal(total, s) => decimal::divide((total, s), (i128::from(count), 0), *p, *scale)
                    .map_or(Value::Null, |n| Value::Decimal(n, *scale)),
                other => other,
            }
        }
        ty => match sum(values, &Type::BigInt) {
            Value::Int(total) => Value::Int(wrap(i128::from(total) / i128::from(count), ty)),
            other => other,
        },
    }
}
