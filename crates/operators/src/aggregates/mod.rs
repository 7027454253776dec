//! Calls of aggregate functions, bound: which accumulator, where its words lie in a record, which columns it reads.

pub mod distinct;
pub mod fold;
pub mod join;
pub mod store;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::error::ArrowError;
use tidemill_core::{Batch, Failure, Result, RowKind};
use tidemill_expr::{
    Accumulator, AggregateInput, AggregateStore, Extra, Operand, PartialStates, RecordsMut, Registry, SqlType,
};
use tidemill_state::{ValueField, ValueKind};

use crate::config::AggregateCall;

/// A bound call.
pub struct Call {
    /// How its state changes.
    pub accumulator: Box<dyn Accumulator>,
    /// Its first word among the values of a record.
    pub at: usize,
    /// Input columns of its arguments.
    pub args: Vec<usize>,
    /// Input column of its filter.
    pub filter: Option<usize>,
    /// True: only the first of equal arguments counts.
    pub distinct: bool,
    /// Type of its result.
    pub ty: SqlType,
    name: String,
}

/// All calls of an operator. Their words lie one after the other in a record, behind words of the operator's own.
pub struct Aggregates {
    calls: Vec<Call>,
    words: usize,
}

/// The columns that calls read, of a batch or of some of its rows.
pub struct Arguments {
    args: Vec<Vec<ArrayRef>>,
    filters: Vec<Option<BooleanArray>>,
}

/// Rows from `first` on, as many as there are records, which they go to.
#[derive(Clone, Copy)]
pub struct FoldedRows<'a> {
    /// The record of each row.
    pub records: &'a [u32],
    /// The first row.
    pub first: usize,
    /// The arguments of all rows.
    pub arguments: &'a Arguments,
    /// The kinds of all rows; all inserts if absent.
    pub kinds: Option<&'a [RowKind]>,
}

impl Aggregates {
    /// Binds calls over columns of types `input`. `retracting`: rows may be taken back. `own_words`: how many words of a
    /// record come before those of the calls.
    pub fn bind(
        calls: &[AggregateCall],
        input: &[SqlType],
        retracting: bool,
        own_words: usize,
        functions: &Registry,
    ) -> Result<Aggregates> {
        let mut words = own_words;
        let calls: Result<Vec<Call>> = calls
            .iter()
            .map(|call| {
                let call = Call::bind(call, input, retracting, words, functions)?;
                words += call.accumulator.words();
                Ok(call)
            })
            .collect();
        Ok(Aggregates { calls: calls?, words })
    }

    /// The calls.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Words of a record, the operator's own included.
    pub fn words(&self) -> usize {
        self.words
    }

    /// The fields of the calls' words, for a table's descriptor. Field ids follow the words' positions.
    pub fn fields(&self) -> Vec<ValueField> {
        let mut fields = Vec::new();
        for (number, call) in self.calls.iter().enumerate() {
            for word in 0..call.accumulator.words() {
                let bytes = call.accumulator.bytes_word() == Some(word);
                let kind = if bytes { ValueKind::Bytes } else { ValueKind::UInt64 };
                let id = (call.at + word) as u32;
                fields.push(ValueField::new(id, format!("{number}:{}:{word}", call.name), kind));
            }
        }
        fields
    }

    /// True where every call's states can be merged, so that slices can be shared and sessions joined.
    pub fn mergeable(&self) -> bool {
        self.calls.iter().all(|call| !call.distinct && call.accumulator.mergeable())
    }

    /// The input columns that calls read, each once, in ascending order.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> =
            self.calls.iter().flat_map(|call| call.args.iter().copied().chain(call.filter)).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The arguments of all calls for the rows of a batch. Columns are where the config says.
    pub fn arguments(&self, batch: &Batch) -> Arguments {
        let columns: Vec<Option<ArrayRef>> = {
            let mut columns = vec![None; batch.width()];
            self.columns().into_iter().for_each(|column| columns[column] = Some(batch.column(column)));
            columns
        };
        let column = |position: usize| columns[position].clone().unwrap_or_else(|| batch.column(position));
        Arguments {
            args: self.calls.iter().map(|call| call.args.iter().map(|arg| column(*arg)).collect()).collect(),
            filters: self
                .calls
                .iter()
                .map(|call| call.filter.and_then(|filter| column(filter).as_boolean_opt().cloned()))
                .collect(),
        }
    }

    /// Takes rows into their records: all calls but those that are DISTINCT, unless `masks` has a mask for them.
    ///
    /// `first_value_word`: where the values of a record begin in `records`. `store`: makes the store of a call.
    pub fn update(
        &self,
        records: &mut RecordsMut<'_>,
        first_value_word: usize,
        rows: &FoldedRows<'_>,
        masks: &[Option<BooleanArray>],
        store: &mut dyn CallStore,
    ) -> Result<()> {
        let FoldedRows { records: into, first, arguments, kinds } = *rows;
        for (number, call) in self.calls.iter().enumerate() {
            let mask = masks.get(number).and_then(Option::as_ref).or(arguments.filters[number].as_ref());
            let input = AggregateInput { records: into, first, args: &arguments.args[number], filter: mask, kinds };
            call.accumulator.update(records, first_value_word + call.at, &input, store.of_call(number))?;
        }
        Ok(())
    }

    /// Merges partial states into records; `states` begin with the operator's own words.
    pub fn merge(
        &self,
        records: &mut RecordsMut<'_>,
        first_value_word: usize,
        into: &[u32],
        words: &[u64],
        stride: usize,
    ) -> Result<()> {
        for call in &self.calls {
            let states = PartialStates { words, stride, offset: call.at };
            call.accumulator.merge(records, first_value_word + call.at, into, &states)?;
        }
        Ok(())
    }

    /// The results of all calls for records.
    pub fn emit(
        &self,
        records: &RecordsMut<'_>,
        first_value_word: usize,
        rows: &[u32],
        store: &mut dyn CallStore,
    ) -> Result<Vec<ArrayRef>> {
        let emit = |(number, call): (usize, &Call)| {
            call.accumulator.emit(records, first_value_word + call.at, rows, store.of_call(number))
        };
        self.calls.iter().enumerate().map(emit).collect()
    }
}

/// The stores of the calls of an operator.
pub trait CallStore {
    /// The store of a call.
    fn of_call(&mut self, number: usize) -> &mut dyn AggregateStore;
}

impl Arguments {
    /// The arguments of rows `offset .. offset + len`.
    pub fn slice(&self, offset: usize, len: usize) -> Arguments {
        Arguments {
            args: self.args.iter().map(|args| args.iter().map(|arg| arg.slice(offset, len)).collect()).collect(),
            filters: self
                .filters
                .iter()
                .map(|filter| filter.as_ref().map(|filter| filter.slice(offset, len)))
                .collect(),
        }
    }

    /// The arguments of rows at `rows`, in that order.
    pub fn take(&self, rows: &UInt32Array) -> Result<Arguments> {
        let take = |array: &dyn Array| arrow::compute::take(array, rows, None);
        let args: Result<Vec<Vec<ArrayRef>>, ArrowError> =
            self.args.iter().map(|args| args.iter().map(|arg| take(arg)).collect()).collect();
        let filters: Result<Vec<Option<BooleanArray>>, ArrowError> = self
            .filters
            .iter()
            .map(|filter| filter.as_ref().map(|filter| Ok(take(filter)?.as_boolean().clone())).transpose())
            .collect();
        Ok(Arguments { args: args?, filters: filters? })
    }

    /// The arguments of a call.
    pub fn of_call(&self, number: usize) -> &[ArrayRef] {
        &self.args[number]
    }

    /// The filter of a call.
    pub fn filter_of_call(&self, number: usize) -> Option<&BooleanArray> {
        self.filters[number].as_ref()
    }
}

impl Call {
    fn bind(
        call: &AggregateCall,
        input: &[SqlType],
        retracting: bool,
        at: usize,
        functions: &Registry,
    ) -> Result<Call> {
        let function = functions.aggregate(&call.function).ok_or_else(|| {
            let text = format!(
                "this build has no aggregate function {}; run the job with the build that planned it",
                call.function
            );
            Failure::refused("aggregate.unknown", text)
        })?;
        let args: Vec<usize> = call.args.iter().map(|column| *column as usize).collect();
        let types: Vec<SqlType> =
            args.iter().map(|column| input.get(*column).cloned().ok_or_else(no_column)).collect::<Result<_>>()?;
        let ty = if call.ty.is_empty() {
            let operands: Vec<Operand<'_>> = types.iter().map(|ty| Operand { ty, literal: None }).collect();
            let signature = function.infer(&operands).map_err(|reason| Failure::fatal("graph.malformed", reason))?;
            signature.ty
        } else {
            SqlType::from_bytes(&call.ty)?
        };
        let distinct = call.distinct && !function.ignores_distinct();
        Ok(Call {
            accumulator: function.bind(&types, &ty, retracting)?,
            at,
            args,
            filter: call.filter.map(|column| column as usize),
            distinct,
            ty,
            name: function.name().to_string(),
        })
    }

    /// True where its values are kept one by one, in order.
    pub fn keeps_values(&self) -> bool {
        self.accumulator.extra() == Extra::OrderedValues
    }
}

fn no_column() -> Failure {
    Failure::fatal("graph.malformed", "an aggregate reads a column that its input does not have")
}
