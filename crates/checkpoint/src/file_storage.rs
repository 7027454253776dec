//! A store in a directory of a file system.
//!
//! Invariants: an object appears whole, under its name, after its bytes are on the disk; a call returns only after the
//! directory entry is there too (`fsync` of file and directory). New objects are written under `.tmp/` and then linked
//! (create-only) or renamed. A writer holds a lock on its temporary file, so that leftovers of dead processes are told from
//! files in the making; who is done with the store removes `.tmp/` if it is empty. The root itself is never made again: a
//! directory that vanished is an error, not an empty store. Directories that are found at the opening are made durable again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::storage::{Storage, StorageError};
use tidemill_core::{Failure, Result};

use crate::memory_storage::too_short;

const TEMPORARY: &str = ".tmp";
/// How often something is made again that another process has removed meanwhile.
const ATTEMPTS_MAX: usize = 10;

/// Objects as files below a directory.
#[derive(Debug)]
pub struct FileStorage {
    root: PathBuf,
    temporary_files: AtomicU64,
}

impl FileStorage {
    /// The store in a directory, which is made if it is not there; leftovers of dead writers are removed.
    pub fn open(root: &Path) -> Result<FileStorage> {
        let store = FileStorage::at(root)?;
        let temporary = store.root.join(TEMPORARY);
        store.ensure_directory(&temporary, true).map_err(|error| store.explain("make", "", error))?;
        store.settle();
        store.sweep(&temporary);
        Ok(store)
    }

    /// The store in a directory that must be there; nothing is made until the first write.
    pub fn open_existing(root: &Path) -> Result<FileStorage> {
        let store = FileStorage::at(root)?;
        if !store.root.is_dir() {
            let text = format!(
                "{} is not a directory: give the directory that holds the checkpoint or savepoint",
                store.url("")
            );
            return Err(Failure::user("storage.no-directory", text));
        }
        Ok(store)
    }

    fn at(root: &Path) -> Result<FileStorage> {
        let root = std::path::absolute(root).map_err(|error| {
            Failure::user("storage.path", format!("'{}' is not a usable path: {error}", root.display()))
        })?;
        Ok(FileStorage { root, temporary_files: AtomicU64::new(0) })
    }

    /// Makes directories durable that a process has made which was killed before it had done so: those that lead to the root,
    /// and those in it, two deep. Above the root there may be some that this user cannot open: they are not new.
    fn settle(&self) {
        self.root.ancestors().for_each(|directory| _ = sync_directory(directory));
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let _ = sync_directory(&entry.path());
            }
        }
    }

    /// Removes temporary files that nobody writes any more. What cannot be removed stays: it does no harm.
    fn sweep(&self, temporary: &Path) {
        let Ok(entries) = fs::read_dir(temporary) else { return };
        for entry in entries.flatten() {
            if let Ok(file) = File::open(entry.path())
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Makes a directory durable with all that is missing above it, up to the root (which only `with_root` may make).
    fn ensure_directory(&self, directory: &Path, with_root: bool) -> io::Result<()> {
        if directory.is_dir() {
            return Ok(());
        }
        let Some(parent) = directory.parent() else { return Err(io::ErrorKind::NotFound.into()) };
        if !with_root && !parent.starts_with(&self.root) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.ensure_directory(parent, with_root)?;
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => sync_directory(parent),
        }
    }

    /// Writes bytes to a new temporary file, durably. The file is locked until it is dropped.
    fn write_temporary(&self, bytes: &[u8]) -> io::Result<(PathBuf, File)> {
        let directory = self.root.join(TEMPORARY);
        let mut attempts_left = ATTEMPTS_MAX;
        loop {
            self.ensure_directory(&directory, false)?;
            let number = self.temporary_files.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{}-{number}", std::process::id()));
            let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts_left > 0 => {
                    attempts_left -= 1;
                    continue;
                }
                other => other?,
            };
            let locked = file.try_lock().map_err(io::Error::from);
            match locked.and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all()) {
                Ok(()) => return Ok((path, file)),
                Err(error) => {
                    let _ = fs::remove_file(&path);
                    return Err(error);
                }
            }
        }
    }

    /// Writes an object, by link or by rename. A directory, emptied and removed by another call meanwhile, is made again.
    fn write(&self, path: &str, bytes: &[u8], replace: bool) -> io::Result<()> {
        let target = self.root.join(path);
        let parent = target.parent().unwrap_or(&self.root);
        let (temporary, _locked) = self.write_temporary(bytes)?;
        let mut attempts_left = ATTEMPTS_MAX;
        let moved = loop {
            let moved = self.ensure_directory(parent, false).and_then(|()| match replace {
                true => fs::rename(&temporary, &target),
                false => fs::hard_link(&temporary, &target),
            });
            attempts_left -= 1;
            match moved {
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts_left > 0 && temporary.exists() => {}
                other => break other,
            }
        };
        if !(replace && moved.is_ok()) {
            let _ = fs::remove_file(&temporary);
        }
        moved.and_then(|()| sync_directory(parent))
    }

    fn explain(&self, action: &str, path: &str, error: io::Error) -> StorageError {
        let url = self.url(path);
        let advice = match error.kind() {
            io::ErrorKind::NotFound if !self.root.is_dir() => {
                "the directory has vanished: bring it back, or choose another"
            }
            io::ErrorKind::NotFound => return StorageError::NotFound(url),
            io::ErrorKind::AlreadyExists => return StorageError::AlreadyExists(url),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "the disk is full: free some space, or choose a directory on another disk"
            }
            io::ErrorKind::FileTooLarge => {
                "it would be larger than this process may write, or than the file system allows: raise the limit (ulimit -f)"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "allow this user to write there, or choose another directory"
            }
            io::ErrorKind::NotADirectory => "a file is in the way: choose another directory",
            io::ErrorKind::Unsupported => "the file system lacks hard links: choose a directory on another file system",
            _ => "check the disk, or choose another directory",
        };
        StorageError::Other(format!("cannot {action} {url}: {error}; {advice}"))
    }

    fn collect_files(&self, directory: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && directory != self.root => return Ok(()),
            other => other?,
        };
        for entry in entries {
            let path = entry?.path();
            let Some(name) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) else { continue };
            if name == TEMPORARY {
                continue;
            }
            if path.is_dir() {
                let may_hold = name.starts_with(prefix) || prefix.starts_with(&format!("{name}/"));
                if may_hold {
                    self.collect_files(&path, prefix, found)?;
                }
            } else if name.starts_with(prefix) {
                found.push(name.to_string());
            }
        }
        Ok(())
    }
}

impl Drop for FileStorage {
    fn drop(&mut self) {
        // Where others write it is not empty, and stays.
        let _ = fs::remove_dir(self.root.join(TEMPORARY));
    }
}

impl Storage for FileStorage {
    fn create(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(path, bytes, false).map_err(|error| self.explain("write", path, error))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(path, bytes, true).map_err(|error| self.explain("write", path, error))
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, StorageError> {
        fs::read(self.root.join(path)).map_err(|error| self.explain("read", path, error))
    }

    fn get_range(&self, path: &str, offset: u64, len: u64) -> Result<Vec<u8>, StorageError> {
        let explain = |error| self.explain("read", path, error);
        let mut file = File::open(self.root.join(path)).map_err(explain)?;
        let has = file.metadata().map_err(explain)?.len();
        if offset.checked_add(len).is_none_or(|end| end > has) {
            return Err(too_short(&self.url(path), has, offset, len));
        }
        file.seek(SeekFrom::Start(offset)).map_err(explain)?;
        let mut bytes = vec![0; len as usize];
        file.read_exact(&mut bytes).map_err(explain)?;
        Ok(bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let mut found = Vec::new();
        self.collect_files(&self.root, prefix, &mut found).map_err(|error| self.explain("list", prefix, error))?;
        found.sort_unstable();
        Ok(found)
    }

    fn delete(&self, path: &str) -> Result<(), StorageError> {
        let target = self.root.join(path);
        match fs::remove_file(&target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.explain("delete", path, error)),
            _ => {}
        }
        for directory in target.ancestors().skip(1).take_while(|directory| *directory != self.root) {
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("file://{}", self.root.join(path).display()).trim_end_matches('/').to_string()
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push(directory.to_path_buf()));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    thread_local! {
        /// The directories that this thread has made durable.
        pub(super) static SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    #[test]
    fn directories_that_are_found_may_not_be_durable_yet() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("a/ck");
        // As a process leaves them that is killed between making and syncing them.
        fs::create_dir_all(root.join("state/g0000000001")).unwrap();
        SYNCED.take();
        FileStorage::open(&root).unwrap();
        let synced = SYNCED.take();
        for holder in [directory.path().to_path_buf(), directory.path().join("a"), root.clone(), root.join("state")] {
            assert!(synced.contains(&holder), "{} is not among {synced:?}", holder.display());
        }
    }

    #[test]
    fn leftovers_of_dead_writers_are_removed_and_never_listed() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStorage::open(directory.path()).unwrap();
        let (leftover, writer) = store.write_temporary(b"half").unwrap();
        FileStorage::open(directory.path()).unwrap();
        assert!(leftover.exists(), "it is still being written");
        drop(writer);
        assert!(store.list("").unwrap().is_empty());
        FileStorage::open(directory.path()).unwrap();
        assert!(!leftover.exists());
    }

    #[test]
    fn an_error_names_the_file_and_says_what_to_change() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStorage::open(directory.path()).unwrap();
        let cases = [
            (io::ErrorKind::StorageFull, "free some space"),
            (io::ErrorKind::QuotaExceeded, "free some space"),
            (io::ErrorKind::FileTooLarge, "ulimit -f"),
            (io::ErrorKind::PermissionDenied, "allow this user"),
            (io::ErrorKind::ReadOnlyFilesystem, "allow this user"),
            (io::ErrorKind::Other, "check the disk"),
        ];
        for (kind, advice) in cases {
            let text = store.explain("write", "a/b", kind.into()).to_string();
            assert!(text.contains(advice) && text.contains(&store.url("a/b")), "{text}");
        }
    }
}
