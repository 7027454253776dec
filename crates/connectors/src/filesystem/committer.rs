//! Makes prepared files visible by renaming them, and clears away what nobody will ever name.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message;
use tidemill_core::{Failure, OperatorId, Result};
use tidemill_dataflow::Committer;

use super::alive::{Mark, remove_abandoned};
use super::io::{create_directory, failed, sync_directory};
use super::names::is_leftover;
use super::sink::Target;
use super::writer::{Prepared, PreparedFile};

/// The committer of a sink.
pub struct FilesCommitter {
    target: Arc<Target>,
    operator: OperatorId,
    /// While this process is the only one that can commit the output.
    mark: Option<Mark>,
}

impl FilesCommitter {
    pub(super) fn new(target: Arc<Target>, operator: OperatorId) -> FilesCommitter {
        FilesCommitter { target, operator, mark: None }
    }

    fn commit_file(&self, file: &PreparedFile) -> Result<()> {
        let parent = self.target.path.join(&file.directory);
        let (from, to) = (parent.join(&file.hidden), parent.join(&file.name));
        match fs::rename(&from, &to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound && to.exists() => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = format!(
                    "a checkpoint holds {}, but neither it nor {} exists: it was removed from outside",
                    from.display(),
                    file.name
                );
                Err(Failure::fatal("filesystem.lost", text))
            }
            Err(error) => Err(failed("commit", &from, &error)),
        }
    }

    fn mark(&self, directory: &Path) -> Result<()> {
        let path = directory.join(&self.target.success_file);
        File::create(&path).and_then(|file| file.sync_all()).map_err(|error| failed("create", &path, &error))?;
        sync_directory(directory)
    }
}

impl Committer for FilesCommitter {
    fn commit(&mut self, prepared: &[Vec<u8>]) -> Result<()> {
        let mut directories = BTreeSet::new();
        for bytes in prepared {
            let prepared = Prepared::decode(bytes.as_slice()).map_err(|error| {
                Failure::fatal("filesystem.prepared", format!("a checkpoint's list of files cannot be read: {error}"))
            })?;
            for file in &prepared.files {
                self.commit_file(file)?;
                directories.insert(self.target.path.join(&file.directory));
            }
        }
        for directory in &directories {
            sync_directory(directory)?;
            if self.target.marks_partitions && !self.target.partition.is_empty() {
                self.mark(directory)?;
            }
        }
        Ok(())
    }

    fn hold(&mut self) -> Result<()> {
        let path = &self.target.path;
        remove_abandoned(path)?;
        create_directory(path)?;
        self.mark = Mark::hold(path, self.operator)?;
        Ok(())
    }

    fn clean(&mut self, generation: u64) -> Result<()> {
        remove_leftovers(&self.target.path, self.operator, generation)
    }

    fn finish(&mut self) -> Result<()> {
        let path = &self.target.path;
        create_directory(path)?;
        self.mark(path)
    }
}

/// Removes the hidden files of an operator's writers from starts before `generation`.
pub(super) fn remove_leftovers(directory: &Path, operator: OperatorId, generation: u64) -> Result<()> {
    for path in leftovers(directory, operator, generation)? {
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed("remove", &path, &error)),
        }
    }
    Ok(())
}

fn leftovers(directory: &Path, operator: OperatorId, generation: u64) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", directory, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed("list", directory, &error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(leftovers(&entry.path(), operator, generation)?);
        } else if is_leftover(&entry.file_name().to_string_lossy(), operator, generation) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
