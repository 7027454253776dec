//! LISTAGG(x [, separator]): the texts in order of arrival.
//!
//! Words: a reference to the text so far, which ends with the last separator, and the separator's length, so that states can
//! be joined; where rows are taken back, how many have come, the separator, and the texts one by one in the operator's ordered
//! table.

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use std::sync::Arc;
use tidemill_core::{Failure, Result};
use tidemill_expr::{
    Accumulator, AggregateInput, AggregateStore, Extra, Operand, OtherState, PartialStates, RecordsMut, Registry,
    Signature, SqlType,
};

use super::bytes::not_mergeable;
use super::define::{Aggregate, for_each_row};
use super::ordered::{SEQUENCE, join_sequences, update_sequence};
use crate::access::wrong_type;
use crate::define::{Param, accept};

/// Registers the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    registry.add_aggregate(Aggregate::new("LISTAGG", infer, bind));
}

fn infer(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::new(accept(args, &[Param::Text, Param::Text], 1)?, SqlType::STRING))
}

fn bind(_args: &[SqlType], _ty: &SqlType, retracting: bool) -> Result<Box<dyn Accumulator>> {
    Ok(if retracting { Box::new(KeptTexts) } else { Box::new(JoinedText) })
}

/// What stands between two texts: the second argument in the row, or a comma.
fn separator<'a>(input: &AggregateInput<'a>, row: usize) -> &'a str {
    match input.args.get(1).and_then(|array| array.as_string_view_opt()) {
        Some(separators) if separators.is_valid(row) => separators.value(row),
        _ => ",",
    }
}

/// The text so far, by reference, with a separator at its end, and the length of that.
struct JoinedText;

/// A text without the separator at its end.
fn without_separator(text: &[u8], separator_len: u64) -> &[u8] {
    &text[..text.len().saturating_sub(separator_len as usize)]
}

impl Accumulator for JoinedText {
    fn words(&self) -> usize {
        2
    }

    fn extra(&self) -> Extra {
        Extra::Bytes
    }

    fn bytes_word(&self) -> Option<usize> {
        Some(0)
    }

    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let texts = input.args[0].as_string_view_opt().ok_or_else(|| wrong_type("text", input.args[0].as_ref()))?;
        let mut all = Vec::new();
        for_each_row(input, Some(texts), |row, record, _| {
            let [reference, separator_len] = records.words_mut::<2>(record, at);
            let separator = separator(input, row).as_bytes();
            all.clear();
            if *reference != 0 {
                all.extend_from_slice(without_separator(store.bytes(*reference), *separator_len));
                all.extend_from_slice(separator);
            }
            all.extend_from_slice(texts.value(row).as_bytes());
            all.extend_from_slice(separator);
            *separator_len = separator.len() as u64;
            *reference = store.put_bytes(*reference, &all);
        });
        Ok(())
    }

    fn merge(&self, _: &mut RecordsMut<'_>, _: usize, _: &[u32], _: &PartialStates<'_>) -> Result<()> {
        Err(not_mergeable())
    }

    fn join(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        record: u32,
        other: &OtherState<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let (Some(text), Some(more_len)) = (other.bytes, other.words.get(1)) else { return Ok(()) };
        let [reference, separator_len] = records.words_mut::<2>(record, at);
        let all = [if *reference == 0 { &[] } else { store.bytes(*reference) }, text].concat();
        *reference = store.put_bytes(*reference, &all);
        *separator_len = *more_len;
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], store: &dyn AggregateStore) -> Result<ArrayRef> {
        let values = rows.iter().map(|row| {
            let [reference, separator_len] = records.words(*row, at);
            (reference != 0).then(|| without_separator(store.bytes(reference), separator_len))
        });
        super::order_bytes::decode(values, &SqlType::STRING.arrow_type())
    }
}

/// The texts one by one. The separator is part of an entry, so that emitting needs no arguments: Flink, too, uses the last
/// one it saw for all.
struct KeptTexts;

impl Accumulator for KeptTexts {
    fn words(&self) -> usize {
        2
    }

    fn extra(&self) -> Extra {
        Extra::OrderedValues
    }

    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let first = input.args[0].as_ref();
        for_each_row(input, Some(first), |row, record, _| {
            let [_, word] = records.words_mut::<2>(record, at);
            *word = packed(separator(input, row));
        });
        if let Some(row) = input.rows().find(|row| separator(input, *row).len() > SEPARATOR_MAX) {
            let text = separator(input, row);
            return Err(Failure::user(
                "listagg.separator",
                format!("LISTAGG over changing rows takes a separator of at most {SEPARATOR_MAX} bytes, not '{text}'"),
            ));
        }
        let texts = AggregateInput { args: &input.args[..1], ..*input };
        update_sequence(records, at, &texts, store)
    }

    fn merge(&self, _: &mut RecordsMut<'_>, _: usize, _: &[u32], _: &PartialStates<'_>) -> Result<()> {
        Err(not_mergeable())
    }

    fn join(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        record: u32,
        other: &OtherState<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        if let Some(separator) = other.words.get(1).filter(|word| **word != 0) {
            records.words_mut::<2>(record, at)[1] = *separator;
        }
        join_sequences(records, at, record, other, store)
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], store: &dyn AggregateStore) -> Result<ArrayRef> {
        let mut builder = StringViewBuilder::with_capacity(rows.len());
        let mut text = Vec::new();
        for row in rows {
            text.clear();
            let [_, word] = records.words(*row, at);
            let separator = unpacked(word);
            let mut any = false;
            store.for_each_value(*row, &mut |entry, _| {
                if any {
                    text.extend_from_slice(&separator);
                }
                any = true;
                text.extend_from_slice(entry.get(SEQUENCE..).unwrap_or_default());
                true
            })?;
            builder.append_option(any.then(|| String::from_utf8_lossy(&text)));
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// The longest separator that a word holds, in bytes.
const SEPARATOR_MAX: usize = 7;

/// A separator of up to seven bytes in a word: its length, then its bytes.
fn packed(separator: &str) -> u64 {
    let mut bytes = [0; 8];
    let length = separator.len().min(SEPARATOR_MAX);
    bytes[0] = length as u8;
    bytes[1..=length].copy_from_slice(&separator.as_bytes()[..length]);
    u64::from_le_bytes(bytes)
}

fn unpacked(word: u64) -> Vec<u8> {
    let bytes = word.to_le_bytes();
    bytes[1..=usize::from(bytes[0]).min(SEPARATOR_MAX)].to_vec()
}
