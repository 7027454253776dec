//! Parts of dates and times (EXTRACT, YEAR … SECOND), and arithmetic by units (TIMESTAMPADD, TIMESTAMPDIFF).

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{Date32Type, Int32Type, Int64Type, Time32MillisecondType};
use tidemill_core::{Failure, Result};
use tidemill_expr::{
    Arg, Binding, EvalContext, Kernel, Operand, Output, Registry, RowErrors, Signature, SqlType, TypeKind,
};

use crate::access::{Numbers, Stamps, note, numbers, stamps_array};
use crate::cast::out_of_range;
use crate::civil::{Civil, DAY_MS};
use crate::define::{Function, any_null};
use crate::interval::{month_later, moved_stamp};
use crate::unit::{Unit, months_between};

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(Function::new("EXTRACT", infer_extract, bind_extract));
    macro_rules! parts {
        ($($name:literal => $unit:expr),+ $(,)?) => { $(
            registry.add_scalar(Function::new($name, |args| infer_part(args, 0), |call| part($unit, call.args[0].kind.clone(), 0)));
        )+ };
    }
    parts! {
        "YEAR" => Unit::Year, "QUARTER" => Unit::Quarter, "MONTH" => Unit::Month, "WEEK" => Unit::Week,
        "DAYOFYEAR" => Unit::DayOfYear, "DAYOFMONTH" => Unit::Day, "DAYOFWEEK" => Unit::DayOfWeek,
        "HOUR" => Unit::Hour, "MINUTE" => Unit::Minute, "SECOND" => Unit::Second,
    }
    registry.add_scalar(Function::new("TIMESTAMPADD", infer_add, bind_add).fallible_for(adds_to_fine_stamps));
    registry.add_scalar(Function::new("TIMESTAMPDIFF", infer_difference, bind_difference));
}

fn infer_extract(args: &[Operand<'_>]) -> Result<Signature, String> {
    if args.len() != 2 {
        return Err("it is written EXTRACT(unit FROM time)".to_owned());
    }
    Unit::of(args.first())?;
    infer_part(args, 1)
}

/// The type of a part of argument `at`.
fn infer_part(args: &[Operand<'_>], at: usize) -> Result<Signature, String> {
    if args.len() != at + 1 {
        return Err("it takes one date or time".to_owned());
    }
    let mut types: Vec<SqlType> = args.iter().map(|arg| arg.ty.clone()).collect();
    match &types[at].kind {
        kind if kind.is_datetime() || kind.is_interval() => {}
        kind if kind.is_character() || *kind == TypeKind::Null => {
            types[at] = TypeKind::Timestamp(3).with_null(types[at].nullable);
        }
        other => return Err(format!("it takes a date or time, not {other}")),
    }
    let nullable = types[at].nullable;
    Ok(Signature::new(types, SqlType::BIGINT.with_null(nullable)))
}

fn constant_unit(call: &Binding<'_>, at: usize) -> Result<Unit> {
    let array = call.constants.get(at).and_then(Option::as_ref).and_then(|array| array.as_string_view_opt());
    array
        .and_then(|array| Unit::parse(array.value(0)))
        .ok_or_else(|| Failure::user("functions.unit", "a constant unit of time is needed, such as HOUR"))
}

fn bind_extract(call: &Binding<'_>) -> Result<Kernel> {
    part(constant_unit(call, 0)?, call.args[1].kind.clone(), 1)
}

/// The kernel that takes a part of argument `at`.
fn part(unit: Unit, kind: TypeKind, at: usize) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, cx| {
        let arg = &args[at];
        match &kind {
            TypeKind::IntervalYearMonth => {
                let months = Numbers::<Int32Type>::of(arg)?;
                Ok(numbers::<Int64Type>(rows, |row| Some(of_months(unit, i64::from(months.get(row)?)))))
            }
            TypeKind::IntervalDayTime => {
                let millis = Numbers::<Int64Type>::of(arg)?;
                Ok(numbers::<Int64Type>(rows, |row| Some(of_millis(unit, millis.get(row)?))))
            }
            _ => of_time(unit, &kind, arg, rows, cx),
        }
    }))
}

fn of_months(unit: Unit, months: i64) -> i64 {
    match unit.months() {
        Some(1) => months % 12,
        Some(3) => months % 12 / 3 + 1,
        Some(unit) => months / unit,
        None => 0,
    }
}

fn of_millis(unit: Unit, millis: i64) -> i64 {
    match unit {
        Unit::Day => millis / DAY_MS,
        Unit::Hour => millis / 3_600_000 % 24,
        Unit::Minute => millis / 60_000 % 60,
        Unit::Second => millis / 1000 % 60,
        Unit::Millisecond => millis % 1000,
        Unit::Epoch => millis / 1000,
        _ => 0,
    }
}

fn of_time(unit: Unit, kind: &TypeKind, arg: &Arg, rows: usize, cx: &EvalContext) -> Result<Output> {
    match kind {
        TypeKind::Date => {
            let days = Numbers::<Date32Type>::of(arg)?;
            Ok(numbers::<Int64Type>(rows, |row| {
                Some(unit.extract(&Civil::from_local_ms(i64::from(days.get(row)?) * DAY_MS, 0)))
            }))
        }
        TypeKind::Time(_) => {
            let times = Numbers::<Time32MillisecondType>::of(arg)?;
            Ok(numbers::<Int64Type>(rows, |row| {
                Some(unit.extract(&Civil::from_local_ms(i64::from(times.get(row)?), 0)))
            }))
        }
        _ => {
            let stamps = Stamps::of(arg)?;
            let moment = matches!(kind, TypeKind::TimestampLtz(_)) && !cx.time_zone.is_utc();
            // Parts of the clock need no calendar.
            if let (false, Some(size), Some(count)) = (moment, unit.millis(), clock_count(unit)) {
                let unit = size * (stamps.per_second / 1000);
                let values = stamps.buffer();
                let array: Int64Array = values.iter().map(|value| value.div_euclid(unit).rem_euclid(count)).collect();
                let array = Int64Array::new(array.values().clone(), arg.array().nulls().cloned());
                return Ok(Output::new(Arc::new(array)));
            }
            Ok(numbers::<Int64Type>(rows, |row| {
                let (millis, nanos) = stamps.millis(row)?;
                if unit == Unit::Epoch {
                    return Some(millis.div_euclid(1000));
                }
                let local = if moment { cx.time_zone.to_local_ms(millis) } else { millis };
                Some(unit.extract(&Civil::from_local_ms(local, nanos)))
            }))
        }
    }
}

/// How many of a unit of the clock make the next larger one.
fn clock_count(unit: Unit) -> Option<i64> {
    match unit {
        Unit::Hour => Some(24),
        Unit::Minute | Unit::Second => Some(60),
        Unit::Millisecond => Some(1000),
        _ => None,
    }
}

fn infer_add(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [unit, count, time] = args else { return Err("it is written TIMESTAMPADD(unit, number, time)".to_owned()) };
    let step = Unit::of(Some(unit))?;
    if !count.ty.kind.is_integer() && count.ty.kind != TypeKind::Null {
        return Err(format!("the number must be an integer, not {}", count.ty.kind));
    }
    let point = match &time.ty.kind {
        kind if kind.is_character() || *kind == TypeKind::Null => TypeKind::Timestamp(3),
        kind if kind.is_datetime() => kind.clone(),
        other => return Err(format!("it takes a date or time, not {other}")),
    };
    let clock =
        step.millis().is_some_and(|millis| millis < DAY_MS) || step.months().is_none() && step.millis().is_none();
    let result = if point == TypeKind::Date && clock { TypeKind::Timestamp(3) } else { point.clone() };
    let arg = if result == point { point } else { result.clone() };
    let types = vec![unit.ty.clone(), SqlType::BIGINT.with_null(count.ty.nullable), arg.with_null(time.ty.nullable)];
    Ok(Signature::new(types, result.with_null(any_null(args))))
}

/// Timestamps finer than milliseconds reach less far than they can be moved.
fn adds_to_fine_stamps(args: &[Operand<'_>]) -> bool {
    args.get(2).is_some_and(|time| matches!(time.ty.kind, TypeKind::Timestamp(4..) | TypeKind::TimestampLtz(4..)))
}

fn bind_add(call: &Binding<'_>) -> Result<Kernel> {
    let unit = constant_unit(call, 0)?;
    let kind = call.args[2].kind.clone();
    Ok(Box::new(move |args, rows, cx| {
        let count = Numbers::<Int64Type>::of(&args[1])?;
        let zone = cx.time_zone;
        let moved = |local_ms: i64, count: i64| match (unit.millis(), unit.months()) {
            (Some(millis), _) => i128::from(local_ms) + i128::from(millis) * i128::from(count),
            (None, Some(months)) => month_later(local_ms, months.wrapping_mul(count)),
            (None, None) => i128::from(local_ms),
        };
        match &kind {
            TypeKind::Date => {
                let days = Numbers::<Date32Type>::of(&args[2])?;
                Ok(numbers::<Date32Type>(rows, |row| {
                    let moved = moved(i64::from(days.get(row)?) * DAY_MS, count.get(row)?);
                    Some(moved.div_euclid(i128::from(DAY_MS)) as i32)
                }))
            }
            TypeKind::Time(_) => {
                let times = Numbers::<Time32MillisecondType>::of(&args[2])?;
                Ok(numbers::<Time32MillisecondType>(rows, |row| {
                    Some(moved(i64::from(times.get(row)?), count.get(row)?).rem_euclid(i128::from(DAY_MS)) as i32)
                }))
            }
            _ => {
                let stamps = Stamps::of(&args[2])?;
                let by_calendar = unit.months().is_some() && matches!(kind, TypeKind::TimestampLtz(_));
                let mut errors = RowErrors::NONE;
                let value = |row: usize| {
                    let (value, count) = (stamps.get(row)?, count.get(row)?);
                    let result = match fine_units(unit, count, stamps.per_second) {
                        Some(fine) => value.checked_add(fine).ok_or_else(|| out_of_range(&kind)),
                        None => moved_stamp(value, stamps.per_second, &kind, |millis| match by_calendar {
                            true => i128::from(zone.to_epoch_ms(moved(zone.to_local_ms(millis), count) as i64)),
                            false => moved(millis, count),
                        }),
                    };
                    note(result.map(Some), row, &mut errors)
                };
                let values: Vec<Option<i64>> = (0..rows).map(value).collect();
                Ok(Output::with_errors(stamps_array(values.into_iter(), args[2].array().data_type())?, errors))
            }
        }
    }))
}

/// So many micro- or nanoseconds in the units of a timestamp; none of other units.
fn fine_units(unit: Unit, count: i64, per_second: i64) -> Option<i64> {
    let in_a_second = match unit {
        Unit::Microsecond => 1_000_000,
        Unit::Nanosecond => 1_000_000_000,
        _ => return None,
    };
    // Of a timestamp that is coarser than the unit, the part that it can show.
    Some(match per_second / in_a_second {
        0 => count / (in_a_second / per_second),
        factor => count.saturating_mul(factor),
    })
}

fn infer_difference(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [unit, from, to] = args else { return Err("it is written TIMESTAMPDIFF(unit, from, to)".to_owned()) };
    Unit::of(Some(unit))?;
    let point = |ty: &SqlType| match &ty.kind {
        kind if kind.is_character() || *kind == TypeKind::Null => Ok(TypeKind::Timestamp(3).with_null(ty.nullable)),
        kind if kind.is_datetime() => Ok(ty.clone()),
        other => Err(format!("it takes dates or times, not {other}")),
    };
    Ok(Signature::new(vec![unit.ty.clone(), point(from.ty)?, point(to.ty)?], SqlType::INT.with_null(any_null(args))))
}

/// How many whole units lie between two times.
fn bind_difference(call: &Binding<'_>) -> Result<Kernel> {
    let unit = constant_unit(call, 0)?;
    let moment = |kind: &TypeKind| matches!(kind, TypeKind::TimestampLtz(_));
    let moments = [moment(&call.args[1].kind), moment(&call.args[2].kind)];
    Ok(Box::new(move |args, rows, cx| {
        let (from, to) = (crate::interval::millis_of(&args[1])?, crate::interval::millis_of(&args[2])?);
        let local = |millis: i64, moment: bool| {
            // Among moments the clock's distance counts, otherwise what a calendar shows.
            let mixed = moments[0] != moments[1] || unit.months().is_some();
            if moment && mixed { cx.time_zone.to_local_ms(millis) } else { millis }
        };
        Ok(numbers::<Int32Type>(rows, |row| {
            let (from, to) = (local(from(row)?, moments[0]), local(to(row)?, moments[1]));
            let units = match (unit.millis(), unit.months()) {
                (Some(millis), _) => to.wrapping_sub(from) / millis,
                (None, Some(months)) => months_between(from, to) / months,
                (None, None) => {
                    to.wrapping_sub(from).wrapping_mul(if unit == Unit::Nanosecond { 1_000_000 } else { 1000 })
                }
            };
            Some(units as i32)
        }))
    }))
}
