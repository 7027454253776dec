//! FLOOR, CEIL, ROUND and TRUNCATE of numbers. (FLOOR and CEIL to a unit of time are in `truncate_time`.)

use std::sync::Arc;

use arrow::array::{AsArray, PrimitiveBuilder};
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type};
use tidemill_core::Result;
use tidemill_expr::{Binding, Kernel, Operand, Output, Registry, Scalar, Signature, SqlType, TypeKind};

use crate::access::{Numbers, numbers};
use crate::decimal;
use crate::define::{Function, Param, accept};
use crate::truncate_time;

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(Function::new("FLOOR", infer_whole, |call| bind_whole(call, false)));
    registry.add_scalar(Function::new("CEIL", infer_whole, |call| bind_whole(call, true)));
    registry.add_alias("CEILING", "CEIL");
    registry.add_scalar(Function::new("ROUND", infer_digits, |call| bind_digits(call, true)));
    registry.add_scalar(Function::new("TRUNCATE", infer_digits, |call| bind_digits(call, false)));
}

fn infer_whole(args: &[Operand<'_>]) -> Result<Signature, String> {
    if args.len() == 2 {
        return truncate_time::infer(args);
    }
    let ty = accept(args, &[Param::Any], 0)?.remove(0);
    let result = match &ty.kind {
        TypeKind::Decimal { precision, .. } => TypeKind::Decimal { precision: *precision, scale: 0 },
        kind if kind.is_numeric() => kind.clone(),
        TypeKind::Null => TypeKind::Int,
        other => return Err(format!("it takes a number, or a time TO a unit, not {other}")),
    };
    let arg = if ty.kind == TypeKind::Null { SqlType::INT } else { ty.clone() };
    Ok(Signature::new(vec![arg], result.with_null(ty.nullable)))
}

fn bind_whole(call: &Binding<'_>, up: bool) -> Result<Kernel> {
    if call.args.len() == 2 {
        return truncate_time::bind(call, up);
    }
    Ok(match call.args[0].kind {
        TypeKind::Decimal { scale, precision } => {
            let unit = decimal::pow10(scale);
            Box::new(move |args, _, _| {
                let array = args[0].array().as_primitive::<Decimal128Type>();
                let whole = array.unary::<_, Decimal128Type>(|value| {
                    let floor = value.div_euclid(unit);
                    if up && value.rem_euclid(unit) != 0 { floor + 1 } else { floor }
                });
                Ok(Output::new(Arc::new(whole.with_precision_and_scale(precision, 0)?)))
            })
        }
        TypeKind::Double => Box::new(move |args, _, _| {
            let array = args[0].array().as_primitive::<Float64Type>();
            Ok(Output::new(Arc::new(array.unary::<_, Float64Type>(|x| if up { x.ceil() } else { x.floor() }))))
        }),
        TypeKind::Float => Box::new(move |args, _, _| {
            let array = args[0].array().as_primitive::<Float32Type>();
            Ok(Output::new(Arc::new(array.unary::<_, Float32Type>(|x| if up { x.ceil() } else { x.floor() }))))
        }),
        _ => Box::new(|args, _, _| Ok(Output::new(Arc::clone(args[0].array())))),
    })
}

fn infer_digits(args: &[Operand<'_>]) -> Result<Signature, String> {
    let mut types = accept(args, &[Param::Any, Param::Int], 1)?;
    if types[0].kind == TypeKind::Null {
        types[0] = SqlType::INT;
    }
    let digits = match args.get(1) {
        None => Some(0),
        Some(arg) => arg.literal.and_then(Scalar::as_i64),
    };
    let kind = match (&types[0].kind, digits) {
        (TypeKind::Decimal { precision, scale }, Some(digits)) => rounded(*precision, *scale, digits),
        (kind, _) if kind.is_numeric() => kind.clone(),
        (other, _) => return Err(format!("it takes a number, not {other}")),
    };
    Ok(Signature::new(types, kind.with_null(crate::define::any_null(args))))
}

/// The type of a DECIMAL rounded to so many digits.
fn rounded(precision: u8, scale: u8, digits: i64) -> TypeKind {
    if digits >= i64::from(scale) {
        return TypeKind::Decimal { precision, scale };
    }
    let whole = 1 + i64::from(precision) - i64::from(scale);
    let digits = digits.max(0);
    TypeKind::Decimal { precision: (whole + digits).min(38) as u8, scale: digits as u8 }
}

fn bind_digits(call: &Binding<'_>, half_up: bool) -> Result<Kernel> {
    let ty = call.ty.kind.clone();
    let from = call.args[0].kind.clone();
    Ok(Box::new(move |args, rows, _| {
        let digits = args.get(1).map(Numbers::<Int32Type>::of).transpose()?;
        let digits = |row: usize| digits.as_ref().map_or(Some(0), |digits| digits.get(row)).map(|n| n.clamp(-38, 38));
        match (&from, &ty) {
            (TypeKind::Decimal { scale: from, .. }, TypeKind::Decimal { precision, scale }) => {
                let x = Numbers::<Decimal128Type>::of(&args[0])?;
                let mut builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(rows);
                for row in 0..rows {
                    let value = x.get(row).zip(digits(row)).and_then(|(x, digits)| {
                        let cut = cut(x, i32::from(*from) - digits, half_up);
                        decimal::convert(cut, *from, *scale, *precision)
                    });
                    builder.append_option(value);
                }
                let array = builder.finish().with_precision_and_scale(*precision, *scale as i8)?;
                Ok(Output::new(Arc::new(array)))
            }
            (TypeKind::Double, _) => {
                let x = Numbers::<Float64Type>::of(&args[0])?;
                Ok(numbers::<Float64Type>(rows, |row| Some(cut_double(x.get(row)?, digits(row)?, half_up))))
            }
            (TypeKind::Float, _) => {
                let x = Numbers::<Float32Type>::of(&args[0])?;
                Ok(numbers::<Float32Type>(rows, |row| {
                    let shortest = x.get(row)?.to_string().parse().unwrap_or(f64::NAN);
                    Some(cut_double(shortest, digits(row)?, half_up) as f32)
                }))
            }
            (TypeKind::Int, _) => {
                let x = Numbers::<Int32Type>::of(&args[0])?;
                Ok(numbers::<Int32Type>(rows, |row| Some(cut(i128::from(x.get(row)?), -digits(row)?, half_up) as i32)))
            }
            (TypeKind::BigInt, _) => {
                let x = Numbers::<Int64Type>::of(&args[0])?;
                Ok(numbers::<Int64Type>(rows, |row| Some(cut(i128::from(x.get(row)?), -digits(row)?, half_up) as i64)))
            }
            // Digits of a TINYINT or SMALLINT are cut in INT.
            _ => {
                let wide =
                    crate::cast::cast(args[0].array(), &from, &TypeKind::Int, &tidemill_expr::EvalContext::utc())?;
                let array = wide.array.as_primitive::<Int32Type>();
                let at = |row: usize| args[0].at(row);
                let cut = numbers::<Int32Type>(rows, |row| {
                    use arrow::array::Array;
                    array.is_valid(at(row)).then_some(())?;
                    Some(cut(i128::from(array.value(at(row))), -digits(row)?, half_up) as i32)
                });
                crate::cast::cast(&cut.array, &TypeKind::Int, &from, &tidemill_expr::EvalContext::utc())
            }
        }
    }))
}

/// A number without its last `digits` digits, which become zeros.
fn cut(value: i128, digits: i32, half_up: bool) -> i128 {
    if digits <= 0 {
        return value;
    }
    let digits = digits.min(38) as u8;
    let unit = decimal::pow10(digits);
    if half_up { decimal::rescale(value, digits, 0).unwrap_or(0).wrapping_mul(unit) } else { value / unit * unit }
}

/// By the shortest digits of the number, so that ROUND(2.675, 2) is 2.68.
fn cut_double(value: f64, digits: i32, half_up: bool) -> f64 {
    const SCALE: u8 = 17;
    match decimal::from_f64(value, SCALE, 38) {
        Some(exact) if digits < i32::from(SCALE) => {
            decimal::to_f64(cut(exact, i32::from(SCALE) - digits, half_up), SCALE)
        }
        _ => value,
    }
}
