//! Takes batches into groups: keys hashed once, then sub-batches of [`BLOCK_ROWS`] rows, so that the records of a sub-batch
//! are still in the cache when the accumulators run.

use std::ops::Range;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use tidemill_core::{Batch, Failure, KeyDecoder, KeyEncoder, KeyLayout, KeyRef, Keys, Result};
use tidemill_expr::{RecordsMut, Registry, SqlType};
use tidemill_state::{
    BLOCK_ROWS, GroupTable, KeyedTable, OrderedTable, RecordsMut as StateRecords, SlicedTable, StateTable,
    TableDescriptor, ValueField, ValueKind,
};

use super::distinct::{DistinctSet, HASH_WORD};
use super::store::{RecordKeys, Stores, remove_values};
use super::{Aggregates, Arguments, FoldedRows};
use crate::config::AggregateCall;

/// Which words of a record are the operator's own; they come before those of the calls, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnWords {
    /// Words that only the operator writes, by name.
    pub reserved: &'static [&'static str],
    /// How many rows came.
    pub input_rows: bool,
    /// How many rows were added, less those taken back.
    pub net_rows: bool,
}

impl OwnWords {
    fn names(self) -> Vec<&'static str> {
        let rows = self.input_rows.then_some("rows");
        let net = self.net_rows.then_some("net rows");
        self.reserved.iter().copied().chain(rows).chain(net).collect()
    }

    pub(super) fn count(self) -> usize {
        self.names().len()
    }

    /// The word that counts net rows.
    pub fn net_word(self) -> usize {
        self.reserved.len() + usize::from(self.input_rows)
    }
}

/// Keys and aggregates of an operator, and what they need beside the table of its groups.
pub struct Fold {
    needed: Vec<usize>,
    encoder: KeyEncoder,
    keys: Keys,
    arguments: Option<Arguments>,
    batch: Option<Batch>,
    sets: Vec<DistinctSet>,
    rows: Vec<u32>,
    decoder: KeyDecoder,
    /// What works on records, wherever they are.
    pub states: States,
}

/// The states of an operator's calls in records, and what the calls keep beside.
pub struct States {
    pub(super) aggregates: Aggregates,
    pub(super) own: OwnWords,
    /// The table of values of each call that keeps any.
    pub(super) values: Vec<Option<OrderedTable>>,
    pub(super) record_keys: RecordKeys,
    /// For each call with DISTINCT the rows that count.
    masks: Vec<Option<BooleanArray>>,
    pub(super) layout: KeyLayout,
}

/// The tables of the distinct sets.
pub trait SetTables {
    /// The table of a set by its number.
    fn table(&mut self, number: usize) -> Result<&mut GroupTable>;
}

impl SetTables for Vec<KeyedTable> {
    fn table(&mut self, number: usize) -> Result<&mut GroupTable> {
        Ok(&mut self[number])
    }
}

/// The tables of the distinct sets, of one slice.
pub struct SliceSets<'a> {
    /// One for each set.
    pub tables: &'a mut [SlicedTable],
    /// The slice's end.
    pub end: i64,
}

impl SetTables for SliceSets<'_> {
    fn table(&mut self, number: usize) -> Result<&mut GroupTable> {
        self.tables[number].slice_mut(self.end)
    }
}

impl Fold {
    /// `keys`, arguments and filters are columns of an input of types `input`.
    pub fn new(
        keys: &[usize],
        calls: &[AggregateCall],
        input: &[SqlType],
        retracting: bool,
        own: OwnWords,
        functions: &Registry,
    ) -> Result<Fold> {
        let columns =
            calls.iter().flat_map(|call| call.args.iter().copied().chain(call.filter).map(|column| column as usize));
        let mut needed: Vec<usize> = keys.iter().copied().chain(columns).collect();
        needed.sort_unstable();
        needed.dedup();
        if let Some(missing) = needed.iter().find(|column| **column >= input.len()) {
            let text = format!("an aggregation reads column {missing} of {}", input.len());
            return Err(Failure::fatal("graph.malformed", text));
        }
        // Everything below is in terms of the needed columns alone.
        let place = |column: usize| needed.binary_search(&column).unwrap_or(0);
        let calls: Vec<AggregateCall> = calls
            .iter()
            .map(|call| AggregateCall {
                args: call.args.iter().map(|column| place(*column as usize) as u32).collect(),
                filter: call.filter.map(|column| place(column as usize) as u32),
                ..call.clone()
            })
            .collect();
        let types: Vec<SqlType> = needed.iter().map(|column| input[*column].clone()).collect();
        let arrow: Vec<DataType> = types.iter().map(SqlType::arrow_type).collect();
        let keys: Vec<usize> = keys.iter().map(|column| place(*column)).collect();
        let key_types: Vec<DataType> = keys.iter().map(|column| arrow[*column].clone()).collect();
        let aggregates = Aggregates::bind(&calls, &types, retracting, own.count(), functions)?;
        let count = ValueField::new(0, "count", ValueKind::Int64);
        let values: Vec<Option<OrderedTable>> = aggregates
            .calls()
            .iter()
            .enumerate()
            .map(|(number, call)| {
                let descriptor =
                    TableDescriptor::keyed(format!("values-{number}"), key_types.clone(), vec![count.clone()]);
                call.keeps_values().then(|| OrderedTable::new(descriptor, &[0]))
            })
            .collect();
        let sets = DistinctSet::all_of(&aggregates, &key_types, &arrow)?;
        let encoder = KeyEncoder::new(keys, &key_types)?;
        let layout = encoder.layout();
        let masks = vec![None; calls.len()];
        Ok(Fold {
            sets,
            decoder: KeyDecoder::new(&key_types)?,
            encoder,
            needed,
            keys: Keys::new(),
            arguments: None,
            batch: None,
            rows: Vec::new(),
            states: States { aggregates, own, values, record_keys: RecordKeys::default(), masks, layout },
        })
    }

    /// The input columns that are read, in ascending order: what [`set_batch`](Fold::set_batch) takes.
    pub fn needed(&self) -> &[usize] {
        &self.needed
    }

    /// The same without the sets of DISTINCT calls, for an operator that has its own.
    pub fn without_sets(mut self) -> Fold {
        self.sets.clear();
        self
    }

    /// How keys are held.
    pub fn layout(&self) -> KeyLayout {
        self.encoder.layout()
    }

    /// The calls.
    pub fn aggregates(&self) -> &Aggregates {
        &self.states.aggregates
    }

    /// The sets of the DISTINCT calls.
    pub fn sets(&self) -> &[DistinctSet] {
        &self.sets
    }

    /// True where a call keeps its values in a table.
    pub fn keeps_values(&self) -> bool {
        self.states.keeps_values()
    }

    /// What the table of the groups is.
    pub fn descriptor(&self, name: &str) -> TableDescriptor {
        let own = self.states.own.names().into_iter();
        let mut fields: Vec<ValueField> =
            (0..).zip(own).map(|(id, name)| ValueField::new(id, name, ValueKind::Int64)).collect();
        fields.extend(self.states.aggregates.fields());
        TableDescriptor::keyed(name, self.encoder.types().to_vec(), fields)
    }

    /// The values of a new group: empty states.
    pub fn template(&self) -> Vec<u64> {
        vec![0; self.states.aggregates.words()]
    }

    /// The tables of values in order, for checkpoints.
    pub fn value_tables(&mut self) -> impl Iterator<Item = &mut dyn StateTable> {
        self.states.values.iter_mut().flatten().map(|table| table as &mut dyn StateTable)
    }

    /// Makes a batch, which has the [`needed`](Fold::needed) columns, the one that is folded.
    pub fn set_batch(&mut self, batch: Batch) -> Result<()> {
        self.encoder.encode(&batch, &mut self.keys)?;
        let arguments = self.states.aggregates.arguments(&batch);
        if !self.sets.is_empty() {
            let columns: Vec<ArrayRef> = self.encoder.columns().iter().map(|column| batch.column(*column)).collect();
            for set in &mut self.sets {
                set.set_batch(&columns, &self.keys, &arguments)?;
            }
        }
        self.arguments = Some(arguments);
        self.batch = Some(batch);
        Ok(())
    }

    /// The batch has been folded.
    pub fn forget_batch(&mut self) {
        self.arguments = None;
        self.batch = None;
    }

    /// How many key columns there are.
    pub fn key_count(&self) -> usize {
        self.encoder.columns().len()
    }

    /// Tables for the distinct sets, by slice.
    pub fn set_tables_by_slice(&self) -> Vec<SlicedTable> {
        let table = |(number, set): (usize, &DistinctSet)| {
            SlicedTable::new(set.descriptor(number), &set.template()).keeping_hash(HASH_WORD)
        };
        self.sets.iter().enumerate().map(table).collect()
    }

    /// Tables for the distinct sets.
    pub fn set_tables(&self) -> Vec<KeyedTable> {
        let table = |(number, set): (usize, &DistinctSet)| {
            KeyedTable::new(set.descriptor(number), &set.template()).keeping_hash(HASH_WORD)
        };
        self.sets.iter().enumerate().map(table).collect()
    }

    /// The keys of the batch.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The arguments of the batch's rows.
    pub fn arguments(&self) -> Option<&Arguments> {
        self.arguments.as_ref()
    }

    /// The batch.
    pub fn batch(&self) -> Option<&Batch> {
        self.batch.as_ref()
    }

    /// Says whose keys the records of rows of the batch have, and under which prefix each one's values are.
    pub fn work_on(&mut self, records: &[u32], positions: &[u32], prefixes: &[[u8; 8]]) {
        if self.states.keeps_values() {
            self.states.record_keys.set_rows_of_batch(&self.keys, records, positions, prefixes);
        }
    }

    /// The key columns of the batch.
    pub fn batch_key_columns(&self) -> Vec<ArrayRef> {
        self.batch.iter().flat_map(|batch| self.encoder.columns().iter().map(|column| batch.column(*column))).collect()
    }

    /// Takes rows of the batch into their groups. `prefix`: what values are kept under.
    pub fn fold(
        &mut self,
        groups: &mut GroupTable,
        range: Range<usize>,
        prefix: &[u8],
        sets: &mut dyn SetTables,
    ) -> Result<()> {
        let mut rows = std::mem::take(&mut self.rows);
        let mut start = range.start;
        let mut result = Ok(());
        while start < range.end && result.is_ok() {
            let end = range.end.min(start + BLOCK_ROWS);
            rows.clear();
            result = groups
                .upsert(&self.keys, start..end, &mut rows)
                .and_then(|()| self.fold_rows(groups, &rows, start, prefix, sets));
            start = end;
        }
        self.rows = rows;
        result
    }

    /// Takes rows of the batch from `first` on into the groups `rows`, one a row.
    pub fn fold_rows(
        &mut self,
        groups: &mut GroupTable,
        rows: &[u32],
        first: usize,
        prefix: &[u8],
        sets: &mut dyn SetTables,
    ) -> Result<()> {
        let (Some(arguments), Some(batch)) = (&self.arguments, &self.batch) else { return Ok(()) };
        if self.states.keeps_values() {
            self.states.record_keys.set_batch(&self.keys, first, rows, prefix);
        }
        if self.sets.is_empty() {
            let rows = FoldedRows { records: rows, first, arguments, kinds: batch.kinds() };
            return self.states.update(groups.update(rows.records), &rows);
        }
        // The masks of the sets are of these rows alone.
        let arguments = arguments.slice(first, rows.len());
        let kinds = batch.kinds().map(|kinds| &kinds[first..first + rows.len()]);
        for (number, set) in self.sets.iter_mut().enumerate() {
            set.count(sets.table(number)?, first, rows.len(), &arguments, kinds, &mut self.states.masks)?;
        }
        let rows = FoldedRows { records: rows, first: 0, arguments: &arguments, kinds };
        self.states.update(groups.update(rows.records), &rows)
    }

    /// The results of groups, one column a call.
    pub fn emit(&mut self, groups: &mut GroupTable, rows: &[u32], prefix: &[u8]) -> Result<Vec<ArrayRef>> {
        if self.states.keeps_values() {
            self.states.record_keys.set_rows(groups, rows, prefix);
        }
        self.states.emit(groups.update(&[]), rows)
    }

    /// The key columns of groups.
    pub fn decode_keys(&mut self, groups: &GroupTable, rows: &[u32]) -> Result<Vec<ArrayRef>> {
        groups.decode_keys(rows, &mut self.decoder)?;
        self.decoder.finish()
    }

    /// The key columns of keys given as bytes, one after the other, each ending at one of `ends`.
    pub fn decode_key_bytes(&mut self, bytes: &[u8], ends: &[usize]) -> Result<Vec<ArrayRef>> {
        let mut start = 0;
        for end in ends {
            let key = KeyRef::from_bytes(self.encoder.layout(), &bytes[start..*end])
                .ok_or_else(|| Failure::fatal("state.damaged", "a stored key has not the format of its types"))?;
            self.decoder.push(key)?;
            start = *end;
        }
        self.decoder.finish()
    }

    /// The states of groups as words, one group after the other; their keys become those that
    /// [`merge_words`](Fold::merge_words) takes states for.
    pub fn read_states(&mut self, groups: &GroupTable, rows: &[u32]) -> Result<Vec<u64>> {
        let mut words = Vec::with_capacity(rows.len() * self.states.aggregates.words());
        rows.iter().for_each(|row| words.extend_from_slice(groups.values(*row)));
        let columns = self.decode_keys(groups, rows)?;
        self.set_keys(&columns, rows.len())?;
        Ok(words)
    }

    /// Makes key columns those that [`merge_words`](Fold::merge_words) takes partial states for.
    pub fn set_keys(&mut self, columns: &[ArrayRef], rows: usize) -> Result<()> {
        self.encoder.encode_columns(columns, rows, None, &mut self.keys)
    }

    /// Adds partial states to the groups of keys: for each key as many words as a record has.
    pub fn merge_words(&mut self, into: &mut GroupTable, words: &[u64], range: Range<usize>) -> Result<()> {
        let mut rows = std::mem::take(&mut self.rows);
        let stride = self.states.aggregates.words();
        let mut start = range.start;
        let mut result = Ok(());
        while start < range.end && result.is_ok() {
            let end = range.end.min(start + BLOCK_ROWS);
            rows.clear();
            result = into.upsert(&self.keys, start..end, &mut rows).and_then(|()| {
                let words = &words[start * stride..end * stride];
                self.states.merge(into.update(&rows), &rows, words)
            });
            start = end;
        }
        self.rows = rows;
        result
    }

    /// Forgets the values that groups have kept under a prefix.
    pub fn remove_values(&mut self, groups: &GroupTable, rows: &[u32], prefix: &[u8]) {
        let layout = self.encoder.layout();
        let mut key = Vec::new();
        for row in rows {
            key.clear();
            groups.append_key(*row, &mut key);
            let hash = tidemill_core::hash::of_bytes(&key);
            if let Some(key) = KeyRef::from_bytes(layout, &key) {
                self.states.remove_values(key, hash, prefix);
            }
        }
    }
}

impl States {
    /// True where a call keeps its values in a table.
    pub fn keeps_values(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }

    /// The keys of the records that are worked on; only needed if values are kept.
    pub fn keys(&mut self) -> &mut RecordKeys {
        &mut self.record_keys
    }

    /// Says for each call with DISTINCT which rows of the next [`update`](States::update) count.
    pub fn set_masks(&mut self, masks: Vec<Option<BooleanArray>>) {
        self.masks = masks;
    }

    /// Forgets the values that a group has kept under a prefix.
    pub fn remove_values(&mut self, key: KeyRef<'_>, hash: u64, prefix: &[u8]) {
        self.values.iter_mut().flatten().for_each(|table| remove_values(table, key, hash, prefix));
    }

    /// Takes rows into records that may be written. If values are kept, [`keys`](States::keys) must know them.
    pub fn update(&mut self, records: StateRecords<'_>, rows: &FoldedRows<'_>) -> Result<()> {
        let (mut records, at, mut stores) = Stores::beside(records, &mut self.values, &self.record_keys, self.layout);
        if self.own.input_rows {
            let word = at + self.own.reserved.len();
            rows.records.iter().for_each(|record| records.words_mut::<1>(*record, word)[0] += 1);
        }
        if self.own.net_rows {
            let word = at + self.own.net_word();
            for (row, record) in (rows.first..).zip(rows.records) {
                let sign = rows.kinds.map_or(1, |kinds| kinds[row].sign());
                let count = &mut records.words_mut::<1>(*record, word)[0];
                *count = count.wrapping_add(sign as u64);
            }
        }
        self.aggregates.update(&mut records, at, rows, &self.masks, &mut stores)
    }

    /// Adds partial states to records: for each as many words as a record has.
    pub fn merge(&mut self, records: StateRecords<'_>, into: &[u32], words: &[u64]) -> Result<()> {
        let stride = self.aggregates.words();
        let parts = records.into_parts();
        let at = parts.first_value_word;
        let mut records = RecordsMut::new(parts.words, parts.stride, 0);
        for (row, state) in into.iter().zip(words.chunks_exact(stride.max(1))) {
            for (word, more) in state.iter().enumerate().take(self.own.count()).skip(self.own.reserved.len()) {
                let word = &mut records.words_mut::<1>(*row, at + word)[0];
                *word = word.wrapping_add(*more);
            }
        }
        self.aggregates.merge(&mut records, at, into, words, stride)
    }

    /// The results of records, one column a call.
    pub fn emit(&mut self, records: StateRecords<'_>, rows: &[u32]) -> Result<Vec<ArrayRef>> {
        let (records, at, mut stores) = Stores::beside(records, &mut self.values, &self.record_keys, self.layout);
        self.aggregates.emit(&records, at, rows, &mut stores)
    }
}
