//! Patterns: LIKE, SIMILAR TO and regular expressions.
//!
//! Regular expressions are Rust's `regex`: Java's syntax without look-around and back references, and never slow. A pattern
//! it does not know is refused when the statement is compiled; one that comes from a column is an error of its row.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringViewBuilder};
use arrow::datatypes::{Field, Int32Type};
use regex::{NoExpand, Regex};
use tidemill_core::map::Map;
use tidemill_core::{Failure, Result};
use tidemill_expr::{
    Arg, Binding, Kernel, Operand, Output, Registry, RowError, RowErrors, Signature, SqlType, TypeKind,
};

use crate::access::{Numbers, Texts, note, truths, try_numbers, try_texts};
use crate::define::{Bind, Function, Infer, Param, accept, any_null, pattern_varies, typed};
use crate::like::LikePattern;
use crate::text::char_count;

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(Function::new("LIKE", infer_like, bind_like).fallible_for(escape_varies));
    let patterned = |name, infer: Infer, bind: Bind| Function::new(name, infer, bind).fallible_for(pattern_varies);
    registry.add_scalar(patterned("SIMILAR TO", infer_similar, |call| bind_test(call, similar)));
    registry.add_scalar(patterned("REGEXP", infer_test, |call| bind_test(call, java)));
    registry.add_alias("RLIKE", "REGEXP");
    registry.add_scalar(patterned("REGEXP_EXTRACT", infer_extract, bind_extract));
    registry.add_scalar(patterned("REGEXP_SUBSTR", infer_substr, bind_extract));
    registry.add_scalar(patterned("REGEXP_EXTRACT_ALL", infer_extract_all, bind_extract_all));
    registry.add_scalar(patterned("REGEXP_REPLACE", infer_replace, bind_replace));
    registry.add_scalar(patterned("REGEXP_COUNT", infer_count, |call| {
        bind_number(call, |regex, text| regex.find_iter(text).count() as i32)
    }));
    registry.add_scalar(patterned("REGEXP_INSTR", infer_count, |call| bind_number(call, first_position)));
}

/// The pattern of each row: compiled once if it is constant, otherwise once for each text of a batch.
struct Patterns {
    constant: Option<Option<Regex>>,
    translate: fn(&str) -> Cow<'_, str>,
}

fn java(pattern: &str) -> Cow<'_, str> {
    Cow::Borrowed(pattern)
}

/// The regular expression of a SIMILAR TO pattern.
fn similar(pattern: &str) -> Cow<'_, str> {
    let mut regex = String::from("(?s)^(?:");
    for c in pattern.chars() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '.' | '^' | '$' | '\\' => {
                regex.push('\\');
                regex.push(c);
            }
            _ => regex.push(c),
        }
    }
    regex.push_str(")$");
    Cow::Owned(regex)
}

fn advice(pattern: &str, error: &regex::Error) -> String {
    let error = error.to_string();
    let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    format!("'{pattern}' is no regular expression that can be used here: {reason}")
}

impl Patterns {
    fn bind(constant: Option<&ArrayRef>, translate: fn(&str) -> Cow<'_, str>) -> Result<Patterns> {
        let Some(text) = constant.and_then(|array| array.as_string_view_opt()) else {
            return Ok(Patterns { constant: None, translate });
        };
        if text.is_null(0) {
            return Ok(Patterns { constant: Some(None), translate });
        }
        let regex = Regex::new(&translate(text.value(0)))
            .map_err(|error| Failure::user("functions.regex", advice(text.value(0), &error)))?;
        Ok(Patterns { constant: Some(Some(regex)), translate })
    }

    /// Calls `apply` for each row with its pattern (none for NULL).
    fn for_each<T>(
        &self,
        arg: &Arg,
        rows: usize,
        mut apply: impl FnMut(usize, Option<&Regex>) -> Option<T>,
    ) -> Result<Vec<Result<Option<T>, RowError>>> {
        if let Some(regex) = &self.constant {
            return Ok((0..rows).map(|row| Ok(apply(row, regex.as_ref()))).collect());
        }
        let patterns = Texts::of(arg)?;
        let mut known: Map<&str, Result<Regex, RowError>> = Map::default();
        let mut results = Vec::with_capacity(rows);
        for row in 0..rows {
            let Some(pattern) = patterns.get(row) else {
                results.push(Ok(apply(row, None)));
                continue;
            };
            let regex = known.entry(pattern).or_insert_with(|| {
                Regex::new(&(self.translate)(pattern)).map_err(|error| RowError::new("regex", advice(pattern, &error)))
            });
            results.push(match regex {
                Ok(regex) => Ok(apply(row, Some(regex))),
                Err(error) => Err(error.clone()),
            });
        }
        Ok(results)
    }
}

fn infer_like(args: &[Operand<'_>]) -> Result<Signature, String> {
    if let [_, pattern, escape] = args
        && let (Some(pattern), Some(escape)) = (pattern.text(), escape.text())
    {
        LikePattern::escaped(pattern, escape)?;
    }
    typed(args, &[Param::Text, Param::Text, Param::Text], 1, TypeKind::Boolean, false)
}

/// Whether an escape character may stand where it must not: known only when both it and the pattern are.
fn escape_varies(args: &[Operand<'_>]) -> bool {
    args.len() == 3 && args[1..].iter().any(|arg| arg.literal.is_none())
}

fn infer_similar(args: &[Operand<'_>]) -> Result<Signature, String> {
    if args.len() > 2 {
        return Err("SIMILAR TO with ESCAPE is not supported yet".to_owned());
    }
    check_constant(args, similar)?;
    typed(args, &[Param::Text, Param::Text], 0, TypeKind::Boolean, false)
}

/// A constant pattern that cannot be used is refused where the call stands.
fn check_constant(args: &[Operand<'_>], translate: fn(&str) -> Cow<'_, str>) -> Result<(), String> {
    match args.get(1).and_then(Operand::text) {
        Some(pattern) => Regex::new(&translate(pattern)).map(drop).map_err(|error| advice(pattern, &error)),
        None => Ok(()),
    }
}

fn infer_test(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args, java)?;
    typed(args, &[Param::Text, Param::Text], 0, TypeKind::Boolean, false)
}

fn bind_like(call: &Binding<'_>) -> Result<Kernel> {
    let text_of = |place: usize| {
        let array = call.constants.get(place).and_then(Option::as_ref)?.as_string_view_opt()?;
        array.is_valid(0).then(|| array.value(0).to_owned())
    };
    let has_escape = call.args.len() == 3;
    let constant = match (text_of(1), has_escape, text_of(2)) {
        (Some(pattern), false, _) => Some(LikePattern::new(&pattern)),
        (Some(pattern), true, Some(escape)) => {
            Some(LikePattern::escaped(&pattern, &escape).map_err(|reason| Failure::user("functions.like", reason))?)
        }
        _ => None,
    };
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        if let Some(pattern) = &constant {
            return Ok(truths(rows, |row| text.get(row).map(|text| pattern.matches(text))));
        }
        let pattern = Texts::of(&args[1])?;
        let escape = args.get(2).map(Texts::of).transpose()?;
        let mut errors = RowErrors::NONE;
        let mut output = truths(rows, |row| {
            let (text, pattern) = (text.get(row)?, pattern.get(row)?);
            let Some(escape) = &escape else { return Some(LikePattern::new(pattern).matches(text)) };
            let escaped = LikePattern::escaped(pattern, escape.get(row)?);
            let escaped = escaped.map(Some).map_err(|reason| RowError::new("like-escape", reason));
            note(escaped, row, &mut errors).map(|pattern| pattern.matches(text))
        });
        output.errors = errors;
        Ok(output)
    }))
}

fn bind_test(call: &Binding<'_>, translate: fn(&str) -> Cow<'_, str>) -> Result<Kernel> {
    let patterns = Patterns::bind(call.constants[1].as_ref(), translate)?;
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        let found = patterns.for_each(&args[1], rows, |row, regex| Some(regex?.is_match(text.get(row)?)))?;
        let mut errors = RowErrors::NONE;
        let mut found = found.into_iter().enumerate();
        let mut output = truths(rows, |_| found.next().and_then(|(row, result)| note(result, row, &mut errors)));
        output.errors = errors;
        Ok(output)
    }))
}

fn infer_extract(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args, java)?;
    typed(args, &[Param::Text, Param::Text, Param::Int], 1, TypeKind::STRING, true)
}

fn infer_substr(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args, java)?;
    typed(args, &[Param::Text, Param::Text], 0, TypeKind::STRING, true)
}

/// The first match's group (the whole match without a third argument); NULL without a match.
fn bind_extract(call: &Binding<'_>) -> Result<Kernel> {
    let patterns = Patterns::bind(call.constants[1].as_ref(), java)?;
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        let group = args.get(2).map(Numbers::<Int32Type>::of).transpose()?;
        let found = patterns.for_each(&args[1], rows, |row, regex| {
            let (regex, text) = (regex?, text.get(row)?);
            let group = match &group {
                Some(group) => usize::try_from(group.get(row)?).ok()?,
                None => 0,
            };
            if group == 0 {
                return regex.find(text).map(|found| found.as_str());
            }
            regex.captures(text)?.get(group).map(|found| found.as_str())
        })?;
        let mut found = found.into_iter();
        Ok(try_texts(rows, |_| found.next().unwrap_or(Ok(None))))
    }))
}

fn infer_extract_all(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args, java)?;
    let types = accept(args, &[Param::Text, Param::Text, Param::Int], 1)?;
    Ok(Signature::new(types, SqlType::array(SqlType::STRING)))
}

/// The group (1 without a third argument) of every match.
fn bind_extract_all(call: &Binding<'_>) -> Result<Kernel> {
    let patterns = Patterns::bind(call.constants[1].as_ref(), java)?;
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        let group = args.get(2).map(Numbers::<Int32Type>::of).transpose()?;
        let found = patterns.for_each(&args[1], rows, |row, regex| {
            let (regex, text) = (regex?, text.get(row)?);
            let group = match &group {
                Some(group) => usize::try_from(group.get(row)?).ok()?,
                None => 1,
            };
            if group >= regex.captures_len() {
                return None;
            }
            let all = regex.captures_iter(text);
            Some(all.map(|found| found.get(group).map(|part| part.as_str())).collect::<Vec<_>>())
        })?;
        let field = Field::new("item", SqlType::STRING.arrow_type(), true);
        let mut builder = ListBuilder::new(StringViewBuilder::new()).with_field(field);
        let mut errors = RowErrors::NONE;
        for (row, result) in found.into_iter().enumerate() {
            let parts = note(result, row, &mut errors);
            let valid = parts.is_some();
            parts.into_iter().flatten().for_each(|part| builder.values().append_option(part));
            builder.append(valid);
        }
        Ok(Output::with_errors(Arc::new(builder.finish()), errors))
    }))
}

fn infer_replace(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args, java)?;
    typed(args, &[Param::Text, Param::Text, Param::Text], 0, TypeKind::STRING, false)
}

fn bind_replace(call: &Binding<'_>) -> Result<Kernel> {
    let patterns = Patterns::bind(call.constants[1].as_ref(), java)?;
    Ok(Box::new(move |args, rows, _| {
        let (text, replacement) = (Texts::of(&args[0])?, Texts::of(&args[2])?);
        let found = patterns.for_each(&args[1], rows, |row, regex| {
            // The replacement is text: Flink quotes what Java would take for a group.
            Some(regex?.replace_all(text.get(row)?, NoExpand(replacement.get(row)?)))
        })?;
        let mut found = found.into_iter();
        Ok(try_texts(rows, |_| found.next().unwrap_or(Ok(None))))
    }))
}

fn infer_count(args: &[Operand<'_>]) -> Result<Signature, String> {
    check_constant(args, java)?;
    let types = accept(args, &[Param::Text, Param::Text], 0)?;
    Ok(Signature::new(types, SqlType::INT.with_null(any_null(args))))
}

/// Where the first match begins, counted in characters from 1; 0 without one.
fn first_position(regex: &Regex, text: &str) -> i32 {
    regex.find(text).map_or(0, |found| char_count(&text[..found.start()]) as i32 + 1)
}

fn bind_number(call: &Binding<'_>, measure: fn(&Regex, &str) -> i32) -> Result<Kernel> {
    let patterns = Patterns::bind(call.constants[1].as_ref(), java)?;
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        let found = patterns.for_each(&args[1], rows, |row, regex| Some(measure(regex?, text.get(row)?)))?;
        let mut found = found.into_iter();
        Ok(try_numbers::<Int32Type>(rows, |_| found.next().unwrap_or(Ok(None))))
    }))
}
