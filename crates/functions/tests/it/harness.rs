//! Calls of functions as SQL would make them, with results as text.
//!
//! Every call is evaluated with constants, and with columns that hold other rows before and behind: all must agree. Left out
//! are calls that are refused with constants, and those whose type depends on a constant (`ROUND(d, 2)`, `d + INTERVAL`).

use arrow::array::ArrayRef;
use tidemill_core::Batch;
use tidemill_expr::{
    EvalContext, Expr, Field, Program, Registry, RowType, Scalar, SqlType, TimeZone, TypeKind, arrays::scalars_to_array,
};
use tidemill_functions::format::{ColumnWriter, Style};

/// A value and its type.
pub type Typed = (Scalar, SqlType);

pub fn int(value: i64) -> Typed {
    (Scalar::Int(value), SqlType::INT)
}

pub fn bigint(value: i64) -> Typed {
    (Scalar::Int(value), SqlType::BIGINT)
}

pub fn double(value: f64) -> Typed {
    (Scalar::Double(value), SqlType::DOUBLE)
}

pub fn string(text: &str) -> Typed {
    (Scalar::string(text), SqlType::STRING)
}

pub fn boolean(value: bool) -> Typed {
    (Scalar::Boolean(value), SqlType::BOOLEAN)
}

pub fn null(ty: SqlType) -> Typed {
    (Scalar::Null, ty)
}

/// `dec("1.50")` is a DECIMAL(3, 2).
pub fn dec(text: &str) -> Typed {
    let digits = text.replace(['.', '-'], "");
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as u8;
    let value: i128 = text.replace('.', "").parse().unwrap();
    (Scalar::Decimal { value, scale }, SqlType::decimal(digits.len() as u8, scale))
}

/// A TIMESTAMP(3).
pub fn timestamp(text: &str) -> Typed {
    let value = cast_value(string(text), &SqlType::timestamp(3)).unwrap();
    (value, SqlType::timestamp(3))
}

/// A TIMESTAMP_LTZ(3), written in UTC.
pub fn moment(text: &str) -> Typed {
    (timestamp(text).0, SqlType::timestamp_ltz(3))
}

pub fn date(text: &str) -> Typed {
    (cast_value(string(text), &SqlType::DATE).unwrap(), SqlType::DATE)
}

pub fn array(items: &[Typed]) -> Typed {
    let ty = SqlType::array(items[0].1.clone());
    (Scalar::Array(items.iter().map(|(value, _)| value.clone()).collect()), ty)
}

pub fn context(zone: &str) -> EvalContext {
    EvalContext { time_zone: TimeZone::parse(zone).unwrap(), now_ms: 1_357_016_400_123, ..EvalContext::utc() }
}

pub fn registry() -> Registry {
    tidemill_functions::registry()
}

fn cast_value(value: Typed, to: &SqlType) -> Result<Scalar, String> {
    let registry = registry();
    let expr = registry.cast(Expr::Literal(value.0, value.1.clone()), &value.1, to, false)?;
    Program::evaluate_constant(&expr, &registry, &context("UTC")).map_err(|failure| failure.to_string())
}

/// The value of a type as `CAST(x AS STRING)` shows it; `null` in lower case for NULL.
pub fn show(array: &ArrayRef, ty: &SqlType, row: usize, zone: TimeZone) -> String {
    let writer = ColumnWriter::new(array, ty, Style::Sql, zone).unwrap();
    let mut text = String::new();
    if writer.is_null(row) {
        return "null".to_owned();
    }
    writer.write(row, &mut text);
    text
}

/// The value of an expression over arguments, or the failure.
fn evaluate(make: &dyn Fn(Vec<(Expr, SqlType)>) -> Result<Expr, String>, args: &[Typed], zone: &str) -> String {
    let (registry, cx) = (registry(), context(zone));
    let literals = args.iter().map(|(value, ty)| (Expr::Literal(value.clone(), ty.clone()), ty.clone())).collect();
    let expr = match make(literals) {
        Ok(expr) => expr,
        Err(reason) => return reason,
    };
    let constant_type = expr.ty(&|_| SqlType::NULL);
    let result = Program::compile(std::slice::from_ref(&expr), &RowType::default(), &registry)
        .and_then(|program| program.columns(&Batch::new(Vec::new(), 2), &cx));
    let constant = match result {
        Ok(columns) => {
            assert_eq!(columns[0].data_type(), &constant_type.arrow_type(), "the array of {expr}: {constant_type}");
            assert_eq!(columns[0].len(), 2);
            show(&columns[0], &constant_type, 1, cx.time_zone)
        }
        Err(failure) => failure.message().to_owned(),
    };
    let columns: Vec<(Expr, SqlType)> =
        args.iter().enumerate().map(|(i, (_, ty))| (Expr::Column(i), ty.clone())).collect();
    // Some calls need constants, such as units; they are not tried with columns.
    if let (Ok(expr), false) = (make(columns), args.is_empty()) {
        let input =
            RowType::new(args.iter().enumerate().map(|(i, (_, ty))| Field::new(format!("c{i}"), ty.clone())).collect());
        let Ok(program) = Program::compile(std::slice::from_ref(&expr), &input, &registry) else { return constant };
        let ty = expr.ty(&|column| args[column].1.clone());
        if ty.kind != constant_type.kind {
            return constant;
        }
        let arrays = |rows: Vec<usize>| -> Batch {
            let columns = args.iter().map(|(value, ty)| {
                let values: Vec<Scalar> =
                    rows.iter().map(|row| if *row == 0 { value.clone() } else { Scalar::Null }).collect();
                scalars_to_array(&values, ty).unwrap()
            });
            Batch::new(columns.collect(), rows.len())
        };
        // The other rows are NULL, unless that is an error of theirs.
        let other = if program.columns(&arrays(vec![1]), &cx).is_ok() { 1 } else { 0 };
        let around = arrays(vec![other, 0, other]);
        let behind = arrays(vec![other, other, 0]).slice(1, 2);
        for (batch, row) in [(arrays(vec![0]), 0), (around, 1), (behind, 1)] {
            let by_column = match program.columns(&batch, &cx) {
                Ok(columns) => show(&columns[0], &ty, row, cx.time_zone),
                Err(failure) => failure.message().to_owned(),
            };
            // A failure of a row also has its code, the expression and the row.
            let cut = |text: &str| match text.split_once(", in ") {
                Some((message, _)) => message.rsplit_once(" (").map_or(message, |(message, _)| message).to_owned(),
                None => text.to_owned(),
            };
            assert_eq!(cut(&by_column), cut(&constant), "{expr} with columns and with constants");
        }
    }
    constant
}

/// The value of a call, in UTC.
pub fn call(name: &str, args: &[Typed]) -> String {
    call_in("UTC", name, args)
}

/// The value of a call in a time zone.
pub fn call_in(zone: &str, name: &str, args: &[Typed]) -> String {
    let registry = registry();
    evaluate(&|args| registry.call(name, args), args, zone)
}

/// The type of a call.
pub fn type_of(name: &str, args: &[Typed]) -> String {
    let args = args.iter().map(|(value, ty)| (Expr::Literal(value.clone(), ty.clone()), ty.clone())).collect();
    registry().call(name, args).map_or_else(|reason| reason, |expr| expr.ty(&|_| SqlType::NULL).to_string())
}

/// The value of `CAST(value AS to)` in UTC.
pub fn cast(value: Typed, to: SqlType) -> String {
    cast_in("UTC", value, to, false)
}

/// The value of a cast in a time zone.
pub fn cast_in(zone: &str, value: Typed, to: SqlType, try_: bool) -> String {
    let (registry, from) = (registry(), value.1.clone());
    evaluate(&|mut args| registry.cast(args.remove(0).0, &from, &to, try_), &[value], zone)
}

/// `VARCHAR(n)`.
pub fn varchar(length: u32) -> SqlType {
    TypeKind::Varchar(length).nullable()
}
