//! A store in memory: for jobs without a checkpoint directory, for tests, and under the simulator's faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidemill_core::storage::{Storage, StorageError};

/// Objects in memory. Clones share them; nothing outlives the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    objects: Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>,
}

impl MemoryStorage {
    /// An empty store.
    pub fn new() -> MemoryStorage {
        MemoryStorage::default()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Arc<[u8]>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object(&self, path: &str) -> Result<Arc<[u8]>, StorageError> {
        self.objects().get(path).cloned().ok_or_else(|| StorageError::NotFound(self.url(path)))
    }
}

impl Storage for MemoryStorage {
    fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let mut objects = self.objects();
        if objects.contains_key(path) {
            return Err(StorageError::AlreadyExists(self.url(path)));
        }
        objects.insert(path.to_string(), bytes.into());
        Ok(())
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.objects().insert(path.to_string(), bytes.into());
        Ok(())
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, StorageError> {
        self.object(path).map(|bytes| bytes.to_vec())
    }

    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Vec<u8>, StorageError> {
        let bytes = self.object(path)?;
        let range = offset
            .checked_add(len)
            .and_then(|end| bytes.get(usize::try_from(offset).ok()?..usize::try_from(end).ok()?));
        range.map(<[u8]>::to_vec).ok_or_else(|| too_short(&self.url(path), bytes.len() as u64, offset, len))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let objects = self.objects();
        let from = objects.range(prefix.to_string()..);
        Ok(from.map(|(path, _)| path.clone()).take_while(|path| path.starts_with(prefix)).collect())
    }

    fn delete(&self, path: &str) -> Result<(), StorageError> {
        self.objects().remove(path);
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("memory:///{path}")
    }
}

/// The error for a range that is not there.
pub(crate) fn too_short(url: &str, has: u64, offset: u64, len: u64) -> StorageError {
    StorageError::Other(format!("{url} has {has} bytes, but {len} at {offset} were expected; the file is damaged"))
}
