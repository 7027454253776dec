//! Between deltas in memory and runs in the store: encoding an object of runs, reading the runs of a checkpoint back, and
//! turning a checkpoint into a savepoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_checkpoint::manifest::{RunFormat, operator_id};
use tidemill_checkpoint::savepoint::{SavepointTable, write_savepoint as write_files};
use tidemill_checkpoint::savepoint_table::{StateEntry, TableColumns, read_table};
use tidemill_checkpoint::{
    CheckpointContent, PreparedSavepoint, RunRef, decode_descriptor, encode_descriptor, envelope, tree,
};
use tidemill_core::map::Map;
use tidemill_core::storage::Storage;
use tidemill_core::{EventTime, KeyGroupSet, KeyGroups, OperatorId, Result, Routing};
use tidemill_dataflow::Split;
use tidemill_dataflow::snapshot::{DELTA_ROWS_MIN, RestoredBlob, RestoredOperator, RestoredWatermarks};
use tidemill_state::run_file::{self, RunPart, RunReader};
use tidemill_state::{DeltaSink, Distribution, Entry, Rewrite, TableDescriptor};

use crate::content::{TableChains, effective_groups};
use crate::worker::{OwnedDelta, OwnedRun};

/// What operators left, and the splits of the sources.
pub(crate) type Loaded = (Map<OperatorId, RestoredOperator>, Vec<(OperatorId, Vec<(Split, EventTime)>)>);

/// The runs of some deltas, one behind the other in one object, with references to them.
pub(crate) fn encode_object(
    path: &str,
    deltas: &[OwnedDelta],
    key_groups: KeyGroups,
    parallelism: u32,
) -> Result<(Vec<u8>, Vec<OwnedRun>)> {
    let routing = Routing::contiguous(key_groups, parallelism)?;
    let (mut object, mut runs) = (Vec::new(), Vec::new());
    for owned in deltas {
        let delta = &owned.delta;
        if delta.is_empty() && delta.rewrite().is_none() && delta.order_floor().is_none() {
            continue;
        }
        let own = match owned.subtask {
            Some(subtask) => routing.owned_by(subtask),
            None => KeyGroupSet::all(key_groups),
        };
        for part in RunPart::of(delta) {
            let is_base = *part == RunPart::Rewritten;
            let groups = if is_base { delta.rewrite().groups(key_groups, &own) } else { own.clone() };
            if groups.is_empty() {
                continue;
            }
            let offset = object.len();
            let rows = run_file::append(delta, *part, &owned.table, &mut object)?;
            let bytes = &object[offset..];
            let (first_key_group, last_key_group) = range(&groups);
            let run = RunRef {
                path: path.to_string(),
                offset: offset as u64,
                len: bytes.len() as u64,
                checksum: envelope::checksum(bytes),
                first_key_group,
                last_key_group,
                rows: rows as u64,
                bytes: (delta.bytes() * rows / delta.len().max(1)) as u64,
                is_base,
                order_floor: delta.order_floor(),
                format: RunFormat::Native.into(),
            };
            let (operator, table) = (owned.operator, owned.table.name.clone());
            runs.push(OwnedRun { operator, table, descriptor: encode_descriptor(&owned.table), run });
        }
    }
    Ok((object, runs))
}

fn range(groups: &KeyGroupSet) -> (u32, u32) {
    let ranges = groups.ranges();
    let (first, last) = (ranges.first(), ranges.last());
    (first.map_or(0, |range| range.start), last.map_or(0, |range| range.end - 1))
}

/// All that a checkpoint or savepoint holds of operators and splits, but for the rows of tables, which stay in their files.
pub(crate) fn load(content: &CheckpointContent, tables: &TableChains) -> Result<Loaded> {
    let mut operators: Map<OperatorId, RestoredOperator> = Map::default();
    let mut splits: BTreeMap<OperatorId, Vec<(Split, EventTime)>> = BTreeMap::new();
    let routing =
        Routing::contiguous(KeyGroups::new(content.header.key_groups.max(1))?, content.header.parallelism.max(1))?;
    let operators_of = content.subtasks().flat_map(|subtask| {
        let groups = routing.owned_by(subtask.subtask);
        subtask.operators.iter().map(move |operator| (groups.clone(), operator))
    });
    for (groups, stored) in operators_of {
        let id = operator_id(&stored.operator)?;
        let restored = operators.entry(id).or_default();
        restored.blobs.extend(stored.blobs.iter().map(|blob| RestoredBlob {
            name: blob.name.clone(),
            state: blob.state.clone(),
            groups: groups.clone(),
        }));
        for input in &stored.input_watermarks {
            restored.watermarks = Some(RestoredWatermarks::and(restored.watermarks, EventTime(input.watermark)));
        }
        let found = stored.splits.iter().map(|split| {
            let state = Split { id: split.id.clone(), payload: split.payload.clone() };
            (state, EventTime(split.event_time_max))
        });
        splits.entry(id).or_default().extend(found);
    }
    for ((operator, table), chain) in tables.chains.iter().filter(|(_, chain)| !chain.runs.is_empty()) {
        let restored = operators.entry(*operator).or_default();
        restored.has_rows = true;
        restored.rows.insert(table.clone(), chain.runs.iter().map(|run| run.rows.max(DELTA_ROWS_MIN)).sum());
    }
    for splits in splits.values_mut() {
        splits.sort_by(|left, right| left.0.id.cmp(&right.0.id));
    }
    Ok((operators, splits.into_iter().filter(|(_, splits)| !splits.is_empty()).collect()))
}

/// The key groups of a run that no later base covers, in parts that share a floor.
fn parts(runs: &[RunRef], position: usize) -> Vec<(KeyGroupSet, Option<i64>)> {
    let mut parts: BTreeMap<Option<i64>, Vec<u32>> = BTreeMap::new();
    for group in effective_groups(runs, position) {
        let later = runs[position..].iter();
        let covering = later.filter(|run| (run.first_key_group..=run.last_key_group).contains(&group));
        parts.entry(covering.filter_map(|run| run.order_floor).max()).or_default().push(group);
    }
    parts.into_iter().map(|(floor, groups)| (KeyGroupSet::from_ascending(groups), floor)).collect()
}

fn read_delta(storage: &dyn Storage, run: &RunRef) -> Result<DeltaSink> {
    let mut delta = DeltaSink::new();
    delta.describe(if run.is_base { Rewrite::ALL } else { Rewrite::NONE }, run.order_floor);
    if run.format() == RunFormat::Parquet {
        read_table(storage, run, &mut |row| {
            delta.push(Entry { hash: row.hash, key: &row.key, order: &row.order, value: Some(&row.value) });
            Ok(())
        })?;
    } else {
        let bytes = tree::verify_run(storage, run)?;
        RunReader::open(bytes)?.scan((0, u64::MAX), |entries| {
            entries.for_each(|entry| delta.push(entry));
            Ok(())
        })?;
    }
    Ok(delta)
}

/// The live rows of every table of a checkpoint.
fn live_rows(storage: &dyn Storage, content: &CheckpointContent) -> Result<Vec<LiveTable>> {
    let mut tables = Vec::new();
    let key_groups = KeyGroups::new(content.header.key_groups.max(1))?;
    for stored in content.subtasks().flat_map(|subtask| &subtask.operators) {
        for table in &stored.tables {
            let descriptor = decode_descriptor(&table.descriptor)?;
            let rows = match descriptor.distribution {
                Distribution::Keyed => keyed_rows(storage, &table.runs, key_groups)?,
                // Everyone has the same.
                Distribution::Broadcast => items(storage, &table.runs[..table.runs.len().min(1)])?,
                Distribution::Split | Distribution::Union | Distribution::Transient => items(storage, &table.runs)?,
            };
            let operator = operator_id(&stored.operator)?;
            tables.push(LiveTable { operator, table: table.name.clone(), descriptor, rows });
        }
    }
    Ok(tables)
}

fn keyed_rows(storage: &dyn Storage, runs: &[RunRef], key_groups: KeyGroups) -> Result<LiveRows> {
    let mut rows = LiveRows::new();
    for (position, run) in runs.iter().enumerate() {
        let delta = read_delta(storage, run)?;
        for (groups, floor) in parts(runs, position) {
            let taken = delta.entries().filter(|entry| groups.contains(key_groups.of(entry.hash)));
            for entry in taken.filter(|entry| !is_below(entry.order, floor)) {
                let key = (entry.key.to_vec(), entry.order.to_vec());
                match entry.value {
                    Some(value) => drop(rows.insert(key, (entry.hash, value.to_vec()))),
                    None => drop(rows.remove(&key)),
                }
            }
        }
    }
    Ok(rows)
}

/// The items of the lists of several subtasks as one list: numbered anew, each subtask's in their order.
fn items(storage: &dyn Storage, runs: &[RunRef]) -> Result<LiveRows> {
    let mut rows = LiveRows::new();
    for run in runs {
        let delta = read_delta(storage, run)?;
        let mut own: Vec<(&[u8], &[u8])> =
            delta.entries().filter_map(|entry| Some((entry.key, entry.value?))).collect();
        own.sort_unstable();
        for (_, item) in own {
            let key = (rows.len() as u32).to_be_bytes().to_vec();
            let hash = tidemill_core::hash::of_bytes(&key);
            rows.insert((key, Vec::new()), (hash, item.to_vec()));
        }
    }
    Ok(rows)
}

/// Hash and value by key and order.
type LiveRows = BTreeMap<(Vec<u8>, Vec<u8>), (u64, Vec<u8>)>;

struct LiveTable {
    operator: OperatorId,
    table: String,
    descriptor: TableDescriptor,
    rows: LiveRows,
}

/// The tables of a savepoint as full deltas.
pub(crate) fn savepoint_deltas(storage: &dyn Storage, content: &CheckpointContent) -> Result<Vec<OwnedDelta>> {
    let tables = live_rows(storage, content)?.into_iter().map(|table| {
        let mut delta = DeltaSink::new();
        delta.describe(Rewrite::ALL, None);
        for ((key, order), (hash, value)) in &table.rows {
            delta.push(Entry { hash: *hash, key, order, value: Some(value) });
        }
        OwnedDelta { operator: table.operator, subtask: None, table: table.descriptor, delta }
    });
    Ok(tables.collect())
}

/// A complete savepoint whose output may not be committed yet.
pub(crate) struct WrittenSavepoint {
    target: Arc<dyn Storage>,
    savepoint: PreparedSavepoint,
}

impl WrittenSavepoint {
    /// Where it is.
    pub fn url(&self) -> String {
        self.target.url("")
    }

    /// Notes that its output is committed. If that cannot be noted, whoever goes on from it commits once more what is there.
    pub fn settle(self) {
        let _ = self.savepoint.settle(self.target.as_ref());
    }
}

/// Writes a completed checkpoint as a savepoint into an empty store.
pub(crate) fn write_savepoint(
    storage: &dyn Storage,
    job: &str,
    target: Arc<dyn Storage>,
    content: &CheckpointContent,
) -> Result<WrittenSavepoint> {
    tidemill_checkpoint::savepoint::ensure_empty(target.as_ref())?;
    let tables = live_rows(storage, content)?.into_iter().map(|table| {
        let row = |((key, order), (hash, value))| Ok(StateEntry { hash, key, order, value });
        SavepointTable {
            operator: table.operator,
            subtask: None,
            table: table.table,
            columns: TableColumns::of(&table.descriptor),
            entries: Box::new(table.rows.into_iter().map(row)),
        }
    });
    let savepoint = write_files(target.as_ref(), job, content.clone(), tables.collect())?;
    savepoint.publish(target.as_ref())?;
    Ok(WrittenSavepoint { target, savepoint })
}

/// True if a row's order, a slice's end, is at or below a floor.
fn is_below(order: &[u8], floor: Option<i64>) -> bool {
    floor.is_some_and(|floor| tidemill_state::time_of_order(order).is_some_and(|end| end <= floor))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tidemill_checkpoint::MemoryStorage;
    use tidemill_state::{ListState, StateTable};

    /// The run of a subtask's list.
    fn run(storage: &MemoryStorage, subtask: u32, distribution: Distribution, list: &[&str]) -> RunRef {
        let mut state = ListState::new("list", distribution);
        state.set(list.iter().map(|item| item.as_bytes().to_vec()).collect());
        state.freeze(Rewrite::ALL).unwrap();
        let mut delta = DeltaSink::new();
        assert!(state.gather(usize::MAX, &mut delta));
        let table = state.descriptor().clone();
        let owned = OwnedDelta { operator: OperatorId(1), subtask: Some(subtask), table, delta };
        let path = format!("run-{subtask}");
        let (object, runs) = encode_object(&path, &[owned], KeyGroups::new(4).unwrap(), 2).unwrap();
        storage.create(&path, &object).unwrap();
        runs[0].run.clone()
    }

    #[test]
    fn lists_of_several_subtasks_are_one_in_a_savepoint() {
        let storage = MemoryStorage::new();
        let runs: Vec<RunRef> = [(0, &["a", "b"][..]), (1, &["c"])]
            .map(|(subtask, list)| run(&storage, subtask, Distribution::Split, list))
            .to_vec();
        let found = items(&storage, &runs).unwrap();
        let found: Vec<&[u8]> = found.values().map(|(_, item)| item.as_slice()).collect();
        assert_eq!(found, [b"a", b"b", b"c"]);
    }
}
