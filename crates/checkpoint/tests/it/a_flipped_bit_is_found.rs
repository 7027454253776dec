use std::sync::Arc;

use tidemill_checkpoint::{DecisionLog, JobDirectory, MemoryStorage, Resolution, ResolveOptions, resolve};
use tidemill_core::Result;
use tidemill_core::storage::Storage;

use crate::faults::{Fault, Faulty};
use crate::mini_job::{Sink, identity, run};

fn reopen(store: &MemoryStorage) -> Result<Resolution> {
    let (directory, _) = JobDirectory::claim(Arc::new(store.clone()), &identity())?;
    let log = DecisionLog::open(&directory, 9)?;
    resolve(&directory, log.history(), &ResolveOptions::default())
}

/// A directory in which a job died with two completed checkpoints.
fn interrupted(transactional: bool) -> MemoryStorage {
    for at in (1..200).rev() {
        let store = MemoryStorage::new();
        let _ = run(Arc::new(Faulty::new(store.clone(), at, Fault::CrashBefore)), &Sink::default(), 1, transactional);
        if let Some(restore) = reopen(&store).unwrap().restore
            && restore.completed.checkpoint == 3
        {
            return store;
        }
    }
    panic!("the job never completes three checkpoints");
}

/// Every way in which one bit of one object can be wrong.
fn damage_everything(store: &MemoryStorage, mut check: impl FnMut(&str, &MemoryStorage)) {
    for path in store.list("").unwrap() {
        let good = store.get(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            store.put(&path, &bad).unwrap();
            check(&path, store);
        }
        store.put(&path, &good[..good.len() - 1]).unwrap();
        check(&path, store);
        store.put(&path, &good).unwrap();
    }
}

#[test]
fn an_older_checkpoint_is_used_or_the_job_is_refused() {
    let store = interrupted(false);
    let newest = reopen(&store).unwrap().restore.unwrap().content;
    let (mut older_used, mut refused, mut harmless) = (0, 0, 0);
    damage_everything(&store, |path, store| match reopen(store) {
        Err(_) => refused += 1,
        Ok(resolution) if resolution.passed_over.is_empty() => {
            assert_eq!(resolution.restore.unwrap().content, newest, "{path}");
            harmless += 1;
        }
        Ok(resolution) => {
            assert_eq!(resolution.restore.unwrap().completed.checkpoint, 2, "{path}");
            older_used += 1;
        }
    });
    assert!(older_used > 0 && refused > 0);
    assert!(harmless > 0, "what only the older checkpoint needs does no harm");
}

#[test]
fn no_older_checkpoint_is_used_where_that_would_repeat_output() {
    let store = interrupted(true);
    damage_everything(&store, |path, store| {
        if let Ok(resolution) = reopen(store) {
            assert_eq!(resolution.restore.unwrap().completed.checkpoint, 3, "{path}");
        }
    });
}

#[test]
fn a_vanished_file_is_like_a_damaged_one() {
    let store = interrupted(false);
    let root = reopen(&store).unwrap().restore.unwrap().completed.root;
    store.delete(&root.path).unwrap();
    let resolution = reopen(&store).unwrap();
    assert_eq!(resolution.restore.unwrap().completed.checkpoint, 2);
    assert_eq!(resolution.passed_over[0].0, 3);
}

#[test]
fn a_checkpoint_found_damaged_in_use_is_passed_over() {
    let store = interrupted(false);
    let (directory, _) = JobDirectory::claim(Arc::new(store), &identity()).unwrap();
    let log = DecisionLog::open(&directory, 9).unwrap();
    let options = ResolveOptions { damaged: vec![3], ..ResolveOptions::default() };
    let resolution = resolve(&directory, log.history(), &options).unwrap();
    assert_eq!(resolution.restore.unwrap().completed.checkpoint, 2);
    assert_eq!(resolution.next_checkpoint, 4, "a number is never used twice");
}

#[test]
fn a_decision_that_vanished_from_the_middle_is_missed() {
    let store = interrupted(false);
    store.delete(&JobDirectory::decision(1)).unwrap();
    let failure = reopen(&store).map(|_| ()).unwrap_err();
    assert_eq!(failure.code(), "checkpoint.decision-missing");
}
