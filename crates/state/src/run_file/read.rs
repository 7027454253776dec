//! From run files to entries: one by one, or a range of key groups at a time.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use tidemill_core::Result;
use tidemill_core::storage::Storage;

use super::format::{
    FIELD, HEADER, Header, INDEX_ENTRY, PAGE, Position, UNIT_HEADER, checksum, damaged, prefix, take_varint,
    unit_checksum,
};
use super::write::kind_number;
use crate::{Buckets, Entry, TableDescriptor, failure};

/// How much of a file is read first: header and, mostly, index.
const FIRST_READ: u64 = 64 << 10;
/// How much a scan reads at a time.
const SCAN_READ: u64 = 1 << 20;
/// What lies between two wanted parts is read with them if it is not more than this.
const GAP_READ: u64 = 64 << 10;

/// Where the bytes of a run file are.
pub trait ReadAt {
    /// Bytes of the file.
    fn len(&self) -> u64;
    /// True for a file without bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Reads `len` bytes from `offset`, all of them.
    fn read_at(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>>;
}

fn part(bytes: &[u8], offset: u64, len: u64) -> Result<Cow<'_, [u8]>> {
    let end = offset.checked_add(len).filter(|end| *end <= bytes.len() as u64);
    let end = end.ok_or_else(|| damaged("it is cut short"))?;
    Ok(Cow::Borrowed(&bytes[offset as usize..end as usize]))
}

impl ReadAt for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        part(self, offset, len)
    }
}

impl<S: ReadAt + ?Sized> ReadAt for Box<S> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        (**self).read_at(offset, len)
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }

    fn read_at(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        part(self, offset, len)
    }
}

/// A run file as an object of a storage, or as a part of one that holds several.
pub struct StoredRun {
    storage: Arc<dyn Storage>,
    path: String,
    start: u64,
    len: u64,
}

impl StoredRun {
    /// `len` bytes from `start` of the object at `path`.
    pub fn new(storage: Arc<dyn Storage>, path: impl Into<String>, start: u64, len: u64) -> StoredRun {
        StoredRun { storage, path: path.into(), start, len }
    }
}

impl ReadAt for StoredRun {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(damaged("it is cut short").at(self.storage.url(&self.path)));
        }
        let bytes = self.storage.get_range(&self.path, self.start + offset, len)?;
        if bytes.len() as u64 != len {
            return Err(damaged("it is cut short").at(self.storage.url(&self.path)));
        }
        Ok(Cow::Owned(bytes))
    }
}

/// An open run file. Whatever it returns has been checked against a checksum.
pub struct RunReader<S> {
    source: S,
    header: Header,
    checksum: u64,
    /// Id and kind of each field.
    fields: Vec<(u32, u8)>,
    index: Vec<Unit>,
    separators: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    prefix: u16,
    page: u32,
    separator_end: u32,
}

impl<S: ReadAt> RunReader<S> {
    /// Reads header and index. Fails on anything that is not a whole run file of a known format.
    pub fn open(source: S) -> Result<RunReader<S>> {
        let first = source.read_at(0, source.len().min(FIRST_READ))?.into_owned();
        let header = Header::from_bytes(&first)?;
        let own = u64::from_le_bytes(first[HEADER - 8..HEADER].try_into().unwrap_or_default());
        if header.file_len() != source.len() {
            return Err(damaged("it is longer or shorter than its header says"));
        }
        let index_end = header.units_start();
        let head = if index_end <= first.len() as u64 { Cow::Owned(first) } else { source.read_at(0, index_end)? };
        let body = &head[HEADER..index_end as usize];
        if checksum(body) != header.index_checksum {
            return Err(damaged("the checksum of its index is wrong"));
        }
        let (fields, body) = body.split_at(header.fields as usize * FIELD);
        let (index, body) = body.split_at(header.units as usize * INDEX_ENTRY);
        let separators = body[..header.separators as usize].to_vec();
        let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let index: Vec<Unit> = index
            .chunks_exact(INDEX_ENTRY)
            .map(|entry| Unit {
                prefix: u16::from_le_bytes([entry[0], entry[1]]),
                page: word(&entry[4..]),
                separator_end: word(&entry[8..]),
            })
            .collect();
        let fields = fields.chunks_exact(FIELD).map(|field| (word(field), field[4])).collect();
        // What the checksums cannot see: a writer that was wrong.
        let ends =
            index.windows(2).all(|pair| pair[0].page < pair[1].page && pair[0].separator_end <= pair[1].separator_end);
        let last = index
            .last()
            .is_none_or(|unit| u64::from(unit.page) < header.pages && unit.separator_end as usize <= separators.len());
        if !ends || !last {
            return Err(damaged("its index is not in order"));
        }
        Ok(RunReader { checksum: own, source, header, fields, index, separators })
    }

    /// Stands for every byte of the file: of its header, which holds checksums of the rest. Kept in references to it.
    pub fn checksum(&self) -> u64 {
        self.checksum
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.header.entries
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.header.entries == 0
    }

    /// True if older deltas of the table mean nothing any more.
    pub fn is_full(&self) -> bool {
        self.header.full
    }

    /// Everything in this and older deltas with an order at or below it is gone.
    pub fn order_floor(&self) -> Option<i64> {
        self.header.order_floor
    }

    /// Fails unless the file's values have the table's fields.
    pub fn check_fields(&self, descriptor: &TableDescriptor) -> Result<()> {
        let fields = descriptor.fields.iter().map(|field| (field.id, kind_number(field.kind)));
        if fields.eq(self.fields.iter().copied()) {
            return Ok(());
        }
        Err(failure::damaged(&format!("the stored fields of {} are others", descriptor.name)))
    }

    /// The stored value of a key and order: `Some(None)` is a tombstone, `None` says nothing about the row.
    pub fn get(&self, hash: u64, key: &[u8], order: &[u8]) -> Result<Option<Option<Vec<u8>>>> {
        let wanted = Position { prefix: prefix(hash), key, order };
        // Of a key with many rows several units may begin with the key: any of them, and the one before the first.
        let end = self.unit_after(wanted.prefix, |unit, separator| wanted.cmp_key(unit, separator).is_ge());
        let start =
            self.unit_after(wanted.prefix, |unit, separator| wanted.cmp_key(unit, separator).is_gt()).saturating_sub(1);
        for unit in start..end {
            let (first, last) = (self.page(unit), self.page(unit + 1));
            let bytes = self.read_pages(first, last)?;
            for entry in self.entries(&bytes, first)? {
                let entry = entry?;
                if entry.key == key && entry.order == order {
                    return Ok(Some(entry.value.map(<[u8]>::to_vec)));
                }
            }
        }
        Ok(None)
    }

    /// Calls `visit` with the entries whose hash is in a range (both ends included), in the file's order, about a megabyte
    /// at a time. Ranges are exact to the top 16 bits; a narrower one is the caller's to filter.
    pub fn scan(
        &self,
        hashes: (u64, u64),
        mut visit: impl FnMut(&mut dyn Iterator<Item = Entry<'_>>) -> Result<()>,
    ) -> Result<()> {
        let (low, high) = (prefix(hashes.0), prefix(hashes.1));
        let end = self.unit_after(high, |unit, _| unit <= high);
        let mut unit = self.unit_after(low, |unit, _| unit < low).saturating_sub(1);
        while unit < end {
            let first = self.page(unit);
            let mut next = unit + 1;
            while next < end && (self.page(next + 1) - first) * PAGE as u64 <= SCAN_READ {
                next += 1;
            }
            let bytes = self.read_pages(first, self.page(next))?;
            let mut found = Vec::new();
            for unit in unit..next {
                let (start, end) = (self.page(unit) - first, self.page(unit + 1) - first);
                let unit_bytes = &bytes[start as usize * PAGE..end as usize * PAGE];
                for entry in self.entries(unit_bytes, first + start)? {
                    let entry = entry?;
                    if (low..=high).contains(&prefix(entry.hash)) {
                        found.push(entry);
                    }
                }
            }
            visit(&mut found.into_iter())?;
            unit = next;
        }
        Ok(())
    }

    /// The units that may have entries of a range of buckets.
    fn units_of(&self, low: u16, high: u16) -> Range<usize> {
        let end = self.unit_after(high, |unit, _| unit <= high);
        self.unit_after(low, |unit, _| unit < low).saturating_sub(1)..end
    }

    /// Pages on which the entries of a range of buckets are, both ends included.
    pub fn pages_of(&self, low: u16, high: u16) -> u64 {
        let units = self.units_of(low, high);
        self.page(units.end).saturating_sub(self.page(units.start))
    }

    /// Calls `visit` with every entry of some buckets, in the file's order.
    pub fn read_buckets(&self, buckets: &Buckets, mut visit: impl FnMut(Entry<'_>)) -> Result<()> {
        let mut wanted: Vec<Range<usize>> = Vec::new();
        for (low, high) in buckets.ranges() {
            let units = self.units_of(low, high);
            match wanted.last_mut() {
                Some(last) if units.start <= last.end => last.end = last.end.max(units.end),
                _ => wanted.push(units),
            }
        }
        let bytes_of = |first: u64, end: u64| end.saturating_sub(first) * PAGE as u64;
        let mut pieces = wanted.into_iter().flat_map(|units| self.pieces(units)).peekable();
        while let Some(piece) = pieces.next() {
            let (first, mut together) = (self.page(piece.start), vec![piece]);
            while let Some(last) = together.last()
                && let Some(next) = pieces.next_if(|next| {
                    bytes_of(self.page(last.end), self.page(next.start)) <= GAP_READ
                        && bytes_of(first, self.page(next.end)) <= SCAN_READ
                })
            {
                together.push(next);
            }
            let end = together.last().map_or(first, |last| self.page(last.end));
            let bytes = self.read_pages(first, end)?;
            for unit in together.into_iter().flatten() {
                let (start, end) = (self.page(unit) - first, self.page(unit + 1) - first);
                for entry in self.entries(&bytes[start as usize * PAGE..end as usize * PAGE], first + start)? {
                    let entry = entry?;
                    if buckets.contains(prefix(entry.hash)) {
                        visit(entry);
                    }
                }
            }
        }
        Ok(())
    }

    /// Units in parts that are read at once.
    fn pieces(&self, units: Range<usize>) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut start = units.start;
        while start < units.end {
            let mut end = start + 1;
            while end < units.end && (self.page(end + 1) - self.page(start)) * PAGE as u64 <= SCAN_READ {
                end += 1;
            }
            pieces.push(start..end);
            start = end;
        }
        pieces
    }

    /// Reads every byte and checks it.
    pub fn verify(&self) -> Result<()> {
        let mut checksums = Vec::with_capacity(self.index.len() * 8);
        let mut count = 0;
        for unit in 0..self.index.len() {
            let bytes = self.read_pages(self.page(unit), self.page(unit + 1))?;
            checksums.extend_from_slice(&bytes[..8]);
            for entry in self.entries(&bytes, self.page(unit))? {
                entry?;
                count += 1;
            }
        }
        if checksum(&checksums) != self.header.units_checksum || count != self.header.entries {
            return Err(damaged("its units are not those it was written with"));
        }
        Ok(())
    }

    /// The first page of a unit; of the one behind the last, the number of pages.
    fn page(&self, unit: usize) -> u64 {
        self.index.get(unit).map_or(self.header.pages, |unit| u64::from(unit.page))
    }

    fn read_pages(&self, first: u64, end: u64) -> Result<Cow<'_, [u8]>> {
        self.source.read_at(self.header.units_start() + first * PAGE as u64, (end - first) * PAGE as u64)
    }

    fn separator(&self, unit: usize) -> &[u8] {
        let start = if unit == 0 { 0 } else { self.index[unit - 1].separator_end as usize };
        &self.separators[start..self.index[unit].separator_end as usize]
    }

    /// The entries of a unit, whose checksum is compared first.
    fn entries<'a>(&self, unit: &'a [u8], page: u64) -> Result<impl Iterator<Item = Result<Entry<'a>>> + use<'a, S>> {
        let word = |at: usize| u32::from_le_bytes([unit[at], unit[at + 1], unit[at + 2], unit[at + 3]]);
        let own = u64::from(word(0)) | u64::from(word(4)) << 32;
        if unit_checksum(&unit[8..], page) != own {
            return Err(damaged("the checksum of a unit is wrong"));
        }
        let used = unit[UNIT_HEADER..].get(..word(12) as usize);
        let mut left = used.ok_or_else(|| damaged("a unit is longer than its pages"))?;
        let hashes = self.header.hashes;
        let next = move |_| take_entry(&mut left, hashes).ok_or_else(|| damaged("an entry is longer than its unit"));
        Ok((0..word(8)).map(next))
    }

    /// How many units from the first on satisfy a condition that no unit satisfies behind one that does not. It changes
    /// near `target`, so the search begins where that prefix would be if all were equally frequent, and widens from there.
    fn unit_after(&self, target: u16, before: impl Fn(u16, &[u8]) -> bool) -> usize {
        let units = self.index.len();
        let holds = |unit: usize| before(self.index[unit].prefix, self.separator(unit));
        let guess = (units * usize::from(target)) >> 16;
        let (mut high, mut step) = (units, 1);
        let mut low;
        if guess < units && holds(guess) {
            low = guess + 1;
            while low + step < units && holds(low + step) {
                low += step + 1;
                step *= 2;
            }
            high = units.min(low + step);
        } else {
            high = high.min(guess);
            while high > step && !holds(high - step) {
                high -= step;
                step *= 2;
            }
            low = high.saturating_sub(step);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

fn take_entry<'a>(bytes: &mut &'a [u8], hashes: bool) -> Option<Entry<'a>> {
    let (key, order, value) = (take_varint(bytes)?, take_varint(bytes)?, take_varint(bytes)?);
    let mut take = |len: u64| {
        let (head, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
        *bytes = rest;
        Some(head)
    };
    let hash = if hashes { Some(u64::from_le_bytes(take(8)?.try_into().ok()?)) } else { None };
    let (key, order) = (take(key)?, take(order)?);
    let value = if value == 0 { None } else { Some(take(value - 1)?) };
    Some(Entry { hash: hash.unwrap_or_else(|| tidemill_core::hash::of_bytes(key)), key, order, value })
}
