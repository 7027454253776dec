//! Comparisons, IS [NOT] DISTINCT FROM, IN, NULLIF, GREATEST and LEAST.
//!
//! Operands are brought to their common type; text compared with anything else is cast to the other's type. Floating-point
//! numbers compare as in Java: `-0.0` equals `0.0`, NaN equals nothing and is neither less nor greater. IS [NOT] DISTINCT
//! FROM, GREATEST and LEAST take NaN as keys and ORDER BY do: equal to itself and greater than every number.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Datum, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::interleave;
use arrow::compute::kernels::cmp;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::error::ArrowError;
use tidemill_core::map::Set;
use tidemill_core::{Result, strings};
use tidemill_expr::{Arg, Binding, Kernel, Operand, Output, Registry, RowErrors, Scalar, Signature, SqlType, TypeKind};

use crate::access::wrong_type;
use crate::cast;
use crate::define::{Function, any_null};
use crate::order::comparator;

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(Function::new("=", infer_equality, |call| bind(call, Test::Eq)));
    registry.add_scalar(Function::new("<>", infer_equality, |call| bind(call, Test::NotEq)));
    registry.add_scalar(Function::new("<", infer_order, |call| bind(call, Test::Lt)));
    registry.add_scalar(Function::new("<=", infer_order, |call| bind(call, Test::LtEq)));
    registry.add_scalar(Function::new(">", infer_order, |call| bind(call, Test::Gt)));
    registry.add_scalar(Function::new(">=", infer_order, |call| bind(call, Test::GtEq)));
    registry.add_alias("!=", "<>");
    registry.add_scalar(Function::new("IS DISTINCT FROM", infer_distinct, |call| bind(call, Test::Distinct)));
    registry.add_scalar(Function::new("IS NOT DISTINCT FROM", infer_distinct, |call| bind(call, Test::NotDistinct)));
    registry.add_scalar(Function::new("IN", infer_in, bind_in));
    registry.add_scalar(Function::new("NULLIF", infer_nullif, bind_nullif).fallible_for(compares_fallibly));
    registry.add_scalar(Function::new("GREATEST", infer_extreme, |call| bind_extreme(call, true)));
    registry.add_scalar(Function::new("LEAST", infer_extreme, |call| bind_extreme(call, false)));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Distinct,
    NotDistinct,
}

/// The type two values are compared in.
fn comparable(left: &SqlType, right: &SqlType) -> Option<SqlType> {
    SqlType::common(left, right).or_else(|| match (&left.kind, &right.kind) {
        (text, other) if text.is_character() && !other.is_nested() => Some(right.clone()),
        (other, text) if text.is_character() && !other.is_nested() => Some(left.clone()),
        _ => None,
    })
}

fn infer_operands(args: &[Operand<'_>]) -> Result<Vec<SqlType>, String> {
    let [left, right] = args else { return Err("it takes two operands".to_owned()) };
    let common = comparable(left.ty, right.ty)
        .ok_or_else(|| format!("{} and {} cannot be compared: add a CAST", left.ty.kind, right.ty.kind))?;
    Ok(vec![common.clone().with_null(left.ty.nullable), common.with_null(right.ty.nullable)])
}

fn infer_equality(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(infer_operands(args)?, SqlType::BOOLEAN.with_null(any_null(args))))
}

fn infer_order(args: &[Operand<'_>]) -> Result<Signature, String> {
    let types = infer_operands(args)?;
    if types[0].kind.is_nested() {
        return Err(format!("values of type {} have no order", types[0].kind));
    }
    Ok(Signature::new(types, SqlType::BOOLEAN.with_null(any_null(args))))
}

fn infer_distinct(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(infer_operands(args)?, SqlType::BOOLEAN.not_null()))
}

fn infer_in(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [first, rest @ ..] = args else { return Err("it takes a value and candidates".to_owned()) };
    let common = rest
        .iter()
        .try_fold(first.ty.clone(), |common, arg| comparable(&common, arg.ty))
        .ok_or_else(|| "the values have no common type: add a CAST".to_owned())?;
    let types = args.iter().map(|arg| common.clone().with_null(arg.ty.nullable)).collect();
    Ok(Signature::new(types, SqlType::BOOLEAN.with_null(any_null(args))))
}

fn infer_nullif(args: &[Operand<'_>]) -> Result<Signature, String> {
    let types = infer_operands(args)?;
    let ty = args[0].ty.clone().with_null(true);
    if types[0].kind == ty.kind {
        return Ok(Signature::new(types, ty));
    }
    // The result is of the first operand's own type; the common one is only for comparing.
    Ok(Signature::exact(args, ty))
}

fn infer_extreme(args: &[Operand<'_>]) -> Result<Signature, String> {
    let common = SqlType::common_of(args.iter().map(|arg| arg.ty))
        .ok_or_else(|| "it takes values that have a common type".to_owned())?;
    if common.kind.is_nested() {
        return Err(format!("values of type {} have no order", common.kind));
    }
    let types = args.iter().map(|arg| common.clone().with_null(arg.ty.nullable)).collect();
    Ok(Signature::new(types, common.with_null(any_null(args))))
}

fn bind(call: &Binding<'_>, test: Test) -> Result<Kernel> {
    let kind = call.args[0].kind.clone();
    if kind == TypeKind::Null || call.args[1].kind == TypeKind::Null {
        return Ok(Box::new(move |args, rows, _| {
            let value = match test {
                Test::Distinct => Some(false),
                Test::NotDistinct => Some(true),
                _ => None,
            };
            debug_assert_eq!(args.len(), 2);
            Ok(Output::new(Arc::new(BooleanArray::from(vec![value; rows]))))
        }));
    }
    if kind.is_nested() {
        let ty = call.args[0].clone();
        return Ok(Box::new(move |args, rows, _| Ok(nested(&args[0], &args[1], &ty, test, rows))));
    }
    let keys = matches!(test, Test::Distinct | Test::NotDistinct);
    match kind {
        TypeKind::Double if !keys => return Ok(Box::new(move |args, rows, _| floats::<Float64Type>(args, test, rows))),
        TypeKind::Float if !keys => return Ok(Box::new(move |args, rows, _| floats::<Float32Type>(args, test, rows))),
        _ => {}
    }
    let normal = kind.is_approximate();
    Ok(Box::new(move |args, _, _| {
        let (left, right) =
            if normal { (canonical(&args[0]), canonical(&args[1])) } else { (args[0].clone(), args[1].clone()) };
        Ok(Output::new(Arc::new(compare(&left, &right, test)?)))
    }))
}

fn compare(left: &dyn Datum, right: &dyn Datum, test: Test) -> Result<BooleanArray, ArrowError> {
    match test {
        Test::Eq => cmp::eq(left, right),
        Test::NotEq => cmp::neq(left, right),
        Test::Lt => cmp::lt(left, right),
        Test::LtEq => cmp::lt_eq(left, right),
        Test::Gt => cmp::gt(left, right),
        Test::GtEq => cmp::gt_eq(left, right),
        Test::Distinct => cmp::distinct(left, right),
        Test::NotDistinct => cmp::not_distinct(left, right),
    }
}

/// Compares floating-point numbers as IEEE 754 and Java do.
fn floats<T: ArrowPrimitiveType<Native: PartialOrd>>(args: &[Arg], test: Test, rows: usize) -> Result<Output> {
    fn every<N: PartialOrd + Copy>(
        left: impl Fn(usize) -> N,
        right: impl Fn(usize) -> N,
        test: Test,
        rows: usize,
    ) -> BooleanBuffer {
        match test {
            Test::NotEq => BooleanBuffer::collect_bool(rows, |row| left(row) != right(row)),
            Test::Lt => BooleanBuffer::collect_bool(rows, |row| left(row) < right(row)),
            Test::LtEq => BooleanBuffer::collect_bool(rows, |row| left(row) <= right(row)),
            Test::Gt => BooleanBuffer::collect_bool(rows, |row| left(row) > right(row)),
            Test::GtEq => BooleanBuffer::collect_bool(rows, |row| left(row) >= right(row)),
            _ => BooleanBuffer::collect_bool(rows, |row| left(row) == right(row)),
        }
    }
    let values = |arg: &Arg| {
        let array =
            arg.array().as_primitive_opt::<T>().ok_or_else(|| wrong_type(&T::DATA_TYPE.to_string(), arg.array()));
        array.cloned()
    };
    let (left, right) = (values(&args[0])?, values(&args[1])?);
    let (l, r) = (left.values(), right.values());
    let truths = match (args[0].is_constant(), args[1].is_constant()) {
        (false, false) => every(|row| l[row], |row| r[row], test, rows),
        (false, true) => every(|row| l[row], |_| r[0], test, rows),
        (true, false) => every(|_| l[0], |row| r[row], test, rows),
        (true, true) => every(|_| l[0], |_| r[0], test, rows),
    };
    let nulls = args.iter().map(|arg| match arg.is_constant() {
        false => arg.array().nulls().cloned(),
        true => arg.is_null(0).then(|| NullBuffer::new_null(rows)),
    });
    let nulls = nulls.fold(None, |all, nulls| NullBuffer::union(all.as_ref(), nulls.as_ref()));
    Ok(Output::new(Arc::new(BooleanArray::new(truths, nulls))))
}

/// Floating-point numbers with one zero and one NaN, so that arrow's total order compares them as SQL does.
fn canonical(arg: &Arg) -> Arg {
    fn one<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, normal: impl Fn(T::Native) -> T::Native) -> ArrayRef {
        Arc::new(array.unary::<_, T>(normal))
    }
    let array = match arg.array().data_type() {
        DataType::Float64 => {
            one(arg.array().as_primitive::<Float64Type>(), |x| if x.is_nan() { f64::NAN } else { x + 0.0 })
        }
        DataType::Float32 => {
            one(arg.array().as_primitive::<Float32Type>(), |x| if x.is_nan() { f32::NAN } else { x + 0.0 })
        }
        _ => return arg.clone(),
    };
    if arg.is_constant() { Arg::constant(array) } else { Arg::column(array) }
}

/// Arrays, maps and rows compare for equality, value by value.
fn nested(left: &Arg, right: &Arg, ty: &SqlType, test: Test, rows: usize) -> Output {
    let value = |arg: &Arg, row: usize| Scalar::at(arg.array(), ty, arg.at(row));
    crate::access::truths(rows, |row| {
        let (left, right) = (value(left, row), value(right, row));
        match test {
            Test::Distinct => Some(left != right),
            Test::NotDistinct => Some(left == right),
            _ if left.is_null() || right.is_null() => None,
            Test::NotEq => Some(left != right),
            _ => Some(left == right),
        }
    })
}

/// `x IN (a, b, …)`: with many constants by a set, otherwise comparison by comparison.
fn bind_in(call: &Binding<'_>) -> Result<Kernel> {
    let ty = call.args[0].clone();
    let constants: Option<Vec<ArrayRef>> = call.constants[1..].iter().cloned().collect();
    if let Some(constants) = constants.filter(|constants| constants.len() > 4) {
        let values: Vec<Scalar> = constants.iter().map(|array| exact_key(Scalar::at(array, &ty, 0))).collect();
        let has_null = values.iter().any(Scalar::is_null);
        let set: Set<Scalar> = values.into_iter().filter(|value| !value.is_null()).collect();
        return Ok(Box::new(move |args, rows, _| {
            Ok(crate::access::truths(rows, |row| {
                let value = Scalar::at(args[0].array(), &ty, args[0].at(row));
                if value.is_null() {
                    return None;
                }
                // NaN is in no list.
                if !is_nan(&value) && set.contains(&exact_key(value)) {
                    Some(true)
                } else {
                    (!has_null).then_some(false)
                }
            }))
        }));
    }
    let equal = |i: usize| bind(&Binding { args: &[ty.clone(), call.args[i].clone()], ..*call }, Test::Eq);
    let tests: Result<Vec<Kernel>> = (1..call.args.len()).map(equal).collect();
    let tests = tests?;
    Ok(Box::new(move |args, rows, cx| {
        let mut found: Option<BooleanArray> = None;
        for (test, candidate) in tests.iter().zip(&args[1..]) {
            let pair = [args[0].clone(), candidate.clone()];
            let equal = Arg::column(test(&pair, rows, cx)?.array);
            let equal = if equal.array().len() == rows { equal } else { Arg::constant(Arc::clone(equal.array())) };
            let equal = equal.expand(rows)?.as_boolean().clone();
            found = Some(match found {
                None => equal,
                Some(found) => arrow::compute::or_kleene(&found, &equal)?,
            });
        }
        Ok(Output::new(Arc::new(found.unwrap_or_else(|| BooleanArray::from(vec![false; rows])))))
    }))
}

fn is_nan(value: &Scalar) -> bool {
    matches!(value, Scalar::Double(x) if x.is_nan())
}

/// A value with one zero.
fn exact_key(value: Scalar) -> Scalar {
    match value {
        Scalar::Double(x) => Scalar::Double(x + 0.0),
        other => other,
    }
}

/// Whether the operands of NULLIF must be cast for the comparison, and one of the casts may fail.
fn compares_fallibly(args: &[Operand<'_>]) -> bool {
    let [left, right] = args else { return false };
    comparable(left.ty, right.ty).is_some_and(|common| {
        cast::fallible(&left.ty.kind, &common.kind) || cast::fallible(&right.ty.kind, &common.kind)
    })
}

fn bind_nullif(call: &Binding<'_>) -> Result<Kernel> {
    let kinds = [call.args[0].kind.clone(), call.args[1].kind.clone()];
    let common = comparable(&call.args[0], &call.args[1]).unwrap_or(SqlType::NULL);
    let equal = bind(&Binding { args: &[common.clone(), common.clone()], ..*call }, Test::Eq)?;
    Ok(Box::new(move |args, rows, cx| {
        let mut errors = RowErrors::NONE;
        let mut operands = Vec::with_capacity(2);
        for (arg, kind) in args.iter().zip(&kinds) {
            let same = cast::cast(arg.array(), kind, &common.kind, cx)?;
            if arg.is_constant() {
                let error = same.errors.get(0);
                error.into_iter().for_each(|error| (0..rows).for_each(|row| errors.add(row, error.clone())));
                operands.push(Arg::constant(same.array));
            } else {
                errors.merge_where(&same.errors, |_| true);
                operands.push(Arg::column(same.array));
            }
        }
        let equal = Arg::column(equal(&operands, rows, cx)?.array);
        let equal = if equal.array().len() == rows { equal } else { Arg::constant(Arc::clone(equal.array())) };
        let value = args[0].expand(rows)?;
        let array = arrow::compute::nullif(&value, equal.expand(rows)?.as_boolean())?;
        Ok(Output::with_errors(array, errors))
    }))
}

fn bind_extreme(call: &Binding<'_>, greatest: bool) -> Result<Kernel> {
    let ty = call.ty.clone();
    Ok(Box::new(move |args, rows, _| {
        let arrays: Vec<ArrayRef> = args.iter().map(|arg| Arc::clone(arg.array())).collect();
        let compare = comparator(&arrays, &ty)?;
        let mut choice = Vec::with_capacity(rows);
        let mut valid = Vec::with_capacity(rows);
        for row in 0..rows {
            let mut best = (0, args[0].at(row));
            for (i, arg) in args.iter().enumerate().skip(1) {
                let candidate = (i, arg.at(row));
                let wins = if greatest { compare(candidate, best).is_gt() } else { compare(candidate, best).is_lt() };
                best = if wins { candidate } else { best };
            }
            choice.push(best);
            valid.push(args.iter().all(|arg| !arg.is_null(row)));
        }
        let views: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let chosen = strings::shared_or_copied(interleave(&views, &choice)?);
        let nulls = NullBuffer::new(BooleanBuffer::from(valid));
        let invalid = BooleanArray::new(!nulls.inner(), None);
        Ok(Output::new(arrow::compute::nullif(&chosen, &invalid)?))
    }))
}
