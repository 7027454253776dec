//! The head of a subtask that reads: polls the reader, projects, makes watermarks, injects barriers.
//!
//! Invariant: a barrier stands behind exactly the rows that the split positions in its snapshot cover.

use std::collections::VecDeque;
use std::sync::Arc;

use tidemill_core::map::Map;
use tidemill_core::{Barrier, CheckpointKind, Element, EventTime, Now, OperatorId, Result};
use tidemill_expr::EvalContext;
use tidemill_expr::evaluator::Program;

use crate::counters::Counters;
use crate::faults::{Fault, Faults};
use crate::pace::Pace;
use crate::snapshot::OperatorSnapshot;
use crate::source::{Poll, Reader, Split};
use crate::watermarks::Watermarks;

/// What a source subtask is made of.
pub(crate) struct SourceTask {
    pub(crate) id: OperatorId,
    pub(crate) reader: Box<dyn Reader>,
    pub(crate) program: Option<Program>,
    pub(crate) watermarks: Option<Watermarks>,
    pub(crate) idle_timeout_ns: Option<u64>,
    pub(crate) pace: Option<Arc<Pace>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) rows_max: usize,
    pub(crate) faults: Faults,
    pub(crate) cx: EvalContext,
    pub(crate) state: SourceState,
}

/// What changes while a source subtask runs.
#[derive(Default)]
pub(crate) struct SourceState {
    next_handle: u32,
    split_ids: Map<u32, String>,
    no_more_splits: bool,
    ended: bool,
    closed: bool,
    /// Nothing is read behind the barrier that stops the job: it would be written again by whoever goes on.
    stopped: bool,
    idle: bool,
    empty_since_ns: Option<u64>,
    wake_at_ns: Option<u64>,
    pub(crate) pending: VecDeque<Element>,
    /// Snapshots whose barriers are in `pending` or beyond.
    pub(crate) snapshots: Vec<(u64, OperatorSnapshot)>,
}

impl SourceTask {
    /// Takes a split, with the watermark its generator had.
    pub(crate) fn add_split(&mut self, split: Split, watermark: EventTime) -> Result<()> {
        let handle = self.state.next_handle;
        self.state.next_handle += 1;
        self.state.split_ids.insert(handle, split.id.clone());
        let watermark = if self.faults.has(Fault::ForgetWatermark) { EventTime::MIN } else { watermark };
        if let Some(watermarks) = &mut self.watermarks {
            watermarks.open(handle, watermark);
        }
        self.state.wake_at_ns = None;
        self.reader.add_split(handle, split)
    }

    /// The enumerator has no more splits.
    pub(crate) fn no_more_splits(&mut self) {
        self.state.no_more_splits = true;
    }

    /// Snapshots the splits and puts the barrier behind the rows they cover.
    pub(crate) fn barrier(&mut self, barrier: &Arc<Barrier>) -> Result<()> {
        let mut splits = Vec::new();
        if self.faults.has(Fault::SnapshotBehindOutput)
            && let Poll::Batch(..) = self.reader.poll(self.rows_max, Now::default())?
        {
            // The defect: these rows are counted as read and never handed out.
        }
        if self.faults.has(Fault::PositionBehindBarrier) {
            self.state.pending.push_back(Element::Barrier(Arc::clone(barrier)));
            self.read(Now::default())?;
        }
        for (handle, split) in self.reader.snapshot()? {
            let watermark = self.watermarks.as_ref().map_or(EventTime::MIN, |all| all.of_split(handle));
            splits.push((split, watermark));
        }
        let snapshot = OperatorSnapshot {
            operator: self.id,
            watermark: EventTime::MIN,
            counters: self.counters.values(),
            tables: Vec::new(),
            blobs: Vec::new(),
            prepared: Vec::new(),
            splits,
        };
        self.state.stopped |= barrier.kind == CheckpointKind::StopWithSavepoint;
        self.state.snapshots.push((barrier.checkpoint, snapshot));
        if !self.faults.has(Fault::PositionBehindBarrier) {
            self.state.pending.push_back(Element::Barrier(Arc::clone(barrier)));
        }
        Ok(())
    }

    /// The job is complete: nothing follows.
    pub(crate) fn close(&mut self) {
        self.state.closed = true;
        self.state.pending.push_back(Element::Closed);
    }

    /// True once the end has been handed on.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.ended && self.state.pending.is_empty()
    }

    /// True once the last element has been handed on.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.closed && self.state.pending.is_empty()
    }

    /// When to poll again, if there is nothing to do before (monotonic nanoseconds).
    pub(crate) fn wake_at_ns(&self) -> Option<u64> {
        self.state.wake_at_ns
    }

    /// Reads once. False if there was nothing.
    pub(crate) fn read(&mut self, now: Now) -> Result<bool> {
        let over = self.state.ended || self.state.stopped;
        if over || self.state.wake_at_ns.is_some_and(|wake_at_ns| wake_at_ns > now.monotonic_ns) {
            return Ok(false);
        }
        if self.state.split_ids.is_empty() {
            return Ok(self.without_splits(now));
        }
        let granted = match &self.pace {
            None => self.rows_max,
            Some(pace) => match pace.take(self.rows_max as u64, now) {
                Ok(rows) => rows as usize,
                Err(wake_at_ns) => {
                    self.state.wake_at_ns = Some(wake_at_ns);
                    return Ok(false);
                }
            },
        };
        let mut read = 0;
        let polled = self.reader.poll(granted, now)?;
        self.state.wake_at_ns = None;
        let progressed = match polled {
            Poll::Batch(handle, batch) => {
                read = batch.len();
                self.counters.add_rows_in(read as u64);
                self.take(handle, batch, now)?;
                true
            }
            Poll::Finished(handle) => {
                self.state.split_ids.remove(&handle);
                let risen = self.watermarks.as_mut().and_then(|watermarks| watermarks.finish(handle));
                self.state.pending.extend(risen);
                true
            }
            Poll::Waiting => false,
            Poll::Pending { wake_at_ns } => {
                self.state.wake_at_ns = wake_at_ns;
                self.go_idle(now)
            }
        };
        if let Some(pace) = &self.pace {
            pace.give_back((granted - read.min(granted)) as u64);
        }
        Ok(progressed)
    }

    fn take(&mut self, handle: u32, batch: tidemill_core::Batch, now: Now) -> Result<()> {
        self.state.empty_since_ns = None;
        self.cx.now_ms = now.wall_ms;
        self.cx.random_seed = self.cx.random_seed.wrapping_add(1);
        if std::mem::take(&mut self.state.idle) {
            self.state.pending.push_back(Element::Idle(false));
        }
        let batch = match &mut self.program {
            Some(program) => program.project(&batch, &self.cx)?,
            None => batch,
        };
        match &mut self.watermarks {
            Some(watermarks) => {
                let mut elements = Vec::new();
                watermarks.assign(handle, batch, &self.cx, &mut elements)?;
                self.state.pending.extend(elements);
            }
            None => self.state.pending.push_back(Element::Batch(batch)),
        }
        Ok(())
    }

    /// No split is left: the end, or a wait for more.
    fn without_splits(&mut self, now: Now) -> bool {
        self.state.wake_at_ns = None;
        if self.state.no_more_splits {
            self.state.ended = true;
            if std::mem::take(&mut self.state.idle) {
                self.state.pending.push_back(Element::Idle(false));
            }
            self.state.pending.extend([Element::Watermark(EventTime::MAX), Element::End]);
            return true;
        }
        self.go_idle(now)
    }

    fn go_idle(&mut self, now: Now) -> bool {
        let Some(timeout_ns) = self.idle_timeout_ns.filter(|_| !self.state.idle) else { return false };
        let since_ns = *self.state.empty_since_ns.get_or_insert(now.monotonic_ns);
        let due_ns = since_ns + timeout_ns;
        if now.monotonic_ns >= due_ns {
            self.state.idle = true;
            self.state.pending.push_back(Element::Idle(true));
            return true;
        }
        self.state.wake_at_ns = Some(self.state.wake_at_ns.unwrap_or(due_ns).min(due_ns));
        false
    }
}
