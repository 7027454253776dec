//! `+ - * / %` with Flink's types: integers wrap, decimals follow its precision rules, times take intervals.

use tidemill_sql_parser::ast::BinaryOp;

use crate::calendar::{self, NANOS_OF_DAY, NANOS_OF_MS};
use crate::cast::wrap;
use crate::decimal;
use crate::error::{Error, Result};
use crate::expr::{Binder, Bound, strict};
use crate::types::Type;
use crate::value::Value;

/// `left op right`.
pub(crate) fn bind(op: BinaryOp, left: Bound, right: Bound, binder: Binder<'_>) -> Result<Bound> {
    let (l, r) = (left.ty.clone(), right.ty.clone());
    let name = format!("{op:?}");
    match (&l, &r) {
        (Type::Null, Type::Null) => Ok(strict(&name, Type::Null, vec![left, right], |_| Ok(Value::Null))),
        (Type::Null, other) | (other, Type::Null) => {
            let other = other.clone();
            bind(op, binder.coerce(left, &other), binder.coerce(right, &other), binder)
        }
        (l, r) if l.is_number() && r.is_number() => numbers(op, left, right, binder),
        (time, Type::Months | Type::Millis) if is_time(time) && matches!(op, BinaryOp::Plus | BinaryOp::Minus) => {
            let sign = if op == BinaryOp::Plus { 1 } else { -1 };
            Ok(strict(&name, l.clone(), vec![left, right], move |v| shift(&v[0], &v[1], sign)))
        }
        (Type::Months | Type::Millis, time) if is_time(time) && op == BinaryOp::Plus => bind(op, right, left, binder),
        (Type::Months, Type::Months) | (Type::Millis, Type::Millis)
            if matches!(op, BinaryOp::Plus | BinaryOp::Minus) =>
        {
            let sign = if op == BinaryOp::Plus { 1 } else { -1 };
            Ok(strict(&name, l.clone(), vec![left, right], move |v| {
                Ok(match (&v[0], &v[1]) {
                    (Value::Months(a), Value::Months(b)) => Value::Months(a.wrapping_add(sign * b)),
                    (Value::Millis(a), Value::Millis(b)) => Value::Millis(a.wrapping_add(sign * b)),
                    _ => Value::Null,
                })
            }))
        }
        _ => Err(Error::Mistake(format!("{l} {op:?} {r} means nothing"))),
    }
}

fn is_time(ty: &Type) -> bool {
    ty.is_stamp() || *ty == Type::Date
}

/// `-x`.
pub(crate) fn negate(operand: Bound) -> Result<Bound> {
    let ty = operand.ty.clone();
    if !ty.is_number() && !matches!(ty, Type::Months | Type::Millis | Type::Null) {
        return Err(Error::Mistake(format!("there is no -x for {ty}")));
    }
    Ok(strict("NEGATE", ty.clone(), vec![operand], move |v| {
        Ok(match &v[0] {
            Value::Int(n) => Value::Int(wrap(-i128::from(*n), &ty)),
            Value::Decimal(n, scale) => Value::Decimal(-n, *scale),
            Value::Float(x) => Value::Float(-x),
            Value::Double(x) => Value::Double(-x),
            Value::Months(n) => Value::Months(-n),
            Value::Millis(n) => Value::Millis(-n),
            _ => Value::Null,
        })
    }))
}

/// A time moved by an interval.
pub(crate) fn shift(time: &Value, by: &Value, sign: i64) -> Result<Value> {
    Ok(match (time, by) {
        (Value::Timestamp(at), Value::Millis(ms)) => Value::Timestamp(at + i128::from(sign * ms) * NANOS_OF_MS),
        (Value::Timestamp(at), Value::Months(months)) => {
            let (day, clock) = calendar::split(*at);
            Value::Timestamp(i128::from(calendar::add_months(day, sign * months)) * NANOS_OF_DAY + clock)
        }
        (Value::Date(day), Value::Months(months)) => Value::Date(calendar::add_months(*day, sign * months)),
        (Value::Date(day), Value::Millis(ms)) if ms % 86_400_000 == 0 => Value::Date(day + sign * ms / 86_400_000),
        _ => return Err(Error::Unsupported("a DATE moved by less than a day".into())),
    })
}

fn numbers(op: BinaryOp, left: Bound, right: Bound, binder: Binder<'_>) -> Result<Bound> {
    let name = format!("{op:?}");
    let (l, r) = (left.ty.clone(), right.ty.clone());
    let common = l.common(&r)?;
    if common.is_approximate() {
        if op == BinaryOp::Modulo {
            return Err(Error::Unsupported("% of floating-point numbers".into()));
        }
        let args = vec![binder.coerce(left, &common), binder.coerce(right, &common)];
        return Ok(strict(&name, common, args, move |v| Ok(floats(op, &v[0], &v[1]))));
    }
    if common.is_integer() {
        // The remainder is as wide as the divisor.
        let ty = if op == BinaryOp::Modulo { r } else { common };
        let result = ty.clone();
        return Ok(strict(&name, ty, vec![left, right], move |v| integers(op, &v[0], &v[1], &result)));
    }
    let (Some(a), Some(b)) = (l.digits(), r.digits()) else {
        return Err(Error::Mistake(format!("{l} {op:?} {r} means nothing")));
    };
    let (precision, scale) = result_digits(op, a, b);
    let args = vec![left, right];
    Ok(strict(&name, Type::Decimal(precision, scale), args, move |v| {
        let (a, b) = (exact(&v[0]), exact(&v[1]));
        if b.0 == 0 && matches!(op, BinaryOp::Divide | BinaryOp::Modulo) {
            return Err(Error::Value("division by zero".into()));
        }
        let result = match op {
            BinaryOp::Plus => decimal::add(a, b, precision, scale),
            BinaryOp::Minus => decimal::add(a, (-b.0, b.1), precision, scale),
            BinaryOp::Multiply => decimal::multiply(a, b, precision, scale),
            BinaryOp::Divide => decimal::divide(a, b, precision, scale),
            _ => decimal::remainder(a, b, precision, scale),
        };
        Ok(result.map_or(Value::Null, |n| Value::Decimal(n, scale)))
    }))
}

/// Precision and scale of a result; where 38 digits are too few, the fraction gives way, down to 6 places.
pub(crate) fn result_digits(op: BinaryOp, (p, s): (u32, u32), (q, t): (u32, u32)) -> (u32, u32) {
    let (precision, scale) = match op {
        BinaryOp::Plus | BinaryOp::Minus => ((p - s).max(q - t) + s.max(t) + 1, s.max(t)),
        BinaryOp::Multiply => (p + q + 1, s + t),
        BinaryOp::Divide => {
            let scale = (s + q + 1).max(6);
            (p - s + t + scale, scale)
        }
        _ => ((p - s).min(q - t) + s.max(t), s.max(t)),
    };
    if precision <= 38 {
        return (precision, scale);
    }
    let whole = precision - scale;
    (38, 38u32.saturating_sub(whole).max(scale.min(6)))
}

fn exact(value: &Value) -> (i128, u32) {
    match value {
        Value::Decimal(n, scale) => (*n, *scale),
        Value::Int(n) => (i128::from(*n), 0),
        _ => (0, 0),
    }
}

fn integers(op: BinaryOp, left: &Value, right: &Value, ty: &Type) -> Result<Value> {
    let (a, b) = (exact(left).0, exact(right).0);
    if b == 0 && matches!(op, BinaryOp::Divide | BinaryOp::Modulo) {
        return Err(Error::Value("division by zero".into()));
    }
    Ok(Value::Int(wrap(
        match op {
            BinaryOp::Plus => a + b,
            BinaryOp::Minus => a - b,
            BinaryOp::Multiply => a * b,
            BinaryOp::Divide => a / b,
            _ => a % b,
        },
        ty,
    )))
}

fn floats(op: BinaryOp, left: &Value, right: &Value) -> Value {
    let double = |a: f64, b: f64| match op {
        BinaryOp::Plus => a + b,
        BinaryOp::Minus => a - b,
        BinaryOp::Multiply => a * b,
        _ => a / b,
    };
    match (left, right) {
        (Value::Double(a), Value::Double(b)) => Value::Double(double(*a, *b)),
        // Each operation of two FLOATs is exact enough in DOUBLE to round to the right FLOAT.
        (Value::Float(a), Value::Float(b)) => Value::Float(double(f64::from(*a), f64::from(*b)) as f32),
        _ => Value::Null,
    }
}
