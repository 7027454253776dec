//! The simulated object store: memory, with faults at chosen operations.
//!
//! Every process has its own view of the one store. A view can be cut: a crashed process does no I/O any more. Faults are
//! errors before an operation, errors after it (the caller does not know that it was done), and crashes on either side or in the
//! middle of a write. What sinks do to the world outside goes through a view, too ([`SimStorage::outside`]).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_checkpoint::MemoryStorage;
use tidemill_core::storage::{Storage, StorageError};
use xxhash_rust::xxh3::xxh3_64;

use crate::random::Random;

/// How often things go wrong, in a thousand operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultRates {
    /// An error, nothing done.
    pub error_before: u64,
    /// An error, though it was done.
    pub error_after: u64,
}

/// Where the sweep crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashAt {
    /// Before the operation.
    Before,
    /// Behind it.
    After,
    /// In the middle of a write: half the object is there under a temporary name that nobody reads.
    Torn,
}

/// What all views share.
pub struct Shared {
    objects: MemoryStorage,
    random: Mutex<Random>,
    /// Operations so far.
    pub operations: AtomicU64,
    /// A hash over every object that was to be written, in order.
    pub written: AtomicU64,
    crashes: Mutex<Vec<(u64, CrashAt)>>,
    rates: Mutex<FaultRates>,
}

/// One process's view of the store.
pub struct SimStorage {
    shared: Arc<Shared>,
    cut: AtomicBool,
}

impl Shared {
    /// An empty store.
    pub fn new(random: Random, rates: FaultRates) -> Arc<Shared> {
        Arc::new(Shared {
            objects: MemoryStorage::new(),
            random: Mutex::new(random),
            operations: AtomicU64::new(0),
            written: AtomicU64::new(0),
            crashes: Mutex::new(Vec::new()),
            rates: Mutex::new(rates),
        })
    }

    /// Crashes the processes that do these operations.
    pub fn crash_at(&self, crashes: &[(u64, CrashAt)]) {
        *self.crashes.lock().unwrap_or_else(PoisonError::into_inner) = crashes.to_vec();
    }

    /// Adds an object to what has been written; everything in the simulator happens on one thread.
    fn note(&self, path: &str, bytes: &[u8]) {
        let before = self.written.load(Ordering::Relaxed).rotate_left(1);
        self.written.store(before ^ xxh3_64(path.as_bytes()) ^ xxh3_64(bytes), Ordering::Relaxed);
    }

    /// From now on nothing goes wrong by chance.
    pub fn heal(&self) {
        *self.rates.lock().unwrap_or_else(PoisonError::into_inner) = FaultRates::default();
    }

    /// A view for one process.
    pub fn view(self: &Arc<Shared>) -> Arc<SimStorage> {
        Arc::new(SimStorage { shared: Arc::clone(self), cut: AtomicBool::new(false) })
    }
}

impl SimStorage {
    /// The process has crashed: nothing it asks for is done.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// True once the process has crashed.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    fn operation<T>(
        &self,
        path: &str,
        run: impl FnOnce(&MemoryStorage) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let objects = &self.shared.objects;
        let torn = |number| drop(objects.put(&format!(".tmp/{number}"), b"half of an object"));
        self.outside(path, || run(objects), torn)
    }

    /// An operation on something else that survives crashes. `torn` leaves half of it behind, given the operation's number.
    pub fn outside<T>(
        &self,
        path: &str,
        run: impl FnOnce() -> Result<T, StorageError>,
        torn: impl FnOnce(u64),
    ) -> Result<T, StorageError> {
        let gone = || StorageError::Other(format!("the process that wanted {path} has crashed"));
        if self.is_cut() {
            return Err(gone());
        }
        let number = self.shared.operations.fetch_add(1, Ordering::Relaxed);
        let crashes = self.shared.crashes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, how)) = crashes.into_iter().find(|(at, _)| *at == number) {
            match how {
                CrashAt::Before => {}
                CrashAt::After => drop(run()),
                CrashAt::Torn => torn(number),
            }
            self.cut();
            return Err(gone());
        }
        let rates = *self.shared.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let mut random = self.shared.random.lock().unwrap_or_else(PoisonError::into_inner);
        // Uploads of what has changed fail more often: only then is a checkpoint given up that others follow.
        let more = if path.starts_with("state/") { 3 } else { 1 };
        let (before, after) = (random.chance(rates.error_before * more), random.chance(rates.error_after));
        drop(random);
        if before {
            return Err(StorageError::Other(format!("503 on {path}")));
        }
        let result = run();
        if after { Err(StorageError::Other(format!("time-out after {path}"))) } else { result }
    }
}

impl Storage for SimStorage {
    fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.shared.note(path, bytes);
        self.operation(path, |objects| objects.create(path, bytes))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.shared.note(path, bytes);
        self.operation(path, |objects| objects.put(path, bytes))
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, StorageError> {
        self.operation(path, |objects| objects.get(path))
    }

    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Vec<u8>, StorageError> {
        self.operation(path, |objects| objects.get_range(path, offset, len))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.operation(prefix, |objects| objects.list(prefix))
    }

    fn delete(&self, path: &str) -> Result<(), StorageError> {
        self.operation(path, |objects| objects.delete(path))
    }

    fn url(&self, path: &str) -> String {
        format!("sim://job/{path}")
    }
}
