//! Objects under a root: all that checkpoints need of a file system or an object store. Paths are relative, with `/`.
//!
//! Calls block; they are made on I/O threads, never on a slot. The simulator has its own implementation with faults.

use std::fmt;

/// What can go wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageError {
    /// There is no such object.
    NotFound(String),
    /// `create` found an object in its place.
    AlreadyExists(String),
    /// Anything else; the text says what and where.
    Other(String),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::NotFound(path) => write!(f, "{path} does not exist"),
            StorageError::AlreadyExists(path) => write!(f, "{path} exists already"),
            StorageError::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<StorageError> for crate::Failure {
    fn from(error: StorageError) -> crate::Failure {
        match error {
            StorageError::NotFound(_) => crate::Failure::fatal("storage.not-found", error.to_string()),
            _ => crate::Failure::retryable("storage", error.to_string()),
        }
    }
}

/// A store of objects. Every method is atomic: an object is there whole or not at all.
pub trait Storage: Send + Sync {
    /// Writes an object that must not exist yet; of several callers exactly one succeeds.
    fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError>;
    /// Writes an object, replacing what is there.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError>;
    /// Reads a whole object.
    fn get(&self, path: &str) -> Result<Vec<u8>, StorageError>;
    /// Reads `len` bytes from `offset`.
    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Vec<u8>, StorageError>;
    /// The paths of all objects whose path begins with `prefix`, sorted. May lag behind writes on some stores.
    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError>;
    /// Removes an object; removing what is not there is fine.
    fn delete(&self, path: &str) -> Result<(), StorageError>;
    /// The URL of a path, for messages and reports.
    fn url(&self, path: &str) -> String;
}
