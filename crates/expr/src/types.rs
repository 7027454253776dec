//! SQL types: Flink's, with nullability, and the one Arrow type that carries each.
//!
//! Physical form: columns and nested fields are always nullable in Arrow (only a map's keys are not); NOT NULL lives here.
//! `TIMESTAMP` and `TIMESTAMP_LTZ` are both Arrow timestamps *without* a time zone: the first counts from local
//! 1970-01-01 00:00:00, the second from the epoch in UTC. Which one it is only the SQL type knows.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit};

/// The greatest length of character and binary types: `STRING` is `VARCHAR` of this length.
pub const LENGTH_MAX: u32 = i32::MAX as u32;
/// The greatest precision of `DECIMAL`.
pub const DECIMAL_PRECISION_MAX: u8 = 38;

/// A type and whether NULL belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SqlType {
    /// Which type.
    pub kind: TypeKind,
    /// True where NULL may occur.
    pub nullable: bool,
}

/// Flink's types.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeKind {
    /// `NULL`: the type of an untyped null.
    Null,
    /// `BOOLEAN`.
    Boolean,
    /// `TINYINT`: 8 bits.
    TinyInt,
    /// `SMALLINT`: 16 bits.
    SmallInt,
    /// `INT`: 32 bits.
    Int,
    /// `BIGINT`: 64 bits.
    BigInt,
    /// `FLOAT`: 32 bits.
    Float,
    /// `DOUBLE`: 64 bits.
    Double,
    /// `DECIMAL(p, s)`: exact.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
    /// `CHAR(n)`: n characters, padded with spaces by casts.
    Char(u32),
    /// `VARCHAR(n)`: up to n characters; of [`LENGTH_MAX`] it is `STRING`.
    Varchar(u32),
    /// `BINARY(n)`.
    Binary(u32),
    /// `VARBINARY(n)`; of [`LENGTH_MAX`] it is `BYTES`.
    Varbinary(u32),
    /// `DATE`: days since 1970-01-01.
    Date,
    /// `TIME(p)`: kept in milliseconds of the day whatever the precision.
    Time(u8),
    /// `TIMESTAMP(p)`: without a time zone.
    Timestamp(u8),
    /// `TIMESTAMP_LTZ(p)`: a moment, shown in the session's time zone.
    TimestampLtz(u8),
    /// `INTERVAL YEAR TO MONTH`: months.
    IntervalYearMonth,
    /// `INTERVAL DAY TO SECOND(3)`: milliseconds.
    IntervalDayTime,
    /// `ARRAY<t>`.
    Array(Box<SqlType>),
    /// `MAP<k, v>`.
    Map(Box<SqlType>, Box<SqlType>),
    /// `MULTISET<t>`: element and how often.
    Multiset(Box<SqlType>),
    /// `ROW<…>`.
    Row(RowType),
}

/// A named field of a row or a column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name, case-sensitive.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
}

/// Fields in order: a `ROW` type or the schema of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct RowType {
    /// The fields.
    pub fields: Vec<Field>,
}

impl TypeKind {
    /// `STRING`.
    pub const STRING: TypeKind = TypeKind::Varchar(LENGTH_MAX);
    /// `BYTES`.
    pub const BYTES: TypeKind = TypeKind::Varbinary(LENGTH_MAX);

    /// The type with NULL.
    pub fn nullable(self) -> SqlType {
        SqlType { kind: self, nullable: true }
    }

    /// The type without NULL.
    pub fn not_null(self) -> SqlType {
        SqlType { kind: self, nullable: false }
    }

    /// The type with or without NULL.
    pub fn with_null(self, nullable: bool) -> SqlType {
        SqlType { kind: self, nullable }
    }

    /// `TINYINT` to `BIGINT`.
    pub fn is_integer(&self) -> bool {
        matches!(self, TypeKind::TinyInt | TypeKind::SmallInt | TypeKind::Int | TypeKind::BigInt)
    }

    /// `FLOAT` or `DOUBLE`.
    pub fn is_approximate(&self) -> bool {
        matches!(self, TypeKind::Float | TypeKind::Double)
    }

    /// `DECIMAL`.
    pub fn is_decimal(&self) -> bool {
        matches!(self, TypeKind::Decimal { .. })
    }

    /// Integers, decimals and floating-point numbers.
    pub fn is_numeric(&self) -> bool {
        self.is_integer() || self.is_approximate() || self.is_decimal()
    }

    /// `CHAR` or `VARCHAR`.
    pub fn is_character(&self) -> bool {
        matches!(self, TypeKind::Char(_) | TypeKind::Varchar(_))
    }

    /// `BINARY` or `VARBINARY`.
    pub fn is_binary(&self) -> bool {
        matches!(self, TypeKind::Binary(_) | TypeKind::Varbinary(_))
    }

    /// `TIMESTAMP` or `TIMESTAMP_LTZ`.
    pub fn is_timestamp(&self) -> bool {
        matches!(self, TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_))
    }

    /// Either interval.
    pub fn is_interval(&self) -> bool {
        matches!(self, TypeKind::IntervalYearMonth | TypeKind::IntervalDayTime)
    }

    /// A `DATE`, `TIME` or timestamp.
    pub fn is_datetime(&self) -> bool {
        matches!(self, TypeKind::Date | TypeKind::Time(_)) || self.is_timestamp()
    }

    /// An array, map, multiset or row.
    pub fn is_nested(&self) -> bool {
        matches!(self, TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_) | TypeKind::Row(_))
    }

    /// Whether values have an order (`<`, MIN, ORDER BY).
    pub fn is_ordered(&self) -> bool {
        !self.is_nested() && *self != TypeKind::Null
    }

    /// A number's digits in all and after the point, where it is exact: `INT` counts as `DECIMAL(10, 0)`.
    pub fn exact_digits(&self) -> Option<(u8, u8)> {
        match self {
            TypeKind::TinyInt => Some((3, 0)),
            TypeKind::SmallInt => Some((5, 0)),
            TypeKind::Int => Some((10, 0)),
            TypeKind::BigInt => Some((19, 0)),
            TypeKind::Decimal { precision, scale } => Some((*precision, *scale)),
            _ => None,
        }
    }
}

impl SqlType {
    /// `NULL`.
    pub const NULL: SqlType = SqlType { kind: TypeKind::Null, nullable: true };
    /// `BOOLEAN`.
    pub const BOOLEAN: SqlType = SqlType { kind: TypeKind::Boolean, nullable: true };
    /// `INT`.
    pub const INT: SqlType = SqlType { kind: TypeKind::Int, nullable: true };
    /// `BIGINT`.
    pub const BIGINT: SqlType = SqlType { kind: TypeKind::BigInt, nullable: true };
    /// `DOUBLE`.
    pub const DOUBLE: SqlType = SqlType { kind: TypeKind::Double, nullable: true };
    /// `STRING`.
    pub const STRING: SqlType = SqlType { kind: TypeKind::STRING, nullable: true };
    /// `BYTES`.
    pub const BYTES: SqlType = SqlType { kind: TypeKind::BYTES, nullable: true };
    /// `DATE`.
    pub const DATE: SqlType = SqlType { kind: TypeKind::Date, nullable: true };

    /// `TIMESTAMP(p)`.
    pub fn timestamp(precision: u8) -> SqlType {
        TypeKind::Timestamp(precision).nullable()
    }

    /// `TIMESTAMP_LTZ(p)`.
    pub fn timestamp_ltz(precision: u8) -> SqlType {
        TypeKind::TimestampLtz(precision).nullable()
    }

    /// `DECIMAL(p, s)`.
    pub fn decimal(precision: u8, scale: u8) -> SqlType {
        TypeKind::Decimal { precision, scale }.nullable()
    }

    /// `ARRAY<t>`.
    pub fn array(element: SqlType) -> SqlType {
        TypeKind::Array(Box::new(element)).nullable()
    }

    /// `MAP<k, v>`.
    pub fn map(key: SqlType, value: SqlType) -> SqlType {
        TypeKind::Map(Box::new(key), Box::new(value)).nullable()
    }

    /// `ROW<…>`.
    pub fn row(fields: Vec<Field>) -> SqlType {
        TypeKind::Row(RowType { fields }).nullable()
    }

    /// The same type without NULL.
    pub fn not_null(mut self) -> SqlType {
        self.nullable = false;
        self
    }

    /// The same type, nullable or not.
    pub fn with_null(mut self, nullable: bool) -> SqlType {
        self.nullable = nullable;
        self
    }

    /// The Arrow type whose arrays carry this type's values.
    pub fn arrow_type(&self) -> DataType {
        match &self.kind {
            TypeKind::Null => DataType::Null,
            TypeKind::Boolean => DataType::Boolean,
            TypeKind::TinyInt => DataType::Int8,
            TypeKind::SmallInt => DataType::Int16,
            TypeKind::Int | TypeKind::IntervalYearMonth => DataType::Int32,
            TypeKind::BigInt | TypeKind::IntervalDayTime => DataType::Int64,
            TypeKind::Float => DataType::Float32,
            TypeKind::Double => DataType::Float64,
            TypeKind::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale as i8),
            TypeKind::Char(_) | TypeKind::Varchar(_) => DataType::Utf8View,
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => DataType::Binary,
            TypeKind::Date => DataType::Date32,
            TypeKind::Time(_) => DataType::Time32(TimeUnit::Millisecond),
            TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision) => {
                DataType::Timestamp(timestamp_unit(*precision), None)
            }
            TypeKind::Array(element) => DataType::List(Arc::new(ArrowField::new("item", element.arrow_type(), true))),
            TypeKind::Map(key, value) => map_type(key.arrow_type(), value.arrow_type()),
            TypeKind::Multiset(element) => map_type(element.arrow_type(), DataType::Int32),
            TypeKind::Row(row) => DataType::Struct(row.arrow_fields()),
        }
    }
}

/// How the Arrow timestamp of a precision counts: milliseconds to 3, microseconds to 6, nanoseconds to 9.
pub fn timestamp_unit(precision: u8) -> TimeUnit {
    match precision {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        _ => TimeUnit::Nanosecond,
    }
}

/// Arrow's map of two types.
fn map_type(key: DataType, value: DataType) -> DataType {
    DataType::Map(Arc::new(ArrowField::new("entries", DataType::Struct(map_entry_fields(key, value)), false)), false)
}

/// The fields of Arrow's map entries.
pub(crate) fn map_entry_fields(key: DataType, value: DataType) -> Fields {
    Fields::from(vec![ArrowField::new("key", key, false), ArrowField::new("value", value, true)])
}

impl Field {
    /// A field of a name and a type.
    pub fn new(name: impl Into<String>, ty: SqlType) -> Field {
        Field { name: name.into(), ty }
    }
}

impl RowType {
    /// A row of these fields.
    pub fn new(fields: Vec<Field>) -> RowType {
        RowType { fields }
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The position of a name, if there is one.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The fields' types in order.
    pub fn types(&self) -> Vec<SqlType> {
        self.fields.iter().map(|field| field.ty.clone()).collect()
    }

    /// The fields' names in order.
    pub fn names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }

    /// The fields as Arrow's, all nullable.
    pub fn arrow_fields(&self) -> Fields {
        self.fields.iter().map(|field| ArrowField::new(field.name.as_str(), field.ty.arrow_type(), true)).collect()
    }

    /// The Arrow schema of a table of this type.
    pub fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.arrow_fields()))
    }
}

impl FromIterator<(String, SqlType)> for RowType {
    fn from_iter<I: IntoIterator<Item = (String, SqlType)>>(fields: I) -> RowType {
        RowType { fields: fields.into_iter().map(|(name, ty)| Field { name, ty }).collect() }
    }
}

impl fmt::Display for TypeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeKind::Null => f.write_str("NULL"),
            TypeKind::Boolean => f.write_str("BOOLEAN"),
            TypeKind::TinyInt => f.write_str("TINYINT"),
            TypeKind::SmallInt => f.write_str("SMALLINT"),
            TypeKind::Int => f.write_str("INT"),
            TypeKind::BigInt => f.write_str("BIGINT"),
            TypeKind::Float => f.write_str("FLOAT"),
            TypeKind::Double => f.write_str("DOUBLE"),
            TypeKind::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            TypeKind::Char(length) => write!(f, "CHAR({length})"),
            TypeKind::Varchar(LENGTH_MAX) => f.write_str("STRING"),
            TypeKind::Varchar(length) => write!(f, "VARCHAR({length})"),
            TypeKind::Binary(length) => write!(f, "BINARY({length})"),
            TypeKind::Varbinary(LENGTH_MAX) => f.write_str("BYTES"),
            TypeKind::Varbinary(length) => write!(f, "VARBINARY({length})"),
            TypeKind::Date => f.write_str("DATE"),
            TypeKind::Time(precision) => write!(f, "TIME({precision})"),
            TypeKind::Timestamp(precision) => write!(f, "TIMESTAMP({precision})"),
            TypeKind::TimestampLtz(precision) => write!(f, "TIMESTAMP_LTZ({precision})"),
            TypeKind::IntervalYearMonth => f.write_str("INTERVAL YEAR TO MONTH"),
            TypeKind::IntervalDayTime => f.write_str("INTERVAL DAY TO SECOND(3)"),
            TypeKind::Array(element) => write!(f, "ARRAY<{element}>"),
            TypeKind::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            TypeKind::Multiset(element) => write!(f, "MULTISET<{element}>"),
            TypeKind::Row(row) => write!(f, "{row}"),
        }
    }
}

impl fmt::Display for RowType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ROW<")?;
        for (i, field) in self.fields.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}`{}` {}", field.name.replace('`', "``"), field.ty)?;
        }
        f.write_str(">")
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.nullable { "" } else { " NOT NULL" };
        write!(f, "{}{suffix}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_flink_prints_them() {
        let row = SqlType::row(vec![
            Field::new("a", SqlType::INT),
            Field::new("b", SqlType::array(SqlType::STRING.not_null())),
            Field::new("c", SqlType::map(SqlType::STRING, SqlType::decimal(10, 2))),
        ]);
        assert_eq!(row.to_string(), "ROW<`a` INT, `b` ARRAY<STRING NOT NULL>, `c` MAP<STRING, DECIMAL(10, 2)>>");
        assert_eq!(SqlType::BIGINT.not_null().to_string(), "BIGINT NOT NULL");
        assert_eq!(SqlType::timestamp_ltz(3).to_string(), "TIMESTAMP_LTZ(3)");
    }

    #[test]
    fn a_timestamp_counts_in_the_coarsest_unit_that_holds_its_precision() {
        let unit = |precision| SqlType::timestamp(precision).arrow_type();
        assert_eq!(unit(0), DataType::Timestamp(TimeUnit::Millisecond, None));
        assert_eq!(unit(3), DataType::Timestamp(TimeUnit::Millisecond, None));
        assert_eq!(unit(6), DataType::Timestamp(TimeUnit::Microsecond, None));
        assert_eq!(unit(9), DataType::Timestamp(TimeUnit::Nanosecond, None));
    }
}
