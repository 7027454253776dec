//! Casts from text.

use std::sync::Arc;

use arrow::array::{Array, ArrowPrimitiveType, PrimitiveBuilder};
use arrow::array::{ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, Decimal128Builder, StringViewArray};
use arrow::datatypes::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
};
use tidemill_core::Result;
use tidemill_expr::{EvalContext, Output, RowError, RowErrors, TypeKind};

use super::time::{in_unit, truncate};
use crate::access::{note, stamps_array, wrong_type};
use crate::{civil, decimal};

pub(super) fn cast(array: &ArrayRef, to: &TypeKind, cx: &EvalContext) -> Result<Output> {
    let texts = array.as_string_view_opt().ok_or_else(|| wrong_type("text", array))?;
    match to {
        TypeKind::Boolean => {
            let mut errors = RowErrors::NONE;
            let mut builder = BooleanBuilder::with_capacity(texts.len());
            for (row, text) in texts.iter().enumerate() {
                builder.append_option(text.and_then(|text| note(read(text, to, parse_bool), row, &mut errors)));
            }
            Ok(Output::with_errors(Arc::new(builder.finish()), errors))
        }
        TypeKind::TinyInt => Ok(parsed::<Int8Type>(texts, to, |text| parse_integer(text)?.try_into().ok())),
        TypeKind::SmallInt => Ok(parsed::<Int16Type>(texts, to, |text| parse_integer(text)?.try_into().ok())),
        TypeKind::Int => Ok(parsed::<Int32Type>(texts, to, |text| parse_integer(text)?.try_into().ok())),
        TypeKind::BigInt => Ok(parsed::<Int64Type>(texts, to, parse_integer)),
        TypeKind::Float => Ok(parsed::<Float32Type>(texts, to, |text| parse_float(text)?.parse().ok())),
        TypeKind::Double => Ok(parsed::<Float64Type>(texts, to, |text| parse_float(text)?.parse().ok())),
        TypeKind::Date => Ok(parsed::<Date32Type>(texts, to, |text| civil::parse_date(text)?.try_into().ok())),
        TypeKind::Time(precision) => Ok(parsed::<Time32MillisecondType>(texts, to, |text| {
            let (millis, _) = civil::parse_time(text)?;
            Some(truncate(millis, 0, *precision).0 as i32)
        })),
        TypeKind::Decimal { precision, scale } => decimals(texts, to, *precision, *scale),
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => {
            let mut builder = BinaryBuilder::with_capacity(texts.len(), 0);
            texts.iter().for_each(|text| builder.append_option(text.map(str::as_bytes)));
            let bytes: ArrayRef = Arc::new(builder.finish());
            super::to_text::fit_bytes(&bytes, to)
        }
        TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision) => {
            let local = matches!(to, TypeKind::TimestampLtz(_));
            let data_type = to.clone().nullable().arrow_type();
            let mut errors = RowErrors::NONE;
            let stamp = |text: &str| {
                let (millis, nanos) = civil::parse_timestamp(text)?;
                let millis = if local { cx.time_zone.to_epoch_ms(millis) } else { millis };
                let (millis, nanos) = truncate(millis, nanos, *precision);
                in_unit(millis, nanos, *precision)
            };
            let values: Vec<Option<i64>> = texts
                .iter()
                .enumerate()
                .map(|(row, text)| text.and_then(|text| note(read(text, to, stamp), row, &mut errors)))
                .collect();
            Ok(Output::with_errors(stamps_array(values.into_iter(), &data_type)?, errors))
        }
        _ => Err(wrong_type("a type that text can be cast to", array)),
    }
}

/// The value of trimmed text, or the error that it has none.
fn read<V>(text: &str, to: &TypeKind, parse: impl Fn(&str) -> Option<V>) -> Result<Option<V>, RowError> {
    parse(text.trim()).map(Some).ok_or_else(|| unreadable(text, to))
}

fn unreadable(text: &str, to: &TypeKind) -> RowError {
    let shown: String = text.chars().take(60).collect();
    let example = match to {
        TypeKind::Date => ", which looks like '2013-01-31'",
        TypeKind::Time(_) => ", which looks like '12:30:45'",
        TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => ", which looks like '2013-01-31 12:30:45.123'",
        _ => "",
    };
    RowError::new("cast", format!("'{shown}' cannot be cast to {to}{example}; TRY_CAST makes it NULL"))
}

fn parsed<T: ArrowPrimitiveType>(
    texts: &StringViewArray,
    to: &TypeKind,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Output {
    let mut errors = RowErrors::NONE;
    let mut builder = PrimitiveBuilder::<T>::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        builder.append_option(text.and_then(|text| note(read(text, to, &parse), row, &mut errors)));
    }
    Output::with_errors(Arc::new(builder.finish()), errors)
}

fn decimals(texts: &StringViewArray, to: &TypeKind, precision: u8, scale: u8) -> Result<Output> {
    let mut errors = RowErrors::NONE;
    let mut builder = Decimal128Builder::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        let value = text.and_then(|text| {
            let read = decimal::parse(text.trim(), scale, precision).map_err(|()| unreadable(text, to));
            note(read, row, &mut errors)
        });
        builder.append_option(value);
    }
    let array = builder.finish().with_precision_and_scale(precision, scale as i8)?;
    Ok(Output::with_errors(Arc::new(array), errors))
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// A whole number; digits after a point are checked and cut off.
fn parse_integer(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if whole.is_empty() && !fraction.is_empty() {
        return Some(0);
    }
    whole.parse().ok()
}

/// The text if Java reads it as a number: `NaN` and `Infinity` in this spelling only.
fn parse_float(text: &str) -> Option<&str> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let word = unsigned.starts_with(|c: char| c.is_ascii_alphabetic());
    (!word || matches!(unsigned, "NaN" | "Infinity")).then_some(text)
}
