//! `+ - * / %`, the unary minus, ABS and SIGN, with Flink's types and overflow: integers wrap as in Java, a DECIMAL that
//! overflows is NULL, integers and decimals divided by zero are errors of their row, floating point follows IEEE 754.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveBuilder};
use arrow::compute::kernels::{arity, numeric};
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use arrow::error::ArrowError;
use tidemill_core::{Failure, Result};
use tidemill_expr::{
    Arg, Binding, Kernel, Operand, Output, Registry, RowError, RowErrors, Scalar, Signature, SqlType, TypeKind,
};

use crate::access::Numbers;
use crate::decimal;
use crate::define::{Function, Param, accept};
use crate::interval;

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    let add = Function::new("+", |args| infer(args, Op::Add), |call| bind(call, Op::Add));
    registry.add_scalar(add.fallible_for(interval::fallible));
    let subtract = Function::new("-", |args| infer(args, Op::Subtract), |call| bind(call, Op::Subtract));
    registry.add_scalar(subtract.fallible_for(interval::fallible));
    registry.add_scalar(Function::new("*", |args| infer(args, Op::Multiply), |call| bind(call, Op::Multiply)));
    let divide = Function::new("/", |args| infer(args, Op::Divide), |call| bind(call, Op::Divide));
    registry.add_scalar(divide.fallible_for(divides_exactly));
    let modulo = Function::new("MOD", |args| infer(args, Op::Modulo), |call| bind(call, Op::Modulo));
    registry.add_scalar(modulo.fallible_for(divides_exactly));
    registry.add_alias("%", "MOD");
    registry.add_scalar(Function::new("NEGATE", infer_same, bind_negate));
    registry.add_scalar(Function::new("ABS", infer_same, bind_abs));
    registry.add_scalar(Function::new("SIGN", infer_same, bind_sign));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// Whether a row's divisor may be an exact zero.
fn divides_exactly(args: &[Operand<'_>]) -> bool {
    let divisor_is_safe = match args.get(1).and_then(|divisor| divisor.literal) {
        Some(Scalar::Int(number)) => *number != 0,
        Some(Scalar::Decimal { value, .. }) => *value != 0,
        Some(literal) => literal.is_null(),
        None => false,
    };
    !divisor_is_safe && args.iter().all(|arg| !arg.ty.kind.is_approximate())
}

fn infer(args: &[Operand<'_>], op: Op) -> Result<Signature, String> {
    let [left, right] = args else { return Err("it takes two operands".to_owned()) };
    let nullable = left.ty.nullable || right.ty.nullable;
    let (l, r) = (known(left.ty, right.ty), known(right.ty, left.ty));
    if let Some(signature) = interval::infer(sign_of(op), &l, &r, args) {
        return Ok(signature);
    }
    if l.is_character() && r.is_numeric() || r.is_character() && l.is_numeric() {
        let number = if l.is_numeric() { l } else { r };
        let arg = |ty: &SqlType| number.clone().with_null(ty.nullable);
        let (left, right) = (arg(left.ty), arg(right.ty));
        let operands = [Operand { ty: &left, literal: None }, Operand { ty: &right, literal: None }];
        return infer(&operands, op);
    }
    if !l.is_numeric() || !r.is_numeric() {
        return Err("the operands must be numbers, or dates, times and intervals that fit together".to_owned());
    }
    if (l.is_decimal() || r.is_decimal()) && !l.is_approximate() && !r.is_approximate() {
        let (Some(left_digits), Some(right_digits)) = (l.exact_digits(), r.exact_digits()) else {
            return Err("the operands must be exact numbers".to_owned());
        };
        let exact =
            |(precision, scale): (u8, u8), ty: &SqlType| SqlType::decimal(precision, scale).with_null(ty.nullable);
        let kind = if op == Op::Modulo && left_digits.1 == 0 && right_digits.1 == 0 {
            r
        } else {
            let (precision, scale) = result_digits(op, left_digits, right_digits);
            TypeKind::Decimal { precision, scale }
        };
        let types = vec![exact(left_digits, left.ty), exact(right_digits, right.ty)];
        return Ok(Signature::new(types, kind.with_null(nullable)));
    }
    let kind = match SqlType::common(&l.nullable(), &r.clone().nullable()) {
        Some(ty) => ty.kind,
        None => return Err("the operands have no common type".to_owned()),
    };
    // The result of MOD on integers is of the divisor's type; it is computed in the wider one.
    let result = if op == Op::Modulo && kind.is_integer() { r } else { kind.clone() };
    Ok(Signature::new(
        vec![kind.clone().with_null(left.ty.nullable), kind.with_null(right.ty.nullable)],
        result.with_null(nullable),
    ))
}

/// The kind of an operand; that of the other one for an untyped NULL.
fn known(ty: &SqlType, other: &SqlType) -> TypeKind {
    match (&ty.kind, &other.kind) {
        (TypeKind::Null, TypeKind::Null) => TypeKind::Int,
        (TypeKind::Null, kind) if kind.is_numeric() => kind.clone(),
        (kind, _) => kind.clone(),
    }
}

fn sign_of(op: Op) -> Option<interval::Op> {
    match op {
        Op::Add => Some(interval::Op::Add),
        Op::Subtract => Some(interval::Op::Subtract),
        Op::Multiply => Some(interval::Op::Multiply),
        Op::Divide => Some(interval::Op::Divide),
        Op::Modulo => None,
    }
}

/// Digits of the result of an operation on decimals; rules of the SQL standard as Flink fills them in.
fn result_digits(op: Op, (lp, ls): (u8, u8), (rp, rs): (u8, u8)) -> (u8, u8) {
    let [lp, ls, rp, rs] = [lp, ls, rp, rs].map(i32::from);
    let (precision, scale) = match op {
        Op::Add | Op::Subtract => {
            let scale = ls.max(rs);
            ((lp - ls).max(rp - rs) + scale + 1, scale)
        }
        Op::Multiply => (lp + rp + 1, ls + rs),
        Op::Divide => {
            let scale = (ls + rp + 1).max(6);
            (lp - ls + rs + scale, scale)
        }
        Op::Modulo => {
            let scale = ls.max(rs);
            ((lp - ls).min(rp - rs) + scale, scale)
        }
    };
    if precision <= 38 {
        return (precision.max(1) as u8, scale as u8);
    }
    // Too many digits: those after the point go first, but not below six.
    let kept = (38 - (precision - scale)).max(scale.min(6));
    (38, kept as u8)
}

fn bind(call: &Binding<'_>, op: Op) -> Result<Kernel> {
    if let Some(kernel) = sign_of(op).and_then(|op| interval::bind(call, op)) {
        return Ok(kernel);
    }
    if let [TypeKind::Decimal { scale: left, .. }, TypeKind::Decimal { scale: right, .. }] =
        [&call.args[0].kind, &call.args[1].kind]
    {
        return Ok(bind_decimal(op, *left, *right, call.ty.kind.clone()));
    }
    Ok(match op {
        Op::Add => Box::new(|args, _, _| arrow(numeric::add_wrapping(&args[0], &args[1]))),
        Op::Subtract => Box::new(|args, _, _| arrow(numeric::sub_wrapping(&args[0], &args[1]))),
        Op::Multiply => Box::new(|args, _, _| arrow(numeric::mul_wrapping(&args[0], &args[1]))),
        Op::Modulo if call.args[0].kind.is_integer() && call.args[0].kind != call.ty.kind => narrow_remainder(call)?,
        Op::Divide | Op::Modulo => match call.ty.kind {
            TypeKind::TinyInt => divide_integers::<Int8Type>(op),
            TypeKind::SmallInt => divide_integers::<Int16Type>(op),
            TypeKind::Int => divide_integers::<Int32Type>(op),
            TypeKind::BigInt => divide_integers::<Int64Type>(op),
            _ if op == Op::Divide => Box::new(|args, _, _| arrow(numeric::div(&args[0], &args[1]))),
            _ => Box::new(|args, _, _| arrow(numeric::rem(&args[0], &args[1]))),
        },
    })
}

/// The remainder of integers in the divisor's type, which is narrower than that in which it is computed. It always fits.
fn narrow_remainder(call: &Binding<'_>) -> Result<Kernel> {
    let wide = bind(&Binding { ty: &call.args[0], ..*call }, Op::Modulo)?;
    let narrow = call.ty.arrow_type();
    Ok(Box::new(move |args, rows, cx| {
        let output = wide(args, rows, cx)?;
        let array = arrow::compute::cast(&output.array, &narrow)?;
        Ok(Output::with_errors(array, output.errors))
    }))
}

fn arrow(result: Result<ArrayRef, ArrowError>) -> Result<Output> {
    Ok(Output::new(result?))
}

/// The error of a row whose divisor is zero.
pub(crate) fn division_by_zero() -> RowError {
    RowError::new("division-by-zero", "Division by zero: guard it with CASE or NULLIF(divisor, 0)")
}

fn divide_integers<T: ArrowPrimitiveType>(op: Op) -> Kernel
where
    T::Native: ArrowNativeTypeOp,
{
    let quotient = move |left: T::Native, right: T::Native| {
        if op == Op::Divide { left.div_wrapping(right) } else { left.mod_wrapping(right) }
    };
    Box::new(move |args, rows, _| {
        let (left, right) = (Numbers::<T>::of(&args[0])?, Numbers::<T>::of(&args[1])?);
        // A constant divisor other than zero: no row can fail.
        if args[1].is_constant()
            && !args[0].is_constant()
            && let Some(divisor) = right.get(0)
            && !divisor.is_zero()
        {
            let array = args[0].array().as_primitive::<T>();
            return Ok(Output::new(Arc::new(array.unary::<_, T>(|value| quotient(value, divisor)))));
        }
        Ok(crate::access::try_numbers::<T>(rows, |row| match (left.get(row), right.get(row)) {
            (Some(_), Some(divisor)) if divisor.is_zero() => Err(division_by_zero()),
            (Some(value), Some(divisor)) => Ok(Some(quotient(value, divisor))),
            _ => Ok(None),
        }))
    })
}

fn bind_decimal(op: Op, left_scale: u8, right_scale: u8, ty: TypeKind) -> Kernel {
    // MOD of whole decimals by an integer type has an integer's result type.
    let (precision, scale) = ty.exact_digits().unwrap_or((38, 0));
    let common = left_scale.max(right_scale);
    let apply = move |left: i128, right: i128| -> Option<i128> {
        let aligned = |value: i128, from: u8| decimal::rescale(value, from, common);
        match op {
            Op::Add => decimal::convert(
                aligned(left, left_scale)?.checked_add(aligned(right, right_scale)?)?,
                common,
                scale,
                precision,
            ),
            Op::Subtract => decimal::convert(
                aligned(left, left_scale)?.checked_sub(aligned(right, right_scale)?)?,
                common,
                scale,
                precision,
            ),
            Op::Multiply => decimal::multiply(left, right, left_scale + right_scale, scale, precision),
            Op::Divide => {
                let shift = i32::from(scale) + i32::from(right_scale) - i32::from(left_scale);
                decimal::divide(left, right, shift, precision)
            }
            Op::Modulo => {
                decimal::convert(aligned(left, left_scale)? % aligned(right, right_scale)?, common, scale, precision)
            }
        }
    };
    Box::new(move |args, rows, _| {
        let output = decimals(args, rows, op, &apply, precision, scale)?;
        if ty.is_decimal() {
            return Ok(output);
        }
        let from = TypeKind::Decimal { precision, scale };
        let cast = crate::cast::cast(&output.array, &from, &ty, &tidemill_expr::EvalContext::utc())?;
        Ok(Output::with_errors(cast.array, output.errors))
    })
}

fn decimals(
    args: &[Arg],
    rows: usize,
    op: Op,
    apply: &impl Fn(i128, i128) -> Option<i128>,
    precision: u8,
    scale: u8,
) -> Result<Output> {
    let (left, right) = (Numbers::<Decimal128Type>::of(&args[0])?, Numbers::<Decimal128Type>::of(&args[1])?);
    let mut errors = RowErrors::NONE;
    let mut builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(rows);
    let divides = matches!(op, Op::Divide | Op::Modulo);
    for row in 0..rows {
        builder.append_option(match (left.get(row), right.get(row)) {
            (Some(_), Some(0)) if divides => {
                errors.add(row, division_by_zero());
                None
            }
            (Some(left), Some(right)) => apply(left, right),
            _ => None,
        });
    }
    let array = builder.finish().with_precision_and_scale(precision, scale as i8)?;
    Ok(Output::with_errors(Arc::new(array), errors))
}

fn infer_same(args: &[Operand<'_>]) -> Result<Signature, String> {
    let types = accept(args, &[Param::Any], 0)?;
    match &types[0].kind {
        kind if kind.is_numeric() || kind.is_interval() => Ok(Signature::new(types.clone(), types[0].clone())),
        TypeKind::Null => Ok(Signature::new(vec![SqlType::INT], SqlType::INT)),
        other => Err(format!("the operand must be a number or an interval, not {other}")),
    }
}

/// Applies a function of each native type to a number of any type.
macro_rules! each_number {
    ($call:expr, |$x:ident| integer: $integer:expr, float: $float:expr) => {{
        fn apply<T: ArrowPrimitiveType>(args: &[Arg], function: impl Fn(T::Native) -> T::Native) -> Result<Output> {
            let array =
                args[0].array().as_primitive_opt::<T>().ok_or_else(|| unexpected(args[0].array().data_type()))?;
            let result = arity::unary::<T, _, T>(array, function);
            Ok(Output::new(Arc::new(result.with_data_type(args[0].array().data_type().clone()))))
        }
        let kernel: Kernel = match $call.args[0].arrow_type() {
            DataType::Int8 => Box::new(|args, _, _| apply::<Int8Type>(args, |$x| $integer)),
            DataType::Int16 => Box::new(|args, _, _| apply::<Int16Type>(args, |$x| $integer)),
            DataType::Int32 => Box::new(|args, _, _| apply::<Int32Type>(args, |$x| $integer)),
            DataType::Int64 => Box::new(|args, _, _| apply::<Int64Type>(args, |$x| $integer)),
            DataType::Decimal128(..) => Box::new(|args, _, _| apply::<Decimal128Type>(args, |$x| $integer)),
            DataType::Float32 => Box::new(|args, _, _| apply::<Float32Type>(args, |$x| $float)),
            DataType::Float64 => Box::new(|args, _, _| apply::<Float64Type>(args, |$x| $float)),
            other => return Err(unexpected(&other)),
        };
        Ok(kernel)
    }};
}

fn unexpected(data_type: &DataType) -> Failure {
    Failure::fatal("functions.type", format!("{data_type} is no number"))
}

fn bind_negate(call: &Binding<'_>) -> Result<Kernel> {
    each_number!(call, |x| integer: x.wrapping_neg(), float: -x)
}

fn bind_abs(call: &Binding<'_>) -> Result<Kernel> {
    each_number!(call, |x| integer: x.wrapping_abs(), float: x.abs())
}

fn bind_sign(call: &Binding<'_>) -> Result<Kernel> {
    // Of a DECIMAL the sign has the same scale.
    if let TypeKind::Decimal { scale, .. } = call.args[0].kind {
        let one = decimal::pow10(scale);
        return Ok(Box::new(move |args, _, _| {
            let array = args[0].array().as_primitive::<Decimal128Type>();
            let signs = array.unary::<_, Decimal128Type>(|value| value.signum() * one);
            Ok(Output::new(Arc::new(signs.with_data_type(args[0].array().data_type().clone()))))
        }));
    }
    each_number!(call, |x| integer: x.signum(), float: if x == 0.0 || x.is_nan() { x } else { x.signum() })
}
