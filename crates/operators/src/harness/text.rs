//! Rows of a changelog as text, for tests that read like tables: `+I 1 'a' 2.5 NULL @1000`.
//!
//! A line is a row: its kind (left out: `+I`), then its values. Strings are quoted as in SQL, `@` and milliseconds is a
//! timestamp, a number is whatever number its column's type says.

use tidemill_core::{Failure, Result, RowKind};
use tidemill_expr::scalar::decimal_text;
use tidemill_expr::{Scalar, SqlType, TypeKind};

/// A row: its kind and values.
pub type Row = (RowKind, Vec<Scalar>);

/// Reads rows of these types; empty lines are left out.
pub fn parse_rows(types: &[SqlType], text: &str) -> Result<Vec<Row>> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| parse_row(types, line)).collect()
}

/// One line a row, as [`parse_rows`] reads them.
pub fn print_rows(rows: &[Row]) -> String {
    let mut text = String::new();
    for (kind, values) in rows {
        text.push_str(kind.symbol());
        for value in values {
            text.push(' ');
            text.push_str(&print_value(value));
        }
        text.push('\n');
    }
    text
}

fn parse_row(types: &[SqlType], line: &str) -> Result<Row> {
    let mut words = words(line).into_iter().peekable();
    let kinds = [RowKind::Insert, RowKind::UpdateBefore, RowKind::UpdateAfter, RowKind::Delete];
    let kind = words.peek().and_then(|word| kinds.into_iter().find(|kind| kind.symbol() == word));
    if kind.is_some() {
        words.next();
    }
    let words: Vec<String> = words.collect();
    if words.len() != types.len() {
        return Err(wrong(line, &format!("it has {} values, expected {}", words.len(), types.len())));
    }
    let values: Result<Vec<Scalar>> = types.iter().zip(&words).map(|(ty, word)| parse_value(ty, word, line)).collect();
    Ok((kind.unwrap_or(RowKind::Insert), values?))
}

/// Splits at spaces outside of quotes; quoted words keep their first quote.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(first) = chars.next() {
        if first.is_whitespace() {
            continue;
        }
        let mut word = String::from(first);
        if first == '\'' {
            while let Some(char) = chars.next() {
                if char == '\'' && chars.next_if_eq(&'\'').is_none() {
                    break;
                }
                word.push(char);
            }
        } else {
            while let Some(char) = chars.next_if(|char| !char.is_whitespace()) {
                word.push(char);
            }
        }
        words.push(word);
    }
    words
}

fn parse_value(ty: &SqlType, word: &str, line: &str) -> Result<Scalar> {
    if word == "NULL" {
        return Ok(Scalar::Null);
    }
    let value = match &ty.kind {
        TypeKind::Boolean => word.parse().ok().map(Scalar::Boolean),
        kind if kind.is_integer() => word.parse().ok().map(Scalar::Int),
        kind if kind.is_approximate() => word.parse().ok().map(Scalar::Double),
        kind if kind.is_character() => word.strip_prefix('\'').map(Scalar::string),
        TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => {
            word.strip_prefix('@').and_then(|ms| ms.parse().ok()).map(Scalar::timestamp_ms)
        }
        TypeKind::Date => word.strip_prefix('@').and_then(|days| days.parse().ok()).map(Scalar::Date),
        TypeKind::Decimal { scale, .. } => parse_decimal(word, *scale),
        _ => None,
    };
    value.ok_or_else(|| wrong(line, &format!("'{word}' is no {ty}")))
}

fn parse_decimal(word: &str, scale: u8) -> Option<Scalar> {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
    let zeros = usize::from(scale).checked_sub(fraction.len())?;
    let digits = format!("{whole}{fraction}{}", "0".repeat(zeros));
    Some(Scalar::Decimal { value: digits.parse().ok()?, scale })
}

fn print_value(value: &Scalar) -> String {
    match value {
        Scalar::Null => "NULL".to_string(),
        Scalar::Timestamp { millis, .. } => format!("@{millis}"),
        Scalar::Date(days) => format!("@{days}"),
        Scalar::Decimal { value, scale } => decimal_text(*value, *scale),
        other => other.to_string(),
    }
}

fn wrong(line: &str, what: &str) -> Failure {
    Failure::user("harness.row", format!("the row '{line}' cannot be read: {what}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_print_as_they_are_read() {
        let types = [SqlType::BIGINT, SqlType::STRING, SqlType::DOUBLE, SqlType::timestamp(3), SqlType::decimal(5, 2)];
        let text = "+I 1 'it''s a' 2.5 @1000 1.50\n-U NULL NULL NULL NULL -0.25\n";
        assert_eq!(print_rows(&parse_rows(&types, text).unwrap()), text);
        assert!(parse_rows(&types, "+I 1").is_err());
    }
}
