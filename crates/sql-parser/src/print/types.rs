//! Types as SQL.

use std::fmt::{self, Display, Formatter};

use super::{join, quoted};
use crate::ast::{DataType, IntervalQualifier, RowField, TimeUnit, TypeKind};

impl Display for DataType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, if self.not_null { " NOT NULL" } else { "" })
    }
}

impl Display for TypeKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(n) => sized(f, "CHAR", *n),
            Self::Varchar(n) => sized(f, "VARCHAR", *n),
            Self::String => f.write_str("STRING"),
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Binary(n) => sized(f, "BINARY", *n),
            Self::Varbinary(n) => sized(f, "VARBINARY", *n),
            Self::Bytes => f.write_str("BYTES"),
            Self::Decimal { precision: Some(p), scale: Some(s) } => write!(f, "DECIMAL({p}, {s})"),
            Self::Decimal { precision, .. } => sized(f, "DECIMAL", *precision),
            Self::TinyInt => f.write_str("TINYINT"),
            Self::SmallInt => f.write_str("SMALLINT"),
            Self::Int => f.write_str("INT"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Float => f.write_str("FLOAT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Date => f.write_str("DATE"),
            Self::Time(p) => sized(f, "TIME", *p),
            Self::Timestamp(p) => sized(f, "TIMESTAMP", *p),
            Self::TimestampLtz(p) => sized(f, "TIMESTAMP_LTZ", *p),
            Self::TimestampTz(p) => {
                sized(f, "TIMESTAMP", *p)?;
                f.write_str(" WITH TIME ZONE")
            }
            Self::Interval(qualifier) => write!(f, "INTERVAL {qualifier}"),
            Self::Array(element) => write!(f, "ARRAY<{element}>"),
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            Self::Multiset(element) => write!(f, "MULTISET<{element}>"),
            Self::Row(fields) => {
                f.write_str("ROW<")?;
                join(f, fields, ", ")?;
                f.write_str(">")
            }
            Self::Raw(class, serializer) => write!(f, "RAW({}, {})", quoted(class), quoted(serializer)),
            Self::Variant => f.write_str("VARIANT"),
            Self::Bitmap => f.write_str("BITMAP"),
            Self::Null => f.write_str("NULL"),
        }
    }
}

fn sized(f: &mut Formatter<'_>, name: &str, size: Option<u32>) -> fmt::Result {
    match size {
        Some(n) => write!(f, "{name}({n})"),
        None => f.write_str(name),
    }
}

impl Display for RowField {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.data_type)?;
        match &self.comment {
            Some(comment) => write!(f, " {}", quoted(comment)),
            None => Ok(()),
        }
    }
}

impl Display for IntervalQualifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start)?;
        match (self.start_precision, self.fraction_precision, self.end) {
            (Some(p), Some(fraction), None) => write!(f, "({p}, {fraction})")?,
            (Some(p), _, _) => write!(f, "({p})")?,
            (None, _, _) => {}
        }
        match (self.end, self.fraction_precision) {
            (Some(end), Some(fraction)) => write!(f, " TO {end}({fraction})"),
            (Some(end), None) => write!(f, " TO {end}"),
            (None, _) => Ok(()),
        }
    }
}

impl Display for TimeUnit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Millennium => "MILLENNIUM",
            Self::Century => "CENTURY",
            Self::Decade => "DECADE",
            Self::Year => "YEAR",
            Self::IsoYear => "ISOYEAR",
            Self::Quarter => "QUARTER",
            Self::Month => "MONTH",
            Self::Week => "WEEK",
            Self::Day => "DAY",
            Self::Dow => "DOW",
            Self::IsoDow => "ISODOW",
            Self::Doy => "DOY",
            Self::Hour => "HOUR",
            Self::Minute => "MINUTE",
            Self::Second => "SECOND",
            Self::Millisecond => "MILLISECOND",
            Self::Microsecond => "MICROSECOND",
            Self::Nanosecond => "NANOSECOND",
            Self::Epoch => "EPOCH",
        })
    }
}
