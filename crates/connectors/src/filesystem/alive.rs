//! Which output is still being written, where no decision log tells: that of batch jobs.
//!
//! A batch job commits at its end or not at all, so once its process is gone nobody needs its hidden files. While it runs, an
//! empty file `.batch-<sink operator>` in the table's directory is locked; the operator is a new one in every run and is in the
//! names of the hidden files. Whoever can lock such a mark knows that its owner is gone, removes the files, then the mark. Where
//! the file system has no locks there are no marks, and nothing is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use tidemill_core::{OperatorId, Result};

use super::committer::remove_leftovers;
use super::io::failed;

const START: &str = ".batch-";

/// A mark that is held; dropped, it is removed.
#[derive(Debug)]
pub struct Mark {
    path: PathBuf,
    _locked: File,
}

impl Mark {
    /// Marks the output of `operator` as being written; none where the file system cannot.
    pub fn hold(directory: &Path, operator: OperatorId) -> Result<Option<Mark>> {
        let path = directory.join(format!("{START}{operator}"));
        loop {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
            let file = file.map_err(|error| failed("create", &path, &error))?;
            if file.lock().is_err() {
                let _ = fs::remove_file(&path);
                return Ok(None);
            }
            // Somebody may have locked it first, and taken it for one whose owner is gone.
            if is_at(&file, &path).map_err(|error| failed("read", &path, &error))? {
                return Ok(Some(Mark { path, _locked: file }));
            }
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // What stays is taken away by the next one, as after a kill.
        let _ = fs::remove_file(&self.path);
    }
}

/// True if the file is (still) the one of that name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> Result<bool, Error> {
    use std::os::unix::fs::MetadataExt;
    let own = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere a locked file cannot be removed.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> Result<bool, Error> {
    path.try_exists()
}

/// Removes what batch jobs have left in a table's directory whose processes are gone.
pub fn remove_abandoned(directory: &Path) -> Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("list", directory, &error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| failed("list", directory, &error))?;
        let name = entry.file_name();
        let Some(operator) = name.to_str().and_then(|name| name.strip_prefix(START)).and_then(OperatorId::parse) else {
            continue;
        };
        let mark = entry.path();
        let Ok(file) = OpenOptions::new().write(true).open(&mark) else { continue };
        if file.try_lock().is_ok() && is_at(&file, &mark).unwrap_or(false) {
            remove_leftovers(directory, operator, u64::MAX)?;
            let _ = fs::remove_file(&mark);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::filesystem::names::WriterName;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_removed_is_what_the_dead_have_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let hidden = |operator: u128| {
            let writer = WriterName { operator: OperatorId(operator), process: 1, generation: 5, subtask: 0 };
            let name = writer.file(0, "csv").0;
            fs::create_dir_all(path.join("day=1")).unwrap();
            fs::write(path.join("day=1").join(&name), "1\n").unwrap();
            name
        };
        let (dead, alive, unmarked) = (hidden(1), hidden(2), hidden(3));
        fs::write(path.join(format!("{START}{}", OperatorId(1))), "").unwrap();
        let mark = Mark::hold(path, OperatorId(2)).unwrap().unwrap();
        remove_abandoned(path).unwrap();
        let mut kept = vec![alive, unmarked];
        kept.sort_unstable();
        assert_eq!(names(&path.join("day=1")), kept, "{dead} was left by a process that is gone");
        drop(mark);
        assert_eq!(names(path), ["day=1"], "no mark is left");
    }
}
