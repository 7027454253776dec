//! A store that fails at its n-th operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_checkpoint::MemoryStorage;
use tidemill_core::storage::{Storage, StorageError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation is not done and reports an error; later ones work.
    ErrorBefore,
    /// The operation is done and reports an error; later ones work.
    ErrorAfter,
    /// The process dies before the operation: it and all later ones fail.
    CrashBefore,
    /// The process dies after the operation was done: its answer and all later ones are errors.
    CrashAfter,
}

pub const FAULTS: [Fault; 4] = [Fault::ErrorBefore, Fault::ErrorAfter, Fault::CrashBefore, Fault::CrashAfter];

#[derive(Clone)]
pub struct Faulty {
    pub inner: MemoryStorage,
    operations: Arc<AtomicU64>,
    at: u64,
    fault: Fault,
}

impl Faulty {
    /// Fails at operation `at`, counted from 1; 0: never.
    pub fn new(inner: MemoryStorage, at: u64, fault: Fault) -> Faulty {
        Faulty { inner, operations: Arc::default(), at, fault }
    }

    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    fn apply<T>(&self, call: impl FnOnce() -> Result<T, StorageError>) -> Result<T, StorageError> {
        let number = self.operations.fetch_add(1, Ordering::Relaxed) + 1;
        let error = || Err(StorageError::Other(format!("fault at operation {number}")));
        let crashed = matches!(self.fault, Fault::CrashBefore | Fault::CrashAfter);
        match self.at {
            0 => call(),
            at if number == at => {
                if matches!(self.fault, Fault::ErrorAfter | Fault::CrashAfter) {
                    let _ = call();
                }
                error()
            }
            at if number > at && crashed => error(),
            _ => call(),
        }
    }
}

impl Storage for Faulty {
    fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.apply(|| self.inner.create(path, bytes))
    }
    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.apply(|| self.inner.put(path, bytes))
    }
    fn get(&self, path: &str) -> Result<Vec<u8>, StorageError> {
        self.apply(|| self.inner.get(path))
    }
    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Vec<u8>, StorageError> {
        self.apply(|| self.inner.get_range(path, offset, len))
    }
    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.apply(|| self.inner.list(prefix))
    }
    fn delete(&self, path: &str) -> Result<(), StorageError> {
        self.apply(|| self.inner.delete(path))
    }
    fn url(&self, path: &str) -> String {
        self.inner.url(path)
    }
}
