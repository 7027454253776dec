//! DISTINCT: which rows bring arguments that their group has not had.

use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use tidemill_core::map::Set;
use tidemill_core::{KeyEncoder, KeyRef, Keys, Result};
use tidemill_expr::{AggregateInput, SqlType};

/// The arguments that every group has had.
pub(super) struct Distinct {
    encoder: KeyEncoder,
    keys: Keys,
    /// Record and number, where a key is one number.
    numbers: Set<(u32, u64)>,
    /// Record and key bytes otherwise; of a number only NULL.
    bytes: Set<(u32, Box<[u8]>)>,
    bytes_held: usize,
}

impl Distinct {
    /// Nothing seen yet.
    pub fn new(args: &[SqlType]) -> Result<Distinct> {
        let types: Vec<DataType> = args.iter().map(SqlType::arrow_type).collect();
        let encoder = KeyEncoder::new((0..types.len()).collect(), &types)?;
        Ok(Distinct { encoder, keys: Keys::new(), numbers: Set::default(), bytes: Set::default(), bytes_held: 0 })
    }

    /// True for each row that counts and is the first one of its group with these arguments.
    pub fn first_occurrences(&mut self, input: &AggregateInput<'_>) -> Result<BooleanArray> {
        self.encoder.encode_columns(input.args, input.records.len(), None, &mut self.keys)?;
        let mut first = Vec::with_capacity(input.records.len());
        for (row, record) in input.records.iter().enumerate() {
            first.push(input.counts(row) && self.insert(*record, row));
        }
        Ok(BooleanArray::from(first))
    }

    fn insert(&mut self, record: u32, row: usize) -> bool {
        let bytes: Box<[u8]> = match self.keys.key(row) {
            KeyRef::Fixed { value, .. } => return self.numbers.insert((record, value)),
            KeyRef::Null => Box::default(),
            KeyRef::Bytes(bytes) => bytes.into(),
        };
        let len = bytes.len();
        let new = self.bytes.insert((record, bytes));
        if new {
            self.bytes_held += len + size_of::<(u32, Box<[u8]>)>();
        }
        new
    }

    /// Drops what the groups before a record have had.
    pub fn forget_below(&mut self, record: u32) {
        self.numbers.retain(|(of, _)| *of >= record);
        self.bytes.retain(|(of, _)| *of >= record);
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.numbers = Set::default();
        self.bytes = Set::default();
        self.bytes_held = 0;
    }

    /// Bytes held, about.
    pub fn memory(&self) -> usize {
        self.numbers.capacity() * size_of::<(u32, u64)>() + self.bytes_held
    }
}
