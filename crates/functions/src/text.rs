//! Text by characters: case, length, parts, padding, replacing. Positions count characters from 1.

use std::borrow::Cow;

use arrow::datatypes::{Int8Type, Int32Type, Int64Type};
use tidemill_core::Result;
use tidemill_expr::{
    Arg, EvalContext, Kernel, Operand, Output, Registry, RowError, Scalar, Signature, SqlType, TypeKind,
};

use crate::access::{Numbers, Texts, numbers, texts, truths, try_texts, written_texts};
use crate::define::{Function, Param, accept, any_null, typed};

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    let text = |args: &[Operand<'_>]| typed(args, &[Param::Text], 0, TypeKind::STRING, false);
    fn text_int(args: &[Operand<'_>]) -> Result<Signature, String> {
        typed(args, &[Param::Text, Param::Int], 0, TypeKind::STRING, false)
    }
    let test = |args: &[Operand<'_>]| typed(args, &[Param::Text, Param::Text], 0, TypeKind::Boolean, false);
    registry.add_scalar(Function::new("UPPER", text, |_| map(upper)));
    registry.add_scalar(Function::new("LOWER", text, |_| map(lower)));
    registry.add_scalar(Function::new("INITCAP", text, |_| map(|text| Cow::Owned(initcap(text)))));
    registry.add_scalar(Function::new("REVERSE", text, |_| map(|text| Cow::Owned(text.chars().rev().collect()))));
    registry.add_scalar(Function::new(
        "CHAR_LENGTH",
        |args| typed(args, &[Param::Text], 0, TypeKind::Int, false),
        |_| measure(|text| i32::try_from(char_count(text)).unwrap_or(i32::MAX)),
    ));
    registry.add_alias("CHARACTER_LENGTH", "CHAR_LENGTH");
    registry.add_scalar(Function::new(
        "ASCII",
        |args| typed(args, &[Param::Text], 0, TypeKind::TinyInt, false),
        |_| ascii(),
    ));
    registry.add_scalar(Function::new(
        "CHR",
        |args| typed(args, &[Param::Long], 0, TypeKind::STRING, false),
        |_| chr(),
    ));
    registry.add_scalar(Function::new("SUBSTRING", infer_substring, |_| Ok(Box::new(substring))));
    registry.add_alias("SUBSTR", "SUBSTRING");
    registry.add_scalar(Function::new("LEFT", text_int, |_| with_int(left)));
    registry.add_scalar(Function::new("RIGHT", text_int, |_| with_int(right)));
    registry.add_scalar(Function::new("REPEAT", text_int, |_| Ok(Box::new(repeat))).fallible());
    registry.add_scalar(Function::new("TRIM", infer_trim, |_| trim(true, true)));
    registry.add_alias("BTRIM", "TRIM");
    registry.add_scalar(Function::new("LTRIM", infer_trim, |_| trim(true, false)));
    registry.add_scalar(Function::new("RTRIM", infer_trim, |_| trim(false, true)));
    registry.add_scalar(Function::new("LPAD", infer_pad, |_| pad(true)).fallible_for(pads_far));
    registry.add_scalar(Function::new("RPAD", infer_pad, |_| pad(false)).fallible_for(pads_far));
    registry.add_scalar(Function::new("REPLACE", infer_replace, |_| Ok(Box::new(replace))).fallible());
    registry.add_scalar(Function::new("TRANSLATE", infer_replace, |_| Ok(Box::new(translate))));
    registry.add_scalar(Function::new("OVERLAY", infer_overlay, |_| Ok(Box::new(overlay))));
    registry.add_scalar(Function::new("POSITION", infer_position, |_| position(0, 1)));
    registry.add_alias("LOCATE", "POSITION");
    registry.add_scalar(Function::new("INSTR", infer_position, |_| position(1, 0)));
    registry.add_scalar(Function::new("CONCAT", infer_concat, |_| Ok(Box::new(concat))));
    registry.add_scalar(Function::new("||", infer_join, |_| Ok(Box::new(concat))));
    registry.add_scalar(Function::new("CONCAT_WS", infer_concat_ws, |_| Ok(Box::new(concat_ws))));
    registry.add_scalar(Function::new("STARTSWITH", test, |_| compare(|text, part| text.starts_with(part))));
    registry.add_scalar(Function::new("ENDSWITH", test, |_| compare(|text, part| text.ends_with(part))));
    registry.add_scalar(Function::new("IS_ALPHA", infer_is, |_| is(|text| all(text, char::is_alphabetic))));
    registry.add_scalar(Function::new("IS_DIGIT", infer_is, |_| is(|text| all(text, char::is_numeric))));
    registry.add_scalar(Function::new("IS_DECIMAL", infer_is, |_| is(is_decimal)));
}

/// Bytes of a text that a function may make of a shorter one.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Refuses a text that would be too long for a row.
fn check_length(function: &str, bytes: usize) -> Result<(), RowError> {
    if bytes <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let most = TEXT_BYTES_MAX >> 20;
    let text =
        format!("{function} would give a text of more than {most} MiB: ask for fewer characters, or filter the row");
    Err(RowError::new("text-too-long", text))
}

/// Number of characters.
pub(crate) fn char_count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// Characters `from .. to` of a text.
pub(crate) fn char_slice(text: &str, from: usize, to: usize) -> &str {
    if text.is_ascii() {
        return &text[from.min(text.len())..to.min(text.len()).max(from.min(text.len()))];
    }
    let at = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    let start = at(from);
    &text[start..at(to).max(start)]
}

fn map(function: impl for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        Ok(texts(rows, |row| text.get(row).map(&function)))
    }))
}

fn with_int(function: impl for<'a> Fn(&'a str, i32) -> Cow<'a, str> + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let (text, number) = (Texts::of(&args[0])?, Numbers::<Int32Type>::of(&args[1])?);
        Ok(texts(rows, |row| Some(function(text.get(row)?, number.get(row)?))))
    }))
}

/// A text as often as asked for; not at all below 1.
fn repeat(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let (text, count) = (Texts::of(&args[0])?, Numbers::<Int32Type>::of(&args[1])?);
    Ok(try_texts(rows, |row| {
        let (Some(text), Some(count)) = (text.get(row), count.get(row)) else { return Ok(None) };
        let count = count.max(0) as usize;
        check_length("REPEAT", text.len().saturating_mul(count))?;
        Ok(Some(text.repeat(count)))
    }))
}

fn measure(function: impl Fn(&str) -> i32 + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        Ok(numbers::<Int32Type>(rows, |row| text.get(row).map(&function)))
    }))
}

fn compare(function: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let (text, other) = (Texts::of(&args[0])?, Texts::of(&args[1])?);
        Ok(truths(rows, |row| Some(function(text.get(row)?, other.get(row)?))))
    }))
}

fn upper(text: &str) -> Cow<'_, str> {
    let changes = text.bytes().any(|byte| byte.is_ascii_lowercase() || !byte.is_ascii());
    if changes { Cow::Owned(text.to_uppercase()) } else { Cow::Borrowed(text) }
}

fn lower(text: &str) -> Cow<'_, str> {
    let changes = text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii());
    if changes { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

/// Every word, a run of letters and digits, with a capital and then small letters.
fn initcap(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .flat_map(|c| {
            let changed: Vec<char> = if inside { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
            inside = c.is_alphanumeric();
            changed
        })
        .collect()
}

fn ascii() -> Result<Kernel> {
    Ok(Box::new(|args, rows, _| {
        let text = Texts::of(&args[0])?;
        Ok(numbers::<Int8Type>(rows, |row| Some(text.get(row)?.bytes().next().unwrap_or(0) as i8)))
    }))
}

/// The character of a code; codes above 255 count modulo 256, as in Flink.
fn chr() -> Result<Kernel> {
    Ok(Box::new(|args, rows, _| {
        let code = Numbers::<Int64Type>::of(&args[0])?;
        Ok(texts(rows, |row| {
            let code = code.get(row)?;
            Some(if code < 0 { String::new() } else { char::from((code & 0xff) as u8).to_string() })
        }))
    }))
}

fn infer_substring(args: &[Operand<'_>]) -> Result<Signature, String> {
    typed(args, &[Param::Text, Param::Int, Param::Int], 1, TypeKind::STRING, args.len() == 3)
}

/// From a position (0 is 1; negative ones count from the end), as many characters as asked for; fewer at the end.
fn substring(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let (text, position) = (Texts::of(&args[0])?, Numbers::<Int32Type>::of(&args[1])?);
    let length = args.get(2).map(Numbers::<Int32Type>::of).transpose()?;
    Ok(texts(rows, |row| {
        let (text, position) = (text.get(row)?, i64::from(position.get(row)?));
        let length = match &length {
            Some(length) => i64::from(length.get(row)?),
            None => i64::MAX,
        };
        if length < 0 {
            return None;
        }
        let start = match position {
            1.. => position - 1,
            0 => 0,
            _ => char_count(text) as i64 + position,
        };
        if start < 0 {
            return Some("");
        }
        Some(char_slice(text, start as usize, start.saturating_add(length) as usize))
    }))
}

fn left(text: &str, count: i32) -> Cow<'_, str> {
    Cow::Borrowed(char_slice(text, 0, count.max(0) as usize))
}

fn right(text: &str, count: i32) -> Cow<'_, str> {
    let length = char_count(text);
    Cow::Borrowed(char_slice(text, length.saturating_sub(count.max(0) as usize), length))
}

fn infer_trim(args: &[Operand<'_>]) -> Result<Signature, String> {
    typed(args, &[Param::Text, Param::Text], 1, TypeKind::STRING, false)
}

/// Cuts spaces, or any of the characters of the second argument.
fn trim(start: bool, end: bool) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        let characters = args.get(1).map(Texts::of).transpose()?;
        Ok(texts(rows, |row| {
            let text = text.get(row)?;
            let characters = match &characters {
                Some(characters) => characters.get(row)?,
                None => " ",
            };
            let cut = |c: char| characters.contains(c);
            let text = if start { text.trim_start_matches(cut) } else { text };
            Some(if end { text.trim_end_matches(cut) } else { text })
        }))
    }))
}

fn infer_pad(args: &[Operand<'_>]) -> Result<Signature, String> {
    typed(args, &[Param::Text, Param::Int, Param::Text], 0, TypeKind::STRING, true)
}

/// To a length: padded with a text, or cut. A negative length, or nothing to pad with, gives NULL.
fn pad(before: bool) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let (text, length) = (Texts::of(&args[0])?, Numbers::<Int32Type>::of(&args[1])?);
        let padding = Texts::of(&args[2])?;
        Ok(try_texts(rows, |row| {
            let (Some(text), Some(length), Some(padding)) = (text.get(row), length.get(row), padding.get(row)) else {
                return Ok(None);
            };
            if length < 0 || padding.is_empty() {
                return Ok(None);
            }
            padded(text, length as usize, padding, before).map(Some)
        }))
    }))
}

fn padded(text: &str, length: usize, padding: &str, before: bool) -> Result<String, RowError> {
    let missing = length.saturating_sub(char_count(text));
    let kept = char_slice(text, 0, length);
    let (rounds, rest) = (missing / char_count(padding), missing % char_count(padding));
    let rest = char_slice(padding, 0, rest);
    let bytes = kept.len().saturating_add(padding.len().saturating_mul(rounds)).saturating_add(rest.len());
    if missing > 0 {
        check_length(if before { "LPAD" } else { "RPAD" }, bytes)?;
    }
    let fill = padding.repeat(rounds) + rest;
    Ok(if before { fill + kept } else { format!("{kept}{fill}") })
}

/// Whether the length of a call of LPAD or RPAD may be too large; no character has more than four bytes.
fn pads_far(args: &[Operand<'_>]) -> bool {
    match args.get(1).and_then(|length| length.literal) {
        Some(Scalar::Int(length)) => *length > (TEXT_BYTES_MAX / 4) as i64,
        Some(Scalar::Null) => false,
        _ => true,
    }
}

fn infer_replace(args: &[Operand<'_>]) -> Result<Signature, String> {
    typed(args, &[Param::Text, Param::Text, Param::Text], 0, TypeKind::STRING, false)
}

fn replace(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let (text, from, to) = (Texts::of(&args[0])?, Texts::of(&args[1])?, Texts::of(&args[2])?);
    Ok(try_texts(rows, |row| {
        let (Some(text), Some(from), Some(to)) = (text.get(row), from.get(row), to.get(row)) else { return Ok(None) };
        if from.is_empty() || !text.contains(from) {
            return Ok(Some(Cow::Borrowed(text)));
        }
        // Most texts cannot become too long, however often the part is in them.
        let most = text.len().saturating_add((text.len() / from.len()).saturating_mul(to.len()));
        if to.len() > from.len() && most > TEXT_BYTES_MAX {
            let grown = text.matches(from).count().saturating_mul(to.len() - from.len());
            check_length("REPLACE", text.len().saturating_add(grown))?;
        }
        Ok(Some(Cow::Owned(text.replace(from, to))))
    }))
}

/// Each character of the second argument becomes the one at its place in the third, or vanishes.
fn translate(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let (text, from, to) = (Texts::of(&args[0])?, Texts::of(&args[1])?, Texts::of(&args[2])?);
    Ok(texts(rows, |row| {
        let (text, from, to) = (text.get(row)?, from.get(row)?, to.get(row)?);
        let translated = text.chars().filter_map(|c| match from.chars().position(|other| other == c) {
            Some(place) => to.chars().nth(place),
            None => Some(c),
        });
        Some(translated.collect::<String>())
    }))
}

fn infer_overlay(args: &[Operand<'_>]) -> Result<Signature, String> {
    typed(args, &[Param::Text, Param::Text, Param::Int, Param::Int], 1, TypeKind::STRING, false)
}

fn overlay(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let (text, other, start) = (Texts::of(&args[0])?, Texts::of(&args[1])?, Numbers::<Int32Type>::of(&args[2])?);
    let length = args.get(3).map(Numbers::<Int32Type>::of).transpose()?;
    Ok(texts(rows, |row| {
        let (text, other, start) = (text.get(row)?, other.get(row)?, start.get(row)?);
        let length = match &length {
            Some(length) => length.get(row)?,
            None => char_count(other) as i32,
        };
        let count = char_count(text);
        if start <= 0 || start as usize > count {
            return Some(Cow::Borrowed(text));
        }
        let before = char_slice(text, 0, start as usize - 1);
        let rest = start as usize - 1 + length.max(0) as usize;
        let after = if length < 0 { "" } else { char_slice(text, rest, count) };
        Some(Cow::Owned(format!("{before}{other}{after}")))
    }))
}

fn infer_position(args: &[Operand<'_>]) -> Result<Signature, String> {
    typed(args, &[Param::Text, Param::Text, Param::Int], 1, TypeKind::Int, false)
}

/// Where a part first occurs in a whole, 0 if it does not; a third argument says from where on.
fn position(part: usize, whole: usize) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let (part, whole) = (Texts::of(&args[part])?, Texts::of(&args[whole])?);
        let from = args.get(2).map(Numbers::<Int32Type>::of).transpose()?;
        Ok(numbers::<Int32Type>(rows, |row| {
            let (part, whole) = (part.get(row)?, whole.get(row)?);
            let skipped = match &from {
                Some(from) => from.get(row)?.saturating_sub(1),
                None => 0,
            };
            if skipped < 0 {
                return Some(0);
            }
            let rest = char_slice(whole, skipped as usize, usize::MAX);
            Some(rest.find(part).map_or(0, |at| skipped + char_count(&rest[..at]) as i32 + 1))
        }))
    }))
}

/// `a || b` takes texts only, as in Flink.
fn infer_join(args: &[Operand<'_>]) -> Result<Signature, String> {
    let other = args.iter().find(|arg| !arg.ty.kind.is_character() && arg.ty.kind != TypeKind::Null);
    match other {
        Some(arg) => Err(format!("|| joins texts, not {}: CAST it to STRING", arg.ty.kind)),
        None => infer_concat(args),
    }
}

fn infer_concat(args: &[Operand<'_>]) -> Result<Signature, String> {
    if args.is_empty() {
        return Err("it takes at least one text".to_owned());
    }
    accept(args, &vec![Param::Any; args.len()], 0)?;
    if let Some(arg) = args.iter().find(|arg| arg.ty.kind.is_binary()) {
        return Err(format!("a text is needed, not {}: CAST it to STRING", arg.ty.kind));
    }
    let types = args.iter().map(|arg| SqlType::STRING.with_null(arg.ty.nullable)).collect();
    Ok(Signature::new(types, SqlType::STRING.with_null(any_null(args))))
}

fn concat(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let parts: Vec<Texts<'_>> = args.iter().map(Texts::of).collect::<Result<_>>()?;
    Ok(written_texts(rows, |row, out| {
        parts.iter().all(|part| {
            let part = part.get(row);
            out.push_str(part.unwrap_or_default());
            part.is_some()
        })
    }))
}

fn infer_concat_ws(args: &[Operand<'_>]) -> Result<Signature, String> {
    let signature = infer_concat(args)?;
    Ok(Signature { ty: SqlType::STRING.with_null(args[0].ty.nullable), ..signature })
}

/// All texts that are not NULL with the first argument between them.
fn concat_ws(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let parts: Vec<Texts<'_>> = args.iter().map(Texts::of).collect::<Result<_>>()?;
    Ok(written_texts(rows, |row, out| {
        let Some(separator) = parts[0].get(row) else { return false };
        for (i, part) in parts[1..].iter().filter_map(|part| part.get(row)).enumerate() {
            if i > 0 {
                out.push_str(separator);
            }
            out.push_str(part);
        }
        true
    }))
}

fn infer_is(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[Param::Text], 0)?, SqlType::BOOLEAN.not_null()))
}

fn is(test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        Ok(truths(rows, |row| Some(text.get(row).is_some_and(&test))))
    }))
}

fn all(text: &str, test: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(test)
}

fn is_decimal(text: &str) -> bool {
    crate::decimal::parse(text, 0, 38).is_ok()
}
