//! Whose directory it is: the `job` file, created once, so that no job goes on from another job's state.

use std::sync::Arc;

use tidemill_core::storage::{Storage, StorageError};
use tidemill_core::{Failure, JobId, Result};

use crate::envelope::{ObjectKind, create_same, is_ours, seal, unseal};
use crate::job_directory::JobDirectory;
use crate::log::DecisionLog;

pub(crate) const JOB: &str = "job";
const FRESH: &str = "fresh";
/// The code of a refusal: a file has the name of one of ours.
const FOREIGN: &str = "job.foreign";

/// What tells one job from another.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct JobIdentity {
    /// `pipeline.name`, else the full names of the job's sinks.
    #[prost(string, tag = "1")]
    pub name: String,
    /// A fingerprint of the statements; a change is refused.
    #[prost(string, tag = "2")]
    pub fingerprint: String,
    /// The job's id, 32 hex digits.
    #[prost(string, tag = "3")]
    pub job_id: String,
    /// The version of Tidemill that began the job, for messages.
    #[prost(string, tag = "4")]
    pub version: String,
}

/// How a directory was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing was there: it is the job's from now on.
    Created(JobIdentity),
    /// It was this job's before. The identity is the stored one, with the id of the first start.
    Resumed(JobIdentity),
}

impl JobDirectory {
    /// Makes the directory the job's, or finds that it is already.
    ///
    /// Refuses another job's directory (`job.other`) and changed statements (`job.changed`).
    pub fn claim(storage: Arc<dyn Storage>, identity: &JobIdentity) -> Result<(JobDirectory, Claim)> {
        let directory = JobDirectory::new(storage);
        if exists(&directory, FRESH)? {
            directory.clear()?;
        }
        let bytes = seal(ObjectKind::Job, identity);
        let mut found = directory.identity()?;
        let is_begun = found.is_some() || !directory.storage().list("decisions/")?.is_empty();
        if is_begun && found.is_none() {
            // Another process may have begun the job between the two looks.
            found = directory.identity()?;
        }
        match found {
            Some(found) => {
                directory.check(&found, identity)?;
                Ok((directory, Claim::Resumed(found)))
            }
            None => {
                if is_begun {
                    let text = format!(
                        "{} holds a job, but its file 'job' is missing: bring it back, or start over with --fresh",
                        directory.url()
                    );
                    return Err(Failure::refused("job.missing", text));
                }
                match create_same(directory.storage().as_ref(), JOB, &bytes) {
                    Ok(()) => Ok((directory, Claim::Created(identity.clone()))),
                    Err(failure) => {
                        let Some(found) = directory.identity()? else { return Err(failure) };
                        directory.check(&found, identity)?;
                        Ok((directory, Claim::Resumed(found)))
                    }
                }
            }
        }
    }

    /// The identity of the job whose directory it is; none where no job has begun.
    pub fn identity(&self) -> Result<Option<JobIdentity>> {
        match self.storage().get(JOB) {
            Ok(bytes) if !is_ours(&bytes) => {
                let text = format!(
                    "{} is a file that Tidemill has not made: choose another directory for the checkpoints",
                    self.storage().url(JOB)
                );
                Err(Failure::refused(FOREIGN, text))
            }
            Ok(bytes) => unseal(ObjectKind::Job, &bytes, &self.storage().url(JOB)).map(Some),
            Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks how a job can start over here (`--fresh`): the id of the directory's job if its log can be read, in which an entry
    /// then says so and deposes whoever still runs it; none if there was no job, or only what is left of one, which is removed.
    ///
    /// Refuses a directory whose file `job` is not one of Tidemill's (`job.foreign`).
    pub fn to_start_over(&self, nonce: u64) -> Result<Option<JobId>> {
        let mut found = self.identity();
        if matches!(found, Ok(None)) {
            if self.storage().list("decisions/")?.is_empty() {
                return Ok(None);
            }
            // Another process may have begun the job between the two looks.
            found = self.identity();
        }
        let found = match found {
            Ok(Some(found)) => found,
            Err(failure) if failure.is_retryable() || failure.code() == FOREIGN => return Err(failure),
            Ok(None) | Err(_) => return self.clear().map(|()| None),
        };
        if exists(self, FRESH)? {
            return self.clear().map(|()| None);
        }
        match DecisionLog::open(self, nonce) {
            Ok(_) => Ok(Some(found.id())),
            Err(failure) if failure.is_retryable() => Err(failure),
            Err(_) => self.clear().map(|()| None),
        }
    }

    /// From now on the directory is the job's that has started over in it.
    pub fn rename(&self, identity: &JobIdentity) -> Result<()> {
        Ok(self.storage().put(JOB, &seal(ObjectKind::Job, identity))?)
    }

    /// Empties the directory, whose log cannot be read. Interrupted, it is finished by the next [`JobDirectory::claim`]. No
    /// process may be running the job meanwhile. Objects that are not the job's stay.
    pub fn clear(&self) -> Result<()> {
        let storage = self.storage();
        storage.put(FRESH, b"This directory is being emptied.\n")?;
        for prefix in ["decisions/", "chk-", "state/"] {
            for path in storage.list(prefix)? {
                if JobDirectory::decision_number(&path).is_some() || JobDirectory::origin(&path).is_some() {
                    storage.delete(&path)?;
                }
            }
        }
        // A listing may lag behind; without its first entry no log is taken for one.
        storage.delete(&JobDirectory::decision(0))?;
        storage.delete(JOB)?;
        Ok(storage.delete(FRESH)?)
    }

    fn check(&self, found: &JobIdentity, wanted: &JobIdentity) -> Result<()> {
        if found.name != wanted.name {
            let text = format!(
                "{} belongs to the job '{}', not to '{}': give each job a directory of its own, or start over with --fresh",
                self.url(),
                found.name,
                wanted.name
            );
            return Err(Failure::refused("job.other", text));
        }
        if found.fingerprint != wanted.fingerprint {
            let text = format!(
                "the statements of the job '{}' have changed since it began in {}: run it unchanged, give it another \
                 directory, or start over with --fresh",
                found.name,
                self.url()
            );
            return Err(Failure::refused("job.changed", text));
        }
        Ok(())
    }
}

impl JobIdentity {
    /// The identity of a job that begins now.
    pub fn new(name: &str, fingerprint: &str, job_id: JobId) -> JobIdentity {
        let version = env!("CARGO_PKG_VERSION").to_string();
        JobIdentity {
            name: name.to_string(),
            fingerprint: fingerprint.to_string(),
            job_id: job_id.to_string(),
            version,
        }
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        JobId::parse(&self.job_id).unwrap_or_else(|| JobId::from_name(&self.job_id))
    }
}

fn exists(directory: &JobDirectory, path: &str) -> Result<bool> {
    match directory.storage().get(path) {
        Ok(_) => Ok(true),
        Err(StorageError::NotFound(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
