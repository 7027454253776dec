//! From columns to keys.

use std::cell::Cell;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Decimal128Type};

use super::{KeyLayout, Keys, PADDING, fixed};
use crate::{Batch, Failure, Result, hash};

/// How a column sorts within bytes made for order rather than for equality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SortOrder {
    /// Greatest first: every byte behind the null byte is inverted.
    pub descending: bool,
    /// NULL behind everything else: its null byte is `02`.
    pub nulls_last: bool,
}

/// Makes the keys of batches.
#[derive(Clone, Debug)]
pub struct KeyEncoder {
    columns: Vec<usize>,
    types: Vec<DataType>,
    orders: Vec<SortOrder>,
    layout: KeyLayout,
}

impl KeyEncoder {
    /// An encoder for the key columns at positions `columns` of a batch, which have the types `types` (one a key column).
    pub fn new(columns: Vec<usize>, types: &[DataType]) -> Result<KeyEncoder> {
        let orders = vec![SortOrder::default(); types.len()];
        KeyEncoder::sorted(columns, types, orders)
    }

    /// The same with an order for each column. Unless all are the default, the bytes are for sorting and cannot be decoded.
    pub fn sorted(columns: Vec<usize>, types: &[DataType], orders: Vec<SortOrder>) -> Result<KeyEncoder> {
        debug_assert!(columns.len() == types.len() && types.len() == orders.len());
        for data_type in types {
            check(data_type)?;
        }
        let plain = orders.iter().all(|order| *order == SortOrder::default());
        let layout = if plain { KeyLayout::of(types) } else { KeyLayout::Bytes { len_max: None } };
        Ok(KeyEncoder { columns, types: types.to_vec(), orders, layout })
    }

    /// The positions of the key columns.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Their types.
    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// How the keys are held.
    pub fn layout(&self) -> KeyLayout {
        self.layout
    }

    /// Replaces `keys` by the keys of the batch's rows. Hashes that come with the batch are used.
    pub fn encode(&self, batch: &Batch, keys: &mut Keys) -> Result<()> {
        let columns: Vec<ArrayRef> = self.columns.iter().map(|column| batch.column(*column)).collect();
        self.encode_columns(&columns, batch.len(), batch.hashes(&self.columns), keys)
    }

    /// The same from columns alone: one a key column, each with `rows` rows. `hashes`: the keys' hashes, if they are known.
    pub fn encode_columns(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        hashes: Option<&[u64]>,
        keys: &mut Keys,
    ) -> Result<()> {
        for (column, data_type) in columns.iter().zip(&self.types) {
            if column.data_type() != data_type {
                return Err(Failure::fatal(
                    "key.type",
                    format!("a key column of type {data_type} arrived as {}", column.data_type()),
                ));
            }
        }
        keys.clear(self.layout);
        match (self.layout, columns) {
            (KeyLayout::Fixed { .. }, [column]) => fixed_form(column, hashes.is_none(), keys)?,
            _ => self.bytes_form(columns, rows, hashes.is_none(), keys)?,
        }
        if let Some(hashes) = hashes {
            keys.hashes.extend_from_slice(hashes);
        }
        Ok(())
    }

    /// Two passes: the length of every key, then the bytes, column by column.
    fn bytes_form(&self, columns: &[ArrayRef], rows: usize, hash: bool, keys: &mut Keys) -> Result<()> {
        let readers: Result<Vec<Reader<'_>>> = columns.iter().map(Reader::new).collect();
        let readers = readers?;
        let ends = &mut keys.offsets;
        ends.clear();
        ends.resize(rows + 1, 0);
        readers.iter().for_each(|reader| reader.add_lengths(&mut ends[1..]));
        let mut total = 0u64;
        for end in ends.iter_mut() {
            total += u64::from(*end);
            *end = total as u32;
        }
        if total > u64::from(u32::MAX) {
            return Err(Failure::data("key.size", "the keys of one batch exceed 4 GiB; make batches smaller"));
        }
        keys.bytes.resize(total as usize + PADDING, 0);
        // Where the next column's bytes of each key go.
        let mut at = keys.offsets[..rows].to_vec();
        for (reader, order) in readers.iter().zip(&self.orders) {
            let before = (*order != SortOrder::default()).then(|| at.clone());
            reader.write(&mut keys.bytes, &mut at);
            for (start, end) in before.iter().flatten().zip(&at) {
                apply_order(*order, &mut keys.bytes[*start as usize..*end as usize]);
            }
        }
        if hash {
            let (bytes, offsets) = (&keys.bytes, &keys.offsets);
            keys.hashes.extend(offsets.windows(2).map(|key| hash::of_bytes(&bytes[key[0] as usize..key[1] as usize])));
        }
        Ok(())
    }
}

fn fixed_form(column: &ArrayRef, hash: bool, keys: &mut Keys) -> Result<()> {
    fixed::append_numbers(column, &mut keys.values)?;
    keys.nulls = column.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
    if hash {
        hash::of_fixed_all(&keys.values, keys.width, &mut keys.hashes);
        if let Some(nulls) = &keys.nulls {
            (0..column.len()).filter(|row| nulls.is_null(*row)).for_each(|row| keys.hashes[row] = hash::of_null());
        }
    }
    Ok(())
}

fn apply_order(order: SortOrder, bytes: &mut [u8]) {
    let Some((null, value)) = bytes.split_first_mut() else { return };
    if order.nulls_last && *null == 0 {
        *null = 2;
    }
    if order.descending {
        value.iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// Refuses types that have no key format.
pub(super) fn check(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Null | DataType::Decimal128(..) => Ok(()),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(()),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Ok(()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check(field.data_type())),
        DataType::List(element) | DataType::Map(element, _) => check(element.data_type()),
        other if fixed::width(other).is_some() => Ok(()),
        other => Err(Failure::user(
            "key.type",
            format!("a value of type {other} cannot be a key; cast it to a string, a number or a time first"),
        )),
    }
}

/// A column, ready to be written into keys.
enum Reader<'a> {
    Numbers {
        values: Vec<u64>,
        width: usize,
        nulls: Option<&'a NullBuffer>,
    },
    Decimals {
        values: &'a [i128],
        nulls: Option<&'a NullBuffer>,
    },
    /// `zeros`: whether any of them has a zero byte, known once their lengths have been added.
    Strings {
        array: &'a dyn Array,
        zeros: Cell<bool>,
    },
    /// Anything nested, encoded beforehand: bytes and where each value ends.
    Encoded {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
}

/// Calls `$each` with the `Option<&[u8]>` of every row.
macro_rules! for_each_bytes {
    ($array:expr, $each:expr) => {
        match $array.data_type() {
            DataType::Utf8 => $array.as_string::<i32>().iter().map(|value| value.map(str::as_bytes)).for_each($each),
            DataType::LargeUtf8 => {
                $array.as_string::<i64>().iter().map(|value| value.map(str::as_bytes)).for_each($each)
            }
            DataType::Utf8View => $array.as_string_view().iter().map(|value| value.map(str::as_bytes)).for_each($each),
            DataType::Binary => $array.as_binary::<i32>().iter().for_each($each),
            DataType::LargeBinary => $array.as_binary::<i64>().iter().for_each($each),
            DataType::BinaryView => $array.as_binary_view().iter().for_each($each),
            DataType::FixedSizeBinary(_) => $array.as_fixed_size_binary().iter().for_each($each),
            _ => {}
        }
    };
}

impl<'a> Reader<'a> {
    fn new(array: &'a ArrayRef) -> Result<Reader<'a>> {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        match array.data_type() {
            DataType::Decimal128(..) => {
                Ok(Reader::Decimals { values: array.as_primitive::<Decimal128Type>().values(), nulls })
            }
            DataType::Null | DataType::Struct(_) | DataType::List(_) | DataType::Map(..) => {
                let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(array.len()));
                for row in 0..array.len() {
                    append_value(array.as_ref(), row, &mut bytes)?;
                    ends.push(bytes.len());
                }
                Ok(Reader::Encoded { bytes, ends })
            }
            other => match fixed::width(other) {
                None => Ok(Reader::Strings { array: array.as_ref(), zeros: Cell::new(false) }),
                Some(width) => {
                    let mut values = Vec::with_capacity(array.len());
                    fixed::append_numbers(array, &mut values)?;
                    Ok(Reader::Numbers { values, width, nulls })
                }
            },
        }
    }

    fn add_lengths(&self, lengths: &mut [u32]) {
        let mut add_fixed = |width: usize, nulls: Option<&NullBuffer>| match nulls {
            None => lengths.iter_mut().for_each(|length| *length += width as u32 + 1),
            Some(nulls) => lengths
                .iter_mut()
                .zip(nulls)
                .for_each(|(length, valid)| *length += 1 + if valid { width as u32 } else { 0 }),
        };
        match self {
            Reader::Numbers { width, nulls, .. } => add_fixed(*width, *nulls),
            Reader::Decimals { nulls, .. } => add_fixed(16, *nulls),
            Reader::Strings { array, zeros } => {
                let mut lengths = lengths.iter_mut();
                let mut any = false;
                for_each_bytes!(array, |value: Option<&[u8]>| {
                    let Some(length) = lengths.next() else { return };
                    let escaped = value.map_or(1, |value| {
                        let zeros = count_zeros(value);
                        any |= zeros > 0;
                        value.len() + zeros + 3
                    });
                    // A length beyond u32 is caught by the sum, which is at least that of the columns' buffers.
                    *length = length.saturating_add(escaped as u32);
                });
                zeros.set(any);
            }
            Reader::Encoded { ends, .. } => {
                let starts = std::iter::once(&0).chain(ends);
                lengths
                    .iter_mut()
                    .zip(starts.zip(ends))
                    .for_each(|(length, (start, end))| *length += (end - start) as u32);
            }
        }
    }

    fn write(&self, out: &mut [u8], at: &mut [u32]) {
        match self {
            Reader::Numbers { values, width, nulls } => {
                for (row, (at, value)) in at.iter_mut().zip(values).enumerate() {
                    let start = *at as usize;
                    if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                        out[start] = 0;
                        *at += 1;
                    } else {
                        out[start] = 1;
                        out[start + 1..start + 1 + width].copy_from_slice(&value.to_be_bytes()[8 - width..]);
                        *at += 1 + *width as u32;
                    }
                }
            }
            Reader::Decimals { values, nulls } => {
                for (row, (at, value)) in at.iter_mut().zip(*values).enumerate() {
                    let start = *at as usize;
                    if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                        out[start] = 0;
                        *at += 1;
                    } else {
                        out[start] = 1;
                        out[start + 1..start + 17].copy_from_slice(&decimal_number(*value).to_be_bytes());
                        *at += 17;
                    }
                }
            }
            Reader::Strings { array, zeros } => {
                let (mut at, zeros) = (at.iter_mut(), zeros.get());
                for_each_bytes!(array, |value: Option<&[u8]>| {
                    let Some(at) = at.next() else { return };
                    let out = &mut out[*at as usize..];
                    *at += match value {
                        Some(value) if zeros => write_escaped(value, out) as u32,
                        Some(value) => write_plain(value, out) as u32,
                        None => {
                            out[0] = 0;
                            1
                        }
                    };
                });
            }
            Reader::Encoded { bytes, ends } => {
                let mut start = 0;
                for (at, end) in at.iter_mut().zip(ends) {
                    let value = &bytes[start..*end];
                    out[*at as usize..*at as usize + value.len()].copy_from_slice(value);
                    *at += value.len() as u32;
                    start = *end;
                }
            }
        }
    }
}

pub(super) fn decimal_number(value: i128) -> u128 {
    value as u128 ^ 1 << 127
}

fn count_zeros(value: &[u8]) -> usize {
    if has_zero(value) { value.iter().filter(|byte| **byte == 0).count() } else { 0 }
}

/// Eight bytes at a time: most strings are short, and have none.
#[inline(always)]
fn has_zero(value: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let zero_in = |eight: &[u8; 8]| {
        let word = u64::from_le_bytes(*eight);
        word.wrapping_sub(ONES) & !word & TOPS
    };
    let (eights, rest) = value.as_chunks();
    let found = eights.iter().fold(0, |found, eight| found | zero_in(eight));
    match value.last_chunk() {
        Some(last) => found | zero_in(last) != 0,
        None => rest.contains(&0),
    }
}

/// Copies a string to the start of `out`, eight bytes at a time if it is short.
#[inline(always)]
fn copy_short(value: &[u8], out: &mut [u8]) {
    let out = &mut out[..value.len()];
    match value.last_chunk::<8>() {
        Some(last) if value.len() <= 64 => {
            let (from, (to, _)) = (value.as_chunks::<8>().0, out.as_chunks_mut::<8>());
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            if let Some(end) = out.last_chunk_mut() {
                *end = *last;
            }
        }
        Some(_) => out.copy_from_slice(value),
        None => out.iter_mut().zip(value).for_each(|(to, from)| *to = *from),
    }
}

/// Writes a string without zero bytes, with its null byte, at the start of `out`; says how many bytes that took.
#[inline(always)]
fn write_plain(value: &[u8], out: &mut [u8]) -> usize {
    let end = value.len() + 3;
    let out = &mut out[..end];
    out[0] = 1;
    copy_short(value, &mut out[1..end - 2]);
    out[end - 2..].fill(0);
    end
}

/// The same for any string.
fn write_escaped(value: &[u8], out: &mut [u8]) -> usize {
    out[0] = 1;
    let mut at = 1;
    for byte in value {
        out[at] = *byte;
        at += 1;
        if *byte == 0 {
            out[at] = 0xff;
            at += 1;
        }
    }
    out[at..at + 2].fill(0);
    at + 2
}

/// Appends one value of any type; for what is nested.
fn append_value(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<()> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        out.push(0);
        return Ok(());
    }
    match array.data_type() {
        DataType::Struct(_) => {
            out.push(1);
            array.as_struct().columns().iter().try_for_each(|field| append_value(field.as_ref(), row, out))
        }
        DataType::List(_) => append_elements(array.as_list::<i32>().value(row).as_ref(), out),
        DataType::Map(..) => append_elements(&array.as_map().value(row), out),
        _ => {
            let one = array.slice(row, 1);
            let reader = Reader::new(&one)?;
            let mut length = [0];
            reader.add_lengths(&mut length);
            let start = out.len();
            out.resize(start + length[0] as usize, 0);
            reader.write(&mut out[start..], &mut [0]);
            Ok(())
        }
    }
}

fn append_elements(elements: &dyn Array, out: &mut Vec<u8>) -> Result<()> {
    out.push(1);
    for element in 0..elements.len() {
        out.push(1);
        append_value(elements, element, out)?;
    }
    out.push(0);
    Ok(())
}
