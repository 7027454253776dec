//! Sinks: writers prepare on the slots, a committer makes prepared output visible once its checkpoint is decided.
//!
//! Invariants: nothing a writer has written is visible before its checkpoint is complete; `commit` is idempotent and is called
//! again by every later start until the log says it succeeded.

use tidemill_core::{Batch, CheckpointId, JobId, Now, OperatorId, Progress, Result, SubtaskIndex};

/// A sink as the plan describes it.
pub trait Sink: Send + Sync {
    /// Writes rows, on a slot.
    fn writer(&self, cx: &WriterContext) -> Result<Box<dyn Writer>>;

    /// Commits what the writers with this id ([`output_id`]) have prepared; none for sinks that have nothing to commit.
    fn committer(&self, _output: OperatorId) -> Result<Option<Box<dyn Committer>>> {
        Ok(None)
    }
}

/// What tells the output of a job's sink operator from that of all others, of other jobs with the same statements too.
pub fn output_id(job: JobId, operator: OperatorId) -> OperatorId {
    OperatorId(job.0 ^ operator.0)
}

/// What a writer learns about its place.
#[derive(Clone, Debug)]
pub struct WriterContext {
    /// The [`output_id`]; with `generation`, `subtask` and a counter it makes file names unique.
    pub operator: OperatorId,
    /// How often the job has been started.
    pub generation: u64,
    /// Which of the parallel instances it is.
    pub subtask: SubtaskIndex,
    /// How many there are.
    pub parallelism: u32,
}

/// Writes the rows of one subtask.
pub trait Writer: Send {
    /// Takes rows.
    fn write(&mut self, batch: &Batch, now: Now) -> Result<Progress>;

    /// Makes all rows taken so far durable but not visible; returns what the committer needs (opaque, stored in the manifest).
    fn prepare(&mut self, checkpoint: CheckpointId) -> Result<Vec<Vec<u8>>>;

    /// No more rows follow; only `prepare` is still called.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Makes prepared output visible. Runs beside the coordinator; may block.
pub trait Committer: Send {
    /// Makes these visible; those that are visible already are left alone.
    fn commit(&mut self, prepared: &[Vec<u8>]) -> Result<()>;

    /// Removes the leftovers of dead writers: everything that is not visible and of a generation before `generation`.
    /// Called after a start has committed again what it had to.
    fn clean(&mut self, generation: u64) -> Result<()> {
        let _ = generation;
        Ok(())
    }

    /// For output that nobody commits once this process is gone (a batch job has no decision log): says, for as long as this
    /// committer lives, that it is needed, and removes what processes that are gone have left. Called before anything is written.
    fn hold(&mut self) -> Result<()> {
        Ok(())
    }

    /// The job has ended and everything is committed.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
