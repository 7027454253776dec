//! One kind of directory that is taken for the other: a savepoint's for a job's, a job's for a savepoint's.

use tidemill_core::storage::{Storage, StorageError};
use tidemill_core::{Failure, Result};

use crate::envelope::{ObjectKind, is_kind};
use crate::identity::JOB;
use crate::job_directory::JobDirectory;
use crate::savepoint::MANIFEST;

impl JobDirectory {
    /// Refuses (`job.savepoint`) the directory of a savepoint, unless a job has begun there nevertheless.
    pub fn refuse_savepoint(&self) -> Result<()> {
        let storage = self.storage().as_ref();
        if !holds(storage, MANIFEST, ObjectKind::Savepoint)? || holds(storage, JOB, ObjectKind::Job)? {
            return Ok(());
        }
        let url = self.url();
        let text = format!(
            "{url} is a savepoint, no directory for checkpoints: to go on from it, give it with --from-savepoint {url} and \
             another directory with --checkpoint-dir"
        );
        Err(Failure::refused("job.savepoint", text))
    }
}

/// Why there is no savepoint where one was expected (`savepoint.none`, `savepoint.checkpoints`).
pub fn no_savepoint(storage: &dyn Storage) -> Failure {
    let url = storage.url("");
    match holds(storage, JOB, ObjectKind::Job) {
        Ok(true) => {
            let text = format!(
                "{url} is no savepoint, but the directory of a job's checkpoints: the job goes on from the last of them with \
                 --checkpoint-dir {url} and without --from-savepoint"
            );
            Failure::refused("savepoint.checkpoints", text)
        }
        Ok(false) if is_checkpoint(storage) => {
            let text = format!(
                "{url} is no savepoint, but one checkpoint of a job: the job goes on from its last one if the directory above is \
                 given with --checkpoint-dir and --from-savepoint is left out"
            );
            Failure::refused("savepoint.checkpoints", text)
        }
        Ok(false) => {
            let text = format!("there is no savepoint in {url}: it has no file '{MANIFEST}'");
            Failure::refused("savepoint.none", text)
        }
        Err(failure) => failure,
    }
}

/// True for a directory `chk-<id>`, which has the root of a manifest.
fn is_checkpoint(storage: &dyn Storage) -> bool {
    let is_root = |path: &String| path.starts_with('g') && path.ends_with("-root");
    storage.list("g").is_ok_and(|paths| paths.iter().any(is_root))
}

fn holds(storage: &dyn Storage, path: &str, kind: ObjectKind) -> Result<bool> {
    match storage.get(path) {
        Ok(bytes) => Ok(is_kind(kind, &bytes)),
        Err(StorageError::NotFound(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
