//! CAST, value by value, with the rules of Flink and of Java beneath it.

use crate::calendar::{self, NANOS_OF_DAY, NANOS_OF_MS};
use crate::decimal;
use crate::error::{Error, Result};
use crate::types::{LENGTH_MAX, Type};
use crate::value::Value;

/// Whether values of one type can become values of the other at all.
pub(crate) fn possible(from: &Type, to: &Type) -> bool {
    use Type::{Array, Boolean, Bytes, Date, Map, Months, Null, Row, Time};
    match (from, to) {
        (a, b) if a == b => true,
        (Null, _) => true,
        (_, to) if to.is_text() => true,
        (from, to) if from.is_text() => to.is_number() || to.is_stamp() || matches!(to, Boolean | Bytes | Date | Time),
        (from, to) if from.is_number() => to.is_number() || (*to == Boolean && !from.is_approximate()),
        (Boolean, to) => to.is_number(),
        (Date, to) => to.is_stamp(),
        (from, to) if from.is_stamp() => to.is_stamp() || matches!(to, Date | Time),
        (Time, to) => to.is_stamp(),
        (Months, _) => false,
        (Array(a), Array(b)) => possible(a, b),
        (Map(k, v), Map(l, w)) => possible(k, l) && possible(v, w),
        (Row(a), Row(b)) => a.len() == b.len() && a.iter().zip(b).all(|((_, t), (_, u))| possible(t, u)),
        _ => false,
    }
}

/// The value as one of type `to`; `zone` is what the session's time zone is ahead of UTC, in nanoseconds.
///
/// # Errors
/// The value has no counterpart there, such as a text that is no number.
pub(crate) fn cast(value: &Value, from: &Type, to: &Type, zone: i128) -> Result<Value> {
    if from == to {
        return Ok(value.clone());
    }
    Ok(match (value, to) {
        (Value::Null | Value::Error(_), _) => value.clone(),
        (_, Type::Char(n)) => {
            let cut: String = print(value, from, zone).chars().take(*n as usize).collect();
            Value::Text(format!("{cut: <width$}", width = *n as usize))
        }
        (_, Type::Varchar(n)) => Value::Text(print(value, from, zone).chars().take(*n as usize).collect()),
        (Value::Text(text), to) => return of_text(text, to, zone),
        (Value::Boolean(value), to) => return cast(&Value::Int(i64::from(*value)), &Type::Int, to, zone),
        (Value::Int(n), Type::Boolean) => Value::Boolean(*n != 0),
        (Value::Decimal(n, _), Type::Boolean) => Value::Boolean(*n != 0),
        (Value::Int(n), to) if to.is_integer() => Value::Int(wrap(i128::from(*n), to)),
        (Value::Int(n), Type::Float) => Value::Float(*n as f32),
        (Value::Int(n), Type::Double) => Value::Double(*n as f64),
        (Value::Int(n), Type::Decimal(p, s)) => to_decimal(i128::from(*n), 0, *p, *s),
        (Value::Decimal(n, scale), to) if to.is_integer() => Value::Int(wrap(decimal::truncate(*n, *scale), to)),
        (Value::Decimal(n, scale), Type::Decimal(p, s)) => to_decimal(*n, *scale, *p, *s),
        (Value::Decimal(n, scale), Type::Double) => Value::Double(of_decimal(*n, *scale)),
        (Value::Decimal(n, scale), Type::Float) => Value::Float(of_decimal(*n, *scale) as f32),
        (Value::Float(x), Type::Double) => Value::Double(f64::from(*x)),
        (Value::Float(x), to) if to.is_integer() => Value::Int(narrow(f64::from(*x), to)),
        (Value::Float(x), to) => return cast(&Value::Double(f64::from(*x)), &Type::Double, to, zone),
        (Value::Double(x), Type::Float) => Value::Float(*x as f32),
        (Value::Double(x), to) if to.is_integer() => Value::Int(narrow(*x, to)),
        (Value::Double(x), Type::Decimal(p, s)) => match decimal::parse(&java_double(*x)) {
            Some((n, scale)) => to_decimal(n, scale, *p, *s),
            None => return Err(Error::Value(format!("{x} is no DECIMAL"))),
        },
        (Value::Date(days), Type::Timestamp(_)) => Value::Timestamp(i128::from(*days) * NANOS_OF_DAY),
        (Value::Date(days), Type::TimestampLtz(_)) => Value::Timestamp(i128::from(*days) * NANOS_OF_DAY - zone),
        (Value::Time(ms), Type::Timestamp(_)) => Value::Timestamp(i128::from(*ms) * NANOS_OF_MS),
        (Value::Timestamp(nanos), to) => {
            let local = if matches!(from, Type::TimestampLtz(_)) { nanos + zone } else { *nanos };
            match to {
                Type::Timestamp(p) => Value::Timestamp(to_places(local, *p)),
                Type::TimestampLtz(p) => Value::Timestamp(to_places(local - zone, *p)),
                Type::Date => Value::Date(i64::from(calendar::split(local).0 as i32)),
                _ => Value::Time((calendar::split(local).1 / NANOS_OF_MS) as i64),
            }
        }
        (Value::Array(values), Type::Array(to)) => {
            let Type::Array(from) = from else { return Err(wrong(from, to)) };
            Value::Array(values.iter().map(|v| cast(v, from, to, zone)).collect::<Result<_>>()?)
        }
        (Value::Map(entries), Type::Map(k, v)) => {
            let Type::Map(l, w) = from else { return Err(wrong(from, to)) };
            let pairs = entries.iter().map(|(key, value)| Ok((cast(key, l, k, zone)?, cast(value, w, v, zone)?)));
            Value::Map(pairs.collect::<Result<_>>()?)
        }
        (Value::Row(values), Type::Row(to)) => {
            let Type::Row(fields) = from else { return Err(wrong(from, &Type::Null)) };
            let cells = values.iter().zip(fields).zip(to).map(|((v, (_, t)), (_, u))| cast(v, t, u, zone));
            Value::Row(cells.collect::<Result<_>>()?)
        }
        (_, to) => return Err(wrong(from, to)),
    })
}

fn wrong(from: &Type, to: &Type) -> Error {
    Error::Mistake(format!("{from} cannot be cast to {to}"))
}

/// The lowest bits, as Java narrows integers.
pub(crate) fn wrap(n: i128, to: &Type) -> i64 {
    match to {
        Type::TinyInt => i64::from(n as i8),
        Type::SmallInt => i64::from(n as i16),
        Type::Int => i64::from(n as i32),
        _ => n as i64,
    }
}

/// Towards zero; the nearest there is for what is beyond. Below INT by way of INT, as in Java.
fn narrow(x: f64, to: &Type) -> i64 {
    match to {
        Type::TinyInt => i64::from(x as i32 as i8),
        Type::SmallInt => i64::from(x as i32 as i16),
        Type::Int => i64::from(x as i32),
        _ => x as i64,
    }
}

fn to_decimal(n: i128, scale: u32, precision: u32, to: u32) -> Value {
    decimal::rescale(n, scale, to, precision).map_or(Value::Null, |n| Value::Decimal(n, to))
}

fn of_decimal(n: i128, scale: u32) -> f64 {
    decimal::print(n, scale).parse().unwrap_or(f64::NAN)
}

fn to_places(nanos: i128, places: u32) -> i128 {
    let unit = 10i128.pow(9 - places.min(9));
    nanos.div_euclid(unit) * unit
}

fn of_text(text: &str, to: &Type, zone: i128) -> Result<Value> {
    let bad = || Error::Value(format!("'{text}' is no {to}"));
    let trimmed = text.trim();
    Ok(match to {
        Type::Boolean => match trimmed.to_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "1" => Value::Boolean(true),
            "f" | "false" | "n" | "no" | "0" => Value::Boolean(false),
            _ => return Err(bad()),
        },
        to if to.is_integer() => {
            // A fraction is allowed, and dropped.
            let (whole, fraction) = trimmed.split_once('.').unwrap_or((trimmed, ""));
            let n: i64 = whole.parse().map_err(|_| bad())?;
            if !fraction.bytes().all(|b| b.is_ascii_digit()) || wrap(i128::from(n), to) != n {
                return Err(bad());
            }
            Value::Int(n)
        }
        Type::Decimal(p, s) => {
            let (n, scale) = decimal::parse(trimmed).ok_or_else(bad)?;
            to_decimal(n, scale, *p, *s)
        }
        Type::Float => Value::Float(trimmed.parse().map_err(|_| bad())?),
        Type::Double => Value::Double(trimmed.parse().map_err(|_| bad())?),
        Type::Bytes => Value::Bytes(text.as_bytes().to_vec()),
        // The clock behind a date is dropped.
        Type::Date => Value::Date(calendar::split(calendar::parse_timestamp(trimmed).ok_or_else(bad)?.0).0),
        Type::Time => Value::Time((calendar::parse_time(trimmed).ok_or_else(bad)?.0 / NANOS_OF_MS) as i64),
        Type::Timestamp(p) => Value::Timestamp(to_places(calendar::parse_timestamp(trimmed).ok_or_else(bad)?.0, *p)),
        Type::TimestampLtz(p) => {
            Value::Timestamp(to_places(calendar::parse_timestamp(trimmed).ok_or_else(bad)?.0 - zone, *p))
        }
        _ => return Err(bad()),
    })
}

/// Flink's text of a value.
fn print(value: &Value, ty: &Type, zone: i128) -> String {
    match (value, ty) {
        (Value::Null, _) => "NULL".into(),
        (Value::Text(text), _) => text.clone(),
        (Value::Boolean(value), _) => if *value { "TRUE" } else { "FALSE" }.into(),
        (Value::Int(n), _) => n.to_string(),
        (Value::Decimal(n, scale), _) => decimal::print(*n, *scale),
        (Value::Float(x), _) => java_float(f64::from(*x), &format!("{x:e}")),
        (Value::Double(x), _) => java_double(*x),
        (Value::Bytes(bytes), _) => String::from_utf8_lossy(bytes).into_owned(),
        (Value::Date(days), _) => calendar::print_date(*days),
        (Value::Time(ms), _) => calendar::print_time(i128::from(*ms) * NANOS_OF_MS, 0),
        (Value::Timestamp(nanos), Type::TimestampLtz(p)) => calendar::print_timestamp(nanos + zone, *p),
        (Value::Timestamp(nanos), Type::Timestamp(p)) => calendar::print_timestamp(*nanos, *p),
        (Value::Months(n), _) => {
            format!("{}{}-{:02}", if *n < 0 { "-" } else { "+" }, n.abs() / 12, n.abs() % 12)
        }
        (Value::Millis(n), _) => {
            let (day, clock) = (n.abs() / 86_400_000, i128::from(n.abs() % 86_400_000) * NANOS_OF_MS);
            format!("{}{day} {}", if *n < 0 { "-" } else { "+" }, calendar::print_time(clock, 3))
        }
        (Value::Array(values), Type::Array(of)) => {
            format!("[{}]", values.iter().map(|v| print(v, of, zone)).collect::<Vec<_>>().join(", "))
        }
        (Value::Map(entries), Type::Map(k, v)) => {
            let entries = entries.iter().map(|(a, b)| format!("{}={}", print(a, k, zone), print(b, v, zone)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        (Value::Row(values), Type::Row(fields)) => {
            let cells = values.iter().zip(fields).map(|(v, (_, t))| print(v, t, zone));
            format!("({})", cells.collect::<Vec<_>>().join(", "))
        }
        (other, _) => other.to_string(),
    }
}

/// A value as text without padding.
pub(crate) fn to_text(value: &Value, ty: &Type, zone: i128) -> Result<Value> {
    cast(value, ty, &Type::Varchar(LENGTH_MAX), zone)
}

/// Java's `Double.toString`.
pub(crate) fn java_double(x: f64) -> String {
    java_float(x, &format!("{x:e}"))
}

/// Plain from 10^-3 to 10^7, with an exponent elsewhere, always with a point; `shortest` is `d.ddde±x`.
fn java_float(x: f64, shortest: &str) -> String {
    if x.is_nan() {
        return "NaN".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let (sign, shortest) = shortest.strip_prefix('-').map_or(("", shortest), |rest| ("-", rest));
    let (mut mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    // Where one digit would do, Java writes the two that are nearest; that differs for the smallest numbers alone.
    let nearest = format!("{:.1e}", x.abs());
    if mantissa.len() == 1 {
        mantissa = nearest.split_once(".0e").or(nearest.split_once('e')).map_or(mantissa, |(digits, _)| digits);
    }
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let plain = x == 0.0 || (-3..7).contains(&exponent);
    let (before, after) = if !plain {
        (digits[..1].to_string(), digits[1..].to_string())
    } else if exponent < 0 {
        ("0".into(), format!("{}{digits}", "0".repeat((-exponent - 1) as usize)))
    } else {
        let whole = exponent as usize + 1;
        let padded = format!("{digits:0<whole$}");
        (padded[..whole].to_string(), padded[whole..].to_string())
    };
    let after = if after.is_empty() { "0".into() } else { after };
    if plain { format!("{sign}{before}.{after}") } else { format!("{sign}{before}.{after}E{exponent}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_as_in_java() {
        for (x, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1234.5, "1234.5"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (0.001, "0.001"),
            (0.00012, "1.2E-4"),
            (-2.5e-10, "-2.5E-10"),
            (f64::from_bits(1), "4.9E-324"),
        ] {
            assert_eq!(java_double(x), text);
        }
    }

    #[test]
    fn numbers_narrow_as_in_java() {
        let to = |value: Value, from: Type, to: Type| cast(&value, &from, &to, 0).map(|v| v.to_string());
        assert_eq!(to(Value::Int(300), Type::Int, Type::TinyInt), Ok("44".into()));
        assert_eq!(to(Value::Double(1e300), Type::Double, Type::Int), Ok("2147483647".into()));
        assert_eq!(to(Value::Double(-1.9), Type::Double, Type::BigInt), Ok("-1".into()));
        assert_eq!(to(Value::Double(12.25), Type::Double, Type::Decimal(6, 1)), Ok("12.3".into()));
        assert_eq!(to(Value::Int(1234), Type::Int, Type::Decimal(3, 0)), Ok("NULL".into()));
        assert!(to(Value::text("12x"), Type::STRING, Type::Int).is_err());
        assert_eq!(to(Value::text(" 12.7 "), Type::STRING, Type::Int), Ok("12".into()));
        assert_eq!(to(Value::Boolean(true), Type::Boolean, Type::Char(6)), Ok("'TRUE  '".into()));
    }
}
