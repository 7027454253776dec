//! The present: CURRENT_TIMESTAMP and its like. In batch mode the context's present is the start of the query; while
//! streaming it is the time at which the batch of rows is evaluated.

use arrow::datatypes::{Date32Type, Time32MillisecondType};
use std::sync::Arc;
use tidemill_core::Result;
use tidemill_expr::{
    Arg, EvalContext, Kernel, Operand, Output, Registry, Scalar, Signature, SqlType, TypeKind, Volatility,
};

use crate::access::{numbers, stamps_array};
use crate::civil::DAY_MS;
use crate::define::{Function, accept};

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    let moment = |args: &[Operand<'_>]| nothing(args, TypeKind::TimestampLtz(3));
    fn now() -> Result<Kernel> {
        stamp(TypeKind::TimestampLtz(3), |cx| cx.now_ms)
    }
    for name in ["CURRENT_TIMESTAMP", "NOW"] {
        registry.add_scalar(Function::new(name, moment, |_| now()).volatility(Volatility::PerQuery));
    }
    for name in ["CURRENT_ROW_TIMESTAMP", "PROCTIME"] {
        registry.add_scalar(Function::new(name, moment, |_| now()).volatility(Volatility::Volatile));
    }
    let local = Function::new(
        "LOCALTIMESTAMP",
        |args| nothing(args, TypeKind::Timestamp(3)),
        |_| stamp(TypeKind::Timestamp(3), local_ms),
    );
    registry.add_scalar(local.volatility(Volatility::PerQuery));
    let date = Function::new(
        "CURRENT_DATE",
        |args| nothing(args, TypeKind::Date),
        |_| {
            Ok(Box::new(|_, rows, cx| {
                Ok(numbers::<Date32Type>(rows, |_| Some(local_ms(cx).div_euclid(DAY_MS) as i32)))
            }))
        },
    );
    registry.add_scalar(date.volatility(Volatility::PerQuery));
    for name in ["LOCALTIME", "CURRENT_TIME"] {
        let time = Function::new(
            name,
            |args| nothing(args, TypeKind::Time(0)),
            |_| {
                Ok(Box::new(|_, rows, cx| {
                    let second = local_ms(cx).rem_euclid(DAY_MS) / 1000 * 1000;
                    Ok(numbers::<Time32MillisecondType>(rows, |_| Some(second as i32)))
                }))
            },
        );
        registry.add_scalar(time.volatility(Volatility::PerQuery));
    }
    let watermark = Function::new("CURRENT_WATERMARK", infer_watermark, |call| {
        let data_type = call.ty.arrow_type();
        Ok(Box::new(move |_, rows, cx| Ok(Output::new(stamps_array((0..rows).map(|_| cx.watermark_ms), &data_type)?))))
    });
    registry.add_scalar(watermark.volatility(Volatility::Volatile));
    let database = Function::new(
        "CURRENT_DATABASE",
        |args| nothing(args, TypeKind::STRING),
        |_| {
            Ok(Box::new(|_, rows, cx| {
                let name = Scalar::String(Arc::clone(&cx.database)).to_array(&SqlType::STRING)?;
                Ok(Output::new(Arg::constant(name).expand(rows)?))
            }))
        },
    );
    registry.add_scalar(database.volatility(Volatility::PerQuery));
}

fn nothing(args: &[Operand<'_>], kind: TypeKind) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[], 0)?, kind.not_null()))
}

fn infer_watermark(args: &[Operand<'_>]) -> Result<Signature, String> {
    match args {
        [arg] if arg.ty.kind.is_timestamp() => Ok(Signature::exact(args, arg.ty.clone().with_null(true))),
        _ => Err("it takes an event-time column".to_owned()),
    }
}

/// The present in the session's time zone.
fn local_ms(cx: &EvalContext) -> i64 {
    cx.time_zone.to_local_ms(cx.now_ms)
}

fn stamp(kind: TypeKind, millis: impl Fn(&EvalContext) -> i64 + Send + Sync + 'static) -> Result<Kernel> {
    let data_type = kind.not_null().arrow_type();
    Ok(Box::new(move |_, rows, cx| {
        let millis = millis(cx);
        Ok(Output::new(stamps_array((0..rows).map(|_| Some(millis)), &data_type)?))
    }))
}
