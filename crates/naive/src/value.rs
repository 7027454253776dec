//! Values, their one order, and their text.

use std::cmp::Ordering;
use std::fmt;

use crate::calendar;
use crate::decimal;

/// A value, or the error that stands where one should be.
///
/// `Ord` is the order of ORDER BY and of grouping: NULL first, `-0.0` = `0.0`, every NaN the same and greatest. Only
/// values of one type are compared with meaning.
#[derive(Clone, Debug)]
pub enum Value {
    /// NULL.
    Null,
    /// What went wrong; it fails the query when the row is demanded.
    Error(String),
    /// A truth value.
    Boolean(bool),
    /// TINYINT to BIGINT.
    Int(i64),
    /// `unscaled · 10^-scale`.
    Decimal(i128, u32),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// CHAR, VARCHAR.
    Text(String),
    /// BINARY, VARBINARY.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i64),
    /// Milliseconds of the day.
    Time(i64),
    /// Nanoseconds since 1970-01-01 00:00:00, local or (TIMESTAMP_LTZ) UTC.
    Timestamp(i128),
    /// An interval of months.
    Months(i64),
    /// An interval of milliseconds.
    Millis(i64),
    /// Fields in order.
    Row(Vec<Value>),
    /// Elements in order.
    Array(Vec<Value>),
    /// Entries in the order they were written.
    Map(Vec<(Value, Value)>),
}

/// Values in the order of the columns.
pub type Row = Vec<Value>;

impl Value {
    /// A timestamp of milliseconds.
    pub fn timestamp_ms(ms: i64) -> Value {
        Value::Timestamp(i128::from(ms) * 1_000_000)
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Error(_) => 1,
            Value::Boolean(_) => 2,
            Value::Int(_) => 3,
            Value::Decimal(..) => 4,
            Value::Float(_) => 5,
            Value::Double(_) => 6,
            Value::Text(_) => 7,
            Value::Bytes(_) => 8,
            Value::Date(_) => 9,
            Value::Time(_) => 10,
            Value::Timestamp(_) => 11,
            Value::Months(_) => 12,
            Value::Millis(_) => 13,
            Value::Row(_) => 14,
            Value::Array(_) => 15,
            Value::Map(_) => 16,
        }
    }
}

/// Numbers in order, NaN last, both zeros the same.
fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl Value {
    /// Whether it is a number that is none.
    pub(crate) fn is_nan(&self) -> bool {
        matches!(self, Value::Float(x) if x.is_nan()) || matches!(self, Value::Double(x) if x.is_nan())
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Error(a), Value::Error(b)) | (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b))
            | (Value::Date(a), Value::Date(b))
            | (Value::Time(a), Value::Time(b))
            | (Value::Months(a), Value::Months(b))
            | (Value::Millis(a), Value::Millis(b)) => a.cmp(b),
            (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (Value::Decimal(a, s), Value::Decimal(b, t)) => decimal::compare(*a, *s, *b, *t),
            (Value::Float(a), Value::Float(b)) => compare_floats(f64::from(*a), f64::from(*b)),
            (Value::Double(a), Value::Double(b)) => compare_floats(*a, *b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Row(a), Value::Row(b)) | (Value::Array(a), Value::Array(b)) => a.cmp(b),
            (Value::Map(a), Value::Map(b)) => {
                // Entries have no order of their own.
                let sorted = |entries: &Vec<(Value, Value)>| {
                    let mut entries = entries.clone();
                    entries.sort();
                    entries
                };
                sorted(a).cmp(&sorted(b))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

/// The text for comparing answers: exact, one form per value. Not Flink's; casts are in `cast`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, open: &str, values: &[Value], close: &str| {
            f.write_str(open)?;
            for (i, value) in values.iter().enumerate() {
                write!(f, "{}{value}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(close)
        };
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Error(what) => write!(f, "error: {what}"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Int(value) | Value::Months(value) | Value::Millis(value) => write!(f, "{value}"),
            Value::Decimal(value, scale) => f.write_str(&decimal::print(*value, *scale)),
            Value::Float(value) => write!(f, "{:?}", if *value == 0.0 { 0.0 } else { *value }),
            Value::Double(value) => write!(f, "{:?}", if *value == 0.0 { 0.0 } else { *value }),
            Value::Text(text) => write!(f, "'{text}'"),
            Value::Bytes(bytes) => write!(f, "{bytes:02x?}"),
            Value::Date(days) => f.write_str(&calendar::print_date(*days)),
            Value::Time(ms) => f.write_str(&calendar::print_time(i128::from(*ms) * 1_000_000, 3)),
            Value::Timestamp(nanos) => f.write_str(&calendar::print_timestamp(*nanos, 3)),
            Value::Row(values) => list(f, "(", values, ")"),
            Value::Array(values) => list(f, "[", values, "]"),
            Value::Map(entries) => {
                let mut entries: Vec<String> = entries.iter().map(|(k, v)| format!("{k}={v}")).collect();
                entries.sort();
                write!(f, "{{{}}}", entries.join(", "))
            }
        }
    }
}
