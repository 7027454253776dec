//! FLOOR and CEIL of dates and times to a unit: `FLOOR(ts TO HOUR)`. A TIMESTAMP_LTZ is rounded in the session's time zone.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, Time32MillisecondType};
use tidemill_core::{Failure, Result};
use tidemill_expr::{Binding, Kernel, Operand, Output, Signature, TypeKind};

use crate::access::{Stamps, stamps_array};
use crate::civil::DAY_MS;
use crate::unit::Unit;

/// Types `FLOOR(x, 'unit')`.
pub(crate) fn infer(args: &[Operand<'_>]) -> Result<Signature, String> {
    Unit::of(args.get(1))?;
    match &args[0].ty.kind {
        kind if kind.is_datetime() => Ok(Signature::exact(args, args[0].ty.clone())),
        TypeKind::Null => Ok(Signature::new(
            vec![TypeKind::Timestamp(3).nullable(), args[1].ty.clone()],
            TypeKind::Timestamp(3).nullable(),
        )),
        other => Err(format!("only dates and times can be rounded TO a unit, not {other}")),
    }
}

/// The kernel of `FLOOR(x, 'unit')`, or with `up` of CEIL.
pub(crate) fn bind(call: &Binding<'_>, up: bool) -> Result<Kernel> {
    let word = call.constants[1].as_ref().and_then(|array| array.as_string_view_opt()).map(|array| array.value(0));
    let unit = word
        .and_then(Unit::parse)
        .ok_or_else(|| Failure::user("functions.unit", "FLOOR and CEIL take a constant unit of time"))?;
    let round = move |local_ms: i64| if up { unit.ceil(local_ms) } else { unit.floor(local_ms) };
    Ok(match call.args[0].kind {
        TypeKind::Date => Box::new(move |args, _, _| {
            let days = args[0].array().as_primitive::<Date32Type>();
            let rounded = days.unary::<_, Date32Type>(|day| round(i64::from(day) * DAY_MS).div_euclid(DAY_MS) as i32);
            Ok(Output::new(Arc::new(rounded)))
        }),
        TypeKind::Time(_) => Box::new(move |args, _, _| {
            let times = args[0].array().as_primitive::<Time32MillisecondType>();
            let rounded = times.unary::<_, Time32MillisecondType>(|time| round(i64::from(time)) as i32);
            Ok(Output::new(Arc::new(rounded)))
        }),
        _ => {
            let moment = matches!(call.args[0].kind, TypeKind::TimestampLtz(_));
            Box::new(move |args, rows, cx| {
                let stamps = Stamps::of(&args[0])?;
                let per_milli = stamps.per_second / 1000;
                let value = |row: usize| {
                    let value = stamps.get(row)?;
                    // A fraction of a millisecond counts as part of the next one when rounding up.
                    let part = up && value.rem_euclid(per_milli) != 0;
                    let millis = value.div_euclid(per_milli).wrapping_add(i64::from(part));
                    if unit.millis() == Some(1) && !up || unit.millis().is_none() && unit.months().is_none() {
                        return Some(value - value.rem_euclid(per_milli));
                    }
                    let local = if moment { cx.time_zone.to_local_ms(millis) } else { millis };
                    let rounded = round(local);
                    let millis = if moment { cx.time_zone.to_epoch_ms(rounded) } else { rounded };
                    Some(millis.wrapping_mul(per_milli))
                };
                Ok(Output::new(stamps_array((0..rows).map(value), args[0].array().data_type())?))
            })
        }
    })
}
