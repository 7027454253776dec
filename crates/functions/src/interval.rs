//! Arithmetic of dates, times and intervals: `ts + INTERVAL '1' HOUR`, `INTERVAL '1' DAY * 3`, `ts2 - ts1`.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Int32Type, Int64Type, Time32MillisecondType};
use tidemill_core::Result;
use tidemill_expr::{
    Arg, Binding, Kernel, Operand, Output, RowError, RowErrors, Scalar, Signature, SqlType, TimeZone, TypeKind,
};

use crate::access::{Numbers, Stamps, note, numbers, stamps_array, wrong_type};
use crate::cast::out_of_range;
use crate::civil::{DAY_MS, add_months};

/// Which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// The type of an operation that involves a date, time or interval; none if this is not one.
pub(crate) fn infer(op: Option<Op>, left: &TypeKind, right: &TypeKind, args: &[Operand<'_>]) -> Option<Signature> {
    let nullable = args.iter().any(|arg| arg.ty.nullable);
    let exact = |kind: TypeKind| Some(Signature::exact(args, kind.with_null(nullable)));
    match (op?, left, right) {
        (Op::Add | Op::Subtract, left, right) if left.is_interval() && left == right => exact(left.clone()),
        (Op::Add | Op::Subtract, point, step) if point.is_datetime() && step.is_interval() => {
            exact(moved(point, step, args[1].literal))
        }
        (Op::Add, step, point) if point.is_datetime() && step.is_interval() => {
            exact(moved(point, step, args[0].literal))
        }
        (Op::Subtract, left, right) if left.is_datetime() && right.is_datetime() => {
            let common = SqlType::common(&left.clone().nullable(), &right.clone().nullable())?.kind;
            let types = args.iter().map(|arg| common.clone().with_null(arg.ty.nullable)).collect();
            Some(Signature::new(types, TypeKind::IntervalDayTime.with_null(nullable)))
        }
        (Op::Multiply | Op::Divide, step, factor) if step.is_interval() && factor.is_integer() => {
            let types = vec![args[0].ty.clone(), SqlType::BIGINT.with_null(args[1].ty.nullable)];
            Some(Signature::new(types, step.clone().with_null(nullable)))
        }
        (Op::Multiply, factor, step) if step.is_interval() && factor.is_integer() => {
            let types = vec![SqlType::BIGINT.with_null(args[0].ty.nullable), args[1].ty.clone()];
            Some(Signature::new(types, step.clone().with_null(nullable)))
        }
        _ => None,
    }
}

/// A point in time moved by a step: a DATE stays one unless the step has hours.
fn moved(point: &TypeKind, step: &TypeKind, literal: Option<&Scalar>) -> TypeKind {
    match (point, step, literal) {
        (TypeKind::Date, TypeKind::IntervalDayTime, Some(Scalar::Millis(millis))) if millis % DAY_MS != 0 => {
            TypeKind::Timestamp(3)
        }
        _ => point.clone(),
    }
}

/// Whether such an operation may fail in a row: one whose result is kept in finer units than milliseconds.
pub(crate) fn fallible(args: &[Operand<'_>]) -> bool {
    let [left, right] = args else { return false };
    let fine = |ty: &SqlType| matches!(ty.kind, TypeKind::Timestamp(4..) | TypeKind::TimestampLtz(4..));
    fine(left.ty) && right.ty.kind.is_interval() || fine(right.ty) && left.ty.kind.is_interval()
}

/// The kernel of such an operation; none if this is not one.
pub(crate) fn bind(call: &Binding<'_>, op: Op) -> Option<Kernel> {
    let (left, right) = (call.args[0].kind.clone(), call.args[1].kind.clone());
    let ty = call.ty.kind.clone();
    if left.is_datetime() && right.is_interval() {
        let sign = if op == Op::Subtract { -1 } else { 1 };
        return Some(Box::new(move |args, rows, cx| {
            shift(&args[0], &left, &args[1], &right, sign, rows, &ty, cx.time_zone)
        }));
    }
    if left.is_interval() && right.is_datetime() {
        return Some(Box::new(move |args, rows, cx| {
            shift(&args[1], &right, &args[0], &left, 1, rows, &ty, cx.time_zone)
        }));
    }
    if left.is_datetime() && right.is_datetime() && op == Op::Subtract {
        return Some(Box::new(move |args, rows, _| {
            let (left, right) = (millis_of(&args[0])?, millis_of(&args[1])?);
            Ok(numbers::<Int64Type>(rows, |row| Some(left(row)?.wrapping_sub(right(row)?))))
        }));
    }
    if left.is_interval() && right.is_interval() {
        return Some(Box::new(move |args, _, _| {
            let result = match op {
                Op::Add => arrow::compute::kernels::numeric::add_wrapping(&args[0], &args[1]),
                _ => arrow::compute::kernels::numeric::sub_wrapping(&args[0], &args[1]),
            };
            Ok(Output::new(result?))
        }));
    }
    if left.is_interval() || right.is_interval() {
        let (step, factor) = if left.is_interval() { (0, 1) } else { (1, 0) };
        return Some(Box::new(move |args, rows, _| scale(&args[step], &args[factor], op, rows)));
    }
    None
}

fn scale(step: &Arg, factor: &Arg, op: Op, rows: usize) -> Result<Output> {
    let factor = Numbers::<Int64Type>::of(factor)?;
    let apply = move |step: i64, factor: i64| match (op, factor) {
        (Op::Divide, 0) => Err(crate::arithmetic::division_by_zero()),
        (Op::Divide, factor) => Ok(Some(step.wrapping_div(factor))),
        (_, factor) => Ok(Some(step.wrapping_mul(factor))),
    };
    if let Ok(step) = Numbers::<Int32Type>::of(step) {
        return Ok(crate::access::try_numbers::<Int32Type>(rows, |row| match (step.get(row), factor.get(row)) {
            (Some(step), Some(factor)) => apply(i64::from(step), factor).map(|value| value.map(|value| value as i32)),
            _ => Ok(None),
        }));
    }
    let step = Numbers::<Int64Type>::of(step)?;
    Ok(crate::access::try_numbers::<Int64Type>(rows, |row| match (step.get(row), factor.get(row)) {
        (Some(step), Some(factor)) => apply(step, factor),
        _ => Ok(None),
    }))
}

/// Milliseconds of dates (at midnight), times and timestamps.
pub(crate) fn millis_of<'a>(arg: &'a Arg) -> Result<Box<dyn Fn(usize) -> Option<i64> + 'a>> {
    if let Ok(days) = Numbers::<Date32Type>::of(arg) {
        return Ok(Box::new(move |row| days.get(row).map(|days| i64::from(days) * DAY_MS)));
    }
    if let Ok(times) = Numbers::<Time32MillisecondType>::of(arg) {
        return Ok(Box::new(move |row| times.get(row).map(i64::from)));
    }
    let stamps = Stamps::of(arg)?;
    Ok(Box::new(move |row| stamps.millis(row).map(|(millis, _)| millis)))
}

#[allow(clippy::too_many_arguments)]
fn shift(
    point: &Arg,
    point_kind: &TypeKind,
    step: &Arg,
    step_kind: &TypeKind,
    sign: i64,
    rows: usize,
    ty: &TypeKind,
    zone: TimeZone,
) -> Result<Output> {
    let months = *step_kind == TypeKind::IntervalYearMonth;
    let step: Box<dyn Fn(usize) -> Option<i64> + '_> = if months {
        let step = Numbers::<Int32Type>::of(step)?;
        Box::new(move |row| step.get(row).map(|months| i64::from(months) * sign))
    } else {
        let constant = step.is_constant();
        let array =
            step.array().as_primitive_opt::<Int64Type>().ok_or_else(|| wrong_type("intervals", step.array()))?;
        Box::new(move |row| {
            let row = if constant { 0 } else { row };
            array.is_valid(row).then(|| array.value(row).wrapping_mul(sign))
        })
    };
    match (point_kind, ty) {
        (TypeKind::Date, TypeKind::Date) => {
            let days = Numbers::<Date32Type>::of(point)?;
            Ok(numbers::<Date32Type>(rows, |row| {
                let (day, step) = (i64::from(days.get(row)?), step(row)?);
                // Whole days; a part of one counts in neither direction.
                Some(if months { add_months(day, step) } else { day.wrapping_add(step / DAY_MS) } as i32)
            }))
        }
        (TypeKind::Date, _) => {
            let days = Numbers::<Date32Type>::of(point)?;
            let value = |row| Some((i64::from(days.get(row)?) * DAY_MS).wrapping_add(step(row)?));
            let array = stamps_array((0..rows).map(value), &ty.clone().nullable().arrow_type())?;
            Ok(Output::new(array))
        }
        (TypeKind::Time(_), _) => {
            let times = Numbers::<Time32MillisecondType>::of(point)?;
            Ok(numbers::<Time32MillisecondType>(rows, |row| {
                let (time, step) = (i64::from(times.get(row)?), step(row)?);
                Some(if months { time } else { time.wrapping_add(step).rem_euclid(DAY_MS) } as i32)
            }))
        }
        _ => shift_stamps(point, point_kind, &step, months, rows, zone),
    }
}

fn shift_stamps(
    point: &Arg,
    kind: &TypeKind,
    step: &dyn Fn(usize) -> Option<i64>,
    months: bool,
    rows: usize,
    zone: TimeZone,
) -> Result<Output> {
    let stamps = Stamps::of(point)?;
    let local = matches!(kind, TypeKind::TimestampLtz(_)).then_some(zone);
    let add = |millis: i64, step: i64| match (months, local) {
        (false, _) => i128::from(millis) + i128::from(step),
        (true, None) => month_later(millis, step),
        (true, Some(zone)) => i128::from(zone.to_epoch_ms(month_later(zone.to_local_ms(millis), step) as i64)),
    };
    let mut errors = RowErrors::NONE;
    let value = |row| {
        let (value, step) = (stamps.get(row)?, step(row)?);
        note(moved_stamp(value, stamps.per_second, kind, |millis| add(millis, step)).map(Some), row, &mut errors)
    };
    let values: Vec<Option<i64>> = (0..rows).map(value).collect();
    Ok(Output::with_errors(stamps_array(values.into_iter(), point.array().data_type())?, errors))
}

/// Local milliseconds some months later.
pub(crate) fn month_later(millis: i64, months: i64) -> i128 {
    let days = add_months(millis.div_euclid(DAY_MS), months);
    i128::from(days) * i128::from(DAY_MS) + i128::from(millis.rem_euclid(DAY_MS))
}

/// A timestamp of so many units a second whose milliseconds are moved; what is finer stays. Milliseconds wrap around as
/// Java's do; finer units reach less far, and what leaves them is an error.
pub(crate) fn moved_stamp(
    value: i64,
    per_second: i64,
    kind: &TypeKind,
    moved: impl FnOnce(i64) -> i128,
) -> Result<i64, RowError> {
    let per_milli = per_second / 1000;
    let millis = moved(value.div_euclid(per_milli));
    if per_milli == 1 {
        return Ok(millis as i64);
    }
    let fine = millis.checked_mul(i128::from(per_milli)).map(|fine| fine + i128::from(value.rem_euclid(per_milli)));
    fine.and_then(|fine| i64::try_from(fine).ok()).ok_or_else(|| out_of_range(kind))
}
