//! What a checkpoint's manifest says, from what a worker acknowledged and what was there before.

use std::collections::BTreeMap;

use tidemill_checkpoint::CheckpointContent;
use tidemill_checkpoint::manifest::{
    Blob, CounterSnapshot, EnumeratorState, Header, InputWatermark, OperatorSnapshot, RunRef, SplitState,
    SubtaskSnapshot, TableSnapshot, WorkerPart,
};
use tidemill_core::{CheckpointId, CheckpointKind, EventTime, OperatorId};
use tidemill_dataflow::CounterValues;

use crate::worker::Ack;

/// The runs of every table of a job, oldest first, as of the last completed checkpoint.
#[derive(Clone, Debug, Default)]
pub struct TableChains {
    /// The checkpoint; 0 for none.
    pub checkpoint: CheckpointId,
    /// The runs by operator and table.
    pub chains: BTreeMap<(OperatorId, String), Chain>,
}

/// The runs of one table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// The table's description, encoded by `state`.
    pub descriptor: Vec<u8>,
    /// Its runs, oldest first.
    pub runs: Vec<RunRef>,
}

/// What a checkpoint's manifest will hold, with the table chains that it makes.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// What goes into the manifest.
    pub manifest: CheckpointContent,
    /// The tables as they are with this checkpoint.
    pub tables: TableChains,
}

/// What concerns the whole job in a manifest.
#[derive(Clone, Debug)]
pub struct JobPart {
    /// The job graph, encoded.
    pub graph: Vec<u8>,
    /// The division of keys.
    pub key_groups: u32,
    /// Slots.
    pub parallelism: u32,
    /// The generation that takes the checkpoint.
    pub generation: u64,
    /// Counts before this start.
    pub base_counters: CounterValues,
    /// Completed checkpoints before this one.
    pub checkpoints_completed: u64,
}

impl TableChains {
    /// Adds the runs of a checkpoint; what a base makes superfluous goes.
    pub fn extended(&self, checkpoint: CheckpointId, runs: &[crate::worker::OwnedRun]) -> TableChains {
        let mut next = TableChains { checkpoint, chains: self.chains.clone() };
        for owned in runs {
            let chain = next.chains.entry((owned.operator, owned.table.clone())).or_default();
            chain.descriptor.clone_from(&owned.descriptor);
            chain.runs.push(owned.run.clone());
        }
        next.chains.values_mut().for_each(|chain| chain.runs = needed(&chain.runs));
        next
    }

    /// The chains that a manifest holds.
    pub fn of_manifest(content: &CheckpointContent) -> TableChains {
        let mut all = TableChains { checkpoint: content.header.checkpoint, ..TableChains::default() };
        for operator in content.subtasks().flat_map(|subtask| &subtask.operators) {
            let Some(id) = OperatorId::parse(&operator.operator) else { continue };
            for table in &operator.tables {
                let chain = all.chains.entry((id, table.name.clone())).or_default();
                chain.descriptor.clone_from(&table.descriptor);
                chain.runs.extend(table.runs.iter().cloned());
            }
        }
        all
    }
}

/// The key groups of a run for which no later base stands.
pub fn effective_groups(runs: &[RunRef], position: usize) -> Vec<u32> {
    let later = &runs[position + 1..];
    let covered =
        |group: u32| later.iter().any(|run| run.is_base && (run.first_key_group..=run.last_key_group).contains(&group));
    let run = &runs[position];
    (run.first_key_group..=run.last_key_group).filter(|group| !covered(*group)).collect()
}

fn needed(runs: &[RunRef]) -> Vec<RunRef> {
    let kept = (0..runs.len()).filter(|position| !effective_groups(runs, *position).is_empty());
    kept.map(|position| runs[position].clone()).collect()
}

impl Content {
    /// Puts a manifest together.
    pub fn assemble(
        kind: CheckpointKind,
        ack: Ack,
        enumerators: BTreeMap<OperatorId, Vec<u8>>,
        before: &TableChains,
        job: &JobPart,
    ) -> Content {
        let tables = before.extended(ack.checkpoint, &ack.runs);
        let header = Header {
            checkpoint: ack.checkpoint,
            generation: job.generation,
            kind: tidemill_checkpoint::manifest::StoredKind::from(kind) as i32,
            parallelism: job.parallelism,
            key_groups: job.key_groups,
            job_graph: job.graph.clone(),
            mutation: Vec::new(),
            enumerators: enumerators.into_iter().map(|(id, state)| enumerator(id, state)).collect(),
            checkpoints_completed: job.checkpoints_completed + 1,
        };
        let mut chains = tables.chains.clone();
        let mut base = Some(job.base_counters);
        let mut subtasks: BTreeMap<u32, SubtaskSnapshot> = BTreeMap::new();
        for (subtask, snapshot) in ack.operators {
            let mine: Vec<String> =
                chains.keys().filter(|(id, _)| *id == snapshot.operator).map(|(_, name)| name.clone()).collect();
            let taken = mine.into_iter().filter_map(|name| {
                let chain = chains.remove(&(snapshot.operator, name.clone()))?;
                Some(TableSnapshot { name, descriptor: chain.descriptor, runs: chain.runs })
            });
            let tables = taken.collect();
            let mut counters = snapshot.counters;
            if let Some(base) = base.take() {
                counters.add(&base);
            }
            let entry = subtasks.entry(subtask).or_insert_with(|| SubtaskSnapshot {
                subtask,
                floor: ack.floor,
                ..SubtaskSnapshot::default()
            });
            entry.operators.push(operator(snapshot, tables, counters));
        }
        let worker = WorkerPart { worker: 0, subtasks: subtasks.into_values().collect() };
        let manifest = CheckpointContent { header, workers: vec![worker], previous: None };
        Content { manifest, tables }
    }

    /// Prepared output by sink.
    pub fn prepared(&self) -> Vec<(String, Vec<Vec<u8>>)> {
        self.manifest.committables()
    }
}

fn enumerator(operator: OperatorId, state: Vec<u8>) -> EnumeratorState {
    EnumeratorState { operator: operator.to_string(), state, unassigned: Vec::new(), exhausted: false }
}

fn operator(
    snapshot: tidemill_dataflow::snapshot::OperatorSnapshot,
    tables: Vec<TableSnapshot>,
    counters: CounterValues,
) -> OperatorSnapshot {
    let split = |(split, watermark): (tidemill_dataflow::Split, EventTime)| SplitState {
        id: split.id,
        payload: split.payload,
        event_time_max: watermark.0,
        idle: false,
    };
    OperatorSnapshot {
        operator: snapshot.operator.to_string(),
        tables,
        blobs: snapshot.blobs.into_iter().map(|(name, state)| Blob { name, state }).collect(),
        splits: snapshot.splits.into_iter().map(split).collect(),
        input_watermarks: vec![InputWatermark { watermark: snapshot.watermark.0, ..InputWatermark::default() }],
        counters: Some(stored_counters(&counters)),
        committables: snapshot.prepared,
    }
}

fn stored_counters(values: &CounterValues) -> CounterSnapshot {
    CounterSnapshot {
        rows_in: values.rows_in,
        rows_out: values.rows_out,
        late_rows_dropped: values.late_rows_dropped,
        result_hash_low: values.result_hash as u64,
        result_hash_high: (values.result_hash >> 64) as u64,
    }
}

/// Counters as a manifest holds them.
pub fn counters_of(stored: &CounterSnapshot) -> CounterValues {
    CounterValues {
        rows_in: stored.rows_in,
        rows_out: stored.rows_out,
        late_rows_dropped: stored.late_rows_dropped,
        result_hash: stored.result_hash(),
    }
}
