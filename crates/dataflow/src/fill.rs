//! What a link does while its tables are filled from the files of a checkpoint: it asks for rows, some because a batch waits
//! for them, all others one piece after the other, and puts them into the tables between pieces of work.
//!
//! Reading is done elsewhere ([`Fetch`]); answers come in any order.

use std::sync::Arc;

use tidemill_core::{Batch, OperatorId, Result, SubtaskIndex};
use tidemill_state::{Buckets, Distribution, Filling, HomeRows, Scope};

use crate::operator::{NeedsAllRows, Operator, Pins};

/// Answers that may wait to be put into the tables while the next piece is read.
const BACKLOG_MAX: usize = 2;

/// Rows of a checkpoint that an operator instance wants.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Whose.
    pub operator: OperatorId,
    /// The task it is in.
    pub task: usize,
    /// Which parallel instance.
    pub subtask: SubtaskIndex,
    /// What it wants.
    pub wanted: Wanted,
}

/// What a link wants read.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which rows.
    pub buckets: Arc<Buckets>,
    /// True: a batch waits for all of them. False: a piece of them will do.
    pub is_urgent: bool,
    /// Tables that are not keyed, too.
    pub whole: bool,
}

/// A link's tables while they are filled.
pub(crate) struct Fill {
    filling: Filling,
    needs: NeedsAllRows,
    /// What the batch at the head of the queue needs and is not there; none: it has not been asked.
    waiting: Option<Buckets>,
    /// The next piece is being read.
    is_reading: bool,
    /// Tables that are not keyed have not been asked for.
    whole: bool,
}

impl Fill {
    pub(crate) fn new(operator: &mut dyn Operator, scope: Scope) -> Fill {
        let is_keyed = |distribution: Distribution| distribution == Distribution::Keyed;
        let whole = operator.tables().iter().any(|table| !is_keyed(table.descriptor().distribution));
        let needs = if whole { NeedsAllRows::Always } else { operator.needs_all_rows() };
        Fill { filling: Filling::new(scope), needs, waiting: None, is_reading: false, whole }
    }

    /// True if timers may fire.
    pub(crate) fn may_fire(&self) -> bool {
        self.needs == NeedsAllRows::Never
    }

    /// True if a watermark may pass.
    pub(crate) fn may_pass_watermarks(&self) -> bool {
        self.needs <= NeedsAllRows::ForTimers
    }

    /// True if all rows of a batch are there that its operator needs; what is not is asked for, once.
    pub(crate) fn has_rows_for(
        &mut self,
        operator: &mut dyn Operator,
        input: u32,
        batch: &Batch,
        wanted: &mut Vec<Wanted>,
    ) -> Result<bool> {
        let waiting = match &mut self.waiting {
            Some(waiting) => waiting,
            None => {
                let mut pinned = Buckets::none();
                operator.pin(input, batch, &mut Pins::new(&mut pinned))?;
                let mut unread = self.filling.unread();
                unread.retain(&pinned);
                if !unread.is_empty() {
                    wanted.push(Wanted { buckets: Arc::new(unread), is_urgent: true, whole: false });
                }
                self.waiting.insert(pinned)
            }
        };
        waiting.retain(self.filling.missing());
        Ok(waiting.is_empty())
    }

    /// The batch at the head of the queue is another now.
    pub(crate) fn next_batch(&mut self) {
        self.waiting = None;
    }

    /// Rows have been read.
    pub(crate) fn arrive(&mut self, rows: Arc<HomeRows>, is_urgent: bool) {
        self.is_reading &= is_urgent;
        self.filling.arrive(rows);
    }

    /// What is filled.
    pub(crate) fn scope(&self) -> &Scope {
        self.filling.scope()
    }

    /// Puts up to `rows_max` rows into the tables and asks for the next piece; true if rows are left that have arrived.
    pub(crate) fn work(
        &mut self,
        operator: &mut dyn Operator,
        rows_max: usize,
        wanted: &mut Vec<Wanted>,
    ) -> Result<bool> {
        self.filling.apply(&mut operator.tables(), rows_max)?;
        if !self.is_reading && self.filling.backlog() < BACKLOG_MAX {
            let mut buckets = self.filling.unread();
            self.waiting.iter().for_each(|waiting| buckets.remove(waiting));
            if !buckets.is_empty() {
                let whole = std::mem::take(&mut self.whole);
                wanted.push(Wanted { buckets: Arc::new(buckets), is_urgent: false, whole });
                self.is_reading = true;
            }
        }
        Ok(self.filling.backlog() > 0)
    }

    /// True if nothing happens before all rows are there.
    pub(crate) fn is_first(&self) -> bool {
        self.needs == NeedsAllRows::Always
    }

    /// True when all rows are there.
    pub(crate) fn is_filled(&self) -> bool {
        self.filling.is_filled()
    }
}
