//! The decision log: create-only objects `decisions/K`, K consecutive from 0.
//!
//! Invariants:
//! 1. Whoever creates entry K has decided; everybody else's append of K fails, and they are fenced from then on. No lease,
//!    clock or listing is needed for that.
//! 2. An append that ends in an error may have succeeded. Until that is known nothing else can be appended: the same decision
//!    is tried again, and found by its nonce if it is there.
//! 3. Entries that no reader needs may be deleted, but never one of the *milestones* (K a multiple of 1,000) and never one of
//!    the newest segment (the entries from one milestone to the next). So the end of the log is found by a search over
//!    milestones, and a deposed writer whose next entry has been deleted is still fenced: it finds a later milestone.
//! 4. A listing is used only to find that an entry is missing in the middle, never to conclude that one is not there.

use std::fmt;

use tidemill_core::storage::StorageError;
use tidemill_core::{CheckpointId, Failure, Result};

use crate::decision::{Decision, Entry, GenerationStarted};
use crate::envelope::{ObjectKind, seal, unseal};
use crate::history::History;
use crate::job_directory::JobDirectory;

const SEGMENT_LEN: u64 = 1_000;

/// Why an append did not succeed.
#[derive(Clone, Debug)]
pub enum AppendError {
    /// Another coordinator has decided this entry: the one that asks is deposed and must stop.
    Fenced {
        /// The entry.
        number: u64,
        /// The generation that decided it.
        by_generation: u64,
    },
    /// It is not known whether the decision was made. Only the same decision may be tried again; another process that opens
    /// the log will find out.
    Unknown(Failure),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Fenced { number, by_generation } => {
                write!(f, "deposed: generation {by_generation} of the job has made decision {number}")
            }
            AppendError::Unknown(failure) => write!(f, "{failure}"),
        }
    }
}

impl std::error::Error for AppendError {}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Failure {
        match error {
            AppendError::Fenced { .. } => Failure::refused(
                "job.deposed",
                format!(
                    "{error}; another process runs this job: stop one of them, or give each a directory of its own"
                ),
            ),
            AppendError::Unknown(failure) => failure,
        }
    }
}

/// The log of a job, opened by one process.
#[derive(Debug)]
pub struct DecisionLog {
    directory: JobDirectory,
    nonce: u64,
    generation: u64,
    next: u64,
    base: u64,
    durable_base: u64,
    trimmed_below: u64,
    history: History,
    in_doubt: Option<Decision>,
    fenced: Option<AppendError>,
}

impl DecisionLog {
    /// Reads the log. `nonce` must be drawn anew at every call (`Env::random_u64`): it tells this process's entries from
    /// those of others.
    pub fn open(directory: &JobDirectory, nonce: u64) -> Result<DecisionLog> {
        let mut log = DecisionLog {
            directory: directory.clone(),
            nonce,
            generation: 0,
            next: 0,
            base: 0,
            durable_base: 0,
            trimmed_below: 0,
            history: History::default(),
            in_doubt: None,
            fenced: None,
        };
        log.next = log.find_end()?;
        let listed = directory.storage().list("decisions/")?;
        if let Some(beyond) =
            listed.iter().filter_map(|path| JobDirectory::decision_number(path)).find(|n| *n >= log.next)
            && log.read(beyond)?.is_some()
            && log.read(log.next)?.is_none()
        {
            return Err(log.missing(log.next));
        }
        if let Some(last) = log.next.checked_sub(1) {
            log.base = log.read(last)?.ok_or_else(|| log.missing(last))?.base;
            log.durable_base = log.base;
            log.trimmed_below = log.base - log.base % SEGMENT_LEN;
            for number in log.base..log.next {
                let entry = log.read(number)?.ok_or_else(|| log.missing(number))?;
                log.history.apply(number, &entry)?;
            }
        }
        Ok(log)
    }

    /// What the log says.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The number of the next entry.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The generation that this process has started; 0 before that.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// True if another process has decided something since this one read the log.
    pub fn is_overtaken(&self) -> Result<bool> {
        Ok(self.read(self.next)?.is_some())
    }

    /// Who has deposed this process since it started its generation, if anybody has.
    pub fn deposed(&self) -> Result<Option<AppendError>> {
        let mut number = self.next;
        // A decision in doubt may have been made.
        while let Some(found) = self.read(number)? {
            if found.nonce != self.nonce {
                return Ok(Some(AppendError::Fenced { number, by_generation: found.generation }));
            }
            number += 1;
        }
        match self.check_not_overtaken(number) {
            Ok(()) => Ok(None),
            Err(fenced @ AppendError::Fenced { .. }) => Ok(Some(fenced)),
            Err(AppendError::Unknown(failure)) => Err(failure),
        }
    }

    /// Becomes the job's coordinator: all earlier ones are deposed. `restored_from` is 0 for no checkpoint.
    ///
    /// If another one has decided something meanwhile, the answer is [`AppendError::Fenced`]: open the log anew and resolve
    /// again what to restore.
    pub fn start_generation(
        &mut self,
        parallelism: u32,
        restored_from: CheckpointId,
        savepoint_url: &str,
    ) -> Result<u64, AppendError> {
        let generation = self.history.generation + 1;
        self.generation = generation;
        let savepoint_url = savepoint_url.to_string();
        let started = GenerationStarted { generation, parallelism, restored_from, savepoint_url };
        self.append(Decision::GenerationStarted(started)).map(|_| generation)
    }

    /// Decides: returns the entry's number once it is durable.
    pub fn append(&mut self, decision: Decision) -> Result<u64, AppendError> {
        let unknown = |code, text: &str| Err(AppendError::Unknown(Failure::fatal(code, text)));
        if self.generation == 0 {
            return unknown(
                "checkpoint.no-generation",
                "a decision before a generation was started; this is a defect of Tidemill",
            );
        }
        if let Some(fenced) = &self.fenced {
            return Err(fenced.clone());
        }
        if self.in_doubt.as_ref().is_some_and(|doubt| *doubt != decision) {
            return unknown(
                "checkpoint.in-doubt",
                "an earlier decision is still in doubt: stop, and start the job again",
            );
        }
        let number = self.next;
        let entry = Entry { nonce: self.nonce, generation: self.generation, base: self.base, decision: Some(decision) };
        self.in_doubt.clone_from(&entry.decision);
        let decided = self.create(number, &entry).and_then(|()| self.check_not_overtaken(number));
        if let Err(error @ AppendError::Fenced { .. }) = &decided {
            self.fenced = Some(error.clone());
        }
        decided?;
        self.in_doubt = None;
        self.next = number + 1;
        self.durable_base = self.base;
        self.history.apply(number, &entry).map_err(AppendError::Unknown)?;
        Ok(number)
    }

    /// Creates an entry, or finds whose entry is there.
    fn create(&self, number: u64, entry: &Entry) -> Result<(), AppendError> {
        let bytes = seal(ObjectKind::Decision, entry);
        let created = self.directory.storage().create(&JobDirectory::decision(number), &bytes);
        let Err(error) = created else { return Ok(()) };
        match self.read(number) {
            Ok(Some(found)) if found.nonce == self.nonce && found.decision == entry.decision => Ok(()),
            Ok(Some(found)) => Err(AppendError::Fenced { number, by_generation: found.generation }),
            Ok(None) => Err(AppendError::Unknown(error.into())),
            Err(failure) => Err(AppendError::Unknown(failure)),
        }
    }

    /// Invariant 3: the entry may have been created in a segment that others have left and trimmed.
    fn check_not_overtaken(&self, number: u64) -> Result<(), AppendError> {
        let milestone = (number / SEGMENT_LEN + 1) * SEGMENT_LEN;
        match self.read(milestone) {
            Ok(None) => Ok(()),
            Ok(Some(found)) => Err(AppendError::Fenced { number: milestone, by_generation: found.generation }),
            Err(failure) => Err(AppendError::Unknown(failure)),
        }
    }

    /// Entries below that of `checkpoint` are needed no more; those that may be deleted are. The checkpoints before it leave
    /// the history.
    pub fn trim(&mut self, checkpoint: CheckpointId) -> Result<u64> {
        let Some(oldest) = self.history.checkpoints.get(&checkpoint) else { return Ok(0) };
        self.base = self.base.max(oldest.number);
        self.history.checkpoints.retain(|id, _| *id >= checkpoint);
        let newest_segment = self.next.saturating_sub(1) / SEGMENT_LEN * SEGMENT_LEN;
        let below = self.durable_base.min(newest_segment);
        let mut deleted = 0;
        while self.trimmed_below < below {
            if !self.trimmed_below.is_multiple_of(SEGMENT_LEN) {
                self.directory.storage().delete(&JobDirectory::decision(self.trimmed_below))?;
                deleted += 1;
            }
            self.trimmed_below += 1;
        }
        Ok(deleted)
    }

    fn read(&self, number: u64) -> Result<Option<Entry>> {
        let path = JobDirectory::decision(number);
        match self.directory.storage().get(&path) {
            Ok(bytes) => unseal(ObjectKind::Decision, &bytes, &self.directory.storage().url(&path)).map(Some),
            Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The number of the first entry that is not there.
    fn find_end(&self) -> Result<u64> {
        let segments = first_absent(|segment| Ok(self.read(segment * SEGMENT_LEN)?.is_some()))?;
        let Some(last_segment) = segments.checked_sub(1) else { return Ok(0) };
        let start = last_segment * SEGMENT_LEN;
        Ok(start + first_absent(|offset| Ok(self.read(start + offset)?.is_some()))?)
    }

    fn missing(&self, number: u64) -> Failure {
        let url = self.directory.storage().url(&JobDirectory::decision(number));
        let text = format!(
            "{url} is missing, but later decisions of the job are there: bring it back, or start over with --fresh"
        );
        Failure::refused("checkpoint.decision-missing", text)
    }
}

/// The smallest number for which `is_there` is false, if it is true below and false from there on: doubling, then halving.
fn first_absent(is_there: impl Fn(u64) -> Result<bool>) -> Result<u64> {
    let mut above = 1;
    while is_there(above - 1)? {
        above *= 2;
    }
    let (mut low, mut high) = (above / 2, above - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match is_there(middle)? {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    Ok(low)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_absent_number_is_found() {
        for end in 0..100 {
            assert_eq!(first_absent(|number| Ok(number < end)).unwrap(), end);
        }
    }
}
