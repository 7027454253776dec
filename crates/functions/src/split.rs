//! Text taken apart and put together by separators: SPLIT_INDEX, SPLIT, STR_TO_MAP, ELT; and text as bytes: base 64,
//! hexadecimal, URL encoding.

use std::sync::Arc;

use arrow::array::{BinaryBuilder, ListBuilder, MapBuilder, MapFieldNames, StringViewBuilder};
use arrow::datatypes::{Field, Int32Type, Int64Type};
use tidemill_core::Result;
use tidemill_expr::{Arg, EvalContext, Kernel, Operand, Output, Registry, Signature, SqlType, TypeKind};

use crate::access::{Blobs, Numbers, Texts, texts, written_texts};
use crate::define::{Function, Param, accept, any_null, typed};

/// Registers the functions of this file.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_scalar(Function::new("SPLIT_INDEX", infer_split_index, |_| Ok(Box::new(split_index))));
    registry.add_scalar(Function::new("SPLIT", infer_split, |_| Ok(Box::new(split))));
    registry.add_scalar(Function::new("STR_TO_MAP", infer_str_to_map, |_| Ok(Box::new(str_to_map))));
    registry.add_scalar(Function::new("ELT", infer_elt, |_| Ok(Box::new(elt))));
    let text = |args: &[Operand<'_>]| typed(args, &[Param::Text], 0, TypeKind::STRING, true);
    registry.add_scalar(Function::new("TO_BASE64", infer_to_base64, |call| {
        if call.args[0].kind.is_binary() { of_bytes(base64) } else { of_text(|text| Some(base64(text.as_bytes()))) }
    }));
    registry.add_scalar(Function::new("FROM_BASE64", text, |_| {
        of_text(|text| from_base64(text).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }));
    registry.add_scalar(Function::new("URL_ENCODE", text, |_| of_text(|text| Some(url_encode(text)))));
    registry.add_scalar(Function::new("URL_DECODE", text, |_| of_text(url_decode)));
    registry.add_scalar(Function::new("HEX", infer_hex, |call| {
        if call.args[0].kind.is_character() { of_text(|text| Some(hex(text.as_bytes()))) } else { hex_number() }
    }));
    registry.add_scalar(Function::new(
        "UNHEX",
        |args| typed(args, &[Param::Text], 0, TypeKind::BYTES, true),
        |_| unhex(),
    ));
}

fn infer_split_index(args: &[Operand<'_>]) -> Result<Signature, String> {
    let by_code = args.get(1).is_some_and(|arg| arg.ty.kind.is_integer());
    let separator = if by_code { Param::Int } else { Param::Text };
    typed(args, &[Param::Text, separator, Param::Int], 0, TypeKind::STRING, true)
}

/// The part at a position from 0; NULL beyond the last. The separator may also be a character's code.
fn split_index(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let (text, index) = (Texts::of(&args[0])?, Numbers::<Int32Type>::of(&args[2])?);
    let separator: Box<dyn Fn(usize) -> Option<String> + '_> = match Numbers::<Int32Type>::of(&args[1]) {
        Ok(code) => Box::new(move |row| char::from_u32(code.get(row)? as u32).map(String::from)),
        Err(_) => {
            let separator = Texts::of(&args[1])?;
            Box::new(move |row| separator.get(row).map(str::to_owned))
        }
    };
    let constant = args[1].is_constant().then(|| separator(0));
    Ok(texts(rows, |row| {
        let text = text.get(row)?;
        let index = usize::try_from(index.get(row)?).ok()?;
        let given;
        let separator = match &constant {
            Some(separator) => separator.as_deref()?,
            None => {
                given = separator(row)?;
                given.as_str()
            }
        };
        if text.is_empty() {
            None
        } else if separator.is_empty() {
            text.split_whitespace().nth(index)
        } else {
            text.split(separator).nth(index)
        }
    }))
}

fn infer_split(args: &[Operand<'_>]) -> Result<Signature, String> {
    let types = accept(args, &[Param::Text, Param::Text], 0)?;
    Ok(Signature::new(types, SqlType::array(SqlType::STRING).with_null(any_null(args))))
}

fn split(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let (text, separator) = (Texts::of(&args[0])?, Texts::of(&args[1])?);
    let field = Field::new("item", SqlType::STRING.arrow_type(), true);
    let mut builder = ListBuilder::new(StringViewBuilder::new()).with_field(field);
    for row in 0..rows {
        match (text.get(row), separator.get(row)) {
            (Some(text), Some("")) => {
                text.char_indices().for_each(|(at, c)| builder.values().append_value(&text[at..at + c.len_utf8()]));
                builder.append(true);
            }
            (Some(text), Some(separator)) => {
                text.split(separator).for_each(|part| builder.values().append_value(part));
                builder.append(true);
            }
            _ => builder.append(false),
        }
    }
    Ok(Output::new(Arc::new(builder.finish())))
}

fn infer_str_to_map(args: &[Operand<'_>]) -> Result<Signature, String> {
    let types = accept(args, &[Param::Text, Param::Text, Param::Text], 2)?;
    Ok(Signature::new(types, SqlType::map(SqlType::STRING, SqlType::STRING).with_null(any_null(args))))
}

/// `k1=v1,k2=v2`; the separators of entries and of key and value may be given.
fn str_to_map(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let text = Texts::of(&args[0])?;
    let entry = args.get(1).map(Texts::of).transpose()?;
    let assign = args.get(2).map(Texts::of).transpose()?;
    let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut builder = MapBuilder::new(Some(names), StringViewBuilder::new(), StringViewBuilder::new());
    for row in 0..rows {
        let entry = entry.as_ref().map_or(Some(","), |entry| entry.get(row));
        let assign = assign.as_ref().map_or(Some("="), |assign| assign.get(row));
        let (Some(text), Some(entry), Some(assign)) = (text.get(row), entry, assign) else {
            builder.append(false)?;
            continue;
        };
        let pairs = text.split(entry).map(|part| match part.split_once(assign) {
            Some((key, value)) => (key, Some(value)),
            None => (part, None),
        });
        let pairs: Vec<(&str, Option<&str>)> = pairs.collect();
        for (i, (key, value)) in pairs.iter().enumerate() {
            // The last value of a key counts.
            if !pairs[i + 1..].iter().any(|(later, _)| later == key) {
                builder.keys().append_value(key);
                builder.values().append_option(*value);
            }
        }
        builder.append(true)?;
    }
    Ok(Output::new(Arc::new(builder.finish())))
}

fn infer_elt(args: &[Operand<'_>]) -> Result<Signature, String> {
    let mut params = vec![Param::Text; args.len().max(2)];
    params[0] = Param::Int;
    typed(args, &params, 0, TypeKind::STRING, true)
}

/// The text at a position from 1.
fn elt(args: &[Arg], rows: usize, _cx: &EvalContext) -> Result<Output> {
    let index = Numbers::<Int32Type>::of(&args[0])?;
    let candidates: Vec<Texts<'_>> = args[1..].iter().map(Texts::of).collect::<Result<_>>()?;
    Ok(texts(rows, |row| candidates.get(usize::try_from(index.get(row)? - 1).ok()?)?.get(row)))
}

fn of_text(function: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let text = Texts::of(&args[0])?;
        Ok(texts(rows, |row| function(text.get(row)?)))
    }))
}

fn of_bytes(function: impl Fn(&[u8]) -> String + Send + Sync + 'static) -> Result<Kernel> {
    Ok(Box::new(move |args, rows, _| {
        let bytes = Blobs::of(&args[0])?;
        Ok(texts(rows, |row| bytes.get(row).map(&function)))
    }))
}

fn infer_to_base64(args: &[Operand<'_>]) -> Result<Signature, String> {
    let binary = args.first().is_some_and(|arg| arg.ty.kind.is_binary());
    typed(args, &[if binary { Param::Bytes } else { Param::Text }], 0, TypeKind::STRING, false)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let digit = BASE64[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut word = 0u32;
        for digit in group {
            word = word << 6 | BASE64.iter().position(|known| known == digit)? as u32;
        }
        if group.len() == 1 {
            return None;
        }
        word <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

/// As forms are encoded: a space is a plus.
fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn url_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(rest.next())? * 16 + digit(rest.next())?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn infer_hex(args: &[Operand<'_>]) -> Result<Signature, String> {
    let text = args.first().is_some_and(|arg| arg.ty.kind.is_character());
    typed(args, &[if text { Param::Text } else { Param::Long }], 0, TypeKind::STRING, false)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn hex_number() -> Result<Kernel> {
    Ok(Box::new(|args, rows, _| {
        use std::fmt::Write;
        let number = Numbers::<Int64Type>::of(&args[0])?;
        Ok(written_texts(rows, |row, text| number.get(row).is_some_and(|number| write!(text, "{number:X}").is_ok())))
    }))
}

fn unhex() -> Result<Kernel> {
    Ok(Box::new(|args, rows, _| {
        let text = Texts::of(&args[0])?;
        let mut builder = BinaryBuilder::with_capacity(rows, 0);
        for row in 0..rows {
            builder.append_option(text.get(row).and_then(from_hex));
        }
        Ok(Output::new(Arc::new(builder.finish())))
    }))
}

/// The bytes of hexadecimal digits; an odd first digit stands alone.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits?;
    let (odd, pairs) = digits.split_at(digits.len() % 2);
    Some(odd.iter().copied().chain(pairs.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_both_ways() {
        for text in ["", "a", "ab", "abc", "abcd", "hello world"] {
            assert_eq!(from_base64(&base64(text.as_bytes())).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(base64(b"hello world"), "aGVsbG8gd29ybGQ=");
    }

    #[test]
    fn urls_are_encoded_as_forms() {
        assert_eq!(url_encode("a b&c=ü"), "a+b%26c%3D%C3%BC");
        assert_eq!(url_decode("a+b%26c%3D%C3%BC").as_deref(), Some("a b&c=ü"));
        assert_eq!(url_decode("%zz"), None);
    }
}
