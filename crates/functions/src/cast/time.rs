//! Casts between dates, times and timestamps.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Date32Type, Time32MillisecondType};
use tidemill_core::Result;
use tidemill_expr::types::timestamp_unit;
use tidemill_expr::{Arg, EvalContext, Output, RowError, RowErrors, TypeKind};

use crate::access::{Stamps, note, numbers, stamps_array, wrong_type};
use crate::civil::DAY_MS;

pub(super) fn cast(array: &ArrayRef, from: &TypeKind, to: &TypeKind, cx: &EvalContext) -> Result<Output> {
    let rows = array.len();
    let zone = cx.time_zone;
    let is_moment = |kind: &TypeKind| matches!(kind, TypeKind::TimestampLtz(_));
    match (from, to) {
        (TypeKind::Time(_), TypeKind::Time(precision)) => {
            let times = array.as_primitive::<Time32MillisecondType>();
            let cut = times.unary::<_, Time32MillisecondType>(|time| truncate(i64::from(time), 0, *precision).0 as i32);
            Ok(Output::new(Arc::new(cut)))
        }
        (from, TypeKind::Date | TypeKind::Time(_)) if from.is_timestamp() => {
            let arg = Arg::column(Arc::clone(array));
            let stamps = Stamps::of(&arg)?;
            let local = |row| {
                stamps.millis(row).map(|(millis, _)| if is_moment(from) { zone.to_local_ms(millis) } else { millis })
            };
            if let TypeKind::Time(precision) = to {
                let time = |millis: i64| truncate(millis.rem_euclid(DAY_MS), 0, *precision).0 as i32;
                return Ok(numbers::<Time32MillisecondType>(rows, |row| local(row).map(time)));
            }
            Ok(numbers::<Date32Type>(rows, |row| local(row).map(|millis| millis.div_euclid(DAY_MS) as i32)))
        }
        (from, TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision)) => {
            let source: Box<dyn Fn(usize) -> Option<(i64, u32)>> = match from {
                TypeKind::Date => {
                    let days = array.as_primitive::<Date32Type>().clone();
                    Box::new(move |row| days.is_valid(row).then(|| (i64::from(days.value(row)) * DAY_MS, 0)))
                }
                TypeKind::Time(_) => {
                    let times = array.as_primitive::<Time32MillisecondType>().clone();
                    Box::new(move |row| times.is_valid(row).then(|| (i64::from(times.value(row)), 0)))
                }
                from if from.is_timestamp() => {
                    if same_physically(from, to) {
                        return Ok(Output::new(Arc::clone(array)));
                    }
                    let arg = Arg::column(Arc::clone(array));
                    let stamps: Vec<Option<(i64, u32)>> = {
                        let stamps = Stamps::of(&arg)?;
                        (0..rows).map(|row| stamps.millis(row)).collect()
                    };
                    Box::new(move |row| stamps[row])
                }
                _ => return Err(wrong_type("dates or times", array)),
            };
            let shift: fn(tidemill_expr::TimeZone, i64) -> i64 = match (is_moment(from), is_moment(to)) {
                (false, true) => |zone, millis| zone.to_epoch_ms(millis),
                (true, false) => |zone, millis| zone.to_local_ms(millis),
                _ => |_, millis| millis,
            };
            let mut errors = RowErrors::NONE;
            let values: Vec<Option<i64>> = (0..rows)
                .map(|row| {
                    let (millis, nanos) = source(row)?;
                    let (millis, nanos) = truncate(shift(zone, millis), nanos, *precision);
                    let value = in_unit(millis, nanos, *precision).map(Some).ok_or_else(|| out_of_range(to));
                    note(value, row, &mut errors)
                })
                .collect();
            let data_type = to.clone().nullable().arrow_type();
            Ok(Output::with_errors(stamps_array(values.into_iter(), &data_type)?, errors))
        }
        _ => Err(wrong_type("dates or times", array)),
    }
}

/// Whether the cast changes no number: the same meaning and unit, and at least as many digits.
fn same_physically(from: &TypeKind, to: &TypeKind) -> bool {
    match (from, to) {
        (TypeKind::Timestamp(from), TypeKind::Timestamp(to))
        | (TypeKind::TimestampLtz(from), TypeKind::TimestampLtz(to)) => {
            from <= to && timestamp_unit(*from) == timestamp_unit(*to)
        }
        _ => false,
    }
}

/// The error of a row whose time leaves the 64 bits in which a timestamp of this type is kept.
pub(crate) fn out_of_range(to: &TypeKind) -> RowError {
    let reach = match to {
        TypeKind::Timestamp(7..) | TypeKind::TimestampLtz(7..) => "which reaches from 1677 to 2262",
        _ => "which reaches 292,000 years from 1970",
    };
    RowError::new("timestamp-range", format!("the time does not fit into {to}, {reach}"))
}

/// A time cut to so many digits after the second.
pub(crate) fn truncate(millis: i64, nanos: u32, precision: u8) -> (i64, u32) {
    match precision {
        0..=3 => {
            let unit = 10i64.pow(3 - u32::from(precision));
            (millis - millis.rem_euclid(unit), 0)
        }
        4..=8 => (millis, nanos - nanos % 10u32.pow(9 - u32::from(precision))),
        _ => (millis, nanos),
    }
}

/// A time in the unit that its precision is kept in; none if it leaves 64 bits.
pub(crate) fn in_unit(millis: i64, nanos: u32, precision: u8) -> Option<i64> {
    match precision {
        0..=3 => Some(millis),
        4..=6 => millis.checked_mul(1000)?.checked_add(i64::from(nanos / 1000)),
        _ => millis.checked_mul(1_000_000)?.checked_add(i64::from(nanos)),
    }
}
