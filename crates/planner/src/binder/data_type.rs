//! Data types as written to types with every length and precision known.

use tidemill_expr::types::{DECIMAL_PRECISION_MAX, LENGTH_MAX};
use tidemill_expr::{Field, RowType, SqlType, TypeKind};
use tidemill_sql_parser::ast::{self, DataType, TimeUnit};

use crate::error::{PlanError, PlanResult};

/// The type that the text names. Flink's defaults: CHAR(1), BINARY(1), VARCHAR and VARBINARY of any length, DECIMAL(10, 0),
/// TIME(0), TIMESTAMP(6).
pub(crate) fn bind_type(data_type: &DataType) -> PlanResult<SqlType> {
    use ast::TypeKind as Ast;
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
        Ast::Array(element) => TypeKind::Array(Box::new(bind_type(element)?)),
        Ast::Map(key, value) => TypeKind::Map(Box::new(bind_type(key)?), Box::new(bind_type(value)?)),
        Ast::Multiset(element) => TypeKind::Multiset(Box::new(bind_type(element)?)),
        Ast::Row(fields) => {
            let mut bound: Vec<Field> = Vec::with_capacity(fields.len());
            for field in fields {
                if bound.iter().any(|earlier| earlier.name == field.name.value) {
                    let text = format!("the row has two fields '{}'", field.name.value);
                    return Err(PlanError::new("sql.type", field.name.span, text));
                }
                bound.push(Field::new(&field.name.value, bind_type(&field.data_type)?));
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
    Ok(kind.with_null(!data_type.not_null))
}
