//! Between times and text: DATE_FORMAT, TO_TIMESTAMP, TO_TIMESTAMP_LTZ, TO_DATE, UNIX_TIMESTAMP, FROM_UNIXTIME, CONVERT_TZ.
//!
//! Text that cannot be read gives NULL (UNIX_TIMESTAMP: the smallest BIGINT), as in Flink; a CAST would be an error. A
//! pattern that is not known is refused when the statement is compiled; one that comes from a column is an error of its row.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type};
use tidemill_core::map::Map;
use tidemill_core::{Failure, Result};
use tidemill_expr::{
    Arg, Binding, EvalContext, Kernel, Operand, Output, Registry, RowError, RowErrors, Scalar, Signature, SqlType,
    TimeZone, TypeKind, Volatility,
};

use crate::access::{Numbers, Stamps, Texts, note, numbers, stamps_array, written_texts};
use crate::civil::{self, Civil, DAY_MS};
use crate::date_pattern::DatePattern;
use crate::define::{Bind, Function, Infer, Param, accept, any_null, pattern_varies, typed};
use crate::format::{Fraction, push_timestamp};

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    let patterned = |name, infer: Infer, bind: Bind| Function::new(name, infer, bind).fallible_for(pattern_varies);
    registry.add_scalar(patterned("DATE_FORMAT", infer_date_format, bind_date_format));
    let timestamp: Infer = |args| infer_read(args, TypeKind::Timestamp(3));
    registry.add_scalar(patterned("TO_TIMESTAMP", timestamp, bind_to_timestamp));
    registry.add_scalar(patterned("TO_DATE", |args| infer_read(args, TypeKind::Date), bind_to_date));
    let ltz = Function::new("TO_TIMESTAMP_LTZ", infer_to_ltz, bind_to_ltz);
    registry.add_scalar(ltz.fallible_for(pattern_varies));
    let unix_timestamp = patterned("UNIX_TIMESTAMP", infer_unix_timestamp, bind_unix_timestamp);
    registry.add_scalar(unix_timestamp.volatility(Volatility::PerQuery));
    registry.add_scalar(patterned("FROM_UNIXTIME", infer_from_unixtime, bind_from_unixtime));
    registry.add_scalar(Function::new("CONVERT_TZ", infer_convert_tz, |_| Ok(Box::new(convert_tz))));
}

/// The pattern of each row: compiled once if it is constant or missing, otherwise once for each text of a batch.
enum Patterns {
    Fixed(Option<DatePattern>),
    Argument(usize),
}

impl Patterns {
    /// Argument `at` of a call; `default` if there is none.
    fn bind(call: &Binding<'_>, at: usize, default: &str) -> Result<Patterns> {
        let compile =
            |text: &str| DatePattern::parse(text).map_err(|reason| Failure::user("functions.date-pattern", reason));
        if at >= call.args.len() {
            return Ok(Patterns::Fixed(Some(compile(default)?)));
        }
        match call.constants[at].as_ref().and_then(|array| array.as_string_view_opt()) {
            Some(text) if text.is_null(0) => Ok(Patterns::Fixed(None)),
            Some(text) => Ok(Patterns::Fixed(Some(compile(text.value(0))?))),
            None => Ok(Patterns::Argument(at)),
        }
    }

    /// Calls `apply` for each row with its pattern; none if it is NULL, or not known, which is an error of the row.
    fn for_each(
        &self,
        args: &[Arg],
        rows: usize,
        mut apply: impl FnMut(usize, Option<&DatePattern>),
    ) -> Result<RowErrors> {
        let mut errors = RowErrors::NONE;
        match self {
            Patterns::Fixed(pattern) => (0..rows).for_each(|row| apply(row, pattern.as_ref())),
            Patterns::Argument(at) => {
                let texts = Texts::of(&args[*at])?;
                let mut known: Map<&str, Result<DatePattern, RowError>> = Map::default();
                let parse = |text| DatePattern::parse(text).map_err(|reason| RowError::new("date-pattern", reason));
                for row in 0..rows {
                    match texts.get(row).map(|text| &*known.entry(text).or_insert_with(|| parse(text))) {
                        None => apply(row, None),
                        Some(Ok(pattern)) => apply(row, Some(pattern)),
                        Some(Err(error)) => {
                            errors.add(row, error.clone());
                            apply(row, None);
                        }
                    }
                }
            }
        }
        Ok(errors)
    }
}

/// A constant pattern that is not known is refused where the call stands.
fn check_constant(args: &[Operand<'_>]) -> Result<(), String> {
    match args.get(1).and_then(Operand::text) {
        Some(pattern) => DatePattern::parse(pattern).map(drop),
        None => Ok(()),
    }
}

/// The pattern that is meant where none is given.
const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

fn infer_date_format(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args)?;
    let types = accept(args, &[Param::Stamp, Param::Text], 0)?;
    Ok(Signature::new(types, SqlType::STRING.with_null(any_null(args))))
}

fn bind_date_format(call: &Binding<'_>) -> Result<Kernel> {
    let patterns = Patterns::bind(call, 1, DEFAULT_PATTERN)?;
    let moment = matches!(call.args[0].kind, TypeKind::TimestampLtz(_));
    Ok(Box::new(move |args, rows, cx| {
        let stamps = Stamps::of(&args[0])?;
        write_times(&patterns, args, rows, cx, moment, |row| stamps.millis(row))
    }))
}

/// Times by their patterns. Of moments the session's time zone shows the time.
fn write_times(
    patterns: &Patterns,
    args: &[Arg],
    rows: usize,
    cx: &EvalContext,
    moment: bool,
    time: impl Fn(usize) -> Option<(i64, u32)>,
) -> Result<Output> {
    let write = |pattern: &DatePattern, (millis, nanos): (i64, u32), text: &mut String| {
        let offset = if moment { cx.time_zone.offset_ms(millis) } else { 0 };
        pattern.write(&Civil::from_local_ms(millis.wrapping_add(offset), nanos), cx.time_zone, offset, text);
    };
    if let Patterns::Fixed(Some(pattern)) = patterns {
        return Ok(written_texts(rows, |row, text| time(row).map(|time| write(pattern, time, text)).is_some()));
    }
    let mut written: Vec<Option<String>> = Vec::with_capacity(rows);
    let errors = patterns.for_each(args, rows, |row, pattern| {
        written.push(pattern.zip(time(row)).map(|(pattern, time)| {
            let mut text = String::new();
            write(pattern, time, &mut text);
            text
        }));
    })?;
    let texts = crate::access::texts(rows, |row| written[row].take());
    Ok(Output::with_errors(texts.array, errors))
}

fn infer_read(args: &[Operand<'_>], kind: TypeKind) -> Result<Signature, String> {
    check_constant(args)?;
    typed(args, &[Param::Text, Param::Text], 1, kind, true)
}

/// Local milliseconds, nanoseconds within the millisecond, and the distance from UTC in milliseconds if the text has one.
type ReadTime = (i64, u32, Option<i64>);

/// Local times read from text, without a pattern any SQL timestamp or date; and the rows whose pattern is not known.
fn read_times(patterns: Option<&Patterns>, args: &[Arg], rows: usize) -> Result<(Vec<Option<ReadTime>>, RowErrors)> {
    let text = Texts::of(&args[0])?;
    let mut times = Vec::with_capacity(rows);
    let errors = match patterns {
        None => {
            let read = |row| civil::parse_timestamp(text.get(row)?).map(|(millis, nanos)| (millis, nanos, None));
            times.extend((0..rows).map(read));
            RowErrors::NONE
        }
        Some(patterns) => patterns.for_each(args, rows, |row, pattern| {
            times.push(pattern.zip(text.get(row)).and_then(|(pattern, text)| pattern.read(text.trim())));
        })?,
    };
    Ok((times, errors))
}

fn given_pattern(call: &Binding<'_>) -> Result<Option<Patterns>> {
    if call.args.len() > 1 { Patterns::bind(call, 1, DEFAULT_PATTERN).map(Some) } else { Ok(None) }
}

fn bind_to_timestamp(call: &Binding<'_>) -> Result<Kernel> {
    let patterns = given_pattern(call)?;
    let data_type = call.ty.arrow_type();
    Ok(Box::new(move |args, rows, _| {
        let (times, errors) = read_times(patterns.as_ref(), args, rows)?;
        let millis = times.iter().map(|time| time.map(|(millis, _, _)| millis));
        Ok(Output::with_errors(stamps_array(millis, &data_type)?, errors))
    }))
}

fn bind_to_date(call: &Binding<'_>) -> Result<Kernel> {
    let patterns = given_pattern(call)?;
    Ok(Box::new(move |args, rows, _| {
        let (times, errors) = read_times(patterns.as_ref(), args, rows)?;
        let days = numbers::<Date32Type>(rows, |row| times[row].map(|(millis, _, _)| millis.div_euclid(DAY_MS) as i32));
        Ok(Output::with_errors(days.array, errors))
    }))
}

fn infer_to_ltz(args: &[Operand<'_>]) -> Result<Signature, String> {
    let Some(first) = args.first() else { return Err("it takes a number of seconds or a text".to_owned()) };
    let kind = TypeKind::TimestampLtz(3);
    if first.ty.kind.is_character() {
        check_constant(args)?;
        return typed(args, &[Param::Text, Param::Text, Param::Text], 2, kind, true);
    }
    let mut types = accept(args, &[Param::Any, Param::Int], 1)?;
    types[0] = match &first.ty.kind {
        kind if kind.is_integer() || *kind == TypeKind::Null => SqlType::BIGINT.with_null(first.ty.nullable),
        kind if kind.is_approximate() => SqlType::DOUBLE.with_null(first.ty.nullable),
        kind if kind.is_decimal() => first.ty.clone(),
        other => return Err(format!("it takes a number of seconds or a text, not {other}")),
    };
    let precision = args.get(1).and_then(|precision| precision.literal).and_then(Scalar::as_i64);
    if let Some(precision) = precision.filter(|precision| !matches!(precision, 0 | 3)) {
        return Err(wrong_precision(precision));
    }
    Ok(Signature::new(types, kind.nullable()))
}

fn wrong_precision(precision: i64) -> String {
    format!("the precision of TO_TIMESTAMP_LTZ is 0, for seconds, or 3, for milliseconds, not {precision}")
}

/// A moment from seconds (precision 0) or milliseconds (3, the default), or from text, which is UTC if no zone is given.
fn bind_to_ltz(call: &Binding<'_>) -> Result<Kernel> {
    let data_type = call.ty.arrow_type();
    if call.args[0].kind.is_character() {
        let patterns = given_pattern(call)?;
        return Ok(Box::new(move |args, rows, _| {
            let (times, errors) = read_times(patterns.as_ref(), args, rows)?;
            let zones = args.get(2).map(Texts::of).transpose()?;
            let moment = |row: usize| {
                let (millis, _, offset) = times[row]?;
                if let Some(offset) = offset {
                    return Some(millis - offset);
                }
                match &zones {
                    Some(zones) => Some(TimeZone::parse(zones.get(row)?).ok()?.to_epoch_ms(millis)),
                    // A CAST would read it in the session's zone.
                    None => Some(millis),
                }
            };
            Ok(Output::with_errors(stamps_array((0..rows).map(moment), &data_type)?, errors))
        }));
    }
    let scale = match call.args[0].kind {
        TypeKind::Decimal { scale, .. } => scale,
        _ => 0,
    };
    Ok(Box::new(move |args, rows, _| {
        let precision = args.get(1).map(Numbers::<Int32Type>::of).transpose()?;
        let array: &ArrayRef = args[0].array();
        let number = |row: usize, factor: i64| -> Option<i64> {
            let at = args[0].at(row);
            if array.is_null(at) {
                return None;
            }
            if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
                return numbers.value(at).checked_mul(factor);
            }
            if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
                return Some((numbers.value(at) * factor as f64) as i64);
            }
            let decimal = array.as_primitive_opt::<Decimal128Type>()?.value(at);
            i64::try_from(decimal.checked_mul(i128::from(factor))? / crate::decimal::pow10(scale)).ok()
        };
        let mut errors = RowErrors::NONE;
        let moment = |row: usize| match precision.as_ref().map_or(Some(3), |precision| precision.get(row))? {
            0 => number(row, 1000),
            3 => number(row, 1),
            _ if args[0].is_null(row) => None,
            other => note(Err(RowError::new("precision", wrong_precision(other.into()))), row, &mut errors),
        };
        let values: Vec<Option<i64>> = (0..rows).map(moment).collect();
        Ok(Output::with_errors(stamps_array(values.into_iter(), &data_type)?, errors))
    }))
}

fn infer_unix_timestamp(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args)?;
    typed(args, &[Param::Text, Param::Text], 2, TypeKind::BigInt, false)
}

/// Seconds since the epoch: now, or of a text in the session's time zone.
fn bind_unix_timestamp(call: &Binding<'_>) -> Result<Kernel> {
    if call.args.is_empty() {
        return Ok(Box::new(|_, rows, cx| {
            let seconds = cx.now_ms.div_euclid(1000);
            Ok(numbers::<Int64Type>(rows, |_| Some(seconds)))
        }));
    }
    let patterns = Patterns::bind(call, 1, DEFAULT_PATTERN)?;
    Ok(Box::new(move |args, rows, cx| {
        let (times, errors) = read_times(Some(&patterns), args, rows)?;
        let null = |row: usize| args.iter().any(|arg| arg.is_null(row));
        let seconds = numbers::<Int64Type>(rows, |row| {
            if null(row) {
                return None;
            }
            let moment = times[row].map(|(millis, _, offset)| match offset {
                Some(offset) => millis - offset,
                None => cx.time_zone.to_epoch_ms(millis),
            });
            Some(moment.map_or(i64::MIN, |moment| moment.div_euclid(1000)))
        });
        Ok(Output::with_errors(seconds.array, errors))
    }))
}

fn infer_from_unixtime(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args)?;
    typed(args, &[Param::Long, Param::Text], 1, TypeKind::STRING, false)
}

fn bind_from_unixtime(call: &Binding<'_>) -> Result<Kernel> {
    let patterns = Patterns::bind(call, 1, DEFAULT_PATTERN)?;
    Ok(Box::new(move |args, rows, cx| {
        let seconds = Numbers::<Int64Type>::of(&args[0])?;
        write_times(&patterns, args, rows, cx, true, |row| Some((seconds.get(row)?.checked_mul(1000)?, 0)))
    }))
}

fn infer_convert_tz(args: &[Operand<'_>]) -> Result<Signature, String> {
    typed(args, &[Param::Text, Param::Text, Param::Text], 0, TypeKind::STRING, true)
}

/// A text's time in one zone, as text in another.
fn convert_tz(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let (text, from, to) = (Texts::of(&args[0])?, Texts::of(&args[1])?, Texts::of(&args[2])?);
    Ok(crate::access::texts(rows, |row| {
        let (millis, _) = civil::parse_timestamp(text.get(row)?)?;
        let (from, to) = (TimeZone::parse(from.get(row)?).ok()?, TimeZone::parse(to.get(row)?).ok()?);
        let mut shown = String::new();
        push_timestamp(&mut shown, to.to_local_ms(from.to_epoch_ms(millis)), 0, Fraction::Digits(0));
        Some(Cow::<str>::Owned(shown))
    }))
}
