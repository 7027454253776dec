//! Single values: constants of expressions and rows given literally.
//!
//! A scalar does not know its type; the type beside it says what an `Int` or a `Timestamp` is.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A value of any SQL type.
#[derive(Clone, Debug)]
pub enum Scalar {
    /// NULL of any type.
    Null,
    /// `BOOLEAN`.
    Boolean(bool),
    /// `TINYINT` to `BIGINT`.
    Int(i64),
    /// `FLOAT` and `DOUBLE`.
    Double(f64),
    /// `DECIMAL`: `value` × 10^-`scale`.
    Decimal {
        /// All digits.
        value: i128,
        /// How many of them stand after the point.
        scale: u8,
    },
    /// `CHAR`, `VARCHAR`, `STRING`.
    String(Arc<str>),
    /// `BINARY`, `VARBINARY`, `BYTES`.
    Bytes(Arc<[u8]>),
    /// `DATE`: days since 1970-01-01.
    Date(i32),
    /// `TIME`: milliseconds of the day.
    Time(i32),
    /// `TIMESTAMP` (since local 1970-01-01 00:00) and `TIMESTAMP_LTZ` (since the epoch).
    Timestamp {
        /// Milliseconds.
        millis: i64,
        /// Nanoseconds within the millisecond, 0 to 999,999.
        nanos: u32,
    },
    /// `INTERVAL YEAR TO MONTH`.
    Months(i32),
    /// `INTERVAL DAY TO SECOND`, in milliseconds.
    Millis(i64),
    /// `ARRAY`.
    Array(Vec<Scalar>),
    /// `MAP`; of a `MULTISET`, elements and how often.
    Map(Vec<(Scalar, Scalar)>),
    /// `ROW`.
    Row(Vec<Scalar>),
}

impl Scalar {
    /// A string.
    pub fn string(text: impl Into<Arc<str>>) -> Scalar {
        Scalar::String(text.into())
    }

    /// A timestamp of whole milliseconds.
    pub fn timestamp_ms(millis: i64) -> Scalar {
        Scalar::Timestamp { millis, nanos: 0 }
    }

    /// True for NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Scalar::Null)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Scalar::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an integer.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Scalar::Int(number) => Some(*number),
            _ => None,
        }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        use Scalar::*;
        match (self, other) {
            (Null, Null) => true,
            (Boolean(a), Boolean(b)) => a == b,
            (Int(a), Int(b)) | (Millis(a), Millis(b)) => a == b,
            (Double(a), Double(b)) => a.to_bits() == b.to_bits(),
            (Decimal { value: a, scale: s }, Decimal { value: b, scale: t }) => a == b && s == t,
            (String(a), String(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (Date(a), Date(b)) | (Time(a), Time(b)) | (Months(a), Months(b)) => a == b,
            (Timestamp { millis: a, nanos: n }, Timestamp { millis: b, nanos: m }) => a == b && n == m,
            (Array(a), Array(b)) | (Row(a), Row(b)) => a == b,
            (Map(a), Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Scalar::Null => {}
            Scalar::Boolean(value) => value.hash(state),
            Scalar::Int(value) | Scalar::Millis(value) => value.hash(state),
            Scalar::Double(value) => value.to_bits().hash(state),
            Scalar::Decimal { value, scale } => (value, scale).hash(state),
            Scalar::String(value) => value.hash(state),
            Scalar::Bytes(value) => value.hash(state),
            Scalar::Date(value) | Scalar::Time(value) | Scalar::Months(value) => value.hash(state),
            Scalar::Timestamp { millis, nanos } => (millis, nanos).hash(state),
            Scalar::Array(values) | Scalar::Row(values) => values.hash(state),
            Scalar::Map(entries) => entries.hash(state),
        }
    }
}

/// As a literal in a plan: `'text'`, `1.50`, `2013-01-01 05:00:00`.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Null => f.write_str("null"),
            Scalar::Boolean(value) => write!(f, "{value}"),
            Scalar::Int(value) => write!(f, "{value}"),
            Scalar::Double(value) => write!(f, "{value:?}"),
            Scalar::Decimal { value, scale } => f.write_str(&decimal_text(*value, *scale)),
            Scalar::String(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Scalar::Bytes(bytes) => {
                f.write_str("X'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
                f.write_str("'")
            }
            Scalar::Date(days) => {
                let (year, month, day) = civil_from_days(i64::from(*days));
                write!(f, "{year:04}-{month:02}-{day:02}")
            }
            Scalar::Time(millis) => write_time(f, i64::from(*millis), 0),
            Scalar::Timestamp { millis, nanos } => {
                let (year, month, day) = civil_from_days(millis.div_euclid(86_400_000));
                write!(f, "{year:04}-{month:02}-{day:02} ")?;
                write_time(f, millis.rem_euclid(86_400_000), *nanos)
            }
            Scalar::Months(months) => write!(f, "{months}:INTERVAL MONTH"),
            Scalar::Millis(millis) => write!(f, "{millis}:INTERVAL MILLISECOND"),
            Scalar::Array(values) => list(f, "ARRAY[", values, "]"),
            Scalar::Row(values) => list(f, "ROW(", values, ")"),
            Scalar::Map(entries) => {
                f.write_str("MAP[")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}, {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, open: &str, values: &[Scalar], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (i, value) in values.iter().enumerate() {
        write!(f, "{}{value}", if i == 0 { "" } else { ", " })?;
    }
    f.write_str(close)
}

fn write_time(f: &mut fmt::Formatter<'_>, millis: i64, nanos: u32) -> fmt::Result {
    let seconds = millis / 1000;
    write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    let fraction = format!("{:03}{nanos:06}", millis % 1000);
    let digits = fraction.trim_end_matches('0');
    if digits.is_empty() { Ok(()) } else { write!(f, ".{digits}") }
}

/// A decimal with all its digits after the point: `-0.50`.
pub fn decimal_text(value: i128, scale: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Year, month and day of a day number (proleptic Gregorian calendar; day 0 is 1970-01-01). The algorithm is Howard
/// Hinnant's `civil_from_days`.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// The day number of a date; the inverse of [`civil_from_days`]. The month must be 1 to 12.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_functions_are_inverses() {
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(civil_from_days(15_706), (2013, 1, 1));
    }

    #[test]
    fn literals_print_as_in_a_plan() {
        assert_eq!(Scalar::Decimal { value: -50, scale: 2 }.to_string(), "-0.50");
        assert_eq!(Scalar::string("it's").to_string(), "'it''s'");
        assert_eq!(Scalar::timestamp_ms(1_357_016_400_123).to_string(), "2013-01-01 05:00:00.123");
        assert_eq!(Scalar::Array(vec![Scalar::Int(1), Scalar::Null]).to_string(), "ARRAY[1, null]");
    }
}
