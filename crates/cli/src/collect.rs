//! The sink at the end of a streaming SELECT: its writers hand batches over a bounded queue to the thread that prints.
//!
//! A full queue holds the slot back for a moment at a time, so that commands still reach it; a queue whose reader is gone
//! takes everything and keeps nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemill_core::{Batch, CheckpointId, Now, Progress, Result};
use tidemill_dataflow::{Sink, Writer, WriterContext};

/// Batches that may wait to be printed.
const BATCHES_MAX: usize = 16;
/// How long a writer waits for room before it gives its slot back.
const PATIENCE: Duration = Duration::from_millis(10);

/// A bounded queue of batches; clones are the same queue.
#[derive(Clone, Default)]
pub struct ResultQueue {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    no_more: bool,
    abandoned: bool,
}

impl ResultQueue {
    /// Adds a batch; false if there was no room for a while.
    pub fn push(&self, batch: &Batch) -> bool {
        let state = self.lock();
        let is_full = |state: &mut State| state.batches.len() >= BATCHES_MAX && !state.abandoned;
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, is_full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_full(&mut state) {
            return false;
        }
        if !state.abandoned {
            state.batches.push_back(batch.clone());
            self.shared.changed.notify_all();
        }
        true
    }

    /// Waits for the next batch; none when there will be no more.
    pub fn pop(&self) -> Option<Batch> {
        let state = self.lock();
        let waited = self.shared.changed.wait_while(state, |state| state.batches.is_empty() && !state.no_more);
        let batch = waited.unwrap_or_else(PoisonError::into_inner).batches.pop_front();
        self.shared.changed.notify_all();
        batch
    }

    /// Says that no batch will be added.
    pub fn close(&self) {
        self.lock().no_more = true;
        self.shared.changed.notify_all();
    }

    /// Says that nobody reads any more.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        state.batches.clear();
        self.shared.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for ResultQueue {
    fn writer(&self, _cx: &WriterContext) -> Result<Box<dyn Writer>> {
        Ok(Box::new(CollectWriter { queue: self.clone() }))
    }
}

struct CollectWriter {
    queue: ResultQueue,
}

impl Writer for CollectWriter {
    fn write(&mut self, batch: &Batch, _now: Now) -> Result<Progress> {
        Ok(if self.queue.push(batch) { Progress::Done } else { Progress::Rows(0) })
    }

    fn prepare(&mut self, _checkpoint: CheckpointId) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: usize) -> Batch {
        Batch::new(Vec::new(), rows)
    }

    #[test]
    fn batches_come_out_in_order_until_the_queue_is_closed() {
        let queue = ResultQueue::default();
        assert!(queue.push(&batch(1)) && queue.push(&batch(2)));
        queue.close();
        let rows: Vec<usize> = std::iter::from_fn(|| queue.pop()).map(|batch| batch.len()).collect();
        assert_eq!(rows, [1, 2]);
    }

    #[test]
    fn a_full_queue_takes_nothing_and_an_abandoned_one_everything() {
        let queue = ResultQueue::default();
        let taken = (0..BATCHES_MAX + 1).filter(|_| queue.push(&batch(1))).count();
        assert_eq!(taken, BATCHES_MAX);
        queue.abandon();
        assert!(queue.push(&batch(1)));
        queue.close();
        assert!(queue.pop().is_none());
    }
}
