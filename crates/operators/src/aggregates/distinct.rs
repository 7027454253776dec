//! DISTINCT: how often each combination of arguments occurs in a group, so that a call sees only the first one come and the
//! last one go.
//!
//! Calls with the same arguments share a set, whatever their filters. Its rows are hashed by the group's key in the top 16
//! bits, so that they are where the group is, and by all columns below.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use tidemill_core::{KeyEncoder, Keys, Result, RowKind};
use tidemill_state::{GroupTable, TableDescriptor, ValueField, ValueKind};

use super::{Aggregates, Arguments};

/// The word that holds a row's hash.
pub const HASH_WORD: usize = 0;
/// The bits of a hash that say where a row is when the job is restored.
const PLACE_BITS: u64 = 0xffff << 48;

/// The calls that share their arguments.
pub struct DistinctSet {
    calls: Vec<usize>,
    all: KeyEncoder,
    args: KeyEncoder,
    keys: Keys,
    arg_keys: Keys,
    hashes: Vec<u64>,
    rows: Vec<u32>,
    zeros: Vec<u32>,
}

/// The numbers of the calls with DISTINCT; those with the same arguments are together.
pub fn calls_by_arguments(aggregates: &Aggregates) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for (number, call) in aggregates.calls().iter().enumerate().filter(|(_, call)| call.distinct) {
        match sets.iter_mut().find(|calls| aggregates.calls()[calls[0]].args == call.args) {
            Some(calls) => calls.push(number),
            None => sets.push(vec![number]),
        }
    }
    sets
}

/// The fields that count how often arguments came, for each of these calls; ids from 1 on.
pub fn count_fields(calls: &[usize]) -> Vec<ValueField> {
    calls.iter().map(|call| ValueField::new(1 + *call as u32, format!("count {call}"), ValueKind::Int64)).collect()
}

impl DistinctSet {
    /// The sets of all calls with DISTINCT. `key_types` are those of the group key.
    pub fn all_of(aggregates: &Aggregates, key_types: &[DataType], input: &[DataType]) -> Result<Vec<DistinctSet>> {
        let set = |calls: Vec<usize>| {
            let args = &aggregates.calls()[calls[0]].args;
            let arg_types: Vec<DataType> = args.iter().map(|column| input[*column].clone()).collect();
            let types = [key_types, &arg_types].concat();
            Ok(DistinctSet {
                calls,
                all: KeyEncoder::new((0..types.len()).collect(), &types)?,
                args: KeyEncoder::new((0..arg_types.len()).collect(), &arg_types)?,
                keys: Keys::new(),
                arg_keys: Keys::new(),
                hashes: Vec::new(),
                rows: Vec::new(),
                zeros: Vec::new(),
            })
        };
        calls_by_arguments(aggregates).into_iter().map(set).collect()
    }

    /// The table of the set's rows.
    pub fn descriptor(&self, number: usize) -> TableDescriptor {
        let mut fields = vec![ValueField::new(0, "hash", ValueKind::UInt64)];
        fields.extend(count_fields(&self.calls));
        TableDescriptor::keyed(format!("distinct-{number}"), self.all.types().to_vec(), fields)
    }

    /// The values of a new row.
    pub fn template(&self) -> Vec<u64> {
        vec![0; 1 + self.calls.len()]
    }

    /// Takes the keys of a batch: its group key columns with their hashes.
    pub fn set_batch(&mut self, key_columns: &[ArrayRef], keys: &Keys, arguments: &Arguments) -> Result<()> {
        let args = arguments.of_call(self.calls[0]);
        self.args.encode_columns(args, keys.len(), None, &mut self.arg_keys)?;
        self.hashes.clear();
        self.hashes.extend(keys.hashes().iter().zip(self.arg_keys.hashes()).map(|(group, args)| {
            let below = (group ^ args.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            group & PLACE_BITS | (below ^ below >> 29) & !PLACE_BITS
        }));
        let columns: Vec<ArrayRef> = key_columns.iter().chain(args).cloned().collect();
        self.all.encode_columns(&columns, keys.len(), Some(&self.hashes), &mut self.keys)
    }

    /// Counts rows `first ..` of the batch, to which `arguments`, `kinds` and `masks` are cut, and says in `masks` for which of
    /// them each call's state changes.
    pub fn count(
        &mut self,
        groups: &mut GroupTable,
        first: usize,
        len: usize,
        arguments: &Arguments,
        kinds: Option<&[RowKind]>,
        masks: &mut [Option<BooleanArray>],
    ) -> Result<()> {
        self.rows.clear();
        groups.upsert(&self.keys, first..first + len, &mut self.rows)?;
        let args = arguments.of_call(self.calls[0]);
        let complete = |row: usize| args.iter().all(|arg| arg.is_valid(row));
        let mut records = groups.update(&self.rows);
        for (place, call) in self.calls.iter().enumerate() {
            let filter = arguments.filter_of_call(*call);
            let counts =
                |row: usize| complete(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            let mask = (0..len).map(|row| {
                if !counts(row) {
                    return Some(false);
                }
                let sign = kinds.map_or(1, |kinds| kinds[row].sign());
                let count = &mut records.values(self.rows[row])[1 + place];
                *count = (*count as i64).wrapping_add(sign) as u64;
                Some(*count as i64 == i64::from(sign > 0))
            });
            masks[*call] = Some(mask.collect());
        }
        self.zeros.clear();
        self.zeros.extend(self.rows.iter().filter(|row| records.values(**row)[1..].iter().all(|count| *count == 0)));
        self.zeros.sort_unstable();
        self.zeros.dedup();
        self.zeros.iter().for_each(|row| groups.remove(*row));
        Ok(())
    }
}
