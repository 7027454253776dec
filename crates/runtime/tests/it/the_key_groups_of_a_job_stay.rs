use std::sync::Arc;
use std::time::Duration;

use tidemill_checkpoint::MemoryStorage;
use tidemill_core::Failure;
use tidemill_core::storage::Storage;
use tidemill_runtime::{JobEnd, JobHandle, JobSpec, Stop, SystemEnv, local};

use crate::support::{Ledger, registry, spec};

fn spec_of(parallelism: u32, key_groups: Option<u32>) -> JobSpec {
    let mut spec = spec(parallelism, "3 ms");
    if let Some(count) = key_groups {
        spec.options.set("pipeline.max-parallelism", count.to_string());
    }
    spec
}

fn start(spec: JobSpec, storage: &Arc<dyn Storage>) -> JobHandle {
    let registry = registry(&Ledger::default(), Some(20_000));
    local::start(spec, registry, Arc::clone(storage), Arc::new(SystemEnv::new())).unwrap()
}

fn refusal(spec: JobSpec, storage: &Arc<dyn Storage>) -> Failure {
    match start(spec, storage).wait().end {
        JobEnd::Failed(failure) => failure,
        other => unreachable!("{other:?}"),
    }
}

/// A job with 4 key groups, stopped after some checkpoints.
fn stopped(storage: &Arc<dyn Storage>, stop: Stop) {
    let mut job = start(spec_of(2, Some(4)), storage);
    while job.status().checkpoint < 2 {
        assert!(job.wait_for(Duration::from_millis(1)).is_none(), "it ended too early");
    }
    job.stop(stop);
    let end = job.wait().end;
    assert!(matches!(end, JobEnd::Canceled | JobEnd::Savepoint(_)), "{end:?}");
}

fn everything(storage: &Arc<dyn Storage>) -> Vec<(String, Vec<u8>)> {
    let paths = storage.list("").unwrap();
    paths.into_iter().map(|path| (path.clone(), storage.get(&path).unwrap())).collect()
}

#[test]
fn another_number_and_a_parallelism_above_it_are_refused_before_anything_is_changed() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    stopped(&storage, Stop::Cancel);
    let before = everything(&storage);
    assert_eq!(refusal(spec_of(2, Some(8)), &storage).code(), "key-groups.fixed");
    assert_eq!(refusal(spec_of(5, None), &storage).code(), "key-groups.parallelism");
    let too_many = refusal(spec_of(5, Some(4)), &storage);
    assert_eq!(too_many.code(), "key-groups.parallelism");
    assert!(too_many.message().contains("since it began"), "another option alone would not help: {too_many}");
    assert!(everything(&storage) == before, "a refused start has changed something");
    for spec in [spec_of(4, None), spec_of(1, Some(4))] {
        let mut job = start(spec, &storage);
        assert!(job.wait_for(Duration::from_millis(1)).is_none_or(|outcome| !matches!(outcome.end, JobEnd::Failed(_))));
        job.stop(Stop::Cancel);
        let end = job.wait().end;
        assert!(matches!(end, JobEnd::Canceled), "{end:?}");
    }
}

#[test]
fn a_job_that_goes_on_from_a_savepoint_has_those_of_the_savepoint() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("sp").to_string_lossy().to_string();
    let first: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    stopped(&first, Stop::WithSavepoint(url.clone()));
    let second: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    for (parallelism, key_groups, code) in [(2, Some(8), "key-groups.fixed"), (5, None, "key-groups.parallelism")] {
        let spec = JobSpec { from_savepoint: Some(url.clone()), ..spec_of(parallelism, key_groups) };
        let failure = refusal(spec, &second);
        assert_eq!(failure.code(), code, "{failure}");
        assert!(failure.message().contains("sp"), "{failure}");
    }
    assert!(second.list("").unwrap().is_empty(), "{:?}", second.list(""));
}

#[test]
fn a_job_that_cannot_begin_leaves_nothing() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let failure = refusal(spec_of(5, Some(4)), &storage);
    assert_eq!(failure.code(), "key-groups.parallelism");
    assert!(storage.list("").unwrap().is_empty(), "{:?}", storage.list(""));
}

#[test]
fn a_job_that_starts_over_may_have_others() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    stopped(&storage, Stop::Cancel);
    let mut job = start(JobSpec { fresh: true, ..spec_of(5, Some(8)) }, &storage);
    while job.status().checkpoint < 3 {
        assert!(job.wait_for(Duration::from_millis(1)).is_none(), "it ended too early");
    }
    job.stop(Stop::Cancel);
    let end = job.wait().end;
    assert!(matches!(end, JobEnd::Canceled), "{end:?}");
    // It has 8 from now on.
    assert_eq!(refusal(spec_of(5, Some(4)), &storage).code(), "key-groups.fixed");
    assert_eq!(refusal(spec_of(9, Some(8)), &storage).code(), "key-groups.parallelism");
}
