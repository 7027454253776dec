//! Constants as written.

use tidemill_sql_parser::ast::{IntervalQualifier, Literal, TimeUnit};

use crate::calendar;
use crate::decimal;
use crate::error::{Error, Result};
use crate::types::Type;
use crate::value::Value;

/// Value and type of a constant; `zone` as in [`crate::cast::cast`].
pub(crate) fn literal(literal: &Literal, zone: i128) -> Result<(Value, Type)> {
    let wrong = |text: &str| Error::Mistake(format!("'{text}' is no {literal:?}"));
    Ok(match literal {
        Literal::Null => (Value::Null, Type::Null),
        Literal::Boolean(value) => (Value::Boolean(*value), Type::Boolean),
        Literal::Unknown => (Value::Null, Type::Boolean),
        Literal::Number(digits) => number(digits, false)?,
        Literal::String(text) => (Value::text(text), Type::Char(text.chars().count() as u32)),
        Literal::Binary(digits) => {
            let pairs: Vec<char> = digits.chars().collect();
            let bytes = pairs.chunks(2).map(|pair| u8::from_str_radix(&String::from_iter(pair), 16));
            (Value::Bytes(bytes.collect::<std::result::Result<_, _>>().map_err(|_| wrong(digits))?), Type::Bytes)
        }
        Literal::Date(text) => (Value::Date(calendar::parse_date(text).ok_or_else(|| wrong(text))?), Type::Date),
        Literal::Time(text) => {
            let (nanos, _) = calendar::parse_time(text).ok_or_else(|| wrong(text))?;
            (Value::Time((nanos / calendar::NANOS_OF_MS) as i64), Type::Time)
        }
        Literal::Timestamp(text) => {
            let (nanos, places) = calendar::parse_timestamp(text).ok_or_else(|| wrong(text))?;
            (Value::Timestamp(nanos), Type::Timestamp(places))
        }
        Literal::TimestampLtz(text) => {
            let (nanos, places) = calendar::parse_timestamp(text).ok_or_else(|| wrong(text))?;
            (Value::Timestamp(nanos - zone), Type::TimestampLtz(places))
        }
        Literal::Interval { value, negative, qualifier } => {
            interval(value, *negative, qualifier).ok_or_else(|| wrong(value))?
        }
    })
}

/// The number with its sign: INT, BIGINT or DECIMAL by size, DECIMAL with a point, DOUBLE with an exponent.
pub(crate) fn number(digits: &str, negative: bool) -> Result<(Value, Type)> {
    let text = format!("{}{digits}", if negative { "-" } else { "" });
    let wrong = || Error::Mistake(format!("{text} is no number"));
    if digits.contains(['e', 'E']) {
        return Ok((Value::Double(text.parse().map_err(|_| wrong())?), Type::Double));
    }
    let (value, scale) = decimal::parse(&text).ok_or_else(wrong)?;
    if !digits.contains('.') {
        if i32::try_from(value).is_ok() {
            return Ok((Value::Int(value as i64), Type::Int));
        }
        if let Ok(value) = i64::try_from(value) {
            return Ok((Value::Int(value), Type::BigInt));
        }
    }
    let precision = digits.bytes().filter(u8::is_ascii_digit).count() as u32;
    Ok((Value::Decimal(value, scale), Type::Decimal(precision, scale)))
}

/// Months or milliseconds: the parts from the leading unit down to the last.
fn interval(value: &str, negative: bool, qualifier: &IntervalQualifier) -> Option<(Value, Type)> {
    use TimeUnit::{Day, Hour, Minute, Month, Second, Year};
    let (text, minus) = value.trim().strip_prefix('-').map_or((value.trim(), negative), |rest| (rest, !negative));
    let units: Vec<TimeUnit> = match qualifier.end {
        None => vec![qualifier.start],
        Some(end) => [Year, Month, Day, Hour, Minute, Second]
            .into_iter()
            .filter(|unit| (qualifier.start..=end).contains(unit))
            .collect(),
    };
    let parts: Vec<&str> = text.split([' ', ':', '-']).collect();
    if parts.len() != units.len() {
        return None;
    }
    let mut total = 0;
    for (part, unit) in parts.iter().zip(units) {
        let (whole, fraction) = part.split_once('.').unwrap_or((part, ""));
        let (length, scale) = match calendar::months_of(unit) {
            Some(months) => (i128::from(months), 1),
            None => (calendar::nanos_of(unit)?, calendar::NANOS_OF_MS),
        };
        total += whole.parse::<i128>().ok()? * length / scale;
        if !fraction.is_empty() {
            total += format!("{fraction:0<3}").get(..3)?.parse::<i128>().ok()?;
        }
    }
    let total = if minus { -total } else { total } as i64;
    Some(if calendar::months_of(qualifier.start).is_some() {
        (Value::Months(total), Type::Months)
    } else {
        (Value::Millis(total), Type::Millis)
    })
}
