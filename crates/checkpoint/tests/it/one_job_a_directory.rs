use std::sync::Arc;

use tidemill_checkpoint::{Claim, FileStorage, JobDirectory, JobIdentity, MemoryStorage};
use tidemill_core::storage::Storage;
use tidemill_core::{FailureClass, JobId};

use crate::faults::{Fault, Faulty};
use crate::mini_job::{ITEMS, Sink, identity, run};

fn claim(store: &MemoryStorage, identity: &JobIdentity) -> tidemill_core::Result<Claim> {
    JobDirectory::claim(Arc::new(store.clone()), identity).map(|(_, claim)| claim)
}

#[test]
fn a_job_goes_on_in_its_own_directory_with_its_first_id() {
    let store = MemoryStorage::new();
    assert_eq!(claim(&store, &identity()).unwrap(), Claim::Created(identity()));
    let later = JobIdentity::new("count", "v1", JobId::from_name("another start"));
    assert_eq!(claim(&store, &later).unwrap(), Claim::Resumed(identity()));
}

#[test]
fn another_job_and_changed_statements_are_refused() {
    let store = MemoryStorage::new();
    claim(&store, &identity()).unwrap();
    let other = claim(&store, &JobIdentity::new("other", "v1", JobId(1))).unwrap_err();
    assert_eq!((other.code(), other.class()), ("job.other", FailureClass::Refused));
    assert!(other.message().contains("'count'") && other.message().contains("--fresh"));
    let changed = claim(&store, &JobIdentity::new("count", "v2", JobId(1))).unwrap_err();
    assert_eq!((changed.code(), changed.class()), ("job.changed", FailureClass::Refused));
}

#[test]
fn a_log_without_its_job_file_is_refused() {
    let store = MemoryStorage::new();
    run(Arc::new(store.clone()), &Sink::default(), 1, true).unwrap();
    store.delete("job").unwrap();
    assert_eq!(claim(&store, &identity()).unwrap_err().code(), "job.missing");
}

#[test]
fn starting_over_leaves_nothing_wherever_it_is_interrupted() {
    let probe = MemoryStorage::new();
    run(Arc::new(probe.clone()), &Sink::default(), 1, true).unwrap();
    for at in 1..100 {
        let store = MemoryStorage::new();
        run(Arc::new(store.clone()), &Sink::default(), 1, true).unwrap();
        store.put("notes.txt", b"not the job's").unwrap();
        let _ = JobDirectory::new(Arc::new(Faulty::new(store.clone(), at, Fault::CrashBefore))).clear();
        if at == 1 {
            JobDirectory::new(Arc::new(store.clone())).clear().unwrap();
        }
        let sink = Sink::default();
        run(Arc::new(store.clone()), &sink, 2, true).unwrap();
        // The marker is the first thing written, so every interrupted emptying is finished.
        assert_eq!(sink.items(), (0..ITEMS).collect::<Vec<_>>(), "interrupted at {at}");
        assert_eq!(store.get("notes.txt").unwrap(), b"not the job's");
    }
}

#[test]
fn a_finished_job_does_nothing() {
    let root = tempfile::tempdir().unwrap();
    let open = || Arc::new(FileStorage::open(root.path()).unwrap());
    let sink = Sink::default();
    run(open(), &sink, 1, true).unwrap();
    let before = open().list("").unwrap();
    run(open(), &sink, 2, true).unwrap();
    assert_eq!(open().list("").unwrap(), before);
    assert_eq!(sink.items().len() as u64, ITEMS);
}
