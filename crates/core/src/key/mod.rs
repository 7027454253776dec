//! Keys in key format v1: byte strings whose order is the order of the values, and the same bytes for what is the same key.
//! The format is frozen; test vectors are beside it.
//!
//! | type | bytes |
//! |---|---|
//! | NULL of any type | `00` |
//! | BOOLEAN | `01`, then `00` or `01` |
//! | signed integers, DATE, TIME, timestamps, intervals | `01`, then the number big-endian with its sign bit flipped, as wide as the type |
//! | unsigned integers | `01`, then the number big-endian |
//! | floats | `01`, then the bits big-endian: a positive number with its sign bit flipped, a negative one with every bit flipped; `-0.0` is `0.0`, every NaN is the positive quiet one and the greatest number |
//! | DECIMAL | `01`, then the unscaled number in 16 bytes like a signed integer |
//! | strings, bytes | `01`, then every byte, `00` as `00 FF`, then `00 00` |
//! | ROW | `01`, then its fields |
//! | ARRAY, MAP | `01`, then for every element (a map's is the row of key and value) `01` and the element, then `00` |
//!
//! A key of several columns is their bytes one after the other; no key is a prefix of another of the same types. The bytes
//! tell neither types nor scale nor unit of time: both sides of a comparison must have the same. The hash is xxh3-64 of
//! the bytes ([`hash`](crate::hash)).

mod decode;
mod encode;
mod fixed;
mod one_form;

pub use decode::KeyDecoder;
pub use encode::{KeyEncoder, SortOrder};
pub use one_form::{has_forms, one_form};

use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use crate::hash;

/// The byte buffer of [`Keys`] is readable this far behind the last key.
pub const PADDING: usize = 32;

/// How the keys of some types are held. Encoder and state decide it the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLayout {
    /// One column of 1, 2, 4 or 8 bytes: a number that has the key's order, without the null byte.
    Fixed {
        /// Bytes of the column.
        width: usize,
    },
    /// Key bytes, at most `len_max` of them if that is known.
    Bytes {
        /// Where no column varies in length.
        len_max: Option<usize>,
    },
}

impl KeyLayout {
    /// The layout for key columns of these types.
    pub fn of(types: &[DataType]) -> KeyLayout {
        if let [only] = types
            && let Some(width) = fixed::width(only)
        {
            return KeyLayout::Fixed { width };
        }
        KeyLayout::Bytes { len_max: types.iter().map(len_max).sum() }
    }
}

/// The most bytes a column of the type takes in a key, if there is such a number.
fn len_max(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Null => Some(1),
        DataType::Decimal128(..) => Some(17),
        DataType::Struct(fields) => {
            fields.iter().map(|field| len_max(field.data_type())).sum::<Option<usize>>().map(|len| len + 1)
        }
        other => fixed::width(other).map(|width| width + 1),
    }
}

/// The keys of a batch with their hashes; meant to be reused, so that nothing is allocated in steady state.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    hashes: Vec<u64>,
    /// Width of the fixed form; 0: keys are bytes.
    width: usize,
    values: Vec<u64>,
    nulls: Option<NullBuffer>,
    bytes: Vec<u8>,
    /// One more than there are keys; only for bytes.
    offsets: Vec<u32>,
}

/// The fixed-width form of keys.
#[derive(Clone, Copy, Debug)]
pub struct FixedKeys<'a> {
    /// Bytes of a key without its null byte: 1, 2, 4 or 8.
    pub width: usize,
    /// The keys as numbers that have the keys' order; 0 where the key is NULL.
    pub values: &'a [u64],
    /// Which keys are not NULL; none: all.
    pub nulls: Option<&'a NullBuffer>,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRef<'a> {
    /// One NULL in the fixed form.
    Null,
    /// A number of so many bytes.
    Fixed {
        /// 1, 2, 4 or 8.
        width: usize,
        /// The number that has the key's order.
        value: u64,
    },
    /// Key bytes.
    Bytes(&'a [u8]),
}

impl<'a> KeyRef<'a> {
    /// The key in the form of a layout, from its bytes; nothing if the bytes cannot be such a key.
    pub fn from_bytes(layout: KeyLayout, bytes: &'a [u8]) -> Option<KeyRef<'a>> {
        let KeyLayout::Fixed { width } = layout else { return Some(KeyRef::Bytes(bytes)) };
        match bytes {
            [0] => Some(KeyRef::Null),
            [1, number @ ..] if number.len() == width => {
                Some(KeyRef::Fixed { width, value: number.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)) })
            }
            _ => None,
        }
    }

    /// The hash of the key bytes.
    pub fn hash(&self) -> u64 {
        match *self {
            KeyRef::Null => hash::of_null(),
            KeyRef::Fixed { width, value } => hash::of_fixed(value, width),
            KeyRef::Bytes(bytes) => hash::of_bytes(bytes),
        }
    }

    /// Appends the key bytes.
    #[inline]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        match *self {
            KeyRef::Null => out.push(0),
            KeyRef::Fixed { width: 8, value } => {
                let mut bytes = [1; 9];
                bytes[1..].copy_from_slice(&value.to_be_bytes());
                out.extend_from_slice(&bytes);
            }
            KeyRef::Fixed { width, value } => {
                out.push(1);
                out.extend_from_slice(&value.to_be_bytes()[8 - width..]);
            }
            KeyRef::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }
}

impl Keys {
    /// No keys yet; [`KeyEncoder::encode`] fills it.
    pub fn new() -> Keys {
        Keys::default()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hashes, one a key.
    #[inline]
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, row: usize) -> u64 {
        self.hashes[row]
    }

    /// The fixed-width form, where the key is one column of 1, 2, 4 or 8 bytes.
    #[inline]
    pub fn fixed(&self) -> Option<FixedKeys<'_>> {
        (self.width > 0).then(|| FixedKeys { width: self.width, values: &self.values, nulls: self.nulls.as_ref() })
    }

    /// All key bytes, one key after the other and [`PADDING`] bytes more, and where each key begins (and the last one
    /// ends); only where there is no fixed form.
    #[inline]
    pub fn bytes_and_offsets(&self) -> Option<(&[u8], &[u32])> {
        (self.width == 0).then_some((&self.bytes[..], &self.offsets[..]))
    }

    /// One key.
    #[inline]
    pub fn key(&self, row: usize) -> KeyRef<'_> {
        if self.width == 0 {
            KeyRef::Bytes(&self.bytes[self.offsets[row] as usize..self.offsets[row + 1] as usize])
        } else if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            KeyRef::Null
        } else {
            KeyRef::Fixed { width: self.width, value: self.values[row] }
        }
    }

    /// The bytes of a key; `scratch` is used only where they are not held as bytes.
    #[inline]
    pub fn bytes<'a>(&'a self, row: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match self.key(row) {
            KeyRef::Bytes(bytes) => bytes,
            key => {
                scratch.clear();
                key.append_to(scratch);
                scratch
            }
        }
    }

    /// Replaces everything by keys given as bytes, for a layout. Nothing is kept if one of them cannot be such a key.
    pub fn from_bytes<'a>(&mut self, layout: KeyLayout, keys: impl Iterator<Item = &'a [u8]>) -> bool {
        self.clear(layout);
        let mut valid = Vec::new();
        for bytes in keys {
            match KeyRef::from_bytes(layout, bytes) {
                None => {
                    self.clear(layout);
                    return false;
                }
                Some(KeyRef::Bytes(bytes)) => {
                    self.bytes.extend_from_slice(bytes);
                    self.offsets.push(self.bytes.len() as u32);
                }
                Some(KeyRef::Fixed { value, .. }) => self.values.push(value),
                Some(KeyRef::Null) => {
                    valid.resize(self.values.len(), true);
                    valid.push(false);
                    self.values.push(0);
                }
            }
            self.hashes.push(hash::of_bytes(bytes));
        }
        if !valid.is_empty() {
            valid.resize(self.values.len(), true);
            self.nulls = Some(NullBuffer::from(valid));
        }
        if self.width == 0 {
            self.bytes.extend_from_slice(&[0; PADDING]);
        }
        true
    }

    fn clear(&mut self, layout: KeyLayout) {
        self.hashes.clear();
        self.values.clear();
        self.nulls = None;
        self.bytes.clear();
        self.offsets.clear();
        self.width = match layout {
            KeyLayout::Fixed { width } => width,
            KeyLayout::Bytes { .. } => {
                self.offsets.push(0);
                0
            }
        };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
