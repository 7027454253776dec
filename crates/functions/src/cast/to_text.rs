//! Casts to text, and text and bytes fitted to a length.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, StringViewBuilder};
use tidemill_core::Result;
use tidemill_expr::types::LENGTH_MAX;
use tidemill_expr::{EvalContext, Output, TypeKind};

use crate::access::{written_texts, wrong_type};
use crate::format::{ColumnWriter, Style};

pub(super) fn cast(array: &ArrayRef, from: &TypeKind, to: &TypeKind, cx: &EvalContext) -> Result<Output> {
    let writer = ColumnWriter::new(array, &from.clone().nullable(), Style::Sql, cx.time_zone)?;
    let output = written_texts(array.len(), |row, text| {
        let valid = !writer.is_null(row);
        if valid {
            writer.write(row, text);
        }
        valid
    });
    fit(&output.array, to)
}

/// Text cut to a length; for CHAR also padded with spaces.
pub(super) fn fit(array: &ArrayRef, to: &TypeKind) -> Result<Output> {
    let (most, pad) = match to {
        TypeKind::Char(length) => (*length, true),
        TypeKind::Varchar(length) if *length < LENGTH_MAX => (*length, false),
        _ => return Ok(Output::new(Arc::clone(array))),
    };
    let texts = array.as_string_view_opt().ok_or_else(|| wrong_type("text", array))?;
    let is_short = |text: &str| text.len() <= most as usize || text.chars().count() <= most as usize;
    if !pad && texts.iter().flatten().all(is_short) {
        return Ok(Output::new(Arc::clone(array)));
    }
    let mut builder = StringViewBuilder::with_capacity(texts.len());
    for text in texts {
        builder.append_option(text.map(|text| fit_one(text, most as usize, pad)));
    }
    Ok(Output::new(Arc::new(builder.finish())))
}

fn fit_one(text: &str, most: usize, pad: bool) -> Cow<'_, str> {
    // A text of no more bytes than characters allowed is short enough.
    let count = if text.len() <= most && !pad { text.len() } else { text.chars().count() };
    if count > most {
        let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
        return Cow::Borrowed(&text[..end]);
    }
    if pad && count < most {
        return Cow::Owned(format!("{text}{}", " ".repeat(most - count)));
    }
    Cow::Borrowed(text)
}

/// Bytes cut to a length; for BINARY also padded with zeros.
pub(super) fn fit_bytes(array: &ArrayRef, to: &TypeKind) -> Result<Output> {
    let (most, pad) = match to {
        TypeKind::Binary(length) => (*length as usize, true),
        TypeKind::Varbinary(length) if *length < LENGTH_MAX => (*length as usize, false),
        _ => return Ok(Output::new(Arc::clone(array))),
    };
    let blobs = array.as_binary_opt::<i32>().ok_or_else(|| wrong_type("bytes", array))?;
    let mut builder = BinaryBuilder::with_capacity(blobs.len(), 0);
    for bytes in blobs {
        builder.append_option(bytes.map(|bytes| {
            let mut fitted = bytes[..bytes.len().min(most)].to_vec();
            if pad {
                fitted.resize(most, 0);
            }
            fitted
        }));
    }
    Ok(Output::new(Arc::new(builder.finish())))
}
