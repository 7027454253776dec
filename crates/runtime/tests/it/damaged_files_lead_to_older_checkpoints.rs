//! Run files are checked when they are read, which is after the start: what is damaged is found then, and never used.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::datatypes::DataType;
use tidemill_checkpoint::manifest::RunFormat;
use tidemill_checkpoint::{
    DecisionLog, JobDirectory, MemoryStorage, RunRef, encode_descriptor, envelope, read_checkpoint,
};
use tidemill_core::storage::Storage;
use tidemill_core::{Batch, FailureClass, InputId, KeyEncoder, KeyGroups, Keys, OperatorId, Progress, Result, hash};
use tidemill_dataflow::{
    Edge, Fetch, NeedsAllRows, Node, Operator, Output, Partitioning, Pins, Registry, Role, Wanted,
};
use tidemill_runtime::content::{Chain, TableChains};
use tidemill_runtime::homes::{DAMAGED, Homes};
use tidemill_runtime::{JobEnd, JobOutcome, JobSpec, Stop, SystemEnv, local};
use tidemill_state::{
    Buckets, DeltaSink, Entry, KeyedTable, Rewrite, StateTable, TableDescriptor, ValueField, ValueKind, run_file,
};

use crate::support::{Ledger, Numbers, spec};

fn descriptor() -> TableDescriptor {
    TableDescriptor::keyed("seen", vec![DataType::Int64], vec![ValueField::new(0, "rows", ValueKind::UInt64)])
}

/// Counts the rows of each number; in the end it says how many numbers and rows there were.
struct Count {
    encoder: KeyEncoder,
    keys: Keys,
    table: KeyedTable,
    ends: Arc<Mutex<Vec<(usize, u64)>>>,
}

impl Operator for Count {
    fn needs_all_rows(&self) -> NeedsAllRows {
        NeedsAllRows::ForTimers
    }

    fn pin(&mut self, _input: InputId, batch: &Batch, pins: &mut Pins<'_>) -> Result<()> {
        self.encoder.encode(batch, &mut self.keys)?;
        pins.add(self.keys.hashes());
        Ok(())
    }

    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        self.encoder.encode(batch, &mut self.keys)?;
        let mut rows = Vec::new();
        self.table.upsert(&self.keys, 0..batch.len(), &mut rows)?;
        self.table.update(&rows).for_each(&rows, |_, values| values[0] += 1);
        out.emit(batch.clone());
        Ok(Progress::Done)
    }

    fn on_end(&mut self, _input: InputId, _out: &mut Output<'_>) -> Result<Progress> {
        let rows = std::iter::successors(self.table.next_row(0), |row| self.table.next_row(row + 1));
        let sum = rows.map(|row| self.table.values(row)[0]).sum();
        self.ends.lock().unwrap().push((self.table.len(), sum));
        Ok(Progress::Done)
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        vec![&mut self.table]
    }
}

struct Job {
    storage: Arc<dyn Storage>,
    ledger: Ledger,
    ends: Arc<Mutex<Vec<(usize, u64)>>>,
    commits: bool,
}

impl Job {
    fn new(commits: bool) -> Job {
        Job { storage: Arc::new(MemoryStorage::new()), ledger: Ledger::default(), ends: Arc::default(), commits }
    }

    fn start(&self, parallelism: u32, rows_per_second: Option<u64>) -> local::JobHandle {
        let mut registry = Registry::default();
        registry.add_source("numbers", move |_| Ok(Arc::new(Numbers(rows_per_second))));
        let ends = Arc::clone(&self.ends);
        registry.add_operator("count", move |_| {
            Ok(Box::new(Count {
                encoder: KeyEncoder::new(vec![1], &[DataType::Int64])?,
                keys: Keys::new(),
                table: KeyedTable::new(descriptor(), &[0]),
                ends: Arc::clone(&ends),
            }))
        });
        let ledger = Ledger { commits: self.commits, ..self.ledger.clone() };
        registry.add_sink("ledger", move |_| Ok(Arc::new(ledger.clone())));
        let mut spec: JobSpec = spec(parallelism, "3 ms");
        spec.options.set("restart-strategy.fixed-delay.attempts", "0");
        let count = Node::new(OperatorId::from_name("count"), "count", Role::Operator, "count", Vec::new());
        spec.graph.nodes.insert(1, count);
        spec.graph.edges = vec![Edge::new(0, 1, Partitioning::Hash, &[1]), Edge::new(1, 2, Partitioning::Forward, &[])];
        local::start(spec, registry, Arc::clone(&self.storage), Arc::new(SystemEnv::new())).unwrap()
    }

    /// Runs it until a few checkpoints are complete.
    fn run_for_a_while(&self) {
        let mut handle = self.start(2, Some(100_000));
        while handle.status().checkpoint < 4 {
            assert!(handle.wait_for(Duration::from_millis(1)).is_none(), "it ended too early");
        }
        handle.stop(Stop::Cancel);
        assert!(matches!(handle.wait().end, JobEnd::Canceled));
    }

    /// Flips a bit of what the newest checkpoint wrote; returns its number.
    fn damage_newest(&self) -> u64 {
        let directory = JobDirectory::new(Arc::clone(&self.storage));
        let log = DecisionLog::open(&directory, 0).unwrap();
        let completed = log.history().checkpoints.values().next_back().unwrap();
        let content = read_checkpoint(self.storage.as_ref(), &completed.root).unwrap();
        let is_new = |run: &&RunRef| {
            JobDirectory::origin(&run.path).is_some_and(|origin| origin.checkpoint == completed.checkpoint)
        };
        let run = content.runs().find(is_new).unwrap();
        let mut bytes = self.storage.get(&run.path).unwrap();
        bytes[(run.offset + run.len / 2) as usize] ^= 4;
        self.storage.put(&run.path, &bytes).unwrap();
        completed.checkpoint
    }

    fn finish(&self) -> JobOutcome {
        self.start(3, None).wait()
    }
}

#[test]
fn without_output_after_it_an_older_one_is_used() {
    let job = Job::new(false);
    job.run_for_a_while();
    let damaged = job.damage_newest();
    let outcome = job.finish();
    assert!(matches!(outcome.end, JobEnd::Finished), "{:?}", outcome.end);
    let from = outcome.restored_from.unwrap();
    assert!(!from.contains(&format!("chk-{damaged}")) && from.contains("chk-"), "{from}, {damaged} is damaged");
    let ends = job.ends.lock().unwrap();
    assert_eq!(ends.iter().fold((0, 0), |sum, end| (sum.0 + end.0, sum.1 + end.1)), (20_000, 60_000));
}

#[test]
fn with_output_the_job_is_refused() {
    let job = Job::new(true);
    job.run_for_a_while();
    job.damage_newest();
    let JobEnd::Failed(failure) = job.finish().end else { panic!("it went on") };
    assert_eq!((failure.class(), failure.code()), (FailureClass::Refused, "checkpoint.damaged"));
    assert!(job.ends.lock().unwrap().is_empty());
}

#[test]
fn a_job_with_state_goes_on_at_another_parallelism() {
    let job = Job::new(true);
    job.run_for_a_while();
    assert!(matches!(job.finish().end, JobEnd::Finished));
    let ends = job.ends.lock().unwrap();
    assert_eq!((ends.len(), ends.iter().map(|end| end.1).sum::<u64>()), (3, 60_000));
}

/// A run that is too large to be read whole before any of it is used.
fn large_run(storage: &Arc<dyn Storage>) -> TableChains {
    let mut delta = DeltaSink::new();
    delta.describe(Rewrite::ALL, None);
    for number in 0..60_000u64 {
        let key = [&[1][..], &number.to_be_bytes()].concat();
        delta.push(Entry { hash: hash::of_bytes(&key), key: &key, order: &[], value: Some(&number.to_le_bytes()) });
    }
    let bytes = run_file::write(&delta, &descriptor()).unwrap();
    storage.create("state/run", &bytes).unwrap();
    let run = RunRef {
        path: "state/run".to_string(),
        len: bytes.len() as u64,
        checksum: envelope::checksum(&bytes),
        last_key_group: 127,
        rows: 60_000,
        is_base: true,
        format: RunFormat::Native.into(),
        ..RunRef::default()
    };
    assert!(run.len > 1 << 20);
    let chain = Chain { descriptor: encode_descriptor(&descriptor()), runs: vec![run] };
    let place = (OperatorId::from_name("count"), "seen".to_string());
    TableChains { checkpoint: 1, chains: [(place, chain)].into() }
}

#[test]
fn large_files_are_read_in_pieces_and_damage_is_told_once() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let (tables, key_groups) = (large_run(&storage), KeyGroups::new(128).unwrap());
    let everything = tidemill_state::Filling::new(tidemill_state::Scope::all()).unread();
    let fetch = |buckets: &Buckets| Fetch {
        operator: OperatorId::from_name("count"),
        task: 0,
        subtask: 0,
        wanted: Wanted { buckets: Arc::new(buckets.clone()), is_urgent: false, whole: false },
    };
    let damaged = Arc::new(AtomicBool::new(false));
    let read_all = |homes: &Homes| -> Result<(usize, usize)> {
        let (mut left, mut pieces, mut rows) = (everything.clone(), 0, 0);
        while !left.is_empty() {
            let read = homes.read(&fetch(&left))?;
            left.remove(&read.buckets);
            pieces += 1;
            rows += read.tables[0].1.len();
        }
        Ok((pieces, rows))
    };
    let (pieces, rows) = read_all(&Homes::new(&storage, &tables, key_groups, 1, &damaged)).unwrap();
    assert_eq!(rows, 60_000);
    assert!(pieces > 2, "{pieces}");
    let mut bytes = storage.get("state/run").unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    storage.put("state/run", &bytes).unwrap();
    let failure = read_all(&Homes::new(&storage, &tables, key_groups, 1, &damaged)).unwrap_err();
    assert_eq!((failure.class(), failure.code()), (FailureClass::Retryable, DAMAGED));
    // It was found before: another start will not help.
    let failure = read_all(&Homes::new(&storage, &tables, key_groups, 1, &damaged)).unwrap_err();
    assert_eq!(failure.class(), FailureClass::Fatal);
}
