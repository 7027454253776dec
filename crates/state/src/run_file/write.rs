//! From a delta to the bytes of a run file.

use tidemill_core::{Failure, Result, hash};

use super::format::{HEADER, Header, PAGE, UNIT_HEADER, VARINT_MAX, checksum, prefix, put_varint, unit_checksum};
use crate::{DeltaSink, Entry, TableDescriptor, ValueKind};

/// What stands before an entry's bytes: three lengths and the hash.
const HEAD_MAX: usize = 3 * VARINT_MAX + 8;
/// How many entries ahead heads and bytes are called for.
const HEADS_AHEAD: usize = 64;
const BYTES_AHEAD: usize = 32;

/// The number a kind of field has in files.
pub(super) fn kind_number(kind: ValueKind) -> u8 {
    match kind {
        ValueKind::Int64 => 0,
        ValueKind::UInt64 => 1,
        ValueKind::Float64 => 2,
        ValueKind::Int128 => 3,
        ValueKind::Bytes => 4,
    }
}

/// A delta that rewrites a part of its table becomes two runs, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPart {
    /// What has changed outside of the part that is rewritten.
    Changes,
    /// The part that is rewritten: a base.
    Rewritten,
}

impl RunPart {
    /// The runs that a delta becomes.
    pub fn of(delta: &DeltaSink) -> &'static [RunPart] {
        match delta.rewrite() {
            rewrite if rewrite.is_none() => &[RunPart::Changes],
            rewrite if rewrite.is_all() => &[RunPart::Rewritten],
            _ => &[RunPart::Changes, RunPart::Rewritten],
        }
    }

    fn takes(self, delta: &DeltaSink, entry: &Entry<'_>) -> bool {
        delta.rewrite().takes(entry.hash) == (self == RunPart::Rewritten)
    }
}

/// The bytes of the run file that holds a delta, for one that rewrites all or nothing. Fails only above the format's limits
/// (4 billion units or 4 GiB of index).
pub fn write(delta: &DeltaSink, descriptor: &TableDescriptor) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    append(delta, RunPart::of(delta)[0], descriptor, &mut file)?;
    Ok(file)
}

/// Appends the bytes of a run of a delta to an object of several, otherwise as [`write`]; says how many entries it has.
pub fn append(delta: &DeltaSink, part: RunPart, descriptor: &TableDescriptor, object: &mut Vec<u8>) -> Result<usize> {
    let hashes = delta.entries().any(|entry| entry.hash != hash::of_bytes(entry.key));
    // What is not written costs nothing, but what has to move costs twice.
    let bytes = Vec::with_capacity(delta.bytes());
    let mut units = Units { hashes, bytes, ..Units::default() };
    let numbers = sorted(delta, part);
    for (at, place) in numbers.iter().enumerate() {
        // The entries are anywhere in memory, so they are called for before their turn.
        if let Some(later) = numbers.get(at + HEADS_AHEAD) {
            delta.prefetch_head(number_in(*later));
        }
        if let Some(later) = numbers.get(at + BYTES_AHEAD) {
            delta.prefetch_bytes(number_in(*later));
        }
        let (entry, bytes) = delta.entry_and_bytes(number_in(*place));
        units.push(&entry, bytes);
    }
    units.finish();

    let mut index = Vec::new();
    for field in &descriptor.fields {
        index.extend_from_slice(&field.id.to_le_bytes());
        index.extend_from_slice(&[kind_number(field.kind), 0, 0, 0]);
    }
    let too_large =
        |_| Failure::user("state.run-file-size", "a delta is too large for a run file; raise the parallelism");
    for (prefix, page, separator_end) in &units.index {
        index.extend_from_slice(&prefix.to_le_bytes());
        index.extend_from_slice(&[0; 2]);
        index.extend_from_slice(&u32::try_from(*page).map_err(too_large)?.to_le_bytes());
        index.extend_from_slice(&u32::try_from(*separator_end).map_err(too_large)?.to_le_bytes());
    }
    index.extend_from_slice(&units.separators);
    index.resize((HEADER + index.len()).next_multiple_of(PAGE) - HEADER, 0);

    let header = Header {
        full: part == RunPart::Rewritten,
        hashes,
        order_floor: delta.order_floor(),
        entries: numbers.len() as u64,
        fields: descriptor.fields.len() as u32,
        units: u32::try_from(units.index.len()).map_err(too_large)?,
        separators: u32::try_from(units.separators.len()).map_err(too_large)?,
        pages: (units.bytes.len() / PAGE) as u64,
        index_checksum: checksum(&index),
        units_checksum: checksum(&units.checksums),
    };
    object.reserve(HEADER + index.len() + units.bytes.len());
    object.extend_from_slice(&header.to_bytes());
    object.extend_from_slice(&index);
    object.extend_from_slice(&units.bytes);
    Ok(numbers.len())
}

/// The entries of a run in file order: each one's number below the first 80 bits of its position, so that a place is one integer.
fn sorted(delta: &DeltaSink, part: RunPart) -> Vec<u128> {
    let start = |key: &[u8]| {
        let mut eight = [0; 8];
        let held = key.len().min(8);
        eight[..held].copy_from_slice(&key[..held]);
        u64::from_be_bytes(eight)
    };
    let place = |(number, entry): (u32, Entry<'_>)| {
        u128::from(prefix(entry.hash)) << 96 | u128::from(start(entry.key)) << 32 | u128::from(number)
    };
    let entries = (0u32..).zip(delta.entries()).filter(|(_, entry)| part.takes(delta, entry));
    let mut places: Vec<u128> = entries.map(place).collect();
    places.sort_unstable();
    for alike in places.chunk_by_mut(|left, right| left >> 32 == right >> 32).filter(|alike| alike.len() > 1) {
        alike.sort_unstable_by_key(|place| {
            let entry = delta.entry(number_in(*place));
            (entry.key, entry.order)
        });
    }
    places
}

/// The number of the entry at a place.
fn number_in(place: u128) -> usize {
    place as u32 as usize
}

#[derive(Default)]
struct Units {
    hashes: bool,
    bytes: Vec<u8>,
    checksums: Vec<u8>,
    /// First prefix, first page, and where the first key ends among the separators.
    index: Vec<(u16, usize, usize)>,
    separators: Vec<u8>,
    /// Where the open unit begins, and how many entries it has.
    start: usize,
    count: u32,
}

impl Units {
    /// Adds an entry; `bytes` are its key, order and value.
    fn push(&mut self, entry: &Entry<'_>, bytes: &[u8]) {
        let mut head = [0; HEAD_MAX];
        let lens = [entry.key.len(), entry.order.len(), entry.value.map_or(0, |value| value.len() + 1)];
        let mut used = lens.iter().fold(0, |at, len| put_varint(*len as u64, &mut head, at));
        if self.hashes {
            head[used..used + 8].copy_from_slice(&entry.hash.to_le_bytes());
            used += 8;
        }
        if self.count > 0 && self.bytes.len() - self.start + used + bytes.len() > PAGE {
            self.finish();
        }
        if self.count == 0 {
            self.separators.extend_from_slice(entry.key);
            self.index.push((prefix(entry.hash), self.bytes.len() / PAGE, self.separators.len()));
            self.start = self.bytes.len();
            self.bytes.resize(self.start + UNIT_HEADER, 0);
        }
        self.bytes.extend_from_slice(&head[..used]);
        self.bytes.extend_from_slice(bytes);
        self.count += 1;
    }

    /// Closes the open unit.
    fn finish(&mut self) {
        if self.count == 0 {
            return;
        }
        let used = (self.bytes.len() - self.start - UNIT_HEADER) as u32;
        self.bytes.resize(self.bytes.len().next_multiple_of(PAGE), 0);
        let unit = &mut self.bytes[self.start..];
        unit[8..12].copy_from_slice(&self.count.to_le_bytes());
        unit[12..16].copy_from_slice(&used.to_le_bytes());
        let checksum = unit_checksum(&unit[8..], (self.start / PAGE) as u64).to_le_bytes();
        unit[..8].copy_from_slice(&checksum);
        self.checksums.extend_from_slice(&checksum);
        self.count = 0;
    }
}
