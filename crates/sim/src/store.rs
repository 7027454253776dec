//! The simulated object store: memory, with faults at chosen operations.
//!
//! Every process has its own view of the one store, or of a folder of it. A view can be cut: a
//! crashed process does no I/O any more. Faults are
//! errors before an operation, errors after it (the caller does not know that it was done), writes that are done long after they
//! seemed to have failed or their process has died, and crashes on either side or in the middle of a write. What sinks do to the
//! world outside goes through a view, too ([`SimStorage::outside`]). Blocking work stops before every operation ([`fiber`]).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_checkpoint::MemoryStorage;
use tidemill_core::storage::{Storage, StorageError};
use xxhash_rust::xxh3::xxh3_64;

use crate::fiber::{self, Go};
use crate::random::Random;

/// How often things go wrong, in a thousand operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultRates {
    /// An error, nothing done.
    pub error_before: u64,
    /// An error, though it was done.
    pub error_after: u64,
    /// Of the errors before a write, how many in a thousand are of writes that are done later.
    pub late: u64,
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

/// A write that is done later.
pub type Late = Box<dyn FnOnce() + Send>;

/// What all views share.
pub struct Shared {
    objects: MemoryStorage,
    random: Mutex<Random>,
    /// Operations so far.
    pub operations: AtomicU64,
    /// A hash over every object that was to be written, in order.
    pub written: AtomicU64,
    /// The operation with which each object was last written.
    landed: Mutex<BTreeMap<String, u64>>,
    crashes: Mutex<Vec<(u64, CrashAt)>>,
    rates: Mutex<FaultRates>,
    late: Mutex<Vec<Late>>,
}

/// One process's view of a folder of the store.
#[derive(Clone)]
pub struct SimStorage {
    shared: Arc<Shared>,
    life: Arc<Life>,
    folder: String,
}

#[derive(Default)]
struct Life {
    cut: AtomicBool,
    /// The operation that work has stopped before is on its way already.
    stranded: AtomicBool,
    /// The operation with which it last began to look for files to delete.
    looked: AtomicU64,
}

/// What goes wrong with an operation.
enum Trouble {
    None,
    ErrorBefore,
    ErrorAfter,
    Late,
}

impl Shared {
    /// An empty store.
    pub fn new(random: Random, rates: FaultRates) -> Arc<Shared> {
        Arc::new(Shared {
            objects: MemoryStorage::new(),
            random: Mutex::new(random),
            operations: AtomicU64::new(0),
            written: AtomicU64::new(0),
            landed: Mutex::default(),
            crashes: Mutex::default(),
            rates: Mutex::new(rates),
            late: Mutex::default(),
        })
    }

    /// Crashes the processes that do these operations.
    pub fn crash_at(&self, crashes: &[(u64, CrashAt)]) {
        *lock(&self.crashes) = crashes.to_vec();
    }

    /// Adds an object to what has been written; in the simulator one thread runs at a time.
    fn note(&self, path: &str, bytes: &[u8]) {
        let before = self.written.load(Ordering::Relaxed).rotate_left(1);
        self.written.store(before ^ xxh3_64(path.as_bytes()) ^ xxh3_64(bytes), Ordering::Relaxed);
    }

    /// From now on nothing goes wrong by chance.
    pub fn heal(&self) {
        *lock(&self.rates) = FaultRates::default();
    }

    /// The writes that are to be done later, and are not known to the world yet.
    pub fn take_late(&self) -> Vec<Late> {
        std::mem::take(&mut *lock(&self.late))
    }

    /// All that is there, without faults.
    pub fn objects(&self) -> &MemoryStorage {
        &self.objects
    }

    /// The operation with which an object was last written.
    pub fn landed(&self, path: &str) -> u64 {
        lock(&self.landed).get(path).copied().unwrap_or(0)
    }

    /// A view of a folder for one process.
    pub fn view(self: &Arc<Shared>, folder: &str) -> SimStorage {
        SimStorage { shared: Arc::clone(self), life: Arc::default(), folder: folder.to_string() }
    }

    fn draw_trouble(&self, path: &str) -> Trouble {
        let rates = *lock(&self.rates);
        let mut random = lock(&self.random);
        // Uploads of what has changed fail more often: only then is a checkpoint given up that others follow.
        let more = if path.contains("state/") { 3 } else { 1 };
        let (before, after) = (random.chance(rates.error_before * more), random.chance(rates.error_after));
        match (before, after) {
            (true, _) if random.chance(rates.late) => Trouble::Late,
            (true, _) => Trouble::ErrorBefore,
            (false, true) => Trouble::ErrorAfter,
            (false, false) => Trouble::None,
        }
    }

    fn write(&self, path: &str, run: &dyn Fn(&MemoryStorage) -> Result<(), StorageError>) -> Result<(), StorageError> {
        let result = run(&self.objects);
        if result.is_ok() {
            lock(&self.landed).insert(path.to_string(), self.operations.load(Ordering::Relaxed));
        }
        result
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimStorage {
    /// Another folder, as the same process sees it.
    pub fn of_folder(&self, folder: &str) -> SimStorage {
        SimStorage { folder: folder.to_string(), ..self.clone() }
    }

    /// The process has crashed: nothing it asks for is done.
    pub fn cut(&self) {
        self.life.cut.store(true, Ordering::Relaxed);
    }

    /// True once the process has crashed.
    pub fn is_cut(&self) -> bool {
        self.life.cut.load(Ordering::Relaxed)
    }

    /// Says whether the operation that work has stopped before was on its way when the process crashed.
    pub fn strand(&self, in_flight: bool) {
        self.life.stranded.store(in_flight, Ordering::Relaxed);
    }

    /// The operation with which it last began to look for files to delete.
    pub fn looked(&self) -> u64 {
        self.life.looked.load(Ordering::Relaxed)
    }

    /// Operations of all processes so far.
    pub fn operations(&self) -> u64 {
        self.shared.operations.load(Ordering::Relaxed)
    }

    fn whole(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }

    fn read<T>(
        &self,
        path: &str,
        run: impl FnOnce(&MemoryStorage, &str) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let path = self.whole(path);
        self.outside(&path, || run(&self.shared.objects, &path), |_| {}, None)
    }

    fn write(
        &self,
        path: &str,
        run: impl Fn(&MemoryStorage, &str) -> Result<(), StorageError> + Send + Sync + 'static,
    ) -> Result<(), StorageError> {
        let path = self.whole(path);
        let torn = |number| drop(self.shared.objects.put(&format!(".tmp/{number}"), b"half of an object"));
        let run = Arc::new(run);
        let (later, store, name) = (Arc::clone(&run), Arc::clone(&self.shared), path.clone());
        let late = move || drop(store.write(&name, &|objects| later(objects, &name)));
        let now = || self.shared.write(&path, &|objects| run(objects, &path));
        self.outside(&path, now, torn, Some(Box::new(late)))
    }

    /// An operation on something that survives crashes. `torn` leaves half of it behind, given the operation's number; `late`
    /// does it after all.
    pub fn outside<T>(
        &self,
        path: &str,
        run: impl FnOnce() -> Result<T, StorageError>,
        torn: impl FnOnce(u64),
        late: Option<Late>,
    ) -> Result<T, StorageError> {
        let gone = || StorageError::Other(format!("the process that wanted {path} has crashed"));
        if self.is_cut() {
            return Err(gone());
        }
        let go = fiber::stop();
        if self.is_cut() {
            if self.life.stranded.swap(false, Ordering::Relaxed) {
                lock(&self.shared.late).extend(late);
            }
            return Err(gone());
        }
        let number = self.shared.operations.fetch_add(1, Ordering::Relaxed);
        let crash = lock(&self.shared.crashes).iter().find(|(at, _)| *at == number).copied();
        if let Some((_, how)) = crash {
            match how {
                CrashAt::Before => {}
                CrashAt::After => drop(run()),
                CrashAt::Torn => torn(number),
            }
            self.cut();
            return Err(gone());
        }
        let timed_out = || Err(StorageError::Other(format!("time-out of {path}")));
        let result = match self.shared.draw_trouble(path) {
            Trouble::None => run(),
            Trouble::ErrorBefore => return Err(StorageError::Other(format!("503 on {path}"))),
            Trouble::ErrorAfter => {
                drop(run());
                timed_out()
            }
            Trouble::Late => {
                lock(&self.shared.late).extend(late);
                timed_out()
            }
        };
        if go == Go::UnheardOf {
            fiber::stop();
        }
        result
    }
}

impl Storage for SimStorage {
    fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.shared.note(path, bytes);
        let bytes = bytes.to_vec();
        self.write(path, move |objects, path| objects.create(path, &bytes))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.shared.note(path, bytes);
        let bytes = bytes.to_vec();
        self.write(path, move |objects, path| objects.put(path, &bytes))
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, StorageError> {
        self.read(path, |objects, path| objects.get(path))
    }

    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Vec<u8>, StorageError> {
        self.read(path, |objects, path| objects.get_range(path, offset, len))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        if prefix == "chk-" {
            self.life.looked.store(self.operations(), Ordering::Relaxed);
        }
        let found = self.read(prefix, |objects, prefix| objects.list(prefix))?;
        let own = found.iter().filter_map(|path| path.strip_prefix(self.folder.as_str()));
        Ok(own.map(str::to_string).collect())
    }

    fn delete(&self, path: &str) -> Result<(), StorageError> {
        self.write(path, |objects, path| objects.delete(path))
    }

    fn url(&self, path: &str) -> String {
        format!("sim://{}{path}", self.folder)
    }
}
