use std::sync::Arc;

use tidemill_checkpoint::manifest::StoredKind;
use tidemill_checkpoint::{Decision, DecisionLog, JobDirectory, MemoryStorage, RunRef, collect, write_checkpoint};
use tidemill_core::storage::Storage;

use crate::mini_job::content;

struct Job {
    store: MemoryStorage,
    directory: JobDirectory,
    log: DecisionLog,
}

impl Job {
    fn start(store: MemoryStorage, nonce: u64, restored_from: u64) -> Job {
        let directory = JobDirectory::new(Arc::new(store.clone()));
        let mut log = DecisionLog::open(&directory, nonce).unwrap();
        log.start_generation(1, restored_from, "").unwrap();
        Job { store, directory, log }
    }

    fn run_file(&self, checkpoint: u64) -> RunRef {
        let path = JobDirectory::run_file(self.log.generation(), checkpoint, 0, 0);
        self.store.create(&path, path.as_bytes()).unwrap();
        RunRef::of_bytes(path.clone(), 0, path.as_bytes())
    }

    fn complete(&mut self, checkpoint: u64, floor: u64, runs: &[RunRef], committables: usize) {
        let prepared = vec![b"x=1".to_vec(); committables];
        let mut content = content(self.log.generation(), checkpoint, runs.to_vec(), prepared);
        content.workers[0].subtasks[0].floor = floor;
        let root = write_checkpoint(&self.directory, &content).unwrap();
        let completed = Decision::checkpoint_completed(checkpoint, root, StoredKind::Checkpoint, committables as u64);
        self.log.append(completed).unwrap();
    }

    fn collect(&mut self) -> u64 {
        collect(&self.directory, &mut self.log, 2).unwrap().files
    }

    fn has(&self, path: &str) -> bool {
        self.store.get(path).is_ok()
    }
}

#[test]
fn files_of_retained_checkpoints_and_above_the_floor_stay() {
    let mut job = Job::start(MemoryStorage::new(), 1, 0);
    let runs: Vec<RunRef> = (1..=6).map(|checkpoint| job.run_file(checkpoint)).collect();
    // Checkpoint 3 is aborted; its file is named by 4, and that of 5 is not named yet but still held.
    job.complete(1, 1, &runs[..1], 0);
    job.complete(2, 2, &runs[..2], 0);
    job.complete(4, 4, &runs[1..4], 0);
    job.complete(5, 5, &runs[2..4], 0);
    assert!(job.collect() > 0);
    assert!(!job.has(&runs[0].path), "only checkpoint 2 named it");
    assert!(runs[1..].iter().all(|run| job.has(&run.path)), "named by 4 or 5, or above the floor");
    assert!(!job.has(&JobDirectory::root(1, 2)) && job.has(&JobDirectory::root(1, 4)));
    assert_eq!(job.collect(), 0, "doing it again does nothing");
    job.complete(6, 5, &runs[5..6], 0);
    job.complete(7, 5, &runs[5..6], 0);
    job.collect();
    assert!(!job.has(&runs[2].path) && job.has(&runs[4].path) && job.has(&runs[5].path));
}

#[test]
fn orphans_of_dead_generations_go_and_those_of_later_ones_stay() {
    let mut job = Job::start(MemoryStorage::new(), 1, 0);
    let named = job.run_file(1);
    let orphan = job.run_file(2);
    job.complete(1, 1, std::slice::from_ref(&named), 0);
    let later = JobDirectory::run_file(9, 1, 0, 0);
    job.store.create(&later, b"of a later generation").unwrap();
    job.store.create("state/notes.txt", b"of the user").unwrap();
    job.collect();
    assert!(job.has(&orphan.path), "it may still be named");
    let mut next = Job::start(job.store.clone(), 2, 1);
    next.collect();
    assert!(!next.has(&orphan.path) && next.has(&named.path) && next.has(&later) && next.has("state/notes.txt"));
}

#[test]
fn what_is_not_committed_yet_is_kept() {
    let mut job = Job::start(MemoryStorage::new(), 1, 0);
    for checkpoint in 1..=4 {
        job.complete(checkpoint, checkpoint, &[], 1);
    }
    job.collect();
    assert!(job.has(&JobDirectory::root(1, 1)));
    job.log.append(Decision::committed(4)).unwrap();
    job.collect();
    assert!(!job.has(&JobDirectory::root(1, 2)) && job.has(&JobDirectory::root(1, 3)));
}

#[test]
fn an_unreadable_manifest_stops_collection() {
    let mut job = Job::start(MemoryStorage::new(), 1, 0);
    let run = job.run_file(1);
    job.complete(1, 1, &[run], 0);
    job.complete(2, 2, &[], 0);
    job.store.put(&JobDirectory::part(1, 1, 0), b"damaged").unwrap();
    let before = job.store.list("").unwrap();
    assert!(collect(&job.directory, &mut job.log, 2).is_err());
    assert_eq!(job.store.list("").unwrap(), before);
}
