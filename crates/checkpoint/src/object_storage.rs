//! Stores by URL: `file://` and plain paths on [`FileStorage`], everything else through the `object_store` crate.
//!
//! [`ObjectStorage`] turns its asynchronous calls into blocking ones, on a small runtime of its own. Conditional creation
//! (`If-None-Match: *`) is what the decision log rests on: a store without it is no place for checkpoints.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tidemill_core::storage::{Storage, StorageError};
use tidemill_core::{Failure, Result};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::file_storage::FileStorage;
use crate::memory_storage::too_short;

/// The store at a URL or path, for writing. A local directory is made if it is not there.
///
/// ```
/// # fn main() -> tidemill_core::Result<()> {
/// let refused = tidemill_checkpoint::open("gopher://somewhere").err().map(|failure| failure.code());
/// assert_eq!(refused, Some("storage.scheme"));
/// # Ok(())
/// # }
/// ```
pub fn open(url_or_path: &str) -> Result<Arc<dyn Storage>> {
    match Place::parse(url_or_path)? {
        Place::Directory(path) => Ok(Arc::new(FileStorage::open(&path)?)),
        Place::Remote(url) => open_remote(&url),
    }
}

/// The store at a URL or path, for reading: a local directory must be there.
pub fn open_existing(url_or_path: &str) -> Result<Arc<dyn Storage>> {
    match Place::parse(url_or_path)? {
        Place::Directory(path) => Ok(Arc::new(FileStorage::open_existing(&path)?)),
        Place::Remote(url) => open_remote(&url),
    }
}

enum Place {
    Directory(PathBuf),
    Remote(Url),
}

impl Place {
    fn parse(url_or_path: &str) -> Result<Place> {
        let wrong = |what: &str| Failure::user("storage.url", format!("'{url_or_path}' {what}"));
        if url_or_path.is_empty() {
            return Err(wrong("is no place for files: give a directory or a URL such as file:///data/checkpoints"));
        }
        if !url_or_path.contains("://") {
            let path = url_or_path.strip_prefix("file:").unwrap_or(url_or_path);
            return Ok(Place::Directory(PathBuf::from(path)));
        }
        let url = Url::parse(url_or_path).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        if url.scheme() != "file" {
            return Ok(Place::Remote(url));
        }
        url.to_file_path()
            .map(Place::Directory)
            .map_err(|()| wrong("must name a directory of this machine, with three slashes: file:///data/checkpoints"))
    }
}

#[cfg(feature = "s3")]
fn open_remote(url: &Url) -> Result<Arc<dyn Storage>> {
    if !matches!(url.scheme(), "s3" | "s3a") {
        return Err(unknown_scheme(url));
    }
    let wrong = |error: object_store::Error| {
        Failure::user("storage.url", format!("{url}: {error}; credentials and region come from AWS_* variables"))
    };
    let store = object_store::aws::AmazonS3Builder::from_env().with_url(url.as_str()).build().map_err(wrong)?;
    Ok(Arc::new(ObjectStorage::new(Arc::new(store), url.path(), url.as_str())?))
}

#[cfg(not(feature = "s3"))]
fn open_remote(url: &Url) -> Result<Arc<dyn Storage>> {
    if matches!(url.scheme(), "s3" | "s3a") {
        let text = format!("{url}: this build has no S3 support; build Tidemill with the feature 's3', or use file://");
        return Err(Failure::user("storage.scheme", text));
    }
    Err(unknown_scheme(url))
}

fn unknown_scheme(url: &Url) -> Failure {
    let text = format!("{url}: '{}' is not a known kind of store; known are file:// and s3://", url.scheme());
    Failure::user("storage.scheme", text)
}

/// Objects below a prefix of an [`ObjectStore`].
pub struct ObjectStorage {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    url: String,
    runtime: Runtime,
}

impl ObjectStorage {
    /// The objects of `store` below `prefix`; `url` is what messages call that place.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str, url: &str) -> Result<ObjectStorage> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::retryable("storage", format!("cannot start the runtime for {url}: {error}")))?;
        let url = url.trim_end_matches('/').to_string();
        Ok(ObjectStorage { store, prefix: ObjectPath::from(prefix), url, runtime })
    }

    fn path(&self, path: &str) -> ObjectPath {
        path.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), |parent, part| parent.join(part))
    }

    fn explain(&self, action: &str, path: &str, error: object_store::Error) -> StorageError {
        match error {
            object_store::Error::NotFound { .. } => StorageError::NotFound(self.url(path)),
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
                StorageError::AlreadyExists(self.url(path))
            }
            object_store::Error::NotImplemented { .. } => StorageError::Other(format!(
                "cannot {action} {}: {error}; choose a store with conditional writes",
                self.url(path)
            )),
            error => StorageError::Other(format!(
                "cannot {action} {}: {error}; check the network, the credentials and the bucket",
                self.url(path)
            )),
        }
    }

    fn write(&self, path: &str, bytes: &[u8], mode: PutMode) -> Result<(), StorageError> {
        let payload = PutPayload::from(bytes.to_vec());
        let options = PutOptions { mode, ..PutOptions::default() };
        let written = self.runtime.block_on(self.store.put_opts(&self.path(path), payload, options));
        written.map(|_| ()).map_err(|error| self.explain("write", path, error))
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectStorage({})", self.url)
    }
}

impl Storage for ObjectStorage {
    fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(path, bytes, PutMode::Create)
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(path, bytes, PutMode::Overwrite)
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, StorageError> {
        let read = async { self.store.get(&self.path(path)).await?.bytes().await };
        self.runtime.block_on(read).map(|bytes| bytes.to_vec()).map_err(|error| self.explain("read", path, error))
    }

    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Vec<u8>, StorageError> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let location = self.path(path);
        let explain = |error| self.explain("read", path, error);
        let read = async { self.store.get_range(&location, offset..offset.saturating_add(len)).await };
        let bytes = self.runtime.block_on(read).map_err(explain)?;
        if bytes.len() as u64 != len {
            let head = async { self.store.head(&location).await };
            let has = self.runtime.block_on(head).map_err(explain)?.size;
            return Err(too_short(&self.url(path), has, offset, len));
        }
        Ok(bytes.to_vec())
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let directory = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        let listed = self.runtime.block_on(async {
            self.store.list(Some(&self.path(directory))).map_ok(|meta| meta.location).try_collect::<Vec<_>>().await
        });
        let listed = listed.map_err(|error| self.explain("list", prefix, error))?;
        let own = listed.iter().filter_map(|location| {
            let parts: Vec<String> =
                location.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_string()).collect();
            Some(parts.join("/"))
        });
        let mut paths: Vec<String> = own.filter(|path| path.starts_with(prefix)).collect();
        paths.sort_unstable();
        Ok(paths)
    }

    fn delete(&self, path: &str) -> Result<(), StorageError> {
        match self.runtime.block_on(async { self.store.delete(&self.path(path)).await }) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.explain("delete", path, error)),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.url).trim_end_matches('/').to_string()
    }
}
