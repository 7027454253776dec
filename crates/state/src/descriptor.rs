//! What a table is, and what every table can do.

use arrow::datatypes::DataType;
use tidemill_core::{KeyGroupSet, KeyGroups, KeyLayout, Result, Routing, SubtaskIndex};

use crate::{DeltaSink, Entry, Rewrite};

/// Who gets which row of a table when it is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// The owner of the key's key group.
    Keyed,
    /// Items are dealt out evenly.
    Split,
    /// Every subtask gets all items of all subtasks.
    Union,
    /// Every subtask gets all items; all subtasks hold the same.
    Broadcast,
    /// Buffered elements, offered again to whoever owns them now.
    Transient,
}

/// What the words of a value field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// One word: two's complement.
    Int64,
    /// One word.
    UInt64,
    /// One word: the bits of an `f64`.
    Float64,
    /// Two words, the low one first: two's complement.
    Int128,
    /// One word that refers to bytes in the table's arena; 0: none.
    Bytes,
}

impl ValueKind {
    /// Words of a field in a record.
    pub fn words(self) -> usize {
        if self == ValueKind::Int128 { 2 } else { 1 }
    }
}

/// A field of a table's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueField {
    /// Never used again for another field of the table: fields are matched by it on restore.
    pub id: u32,
    /// For people.
    pub name: String,
    /// What its words are.
    pub kind: ValueKind,
}

impl ValueField {
    /// A field.
    pub fn new(id: u32, name: impl Into<String>, kind: ValueKind) -> ValueField {
        ValueField { id, name: name.into(), kind }
    }
}

/// What a table is. With it, and nothing of the operator, its entries can be shown as columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDescriptor {
    /// Unique within the operator.
    pub name: String,
    /// Who gets which row.
    pub distribution: Distribution,
    /// Types of the key columns.
    pub key_types: Vec<DataType>,
    /// Types of what is in the order bytes, in key format v1; empty where the table has none, or they are opaque.
    pub order_types: Vec<DataType>,
    /// The fields of a row, in record order. An entry's value holds them one after the other: a word is 8 bytes
    /// little-endian, [`ValueKind::Bytes`] a 4-byte length (`FF FF FF FF`: none) and the bytes.
    pub fields: Vec<ValueField>,
}

impl TableDescriptor {
    /// A keyed table without order.
    pub fn keyed(name: impl Into<String>, key_types: Vec<DataType>, fields: Vec<ValueField>) -> TableDescriptor {
        TableDescriptor {
            name: name.into(),
            distribution: Distribution::Keyed,
            key_types,
            order_types: Vec::new(),
            fields,
        }
    }

    /// The same table with an order within the key.
    pub fn with_order(mut self, order_types: Vec<DataType>) -> TableDescriptor {
        self.order_types = order_types;
        self
    }

    /// How its keys are held.
    pub fn key_layout(&self) -> KeyLayout {
        KeyLayout::of(&self.key_types)
    }

    /// Words of a record's values.
    pub fn words(&self) -> usize {
        self.fields.iter().map(|field| field.kind.words()).sum()
    }

    /// The word at which a field of a record begins, by the field's position.
    pub fn word(&self, field: usize) -> usize {
        self.fields[..field].iter().map(|field| field.kind.words()).sum()
    }
}

/// What of a delta a subtask takes, when state is restored.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The division into key groups.
    pub key_groups: KeyGroups,
    /// The key groups to take; a delta's other rows are skipped.
    pub groups: KeyGroupSet,
    /// Rows with an order (a slice's end) at or below it are skipped: the highest floor among this delta and the newer ones
    /// that supersede it.
    pub order_floor: Option<i64>,
    /// Which of the subtasks that share items ([`Distribution::Split`]) takes them.
    pub subtask: SubtaskIndex,
    /// How many subtasks share.
    pub parallelism: u32,
}

impl Scope {
    /// Everything.
    pub fn all() -> Scope {
        let one = KeyGroups::for_parallelism(1);
        Scope { key_groups: one, groups: KeyGroupSet::all(one), order_floor: None, subtask: 0, parallelism: 1 }
    }

    /// What a subtask takes under a routing.
    pub fn of(routing: &Routing, subtask: SubtaskIndex) -> Scope {
        Scope {
            key_groups: routing.key_groups(),
            groups: routing.owned_by(subtask),
            order_floor: None,
            subtask,
            parallelism: routing.parallelism(),
        }
    }

    /// True if a row with this hash is taken.
    #[inline]
    pub fn takes(&self, hash: u64) -> bool {
        self.groups.contains(self.key_groups.of(hash))
    }
}

/// What checkpoints do with every table.
pub trait StateTable: Send {
    /// What the table is.
    fn descriptor(&self) -> &TableDescriptor;

    /// Fixes what the next delta holds: the rows changed since the last freeze, and all rows of the part that is rewritten.
    /// Takes as long as flipping a pointer (with a rewrite as a pass over one bit a row, or one byte for a part). Fails if the
    /// last delta has not been gathered yet.
    fn freeze(&mut self, rewrite: Rewrite) -> Result<()>;

    /// Appends up to about `rows_max` more frozen rows to `out`; true when that was the last. Rows may be changed in
    /// between: what is frozen is gathered before it is overwritten.
    fn gather(&mut self, rows_max: usize, out: &mut DeltaSink) -> bool;

    /// Puts entries of a delta into the table, over what older deltas put there. Deltas are applied oldest first.
    fn apply(&mut self, entries: &mut dyn Iterator<Item = Entry<'_>>, scope: &Scope) -> Result<()>;

    /// Number of rows.
    fn live_rows(&self) -> usize;

    /// Bytes of memory the table holds.
    fn memory(&self) -> usize;
}
