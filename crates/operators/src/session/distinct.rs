//! The sets of DISTINCT calls of sessions: how often each combination of arguments occurs in a session.
//!
//! Sessions are joined, so a set must be found whole: it is a table in order, by the group's key, then the session's prefix and
//! the arguments.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use tidemill_core::{Failure, KeyDecoder, KeyEncoder, KeyRef, Keys, Result, RowKind};
use tidemill_expr::SqlType;
use tidemill_state::{OrderedTable, TableDescriptor};

use crate::aggregates::distinct::{calls_by_arguments, count_fields};
use crate::aggregates::fold::Fold;
use crate::aggregates::join::{Change, GroupAt};
use crate::aggregates::store::{remove_values, rows_under};
use crate::aggregates::{Aggregates, Arguments};

/// The set of the calls that share their arguments, in all sessions.
pub struct SessionSet {
    calls: Vec<usize>,
    encoder: KeyEncoder,
    decoder: KeyDecoder,
    args: Keys,
    table: OrderedTable,
}

/// Rows of a batch that are taken into sessions.
pub struct SessionRows<'a> {
    /// The keys of the batch.
    pub keys: &'a Keys,
    /// Where the rows are in the batch.
    pub positions: &'a [u32],
    /// The prefix of each one's session.
    pub prefixes: &'a [[u8; 8]],
    /// Their kinds; all inserts if absent.
    pub kinds: Option<&'a [RowKind]>,
}

/// What a set has gained and lost as another came in.
pub struct SetChanges {
    args: Vec<ArrayRef>,
    /// For each call the rows of `args` that count, and what becomes of them.
    calls: Vec<(usize, BooleanArray, Vec<RowKind>)>,
}

impl SetChanges {
    /// The changes, by call.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        self.calls.iter().map(|(call, mask, kinds)| Change { call: *call, args: &self.args, mask, kinds })
    }
}

impl SessionSet {
    /// The sets of a fold's calls. `input`: the types of the operator's input.
    pub fn all_of(fold: &Fold, key_types: &[DataType], input: &[SqlType]) -> Result<Vec<SessionSet>> {
        let aggregates: &Aggregates = fold.aggregates();
        let set = |(number, calls): (usize, Vec<usize>)| {
            let args = aggregates.calls()[calls[0]].args.iter();
            let types: Vec<DataType> = args.map(|column| input[fold.needed()[*column]].arrow_type()).collect();
            let name = format!("distinct-{number}");
            let descriptor = TableDescriptor::keyed(name, key_types.to_vec(), count_fields(&calls));
            Ok(SessionSet {
                encoder: KeyEncoder::new((0..types.len()).collect(), &types)?,
                decoder: KeyDecoder::new(&types)?,
                args: Keys::new(),
                table: OrderedTable::new(descriptor, &vec![0; calls.len()]),
                calls,
            })
        };
        calls_by_arguments(aggregates).into_iter().enumerate().map(set).collect()
    }

    /// The table, for checkpoints.
    pub fn table(&mut self) -> &mut OrderedTable {
        &mut self.table
    }

    /// Takes the arguments of a batch of `len` rows.
    pub fn set_batch(&mut self, arguments: &Arguments, len: usize) -> Result<()> {
        self.encoder.encode_columns(arguments.of_call(self.calls[0]), len, None, &mut self.args)
    }

    /// Counts rows, to which `arguments` are cut, and says in `masks` for which of them each call's state changes.
    pub fn count(
        &mut self,
        rows: &SessionRows<'_>,
        arguments: &Arguments,
        masks: &mut [Option<BooleanArray>],
    ) -> Result<()> {
        let args = arguments.of_call(self.calls[0]);
        let filters: Vec<Option<&BooleanArray>> =
            self.calls.iter().map(|call| arguments.filter_of_call(*call)).collect();
        let passes = |filter: &Option<&BooleanArray>, i: usize| {
            filter.is_none_or(|filter| filter.is_valid(i) && filter.value(i))
        };
        let mut changes = vec![vec![false; rows.positions.len()]; self.calls.len()];
        let mut order = Vec::new();
        for (i, position) in rows.positions.iter().map(|position| *position as usize).enumerate() {
            if !args.iter().all(|arg| arg.is_valid(i)) || !filters.iter().any(|filter| passes(filter, i)) {
                continue;
            }
            order.clear();
            order.extend_from_slice(&rows.prefixes[i]);
            self.args.key(position).append_to(&mut order);
            let (row, _) = self.table.insert(rows.keys.key(position), rows.keys.hash(position), &order)?;
            let sign = rows.kinds.map_or(1, |kinds| kinds[i].sign());
            let mut records = self.table.update(&[row]);
            let counts = records.values(row);
            for (place, _) in filters.iter().enumerate().filter(|(_, filter)| passes(filter, i)) {
                let before = counts[place] as i64;
                let after = before.wrapping_add(sign);
                counts[place] = after as u64;
                changes[place][i] = (before > 0) != (after > 0);
            }
            if counts.iter().all(|count| *count == 0) {
                self.table.remove(row);
            }
        }
        for (call, changes) in self.calls.iter().zip(changes) {
            masks[*call] = Some(changes.into());
        }
        Ok(())
    }

    /// Moves what is under the prefix `from` to a group's own prefix, and says what is new there.
    pub fn join(&mut self, group: GroupAt<'_>, from: &[u8]) -> Result<SetChanges> {
        let moved: Vec<(Vec<u8>, Vec<u64>)> = rows_under(&self.table, group.key, group.hash, from)
            .into_iter()
            .map(|(args, row)| (args.to_vec(), self.table.values(row).to_vec()))
            .collect();
        remove_values(&mut self.table, group.key, group.hash, from);
        let mut calls: Vec<(Vec<bool>, Vec<RowKind>)> = vec![Default::default(); self.calls.len()];
        for (args, more) in &moved {
            let key = KeyRef::from_bytes(self.encoder.layout(), args).ok_or_else(damaged)?;
            self.decoder.push(key)?;
            let order = [group.prefix, args].concat();
            let (row, _) = self.table.insert(group.key, group.hash, &order)?;
            let mut records = self.table.update(&[row]);
            let counts = records.values(row);
            for ((count, more), (mask, kinds)) in counts.iter_mut().zip(more).zip(&mut calls) {
                let before = *count as i64;
                let after = before.wrapping_add(*more as i64);
                *count = after as u64;
                mask.push((before > 0) != (after > 0));
                kinds.push(if after > 0 { RowKind::Insert } else { RowKind::Delete });
            }
            if counts.iter().all(|count| *count == 0) {
                self.table.remove(row);
            }
        }
        let calls = self.calls.iter().zip(calls).map(|(call, (mask, kinds))| (*call, mask.into(), kinds)).collect();
        Ok(SetChanges { args: self.decoder.finish()?, calls })
    }

    /// Forgets a session's set.
    pub fn remove(&mut self, session: GroupAt<'_>) {
        remove_values(&mut self.table, session.key, session.hash, session.prefix);
    }
}

fn damaged() -> Failure {
    Failure::fatal("state.damaged", "a stored value of a DISTINCT aggregate has not the format of its types")
}
