//! Flink's types as far as they decide a value: no nullability, one name per kind.

use std::fmt;

use tidemill_sql_parser::ast::{DataType, TimeUnit, TypeKind};

use crate::error::{Error, Result};

/// The length of `STRING` and `BYTES`.
pub const LENGTH_MAX: u32 = i32::MAX as u32;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// The type of a bare NULL.
    Null,
    /// `BOOLEAN`.
    Boolean,
    /// `TINYINT`.
    TinyInt,
    /// `SMALLINT`.
    SmallInt,
    /// `INT`.
    Int,
    /// `BIGINT`.
    BigInt,
    /// `DECIMAL(precision, scale)`.
    Decimal(u32, u32),
    /// `FLOAT`.
    Float,
    /// `DOUBLE`.
    Double,
    /// `CHAR(n)`.
    Char(u32),
    /// `VARCHAR(n)`; of [`LENGTH_MAX`] it is `STRING`.
    Varchar(u32),
    /// `BYTES` and its shorter kin.
    Bytes,
    /// `DATE`.
    Date,
    /// `TIME`.
    Time,
    /// `TIMESTAMP(p)`.
    Timestamp(u32),
    /// `TIMESTAMP_LTZ(p)`.
    TimestampLtz(u32),
    /// `INTERVAL YEAR TO MONTH`.
    Months,
    /// `INTERVAL DAY TO SECOND`.
    Millis,
    /// `ROW<…>`.
    Row(Vec<(String, Type)>),
    /// `ARRAY<t>`.
    Array(Box<Type>),
    /// `MAP<k, v>`.
    Map(Box<Type>, Box<Type>),
}

impl Type {
    /// `STRING`.
    pub const STRING: Type = Type::Varchar(LENGTH_MAX);

    /// The type a text means.
    ///
    /// # Errors
    /// A type this crate does not know.
    pub fn of(written: &DataType) -> Result<Type> {
        Ok(match &written.kind {
            TypeKind::Char(n) => Type::Char(n.unwrap_or(1)),
            TypeKind::Varchar(n) => Type::Varchar(n.unwrap_or(LENGTH_MAX)),
            TypeKind::String => Type::STRING,
            TypeKind::Boolean => Type::Boolean,
            TypeKind::Binary(_) | TypeKind::Varbinary(_) | TypeKind::Bytes => Type::Bytes,
            TypeKind::Decimal { precision, scale } => Type::Decimal(precision.unwrap_or(10), scale.unwrap_or(0)),
            TypeKind::TinyInt => Type::TinyInt,
            TypeKind::SmallInt => Type::SmallInt,
            TypeKind::Int => Type::Int,
            TypeKind::BigInt => Type::BigInt,
            TypeKind::Float => Type::Float,
            TypeKind::Double => Type::Double,
            TypeKind::Date => Type::Date,
            TypeKind::Time(_) => Type::Time,
            TypeKind::Timestamp(p) => Type::Timestamp(p.unwrap_or(6)),
            TypeKind::TimestampLtz(p) => Type::TimestampLtz(p.unwrap_or(6)),
            TypeKind::Interval(q) if q.start <= TimeUnit::Month => Type::Months,
            TypeKind::Interval(_) => Type::Millis,
            TypeKind::Array(of) => Type::Array(Box::new(Type::of(of)?)),
            TypeKind::Map(k, v) => Type::Map(Box::new(Type::of(k)?), Box::new(Type::of(v)?)),
            TypeKind::Row(fields) => Type::Row(
                fields.iter().map(|f| Ok((f.name.value.clone(), Type::of(&f.data_type)?))).collect::<Result<_>>()?,
            ),
            other => return Err(Error::Unsupported(format!("the type {other:?}"))),
        })
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Type::TinyInt | Type::SmallInt | Type::Int | Type::BigInt)
    }

    pub(crate) fn is_approximate(&self) -> bool {
        matches!(self, Type::Float | Type::Double)
    }

    pub(crate) fn is_number(&self) -> bool {
        self.is_integer() || self.is_approximate() || matches!(self, Type::Decimal(..))
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Type::Char(_) | Type::Varchar(_))
    }

    pub(crate) fn is_stamp(&self) -> bool {
        matches!(self, Type::Timestamp(_) | Type::TimestampLtz(_))
    }

    /// Precision and scale of an exact number.
    pub(crate) fn digits(&self) -> Option<(u32, u32)> {
        Some(match self {
            Type::TinyInt => (3, 0),
            Type::SmallInt => (5, 0),
            Type::Int => (10, 0),
            Type::BigInt => (19, 0),
            Type::Decimal(p, s) => (*p, *s),
            _ => return None,
        })
    }

    /// The narrowest type that holds both, as CASE, UNION and comparisons want it.
    pub(crate) fn common(&self, other: &Type) -> Result<Type> {
        let found = match (self, other) {
            (a, b) if a == b => a.clone(),
            (Type::Null, t) | (t, Type::Null) => t.clone(),
            (a, b) if a.is_text() && b.is_text() => {
                let length = |t: &Type| if let Type::Char(n) | Type::Varchar(n) = t { *n } else { LENGTH_MAX };
                Type::Varchar(length(a).max(length(b)))
            }
            (a, b) if a.is_number() && b.is_number() => match (a.digits(), b.digits()) {
                (Some((p, s)), Some((q, t))) if a.is_integer() && b.is_integer() => {
                    debug_assert_eq!((s, t), (0, 0));
                    if p >= q { a.clone() } else { b.clone() }
                }
                (Some((p, s)), Some((q, t))) => {
                    let whole = (p - s).max(q - t);
                    let scale = s.max(t).min(38 - whole);
                    Type::Decimal(whole + scale, scale)
                }
                _ => {
                    let double = [a, b].iter().any(|t| matches!(t, Type::Double | Type::Decimal(..)));
                    if double { Type::Double } else { Type::Float }
                }
            },
            (Type::Timestamp(p), Type::Timestamp(q)) => Type::Timestamp(*p.max(q)),
            (a, b) if a.is_stamp() && b.is_stamp() => {
                let precision = |t: &Type| if let Type::Timestamp(p) | Type::TimestampLtz(p) = t { *p } else { 0 };
                Type::TimestampLtz(precision(a).max(precision(b)))
            }
            (Type::Date, stamp) | (stamp, Type::Date) if stamp.is_stamp() => stamp.clone(),
            (Type::Array(a), Type::Array(b)) => Type::Array(Box::new(a.common(b)?)),
            (Type::Map(k, v), Type::Map(l, w)) => Type::Map(Box::new(k.common(l)?), Box::new(v.common(w)?)),
            (Type::Row(a), Type::Row(b)) if a.len() == b.len() => {
                Type::Row(a.iter().zip(b).map(|((n, t), (_, u))| Ok((n.clone(), t.common(u)?))).collect::<Result<_>>()?)
            }
            _ => return Err(Error::Mistake(format!("{self} and {other} have no common type"))),
        };
        Ok(found)
    }

    /// The common type of several.
    pub(crate) fn common_of<'a>(types: impl IntoIterator<Item = &'a Type>) -> Result<Type> {
        types.into_iter().try_fold(Type::Null, |all, ty| all.common(ty))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Null => f.write_str("NULL"),
            Type::Boolean => f.write_str("BOOLEAN"),
            Type::TinyInt => f.write_str("TINYINT"),
            Type::SmallInt => f.write_str("SMALLINT"),
            Type::Int => f.write_str("INT"),
            Type::BigInt => f.write_str("BIGINT"),
            Type::Decimal(p, s) => write!(f, "DECIMAL({p}, {s})"),
            Type::Float => f.write_str("FLOAT"),
            Type::Double => f.write_str("DOUBLE"),
            Type::Char(n) => write!(f, "CHAR({n})"),
            Type::Varchar(n) if *n == LENGTH_MAX => f.write_str("STRING"),
            Type::Varchar(n) => write!(f, "VARCHAR({n})"),
            Type::Bytes => f.write_str("BYTES"),
            Type::Date => f.write_str("DATE"),
            Type::Time => f.write_str("TIME"),
            Type::Timestamp(p) => write!(f, "TIMESTAMP({p})"),
            Type::TimestampLtz(p) => write!(f, "TIMESTAMP_LTZ({p})"),
            Type::Months => f.write_str("INTERVAL YEAR TO MONTH"),
            Type::Millis => f.write_str("INTERVAL DAY TO SECOND"),
            Type::Array(of) => write!(f, "ARRAY<{of}>"),
            Type::Map(k, v) => write!(f, "MAP<{k}, {v}>"),
            Type::Row(fields) => {
                f.write_str("ROW<")?;
                for (i, (name, ty)) in fields.iter().enumerate() {
                    write!(f, "{}`{name}` {ty}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(">")
            }
        }
    }
}
