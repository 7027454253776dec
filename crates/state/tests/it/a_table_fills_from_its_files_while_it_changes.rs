//! A table that goes on from run files at another parallelism, and fills in pieces that arrive in any order between reads of
//! single buckets, changes, removals, freezes and slices of gathering, holds at every checkpoint and in the end what a map
//! holds; so do tables that are restored from what it wrote meanwhile.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use tidemill_core::{KeyGroups, Routing};
use tidemill_state::*;

use crate::subject::{Subject, TestKeys, rewrite_of, runs_of};

type Model = BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A run in a chain.
#[derive(Clone)]
struct Run {
    bytes: Vec<u8>,
    groups: Range<u32>,
    is_base: bool,
    order_floor: Option<i64>,
}

fn home(descriptor: &TableDescriptor, key_groups: KeyGroups, runs: &[Run]) -> Home {
    let runs = runs.iter().map(|run| HomeRun {
        source: Box::new(run.bytes.clone()),
        groups: run.groups.clone(),
        is_base: run.is_base,
        order_floor: run.order_floor,
    });
    Home::new(vec![HomeTable::open(&descriptor.name, descriptor.distribution, key_groups, runs.collect()).unwrap()])
}

/// A table of one subtask.
struct Held<S> {
    subject: S,
    scope: Scope,
    filling: Option<Filling>,
    in_flight: Vec<Arc<HomeRows>>,
    gathering: Option<DeltaSink>,
}

impl<S: Subject> Held<S> {
    fn new(keys: &TestKeys, scope: Scope, fills: bool) -> Held<S> {
        let filling = fills.then(|| Filling::new(scope.clone()));
        Held { subject: S::new(keys), scope, filling, in_flight: Vec::new(), gathering: None }
    }

    fn apply(&mut self, rows_max: usize) {
        let Some(filling) = &mut self.filling else { return };
        filling.apply(&mut [self.subject.table()], rows_max).unwrap();
        if filling.is_filled() {
            self.filling = None;
        }
    }

    /// Reads what has not been read, until everything is there.
    fn fill(&mut self, home: &Home) {
        while let Some(filling) = &mut self.filling {
            let unread = filling.unread();
            filling.arrive(Arc::new(home.read(&unread, 2, false).unwrap()));
            self.apply(usize::MAX);
        }
    }

    /// Reads the bucket of a hash if it is not there.
    fn pin(&mut self, home: &Home, hash: u64, random: &mut Random) {
        let bucket = Buckets::of(hash);
        if self.filling.as_ref().is_some_and(|filling| filling.missing().contains(bucket)) {
            let mut wanted = Buckets::none();
            wanted.insert(bucket);
            let rows = home.read(&wanted, u64::MAX, false).unwrap();
            self.filling.as_mut().unwrap().arrive(Arc::new(rows));
        }
        while self.filling.as_ref().is_some_and(|filling| filling.missing().contains(bucket)) {
            self.apply(1 + random.below(3) as usize);
        }
    }

    /// A piece of filling: something is read, or arrives, or goes in.
    fn fill_a_bit(&mut self, home: &Home, random: &mut Random) {
        let Some(filling) = &mut self.filling else { return };
        match random.below(3) {
            0 => {
                let mut wanted = filling.unread();
                let mut until = wanted.clone();
                until.truncate((random.next() >> 48) as u16);
                if !until.is_empty() {
                    wanted = until;
                }
                self.in_flight.push(Arc::new(home.read(&wanted, random.below(4), false).unwrap()));
            }
            1 if !self.in_flight.is_empty() => {
                let at = random.below(self.in_flight.len() as u64) as usize;
                filling.arrive(self.in_flight.swap_remove(at));
            }
            _ => self.apply(random.below(5) as usize),
        }
    }

    fn freeze(&mut self, rewrite: Rewrite) {
        if self.gathering.is_none() {
            let rewrite = if self.filling.is_none() { rewrite } else { Rewrite::NONE };
            self.subject.table().freeze(rewrite).unwrap();
            self.gathering = Some(DeltaSink::new());
        }
    }

    /// Gathers a bit; the runs when all is there.
    fn gather(&mut self, rows_max: usize) -> Vec<Run> {
        let Some(mut delta) = self.gathering.take() else { return Vec::new() };
        if !self.subject.table().gather(rows_max, &mut delta) {
            self.gathering = Some(delta);
            return Vec::new();
        }
        let runs = runs_of(&delta, self.subject.table().descriptor(), &self.scope.groups).into_iter();
        let run = |(bytes, groups, part)| Run {
            bytes,
            groups,
            is_base: part == run_file::RunPart::Rewritten,
            order_floor: delta.order_floor(),
        };
        runs.map(run).collect()
    }
}

/// A job of one table: its subtasks, what they should hold, and the chain of runs.
struct Job<S> {
    held: Vec<Held<S>>,
    routing: Routing,
    model: Model,
    runs: Vec<Run>,
}

impl<S: Subject> Job<S> {
    fn new(keys: &TestKeys, parallelism: u32, before: Option<(&[Run], &Model)>) -> Job<S> {
        let routing = Routing::contiguous(KeyGroups::new(128).unwrap(), parallelism).unwrap();
        let held = |subtask| Held::new(keys, Scope::of(&routing, subtask), before.is_some());
        let held = (0..parallelism).map(held).collect();
        let (runs, model) = before.map_or_else(Default::default, |(runs, model)| (runs.to_vec(), model.clone()));
        Job { held, routing, model, runs }
    }

    fn change(&mut self, keys: &TestKeys, home: &Home, random: &mut Random) {
        let (key, order) = (random.below(keys.len() as u64) as usize, 1 + random.below(8) as u8);
        let held = &mut self.held[self.routing.subtask(keys.hash(key)) as usize];
        held.pin(home, keys.hash(key), random);
        let place = (keys.bytes(key), S::order(order));
        if random.below(10) < 6 {
            let value = random.next();
            let bytes = [None, None, Some(7), Some(7), Some(40), Some(300), Some(300), Some(5000)]
                [random.below(8) as usize]
                .map(|len| vec![order; len]);
            if held.subject.put(keys, key, order, value, bytes.as_deref()) {
                self.model.insert(place, S::value(value, bytes.as_deref()));
            }
        } else {
            held.subject.remove(keys, key, order);
            self.model.remove(&place);
        }
    }

    fn remove_through(&mut self, random: &mut Random) {
        let order = random.below(5) as u8;
        let removed: Vec<Option<u8>> = self.held.iter_mut().map(|held| held.subject.remove_through(order)).collect();
        if let Some(through) = removed[0].map(S::order) {
            self.model.retain(|(_, order), _| *order > through);
        }
    }

    /// A checkpoint to the end.
    fn checkpoint(&mut self, random: &mut Random) {
        for held in &mut self.held {
            self.runs.extend(held.gather(usize::MAX));
            held.freeze(rewrite_of(random.next()));
            self.runs.extend(held.gather(usize::MAX));
        }
    }

    fn live(&mut self, keys: &TestKeys, home: &Home, steps: u64, random: &mut Random) {
        for _ in 0..steps {
            match random.below(20) {
                0 if self.held.iter().all(|held| held.filling.is_none()) => self.remove_through(random),
                0..6 => {
                    let at = random.below(self.held.len() as u64) as usize;
                    self.held[at].fill_a_bit(home, random);
                }
                6 => {
                    let at = random.below(self.held.len() as u64) as usize;
                    self.held[at].freeze(rewrite_of(random.next()));
                }
                7..9 => {
                    let at = random.below(self.held.len() as u64) as usize;
                    let run = self.held[at].gather(random.below(4) as usize);
                    self.runs.extend(run);
                }
                _ => self.change(keys, home, random),
            }
        }
    }
}

/// Everything in a table, through a full delta.
fn content(table: &mut dyn StateTable) -> Model {
    let mut delta = DeltaSink::new();
    table.freeze(Rewrite::ALL).unwrap();
    while !table.gather(1000, &mut delta) {}
    let entries =
        delta.entries().map(|entry| ((entry.key.to_vec(), entry.order.to_vec()), entry.value.unwrap().to_vec()));
    entries.collect()
}

/// What a job holds, filled to the end.
fn all<S: Subject>(job: &mut Job<S>, home: &Home) -> Model {
    let mut all = Model::new();
    for held in &mut job.held {
        held.fill(home);
        let live = held.subject.table().live_rows();
        let content = content(held.subject.table());
        assert_eq!(content.len(), live);
        for (place, value) in content {
            assert_eq!(all.insert(place, value), None, "a row in two subtasks");
        }
    }
    all
}

fn check<S: Subject>(keys: &TestKeys, seed: u64) {
    let random = &mut Random(seed);
    let key_groups = KeyGroups::new(128).unwrap();
    let steps = keys.len() as u64 * 3;
    let mut job = Job::<S>::new(keys, 1 + random.below(3) as u32, None);
    let descriptor = job.held[0].subject.table().descriptor().clone();
    let nothing = home(&descriptor, key_groups, &[]);
    for _ in 0..1 + random.below(3) {
        job.live(keys, &nothing, steps, random);
        job.checkpoint(random);
    }
    for _ in 0..2 {
        let old = home(&descriptor, key_groups, &job.runs);
        let before = (&job.runs[..], &job.model);
        let mut next = Job::<S>::new(keys, 1 + random.below(3) as u32, Some(before));
        let steps = random.below(steps);
        next.live(keys, &old, steps, random);
        next.checkpoint(random);
        let written = home(&descriptor, key_groups, &next.runs);
        let mut restored = Job::<S>::new(keys, 1 + random.below(3) as u32, Some((&next.runs, &next.model)));
        assert!(all(&mut restored, &written) == next.model, "seed {seed}: restored");
        let held =
            Job { held: Vec::new(), routing: next.routing.clone(), model: next.model.clone(), runs: next.runs.clone() };
        assert!(all(&mut next, &old) == held.model, "seed {seed}: filled");
        job = held;
    }
}

fn check_seeds<S: Subject>() {
    for seed in 0..200 {
        check::<S>(&TestKeys::numbers(), seed);
        check::<S>(&TestKeys::strings(), seed);
    }
    (0..5).for_each(|seed| check::<S>(&TestKeys::many(), seed));
}

#[test]
fn keyed() {
    check_seeds::<KeyedTable>();
}

#[test]
fn sliced() {
    check_seeds::<SlicedTable>();
}

#[test]
fn ordered() {
    check_seeds::<OrderedTable>();
}

#[test]
fn timers() {
    check_seeds::<TimerTable>();
}

#[test]
fn rows_that_were_filled_are_not_written_again() {
    let keys = TestKeys::many();
    let mut job = Job::<KeyedTable>::new(&keys, 1, None);
    (0..keys.len()).for_each(|key| assert!(job.held[0].subject.put(&keys, key, 0, key as u64, None)));
    job.checkpoint(&mut Random(1));
    let home = home(job.held[0].subject.table().descriptor(), KeyGroups::new(128).unwrap(), &job.runs);
    let mut next = Job::<KeyedTable>::new(&keys, 1, Some((&job.runs, &job.model)));
    next.held[0].fill(&home);
    assert_eq!(next.held[0].subject.table().live_rows(), keys.len());
    next.held[0].freeze(Rewrite::NONE);
    let run = next.held[0].gather(usize::MAX).pop().unwrap();
    assert!(run_file::RunReader::open(&run.bytes[..]).unwrap().is_empty());
}

#[test]
fn a_chunk_is_bounded_by_its_pages() {
    let keys = TestKeys::many();
    let mut job = Job::<KeyedTable>::new(&keys, 1, None);
    (0..keys.len()).for_each(|key| assert!(job.held[0].subject.put(&keys, key, 0, 5, Some(&[7; 100]))));
    job.checkpoint(&mut Random(1));
    let home = home(job.held[0].subject.table().descriptor(), KeyGroups::new(128).unwrap(), &job.runs);
    let everything = Filling::new(Scope::all()).unread();
    let rows = home.read(&everything, 3, false).unwrap();
    let read = rows.tables[0].1.len();
    assert!((30..150).contains(&read), "{read} rows");
    assert!(home.read(&everything, u64::MAX, false).unwrap().tables[0].1.len() == keys.len());
}
