//! Functions by name, and those with a syntax of their own. Those of texts are in `text`, of times in `time`.

use tidemill_sql_parser::ast::{BinaryOp, TimeUnit};

use crate::arithmetic;
use crate::calendar::{self, NANOS_OF_MS};
use crate::decimal;
use crate::error::{Error, Result};
use crate::expr::{Binder, Bound, choose, constant, lenient, strict};
use crate::text;
use crate::time;
use crate::types::Type;
use crate::value::Value;

/// A call of `name` (in capitals).
pub(crate) fn call(name: &str, mut args: Vec<Bound>, binder: Binder<'_>) -> Result<Bound> {
    if let Some(found) = text::call(name, &mut args, binder)? {
        return Ok(found);
    }
    if let Some(found) = time::call(name, &mut args, binder)? {
        return Ok(found);
    }
    let count = args.len();
    let wrong = || Error::Unsupported(format!("{name} of {count} arguments"));
    match name {
        "COALESCE" | "IFNULL" if count > 0 => {
            let args = binder.alike(args)?;
            let given = |arg: &Bound| {
                lenient("IS NOT NULL", Type::Boolean, vec![arg.clone()], |v| Ok(Value::Boolean(!v[0].is_null())))
            };
            Ok(choose(name, args.iter().map(given).collect(), args))
        }
        "IF" => {
            let [condition, then, otherwise] = take(args).ok_or_else(wrong)?;
            Ok(choose(name, vec![condition], binder.alike(vec![then, otherwise])?))
        }
        "NULLIF" => {
            let [left, right] = take(args).ok_or_else(wrong)?;
            let equal = binder.compare(BinaryOp::Eq, left.clone(), right)?;
            let null = constant((Value::Null, left.ty.clone()));
            Ok(choose(name, vec![equal], vec![null, left]))
        }
        "GREATEST" | "LEAST" if count > 0 => {
            let args = binder.alike(args)?;
            let greatest = name == "GREATEST";
            let best = move |v: &[Value]| if greatest { v.iter().max() } else { v.iter().min() }.cloned();
            let ty = args[0].ty.clone();
            Ok(strict(name, ty, args, move |v| Ok(best(v).unwrap_or(Value::Null))))
        }
        "MOD" => {
            let [left, right] = take(args).ok_or_else(wrong)?;
            arithmetic::bind(BinaryOp::Modulo, left, right, binder)
        }
        "ABS" => {
            let [x] = take(args).ok_or_else(wrong)?;
            let minus = arithmetic::negate(x.clone())?;
            let zero = binder.coerce(constant((Value::Int(0), Type::Int)), &x.ty);
            let below = binder.compare(BinaryOp::Lt, x.clone(), zero)?;
            Ok(choose(name, vec![below], vec![minus, x]))
        }
        "ROUND" => round(args).ok_or_else(wrong),
        "FLOOR" | "CEIL" | "CEILING" => {
            let [x] = take(args).ok_or_else(wrong)?;
            whole(name == "FLOOR", x)
        }
        "CARDINALITY" => {
            let [x] = take(args).ok_or_else(wrong)?;
            Ok(strict(name, Type::Int, vec![x], |v| {
                Ok(match &v[0] {
                    Value::Array(values) => Value::Int(values.len() as i64),
                    Value::Map(entries) => Value::Int(entries.len() as i64),
                    _ => Value::Null,
                })
            }))
        }
        _ => Err(wrong()),
    }
}

/// The arguments, if there are as many as wanted.
pub(crate) fn take<const N: usize>(args: Vec<Bound>) -> Option<[Bound; N]> {
    args.try_into().ok()
}

/// ROUND(x), ROUND(x, places): half away from zero. The places are a constant, for the type depends on them.
fn round(args: Vec<Bound>) -> Option<Bound> {
    let mut args = args.into_iter();
    let x = args.next()?;
    let places = match args.next().map(|places| (places.eval)(&[])) {
        None => 0,
        Some(Value::Int(places)) => i32::try_from(places).ok()?,
        Some(_) => return None,
    };
    if args.next().is_some() || !x.ty.is_number() {
        return None;
    }
    let ty = match x.ty {
        Type::Decimal(p, s) if places >= s as i32 => Type::Decimal(p, s),
        Type::Decimal(p, s) if places < 0 => Type::Decimal((p - s + 1).min(38), 0),
        Type::Decimal(p, s) => Type::Decimal(1 + p - s + places as u32, places as u32),
        ref other => other.clone(),
    };
    let result = ty.clone();
    // Cut to the places, then back to the scale of the result.
    let exact = move |n: i128, scale: u32, to: u32| {
        let unit = 10i128.pow(places.min(0).unsigned_abs().min(38));
        let kept = decimal::divide((n, scale), (unit, 0), 38, places.max(0) as u32)?;
        decimal::multiply((kept, places.max(0) as u32), (unit, 0), 38, to)
    };
    Some(strict(&format!("ROUND{places}"), ty, vec![x], move |v| {
        Ok(match (&v[0], &result) {
            (Value::Int(n), _) => exact(i128::from(*n), 0, 0).map_or(Value::Null, |n| Value::Int(n as i64)),
            (Value::Decimal(n, scale), Type::Decimal(_, to)) => {
                exact(*n, *scale, *to).map_or(Value::Null, |n| Value::Decimal(n, *to))
            }
            (Value::Double(x), _) => Value::Double(round_double(*x, exact)),
            (Value::Float(x), _) => Value::Float(round_double(f64::from(*x), exact) as f32),
            _ => Value::Null,
        })
    }))
}

/// By way of its decimal digits, as Java's BigDecimal.valueOf; what has too many is left alone.
fn round_double(x: f64, exact: impl Fn(i128, u32, u32) -> Option<i128>) -> f64 {
    let rounded = decimal::parse(&format!("{x:e}")).and_then(|(n, scale)| exact(n, scale, scale).map(|n| (n, scale)));
    rounded.map_or(x, |(n, scale)| decimal::print(n, scale).parse().unwrap_or(x))
}

/// FLOOR(x), CEIL(x).
fn whole(down: bool, x: Bound) -> Result<Bound> {
    let ty = match x.ty {
        Type::Decimal(p, _) => Type::Decimal(p, 0),
        ref ty if ty.is_number() => ty.clone(),
        ref other => return Err(Error::Unsupported(format!("FLOOR of {other}"))),
    };
    Ok(strict(if down { "FLOOR" } else { "CEIL" }, ty, vec![x], move |v| {
        Ok(match &v[0] {
            Value::Double(x) => Value::Double(if down { x.floor() } else { x.ceil() }),
            Value::Float(x) => Value::Float(if down { x.floor() } else { x.ceil() }),
            Value::Decimal(n, scale) => {
                let unit = 10i128.pow(*scale);
                let floor = n.div_euclid(unit);
                Value::Decimal(if down || floor * unit == *n { floor } else { floor + 1 }, 0)
            }
            other => other.clone(),
        })
    }))
}

/// `array[i]` from 1, `map[k]`; NULL where there is nothing.
pub(crate) fn item(base: Bound, index: Bound) -> Result<Bound> {
    let ty = match &base.ty {
        Type::Array(of) | Type::Map(_, of) => (**of).clone(),
        other => return Err(Error::Mistake(format!("{other} has no elements"))),
    };
    Ok(strict("ITEM", ty, vec![base, index], |v| {
        Ok(match (&v[0], &v[1]) {
            (Value::Array(values), Value::Int(at)) => {
                usize::try_from(at - 1).ok().and_then(|at| values.get(at)).cloned().unwrap_or(Value::Null)
            }
            (Value::Map(entries), key) => {
                entries.iter().find(|(k, _)| k == key).map_or(Value::Null, |(_, value)| value.clone())
            }
            _ => Value::Null,
        })
    }))
}

/// `x LIKE pattern [ESCAPE c]`.
pub(crate) fn like(args: Vec<Bound>) -> Result<Bound> {
    if let Some(other) = args.iter().find(|arg| !arg.ty.is_text() && arg.ty != Type::Null) {
        return Err(Error::Mistake(format!("LIKE of {}", other.ty)));
    }
    Ok(strict("LIKE", Type::Boolean, args, |v| {
        let chars = |value: &Value| if let Value::Text(text) = value { text.chars().collect() } else { Vec::new() };
        let escape = v.get(2).and_then(|c| chars(c).first().copied());
        text::like(&chars(&v[0]), &chars(&v[1]), escape).map(Value::Boolean)
    }))
}

/// `EXTRACT(unit FROM x)`.
pub(crate) fn extract(unit: TimeUnit, operand: Bound, zone: i128) -> Result<Bound> {
    let local = time::local(&operand, zone)?;
    if calendar::extract(unit, 0).is_none() {
        return Err(Error::Unsupported(format!("EXTRACT({unit:?})")));
    }
    Ok(strict(&format!("EXTRACT {unit:?}"), Type::BigInt, vec![operand], move |v| {
        Ok(calendar::extract(unit, local(&v[0])).map_or(Value::Null, Value::Int))
    }))
}

/// `FLOOR(x TO unit)`, `CEIL(x TO unit)`.
pub(crate) fn round_time(unit: TimeUnit, down: bool, operand: Bound, zone: i128) -> Result<Bound> {
    let (local, ty) = (time::local(&operand, zone)?, operand.ty.clone());
    let name = format!("{} {unit:?}", if down { "FLOOR" } else { "CEIL" });
    Ok(strict(&name, ty.clone(), vec![operand], move |v| {
        let at = local(&v[0]);
        let rounded = if down { calendar::floor(at, unit) } else { calendar::ceil(at, unit) };
        let rounded = rounded.ok_or_else(|| Error::Value(format!("there is no {unit:?} to round to")))?;
        Ok(match ty {
            Type::Date => Value::Date(calendar::split(rounded).0),
            Type::TimestampLtz(_) => Value::Timestamp(rounded - zone),
            _ => Value::Timestamp(rounded),
        })
    }))
}

/// `TIMESTAMPADD(unit, n, time)`, `TIMESTAMPDIFF(unit, from, to)`.
pub(crate) fn timestamp_arithmetic(add: bool, unit: TimeUnit, args: Vec<Bound>, zone: i128) -> Result<Bound> {
    let [first, second] = take(args).ok_or_else(|| Error::Mistake("this takes a unit and two values".into()))?;
    let name = format!("TIMESTAMP {unit:?}");
    let months = calendar::months_of(unit);
    let nanos = calendar::nanos_of(unit);
    if add {
        let ty = second.ty.clone();
        return Ok(strict(&name, ty, vec![first, second], move |v| {
            let Value::Int(n) = v[0] else { return Ok(Value::Null) };
            let by = match (months, nanos) {
                (Some(months), _) => Value::Months(n * months),
                (None, Some(nanos)) => Value::Millis(n * (nanos / NANOS_OF_MS) as i64),
                _ => return Err(Error::Unsupported(format!("TIMESTAMPADD of {unit:?}"))),
            };
            arithmetic::shift(&v[1], &by, 1)
        }));
    }
    let (from, to) = (time::local(&first, zone)?, time::local(&second, zone)?);
    Ok(strict(&name, Type::Int, vec![first, second], move |v| {
        let (from, to) = (from(&v[0]), to(&v[1]));
        let units = match (months, nanos) {
            (Some(months), _) => calendar::months_between(from, to) / months,
            (None, Some(nanos)) => ((to - from) / nanos) as i64,
            _ => return Err(Error::Unsupported(format!("TIMESTAMPDIFF of {unit:?}"))),
        };
        Ok(Value::Int(i64::from(units as i32)))
    }))
}
