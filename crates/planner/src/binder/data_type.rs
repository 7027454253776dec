//! Data types as written to types with every length and precision known.

use tidemill_expr::types::{DECIMAL_PRECISION_MAX, LENGTH_MAX};
use tidemill_expr::{Field, RowType, SqlType, TypeKind};
use tidemill_sql_parser::ast::{self, DataType, TimeUnit};

use crate::error::{PlanError, PlanResult};

/// How deep types may be nested. A stored value has two messages for each level of its type, and a decoder of messages goes no
/// more than 100 deep.
const DEPTH_MAX: usize = 32;

/// The type that the text names. Flink's defaults: CHAR(1), BINARY(1), VARCHAR and VARBINARY of any length, DECIMAL(10, 0),
/// TIME(0), TIMESTAMP(6).
pub(crate) fn bind_type(data_type: &DataType) -> PlanResult<SqlType> {
    let too_deep = || {
        let text = format!("types can be nested at most {DEPTH_MAX} deep");
        PlanError::new("sql.type", data_type.span, text).help("keep the inner parts as text, such as JSON in a STRING")
    };
    bind_within(data_type, DEPTH_MAX)?.ok_or_else(too_deep)
}

/// The type, or nothing where it has more levels than are left.
fn bind_within(data_type: &DataType, levels: usize) -> PlanResult<Option<SqlType>> {
    use ast::TypeKind as Ast;
    let Some(levels) = levels.checked_sub(1) else { return Ok(None) };
    let inner = |data_type: &DataType| bind_within(data_type, levels);
    let wrong = |text: String| PlanError::new("sql.type", data_type.span, text);
    let length = |given: Option<u32>, default: u32| match given {
        Some(0) => Err(wrong("a length must be at least 1".into())),
        Some(length) if length > LENGTH_MAX => Err(wrong(format!("a length must be at most {LENGTH_MAX}"))),
        given => Ok(given.unwrap_or(default)),
    };
    let precision = |given: Option<u32>, default: u8| match given {
        Some(given) if given > 9 => {
            Err(wrong(format!("a precision of {given} is too high: at most 9 digits of a second")))
        }
        given => Ok(given.map_or(default, |given| given as u8)),
    };
    let kind = match &data_type.kind {
        Ast::Char(n) => TypeKind::Char(length(*n, 1)?),
        Ast::Varchar(n) => TypeKind::Varchar(length(*n, LENGTH_MAX)?),
        Ast::String => TypeKind::STRING,
        Ast::Boolean => TypeKind::Boolean,
        Ast::Binary(n) => TypeKind::Binary(length(*n, 1)?),
        Ast::Varbinary(n) => TypeKind::Varbinary(length(*n, LENGTH_MAX)?),
        Ast::Bytes => TypeKind::BYTES,
        Ast::Decimal { precision, scale } => {
            let (precision, scale) = (precision.unwrap_or(10), scale.unwrap_or(0));
            if precision == 0 || precision > u32::from(DECIMAL_PRECISION_MAX) {
                return Err(wrong(format!(
                    "the precision of DECIMAL must be 1 to {DECIMAL_PRECISION_MAX}, not {precision}"
                )));
            }
            if scale > precision {
                return Err(wrong(format!(
                    "the scale of DECIMAL ({scale}) is greater than its precision ({precision})"
                )));
            }
            TypeKind::Decimal { precision: precision as u8, scale: scale as u8 }
        }
        Ast::TinyInt => TypeKind::TinyInt,
        Ast::SmallInt => TypeKind::SmallInt,
        Ast::Int => TypeKind::Int,
        Ast::BigInt => TypeKind::BigInt,
        Ast::Float => TypeKind::Float,
        Ast::Double => TypeKind::Double,
        Ast::Date => TypeKind::Date,
        Ast::Time(p) => TypeKind::Time(precision(*p, 0)?),
        Ast::Timestamp(p) => TypeKind::Timestamp(precision(*p, 6)?),
        Ast::TimestampLtz(p) => TypeKind::TimestampLtz(precision(*p, 6)?),
        Ast::Interval(qualifier) => match qualifier.start {
            TimeUnit::Year | TimeUnit::Quarter | TimeUnit::Month => TypeKind::IntervalYearMonth,
            _ => TypeKind::IntervalDayTime,
        },
        Ast::Array(element) => {
            let Some(element) = inner(element)? else { return Ok(None) };
            TypeKind::Array(Box::new(element))
        }
        Ast::Map(key, value) => {
            let (Some(key), Some(value)) = (inner(key)?, inner(value)?) else { return Ok(None) };
            TypeKind::Map(Box::new(key), Box::new(value))
        }
        Ast::Multiset(element) => {
            let Some(element) = inner(element)? else { return Ok(None) };
            TypeKind::Multiset(Box::new(element))
        }
        Ast::Row(fields) => {
            let mut bound: Vec<Field> = Vec::with_capacity(fields.len());
            for field in fields {
                if bound.iter().any(|earlier| earlier.name == field.name.value) {
                    let text = format!("the row has two fields '{}'", field.name.value);
                    return Err(PlanError::new("sql.type", field.name.span, text));
                }
                let Some(data_type) = inner(&field.data_type)? else { return Ok(None) };
                bound.push(Field::new(&field.name.value, data_type));
            }
            TypeKind::Row(RowType::new(bound))
        }
        Ast::Null => TypeKind::Null,
        Ast::TimestampTz(_) => {
            return Err(PlanError::unsupported(data_type.span, "TIMESTAMP WITH TIME ZONE is not supported")
                .help("use TIMESTAMP_LTZ: a moment shown in the session's time zone"));
        }
        Ast::Raw(..) | Ast::Variant | Ast::Bitmap => {
            return Err(PlanError::unsupported(data_type.span, format!("the type {data_type} is not supported yet")));
        }
    };
    Ok(Some(kind.with_null(!data_type.not_null)))
}
