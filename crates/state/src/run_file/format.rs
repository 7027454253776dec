//! The bytes of a run file that its writer and its reader share.

use std::cmp::Ordering;

use tidemill_core::{Failure, Result};

/// The format that is written, and the newest that is read.
pub const FORMAT: u32 = 1;

/// Units are whole pages of this many bytes, and the first begins at a multiple of it.
pub const PAGE: usize = 4096;

pub(super) const MAGIC: [u8; 8] = *b"TIDERUN\n";
/// Bytes of the header, its checksum included.
pub(super) const HEADER: usize = 80;
/// Bytes of a unit before its entries.
pub(super) const UNIT_HEADER: usize = 16;
/// Bytes of an index entry.
pub(super) const INDEX_ENTRY: usize = 12;
/// Bytes of a field of the schema.
pub(super) const FIELD: usize = 8;

const FLAG_FULL: u32 = 1;
const FLAG_FLOOR: u32 = 2;
const FLAG_HASHES: u32 = 4;

/// The first 80 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) full: bool,
    /// Every entry says its hash: some are not those of the key bytes.
    pub(super) hashes: bool,
    pub(super) order_floor: Option<i64>,
    pub(super) entries: u64,
    pub(super) fields: u32,
    pub(super) units: u32,
    pub(super) separators: u32,
    /// All units.
    pub(super) pages: u64,
    /// Of everything between the header and the first unit.
    pub(super) index_checksum: u64,
    /// Of the units' checksums, one after the other.
    pub(super) units_checksum: u64,
}

pub(super) fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// A unit's checksum also covers where it belongs.
pub(super) fn unit_checksum(bytes: &[u8], page: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(bytes, page)
}

pub(super) fn damaged(what: &str) -> Failure {
    Failure::fatal(
        "state.run-file-damaged",
        format!("a run file is damaged: {what}; restore from an older checkpoint, and check the storage it is on"),
    )
}

impl Header {
    /// Where the first unit begins.
    pub(super) fn units_start(&self) -> u64 {
        let index = u64::from(self.fields) * FIELD as u64
            + u64::from(self.units) * INDEX_ENTRY as u64
            + u64::from(self.separators);
        (HEADER as u64 + index).next_multiple_of(PAGE as u64)
    }

    /// Bytes of the file.
    pub(super) fn file_len(&self) -> u64 {
        self.units_start() + self.pages * PAGE as u64
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER] {
        let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
        let flags =
            flag(self.full, FLAG_FULL) | flag(self.order_floor.is_some(), FLAG_FLOOR) | flag(self.hashes, FLAG_HASHES);
        let mut bytes = [0; HEADER];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&MAGIC);
        put(&FORMAT.to_le_bytes());
        put(&flags.to_le_bytes());
        put(&self.order_floor.unwrap_or(0).to_le_bytes());
        put(&self.entries.to_le_bytes());
        put(&self.fields.to_le_bytes());
        put(&self.units.to_le_bytes());
        put(&self.separators.to_le_bytes());
        put(&0u32.to_le_bytes());
        put(&self.pages.to_le_bytes());
        put(&self.index_checksum.to_le_bytes());
        put(&self.units_checksum.to_le_bytes());
        let own = checksum(&bytes[..HEADER - 8]);
        bytes[HEADER - 8..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Header> {
        let bytes = bytes.get(..HEADER).ok_or_else(|| damaged("it is shorter than its header"))?;
        if bytes[..8] != MAGIC {
            return Err(damaged("it does not begin like a run file"));
        }
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        if checksum(&bytes[..HEADER - 8]) != long(HEADER - 8) {
            return Err(damaged("the checksum of its header is wrong"));
        }
        if word(8) != FORMAT {
            return Err(Failure::refused(
                "state.run-file-format",
                format!(
                    "a run file has format {}, this Tidemill reads up to {FORMAT}; use the version that wrote it, or a newer one",
                    word(8)
                ),
            ));
        }
        let flags = word(12);
        if flags & !(FLAG_FULL | FLAG_FLOOR | FLAG_HASHES) != 0 {
            return Err(damaged("its header has unknown flags"));
        }
        Ok(Header {
            full: flags & FLAG_FULL != 0,
            hashes: flags & FLAG_HASHES != 0,
            order_floor: (flags & FLAG_FLOOR != 0).then_some(long(16) as i64),
            entries: long(24),
            fields: word(32),
            units: word(36),
            separators: word(40),
            pages: long(48),
            index_checksum: long(56),
            units_checksum: long(64),
        })
    }
}

/// The bits of a hash that files are sorted by.
pub(super) fn prefix(hash: u64) -> u16 {
    (hash >> 48) as u16
}

/// Where an entry stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position<'a> {
    pub(super) prefix: u16,
    pub(super) key: &'a [u8],
    pub(super) order: &'a [u8],
}

impl Position<'_> {
    /// How a unit that begins with a key compares: the order within the key is not in the index.
    pub(super) fn cmp_key(&self, prefix: u16, key: &[u8]) -> Ordering {
        (self.prefix, self.key).cmp(&(prefix, key))
    }
}

/// Bytes of the longest such number.
pub(super) const VARINT_MAX: usize = 10;

/// Writes a number at a place, in groups of seven bits, the lowest first; all but the last have their top bit set. Returns
/// where it ends.
#[inline(always)]
pub(super) fn put_varint(mut number: u64, out: &mut [u8], mut at: usize) -> usize {
    while number >= 0x80 {
        out[at] = number as u8 | 0x80;
        number >>= 7;
        at += 1;
    }
    out[at] = number as u8;
    at + 1
}

/// Takes such a number from the front.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
