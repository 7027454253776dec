//! Decision 003: one format for deltas, bases and lookups on files. A run of a million rows on the local disk, whose pages are in memory.

use std::hint::black_box;
use std::sync::Arc;

use arrow::datatypes::DataType;
use serde_json::json;
use tidemill_checkpoint::FileStorage;
use tidemill_core::storage::Storage;
use tidemill_core::{Env, Failure, Result, hash};
use tidemill_runtime::SystemEnv;
use tidemill_state::run_file::{self, RunReader, StoredRun};
use tidemill_state::{DeltaSink, Entry, Rewrite, TableDescriptor, ValueField, ValueKind};

use super::{Print, mix};
use crate::measure;

const ENTRIES: u64 = 1_000_000;
const VALUES: u32 = 12;
const READS: u64 = 10_000;
/// Threads that read at a time.
const IN_FLIGHT: u64 = 32;

pub(super) fn run(print: Print<'_>) -> Result<()> {
    let env = SystemEnv::new();
    let fields = (0..VALUES).map(|id| ValueField::new(id, format!("v{id}"), ValueKind::Int64)).collect();
    let descriptor = TableDescriptor::keyed("rows", vec![DataType::Int64], fields);
    let mut delta = DeltaSink::new();
    delta.describe(Rewrite::ALL, None);
    (0..ENTRIES).for_each(|number| {
        let (key, value) = (key(number), [7; VALUES as usize * 8]);
        delta.push(Entry { hash: hash::of_bytes(&key), key: &key, order: &[], value: Some(&value) });
    });
    let (file, encode) = measure::of_thread(|| run_file::write(&delta, &descriptor))?;
    let file = file?;
    let folder = tempfile::tempdir().map_err(|error| Failure::retryable("bench.folder", error.to_string()))?;
    let storage: Arc<dyn Storage> = Arc::new(FileStorage::open(folder.path())?);
    let ((), store_s) = timed(&env, || Ok(storage.create("run", &file)?))?;
    let open = || RunReader::open(StoredRun::new(Arc::clone(&storage), "run", 0, file.len() as u64));
    let (reader, open_s) = timed(&env, open)?;
    let ((), one_s) = timed(&env, || read(&reader, 0..READS))?;
    let ((), many_s) = timed(&env, || in_parallel(&reader))?;
    let mut entries = 0u64;
    let ((), scan_s) = timed(&env, || {
        reader.scan((0, u64::MAX), |some| {
            entries += some.count() as u64;
            Ok(())
        })
    })?;
    let ((), verify_s) = timed(&env, || RunReader::open(&file[..])?.verify())?;
    let (_, checksum_s) = timed(&env, || Ok(black_box(xxh3(&file))))?;
    let gb = file.len() as f64 / 1e9;
    print(json!({
        "spike": "run-file", "entries": entries, "bytes": file.len(), "encode_mb_per_s": gb * 1e3 / encode.as_secs_f64(),
        "store_wall_ms": store_s * 1e3, "open_wall_ms": open_s * 1e3, "reads": READS,
        "one_at_a_time_wall_ms": one_s * 1e3, "in_flight": IN_FLIGHT, "in_flight_wall_ms": many_s * 1e3,
        "scan_gb_per_s": gb / scan_s, "verify_gb_per_s": gb / verify_s, "checksum_gb_per_s": gb / checksum_s,
    }));
    Ok(())
}

fn key(number: u64) -> [u8; 9] {
    let mut key = [1; 9];
    key[1..].copy_from_slice(&(number ^ 1 << 63).to_be_bytes());
    key
}

fn xxh3(bytes: &[u8]) -> u64 {
    hash::of_bytes(bytes)
}

fn timed<T>(env: &SystemEnv, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = env.now().monotonic_ns;
    let result = work()?;
    Ok((result, (env.now().monotonic_ns - start) as f64 / 1e9))
}

fn read(reader: &RunReader<StoredRun>, numbers: std::ops::Range<u64>) -> Result<()> {
    for number in numbers {
        let key = key(mix(number) % ENTRIES);
        if reader.get(hash::of_bytes(&key), &key, &[])?.is_none() {
            return Err(Failure::fatal("bench.run-file", "a row that was written is not found"));
        }
    }
    Ok(())
}

fn in_parallel(reader: &RunReader<StoredRun>) -> Result<()> {
    let share = READS / IN_FLIGHT;
    #[allow(clippy::disallowed_methods, reason = "a benchmark is the edge")]
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            (0..IN_FLIGHT).map(|at| scope.spawn(move || read(reader, at * share..(at + 1) * share))).collect();
        let lost = || Failure::fatal("bench.thread", "a reading thread has ended early");
        readers.into_iter().try_for_each(|reader| reader.join().map_err(|_| lost())?)
    })
}
