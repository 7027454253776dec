//! What a checkpoint takes out of a table: entries in no particular order, in one buffer.

/// One row of a delta. No two entries of a delta have the same key and order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The hash by which the row is found and has its key group: that of `key`, unless the table keeps another.
    pub hash: u64,
    /// The key, in key format v1.
    pub key: &'a [u8],
    /// The order within the key; empty where the table has none.
    pub order: &'a [u8],
    /// The row's values, or nothing: the row is gone.
    pub value: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    hash: u64,
    start: usize,
    key: u32,
    order: u32,
    value: u32,
}

/// Length of a value that is not there.
const GONE: u32 = u32::MAX;

/// Collects a delta; meant to be recycled.
#[derive(Clone, Debug, Default)]
pub struct DeltaSink {
    heads: Vec<Head>,
    bytes: Vec<u8>,
    full: bool,
    order_floor: Option<i64>,
}

impl DeltaSink {
    /// Without entries.
    pub fn new() -> DeltaSink {
        DeltaSink::default()
    }

    /// Without entries again; the memory is kept.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.bytes.clear();
        self.full = false;
        self.order_floor = None;
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.heads.len() * size_of::<Head>()
    }

    /// True if it holds every row: older deltas of the table mean nothing any more.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Everything in *this and older* deltas with an order (a slice's end) at or below it is gone.
    pub fn order_floor(&self) -> Option<i64> {
        self.order_floor
    }

    /// Says what kind of delta it is.
    pub fn describe(&mut self, full: bool, order_floor: Option<i64>) {
        self.full = full;
        self.order_floor = order_floor;
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: Entry<'_>) {
        self.push_with(entry.value.is_none(), |bytes| {
            bytes.extend_from_slice(entry.key);
            let key = bytes.len();
            bytes.extend_from_slice(entry.order);
            let order = bytes.len();
            bytes.extend_from_slice(entry.value.unwrap_or_default());
            (entry.hash, key, order)
        });
    }

    /// Adds an entry whose key, order and value `write` appends; it returns the hash and where key and order end.
    pub(crate) fn push_with(&mut self, gone: bool, write: impl FnOnce(&mut Vec<u8>) -> (u64, usize, usize)) {
        let start = self.bytes.len();
        let (hash, key_end, order_end) = write(&mut self.bytes);
        let value = if gone { GONE } else { (self.bytes.len() - order_end) as u32 };
        self.heads.push(Head {
            hash,
            start,
            key: (key_end - start) as u32,
            order: (order_end - key_end) as u32,
            value,
        });
    }

    /// Takes over all entries of another delta, which is empty then.
    pub(crate) fn append(&mut self, other: &mut DeltaSink) {
        let moved = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        self.heads.extend(other.heads.drain(..).map(|head| Head { start: head.start + moved, ..head }));
    }

    /// An entry by its number.
    pub fn entry(&self, number: usize) -> Entry<'_> {
        let head = self.heads[number];
        let (key, rest) = self.bytes[head.start..].split_at(head.key as usize);
        let (order, rest) = rest.split_at(head.order as usize);
        let value = (head.value != GONE).then(|| &rest[..head.value as usize]);
        Entry { hash: head.hash, key, order, value }
    }

    /// All entries.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        (0..self.len()).map(|number| self.entry(number))
    }
}
