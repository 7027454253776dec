//! Data types as written.

use super::Ident;
use crate::span::Span;

/// A type with its nullability.
#[derive(Clone, Debug, PartialEq)]
pub struct DataType {
    /// Which type.
    pub kind: TypeKind,
    /// Whether `NOT NULL` follows; types are nullable otherwise (an explicit `NULL` says the same).
    pub not_null: bool,
    /// From the type's name to its last word.
    pub span: Span,
}

/// Flink's types. Lengths, precisions and scales are `None` where the text has none; defaults are the binder's.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// `CHAR[(n)]`, `CHARACTER[(n)]`.
    Char(Option<u32>),
    /// `VARCHAR[(n)]`, `CHARACTER VARYING[(n)]`, `CHAR VARYING[(n)]`.
    Varchar(Option<u32>),
    /// `STRING`: `VARCHAR` of the greatest length.
    String,
    /// `BOOLEAN`, `BOOL`.
    Boolean,
    /// `BINARY[(n)]`.
    Binary(Option<u32>),
    /// `VARBINARY[(n)]`, `BINARY VARYING[(n)]`.
    Varbinary(Option<u32>),
    /// `BYTES`: `VARBINARY` of the greatest length.
    Bytes,
    /// `DECIMAL[(p[, s])]`, `DEC`, `NUMERIC`.
    Decimal {
        /// Digits in all.
        precision: Option<u32>,
        /// Digits after the point.
        scale: Option<u32>,
    },
    /// `TINYINT`.
    TinyInt,
    /// `SMALLINT`.
    SmallInt,
    /// `INT`, `INTEGER`.
    Int,
    /// `BIGINT`.
    BigInt,
    /// `FLOAT`, `REAL`.
    Float,
    /// `DOUBLE [PRECISION]`.
    Double,
    /// `DATE`.
    Date,
    /// `TIME[(p)] [WITHOUT TIME ZONE]`.
    Time(Option<u32>),
    /// `TIMESTAMP[(p)] [WITHOUT TIME ZONE]`.
    Timestamp(Option<u32>),
    /// `TIMESTAMP_LTZ[(p)]`, `TIMESTAMP[(p)] WITH LOCAL TIME ZONE`.
    TimestampLtz(Option<u32>),
    /// `TIMESTAMP[(p)] WITH TIME ZONE`.
    TimestampTz(Option<u32>),
    /// `INTERVAL YEAR TO MONTH`, `INTERVAL DAY(2) TO SECOND(3)`, …
    Interval(IntervalQualifier),
    /// `ARRAY<t>`, `t ARRAY`.
    Array(Box<DataType>),
    /// `MAP<k, v>`.
    Map(Box<DataType>, Box<DataType>),
    /// `MULTISET<t>`, `t MULTISET`.
    Multiset(Box<DataType>),
    /// `ROW<name type ['comment'], …>`, `ROW(name type ['comment'], …)`.
    Row(Vec<RowField>),
    /// `RAW('class', 'serializer snapshot')`.
    Raw(String, String),
    /// `VARIANT`.
    Variant,
    /// `BITMAP`.
    Bitmap,
    /// `NULL`: the type of an untyped null.
    Null,
}

/// A field of a `ROW` type.
#[derive(Clone, Debug, PartialEq)]
pub struct RowField {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub data_type: DataType,
    /// Its description, if it has one.
    pub comment: Option<String>,
    /// From the name to the end of the field.
    pub span: Span,
}

/// What an interval counts: `YEAR`, `DAY(3) TO SECOND(6)`.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalQualifier {
    /// The unit, or the larger one of two.
    pub start: TimeUnit,
    /// Digits of the leading unit.
    pub start_precision: Option<u32>,
    /// The smaller unit after `TO`.
    pub end: Option<TimeUnit>,
    /// Digits of the seconds' fraction.
    pub fraction_precision: Option<u32>,
    /// From the first unit to the end.
    pub span: Span,
}

/// A unit of time, as in `INTERVAL '1' HOUR`, `EXTRACT(DOW FROM x)`, `FLOOR(x TO DAY)`, `TIMESTAMPADD(MONTH, 1, x)`.
/// Ordered from the largest on. Which of them a place admits is the binder's business, but for intervals: years to
/// seconds, quarters and weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeUnit {
    /// A thousand years.
    Millennium,
    /// A hundred years.
    Century,
    /// Ten years.
    Decade,
    /// The year.
    Year,
    /// The year that the ISO week belongs to.
    IsoYear,
    /// Three months.
    Quarter,
    /// The month.
    Month,
    /// Seven days; extracted, the ISO week of the year.
    Week,
    /// The day; extracted, of the month.
    Day,
    /// Day of the week, 1 = Sunday.
    Dow,
    /// Day of the week, 1 = Monday.
    IsoDow,
    /// Day of the year, from 1.
    Doy,
    /// The hour.
    Hour,
    /// The minute.
    Minute,
    /// The second.
    Second,
    /// 10⁻³ s.
    Millisecond,
    /// 10⁻⁶ s.
    Microsecond,
    /// 10⁻⁹ s.
    Nanosecond,
    /// Seconds since 1970-01-01 00:00:00.
    Epoch,
}
