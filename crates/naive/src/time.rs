//! Functions of times, and texts of times by pattern.

use tidemill_sql_parser::ast::TimeUnit;

use crate::calendar::{self, NANOS_OF_DAY, NANOS_OF_MS, NANOS_OF_SECOND};
use crate::error::{Error, Result};
use crate::expr::{Binder, Bound, strict};
use crate::functions::{extract, take};
use crate::types::Type;
use crate::value::Value;

/// A call, if `name` is a function of this module; it takes the arguments then.
pub(crate) fn call(name: &str, args: &mut Vec<Bound>, binder: Binder<'_>) -> Result<Option<Bound>> {
    let unit = match name {
        "YEAR" => Some(TimeUnit::Year),
        "QUARTER" => Some(TimeUnit::Quarter),
        "MONTH" => Some(TimeUnit::Month),
        "WEEK" => Some(TimeUnit::Week),
        "DAYOFMONTH" => Some(TimeUnit::Day),
        "DAYOFWEEK" => Some(TimeUnit::Dow),
        "DAYOFYEAR" => Some(TimeUnit::Doy),
        "HOUR" => Some(TimeUnit::Hour),
        "MINUTE" => Some(TimeUnit::Minute),
        "SECOND" => Some(TimeUnit::Second),
        "DATE_FORMAT" | "TO_TIMESTAMP" | "TO_DATE" | "TO_TIMESTAMP_LTZ" => None,
        _ => return Ok(None),
    };
    let args = std::mem::take(args);
    let wrong = || Error::Mistake(format!("{name} does not take these arguments"));
    let zone = binder.zone;
    if let Some(unit) = unit {
        let [time] = take(args).ok_or_else(wrong)?;
        return extract(unit, time, zone).map(Some);
    }
    Ok(Some(match name {
        "DATE_FORMAT" => {
            let [time, pattern] = take(args).ok_or_else(wrong)?;
            let time = if time.ty.is_text() { binder.coerce(time, &Type::Timestamp(3)) } else { time };
            let local = local(&time, zone)?;
            strict(name, Type::STRING, vec![time, pattern], move |v| match &v[1] {
                Value::Text(pattern) => format(local(&v[0]), pattern).map(Value::Text),
                _ => Ok(Value::Null),
            })
        }
        "TO_TIMESTAMP_LTZ" => {
            let [number, precision] = take(args).ok_or_else(wrong)?;
            strict(name, Type::TimestampLtz(3), vec![number, precision], |v| match (&v[0], &v[1]) {
                (Value::Int(n), Value::Int(0)) => Ok(Value::Timestamp(i128::from(*n) * NANOS_OF_SECOND)),
                (Value::Int(n), Value::Int(3)) => Ok(Value::Timestamp(i128::from(*n) * NANOS_OF_MS)),
                _ => Err(Error::Value("TO_TIMESTAMP_LTZ takes a whole number and 0 or 3".into())),
            })
        }
        _ => {
            if args.is_empty() || args.len() > 2 {
                return Err(wrong());
            }
            let date = name == "TO_DATE";
            let ty = if date { Type::Date } else { Type::Timestamp(3) };
            strict(name, ty, args, move |v| {
                let text = |value: &Value| if let Value::Text(text) = value { text.clone() } else { String::new() };
                let nanos = match v.get(1) {
                    None => calendar::parse_timestamp(&text(&v[0])).map(|(nanos, _)| nanos),
                    Some(pattern) => parse(&text(&v[0]), &text(pattern))?,
                };
                Ok(match nanos {
                    None => Value::Null,
                    Some(nanos) if date => Value::Date(calendar::split(nanos).0),
                    Some(nanos) => Value::Timestamp(nanos.div_euclid(NANOS_OF_MS) * NANOS_OF_MS),
                })
            })
        }
    }))
}

/// How values of the operand's type become local points in time.
pub(crate) fn local(operand: &Bound, zone: i128) -> Result<impl Fn(&Value) -> i128 + use<>> {
    let ahead = match operand.ty {
        Type::TimestampLtz(_) => zone,
        Type::Date | Type::Time | Type::Timestamp(_) | Type::Null => 0,
        ref other => return Err(Error::Mistake(format!("{other} is no time"))),
    };
    Ok(move |value: &Value| match value {
        Value::Date(day) => i128::from(*day) * NANOS_OF_DAY,
        Value::Time(ms) => i128::from(*ms) * NANOS_OF_MS,
        Value::Timestamp(nanos) => nanos + ahead,
        _ => 0,
    })
}

/// A piece of a pattern of Java's DateTimeFormatter.
enum Piece {
    /// So many of a letter.
    Field(char, usize),
    Plain(char),
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut quoted = false;
    let letters: Vec<char> = pattern.chars().collect();
    for (i, c) in letters.iter().enumerate() {
        match c {
            '\'' if i > 0 && letters[i - 1] == '\'' => {
                pieces.push(Piece::Plain('\''));
                quoted = !quoted;
            }
            '\'' => quoted = !quoted,
            c if quoted || !c.is_ascii_alphabetic() => pieces.push(Piece::Plain(*c)),
            c => match pieces.last_mut() {
                Some(Piece::Field(letter, count)) if letter == c => *count += 1,
                _ => pieces.push(Piece::Field(*c, 1)),
            },
        }
    }
    pieces
}

fn unknown(letter: char, count: usize) -> Error {
    Error::Unsupported(format!("the pattern letters {}", String::from(letter).repeat(count)))
}

fn format(at: i128, pattern: &str) -> Result<String> {
    let (day, clock) = calendar::split(at);
    let (year, month, of_month) = calendar::civil(day);
    let seconds = (clock / NANOS_OF_SECOND) as i64;
    let mut text = String::new();
    for piece in pieces(pattern) {
        match piece {
            Piece::Plain(c) => text.push(c),
            Piece::Field('S', count) => text.push_str(&format!("{:09}", clock % NANOS_OF_SECOND)[..count.min(9)]),
            Piece::Field(letter, count) => {
                let number = match letter {
                    'y' if count == 2 => year % 100,
                    'y' => year,
                    'M' if count <= 2 => month,
                    'd' => of_month,
                    'H' => seconds / 3600,
                    'm' => seconds / 60 % 60,
                    's' => seconds % 60,
                    _ => return Err(unknown(letter, count)),
                };
                text.push_str(&format!("{number:0count$}"));
            }
        }
    }
    Ok(text)
}

/// The point in time a text says; `None` if it does not fit the pattern.
fn parse(text: &str, pattern: &str) -> Result<Option<i128>> {
    let (mut date, mut clock, mut fraction) = ([1970, 1, 1], [0, 0, 0], String::new());
    let mut rest = text;
    for piece in pieces(pattern) {
        let width = match piece {
            Piece::Plain(c) => match rest.strip_prefix(c) {
                Some(after) => {
                    rest = after;
                    continue;
                }
                None => return Ok(None),
            },
            Piece::Field(_, count) => count,
        };
        let Some((digits, after)) = rest.split_at_checked(width) else { return Ok(None) };
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(None);
        }
        rest = after;
        let Piece::Field(letter, count) = piece else { continue };
        let Ok(number) = digits.parse::<i64>() else { return Ok(None) };
        match (letter, count) {
            ('y', 4) => date[0] = number,
            ('M', 2) => date[1] = number,
            ('d', 2) => date[2] = number,
            ('H', 2) => clock[0] = number,
            ('m', 2) => clock[1] = number,
            ('s', 2) => clock[2] = number,
            ('S', _) => fraction = format!(".{digits}"),
            _ => return Err(unknown(letter, count)),
        }
    }
    let written = format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}{fraction}",
        date[0], date[1], date[2], clock[0], clock[1], clock[2]
    );
    Ok(if rest.is_empty() { calendar::parse_timestamp(&written).map(|(nanos, _)| nanos) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_and_write() {
        let at = calendar::parse_timestamp("2013-01-02 03:04:05.678").map(|(at, _)| at).unwrap_or_default();
        assert_eq!(format(at, "yyyy-MM-dd HH:mm").as_deref(), Ok("2013-01-02 03:04"));
        assert_eq!(format(at, "yyMMdd'T'H''s.SSS").as_deref(), Ok("130102T3'5.678"));
        assert_eq!(parse("02.01.2013 03:04:05.678", "dd.MM.yyyy HH:mm:ss.SSS"), Ok(Some(at)));
        assert_eq!(parse("32.01.2013", "dd.MM.yyyy"), Ok(None));
        assert!(format(at, "EEEE").is_err());
    }
}
