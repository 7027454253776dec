//! Random changes, freezes and slices of gathering, beside a map. Every delta that is complete is written as a run file;
//! the chain of them is restored at several parallelisms, and must give what the map held at the freeze.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use proptest::prelude::*;
use tidemill_core::{KeyGroupSet, KeyGroups, Routing};
use tidemill_state::*;

use crate::subject::{Subject, TestKeys, fill, rewrite_of, runs_of};

type Model = BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Put { key: usize, order: u8, value: u64, bytes: Option<usize> },
    Remove { key: usize, order: u8 },
    RemoveThrough { order: u8 },
    Freeze { rewrite: Rewrite },
    Gather { rows: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0usize..12;
    let order = 1u8..9;
    let bytes = prop_oneof![Just(None), (0usize..100).prop_map(Some), Just(Some(70_000))];
    let step = prop_oneof![
        8 => (key.clone(), order.clone(), any::<u64>(), bytes)
            .prop_map(|(key, order, value, bytes)| Step::Put { key, order, value, bytes }),
        5 => (key, order).prop_map(|(key, order)| Step::Remove { key, order }),
        1 => (0u8..5).prop_map(|order| Step::RemoveThrough { order }),
        3 => (0u64..10_000).prop_map(|number| Step::Freeze { rewrite: rewrite_of(number) }),
        6 => (0usize..4).prop_map(|rows| Step::Gather { rows }),
    ];
    prop::collection::vec(step, 1..120)
}

struct Run<S> {
    subject: S,
    model: Model,
    /// What the delta that is being gathered must lead to.
    frozen: Option<(Model, DeltaSink)>,
    files: Vec<(Vec<u8>, Range<u32>)>,
}

impl<S: Subject> Run<S> {
    fn step(&mut self, keys: &TestKeys, step: &Step) {
        match step {
            Step::Put { key, order, value, bytes } => {
                let bytes = bytes.map(|len| vec![*order; len]);
                if self.subject.put(keys, *key, *order, *value, bytes.as_deref()) {
                    let value = S::value(*value, bytes.as_deref());
                    self.model.insert((keys.bytes(*key), S::order(*order)), value);
                }
            }
            Step::Remove { key, order } => {
                self.subject.remove(keys, *key, *order);
                self.model.remove(&(keys.bytes(*key), S::order(*order)));
            }
            Step::RemoveThrough { order } => {
                if let Some(through) = self.subject.remove_through(*order) {
                    let through = S::order(through);
                    self.model.retain(|(_, order), _| *order > through);
                }
            }
            Step::Freeze { rewrite } => {
                if self.frozen.is_none() {
                    self.subject.table().freeze(rewrite.clone()).unwrap();
                    self.frozen = Some((self.model.clone(), DeltaSink::new()));
                }
            }
            Step::Gather { rows } => self.gather(keys, *rows),
        }
    }

    fn gather(&mut self, keys: &TestKeys, rows: usize) {
        let Some((expected, mut delta)) = self.frozen.take() else { return };
        if !self.subject.table().gather(rows, &mut delta) {
            self.frozen = Some((expected, delta));
            return;
        }
        let places: BTreeSet<_> = delta.entries().map(|entry| (entry.key, entry.order)).collect();
        assert_eq!(places.len(), delta.len(), "a row twice in a delta");
        if delta.is_full() {
            self.files.clear();
        }
        let all = KeyGroupSet::all(KeyGroups::new(128).unwrap());
        let runs = runs_of(&delta, self.subject.table().descriptor(), &all);
        self.files.extend(runs.into_iter().map(|(file, groups, _)| (file, groups)));
        for parallelism in [1, 3] {
            assert_eq!(restore::<S>(keys, &self.files, parallelism), expected, "parallelism {parallelism}");
        }
    }
}

fn restore<S: Subject>(keys: &TestKeys, files: &[(Vec<u8>, Range<u32>)], parallelism: u32) -> Model {
    let routing = Routing::contiguous(KeyGroups::new(128).unwrap(), parallelism).unwrap();
    let mut all = Model::new();
    for subtask in 0..parallelism {
        let mut subject = S::new(keys);
        fill(subject.table(), files, &Scope::of(&routing, subtask));
        let held = content(subject.table());
        assert_eq!(held.len(), subject.table().live_rows());
        for (place, value) in held {
            assert_eq!(all.insert(place, value), None, "a row in two subtasks");
        }
    }
    all
}

/// Everything in a table, through a full delta.
fn content(table: &mut dyn StateTable) -> Model {
    let mut delta = DeltaSink::new();
    table.freeze(Rewrite::ALL).unwrap();
    while !table.gather(5, &mut delta) {}
    let mut content = Model::new();
    for entry in delta.entries() {
        let place = (entry.key.to_vec(), entry.order.to_vec());
        assert_eq!(content.insert(place, entry.value.unwrap().to_vec()), None, "a row twice in a delta");
    }
    content
}

fn check<S: Subject>(keys: &TestKeys, steps: &[Step]) {
    let mut run = Run { subject: S::new(keys), model: Model::new(), frozen: None, files: Vec::new() };
    // The first delta of a chain holds everything, which is nothing yet.
    run.step(keys, &Step::Freeze { rewrite: Rewrite::ALL });
    run.gather(keys, 1);
    steps.iter().for_each(|step| run.step(keys, step));
    run.gather(keys, usize::MAX);
    run.step(keys, &Step::Freeze { rewrite: Rewrite::NONE });
    run.gather(keys, usize::MAX);
    assert_eq!(run.subject.table().live_rows(), run.model.len());
    assert_eq!(content(run.subject.table()), run.model);
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 200,
        rng_seed: prop::test_runner::RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn keyed(steps in steps()) {
        check::<KeyedTable>(&TestKeys::numbers(), &steps);
        check::<KeyedTable>(&TestKeys::strings(), &steps);
        check::<KeyedTable>(&TestKeys::pairs(), &steps);
    }

    #[test]
    fn sliced(steps in steps()) {
        check::<SlicedTable>(&TestKeys::numbers(), &steps);
        check::<SlicedTable>(&TestKeys::strings(), &steps);
    }

    #[test]
    fn ordered(steps in steps()) {
        check::<OrderedTable>(&TestKeys::numbers(), &steps);
        check::<OrderedTable>(&TestKeys::strings(), &steps);
    }

    #[test]
    fn timers(steps in steps()) {
        check::<TimerTable>(&TestKeys::numbers(), &steps);
        check::<TimerTable>(&TestKeys::strings(), &steps);
    }
}

#[test]
fn a_second_freeze_before_the_first_is_gathered_is_refused() {
    let keys = TestKeys::numbers();
    let mut table = <KeyedTable as Subject>::new(&keys);
    table.put(&keys, 1, 0, 5, None);
    StateTable::freeze(&mut table, Rewrite::NONE).unwrap();
    assert_eq!(StateTable::freeze(&mut table, Rewrite::NONE).unwrap_err().code(), "state.frozen-twice");
}

#[test]
fn rows_that_come_and_go_between_checkpoints_leave_no_trace() {
    let keys = TestKeys::strings();
    let mut table = <KeyedTable as Subject>::new(&keys);
    for round in 0..1000 {
        table.put(&keys, 11, 0, round, Some(&[1; 50]));
        Subject::remove(&mut table, &keys, 11, 0);
    }
    let mut delta = DeltaSink::new();
    StateTable::freeze(&mut table, Rewrite::NONE).unwrap();
    while !StateTable::gather(&mut table, 10, &mut delta) {}
    assert!(delta.is_empty());
    assert!(StateTable::memory(&table) < 10_000, "{}", StateTable::memory(&table));
}

#[test]
fn a_table_that_keeps_hashes_is_restored_with_them() {
    let fields = vec![ValueField::new(1, "n", ValueKind::Int64), ValueField::new(2, "hash", ValueKind::UInt64)];
    let keys = TestKeys::pairs();
    let descriptor = TableDescriptor::keyed("distinct", keys.types.clone(), fields);
    let new = || KeyedTable::new(descriptor.clone(), &[0, 0]).keeping_hash(1);
    // As if hashed by a part of the key: few hashes, far from those of the bytes. (The keys 3, 7 and 11 are the same.)
    let hash = |key: usize| (key as u64 % 4) << 62 | 77;
    let mut table = new();
    for key in 0..12 {
        let row = table.upsert_key(keys.key(key), hash(key)).unwrap();
        table.update(&[row]).values(row)[0] = key as u64;
    }
    let mut delta = DeltaSink::new();
    StateTable::freeze(&mut table, Rewrite::NONE).unwrap();
    while !StateTable::gather(&mut table, 3, &mut delta) {}
    let file = run_file::write(&delta, &descriptor).unwrap();
    let files = [(file, 0..128)];
    let routing = Routing::contiguous(KeyGroups::new(128).unwrap(), 2).unwrap();
    let mut found = 0;
    for subtask in 0..2 {
        let mut restored = new();
        fill(&mut restored, &files, &Scope::of(&routing, subtask));
        for key in (0..12).filter(|key| routing.subtask(hash(*key)) == subtask) {
            let row = restored.find(keys.key(key), hash(key)).unwrap();
            found += usize::from(restored.values(row)[0] as usize == if key % 4 == 3 { 11 } else { key });
        }
    }
    assert_eq!(found, 12);
}
