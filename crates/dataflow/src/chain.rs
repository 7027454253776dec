//! A chain: the operators of a subtask, called one after the other on one thread.
//!
//! It is a tree: every link has a queue of elements in front of it and hands its rows to links behind it and to edges out of
//! the subtask. The most downstream link that can work goes first; a link does not run while a target is full. Elements keep
//! their order in every queue, so no watermark and no barrier overtakes a row.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::datatypes::DataType;
use tidemill_core::memory::Reservation;
use tidemill_core::{Barrier, Batch, CheckpointKind, Element, EventTime, Now, OperatorId, Progress, Result};
use tidemill_state::{DeltaSink, Distribution, HomeRows, Rewrite, TableDescriptor};

use crate::budget::Budget;
use crate::counters::Counters;
use crate::exchange::EdgeOut;
use crate::faults::{Fault, Faults};
use crate::fill::{Fill, Wanted};
use crate::gate::Merged;
use crate::operator::{Inputs, Mail, Operator, Output, Timers};
use crate::rewriting::Rewriting;
use crate::snapshot::OperatorSnapshot;

/// Batches that may wait in front of a link.
const QUEUE_MAX: usize = 4;

/// Where a link's or a source's elements go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// To a link of the chain, on one of its inputs.
    Link(usize, u32),
    /// Out of the subtask.
    Edge(usize),
}

/// One operator of a chain with its queue.
pub(crate) struct Link {
    pub(crate) id: OperatorId,
    pub(crate) name: String,
    pub(crate) operator: Box<dyn Operator>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) targets: Arc<[Target]>,
    pub(crate) inputs: usize,
    pub(crate) watermark: EventTime,
    forwarded: EventTime,
    firing: bool,
    ended: usize,
    queue: VecDeque<Merged>,
    mail: VecDeque<Mail>,
    budget: Budget,
    /// Rows that the last call was offered.
    offered: usize,
    gathering: Option<(u64, OperatorSnapshot)>,
    /// When its tables are written anew.
    pub(crate) rewriting: Vec<Rewriting>,
    /// Its tables while they are being filled.
    fill: Option<Box<Fill>>,
    /// What its tables hold.
    memory: Reservation,
}

impl Link {
    pub(crate) fn new(
        id: OperatorId,
        name: String,
        operator: Box<dyn Operator>,
        counters: Arc<Counters>,
        targets: Arc<[Target]>,
        inputs: usize,
        memory: Reservation,
    ) -> Link {
        Link {
            id,
            name,
            operator,
            counters,
            targets,
            inputs,
            watermark: EventTime::MIN,
            forwarded: EventTime::MIN,
            firing: false,
            ended: 0,
            queue: VecDeque::new(),
            mail: VecDeque::new(),
            budget: Budget::default(),
            offered: 0,
            gathering: None,
            rewriting: Vec::new(),
            fill: None,
            memory,
        }
    }

    /// Goes on from a checkpoint: from its watermark, whose timers may not all have fired, with tables to be filled.
    pub(crate) fn restore(&mut self, watermark: Option<EventTime>, fill: Option<Fill>) {
        if let Some(watermark) = watermark {
            self.watermark = watermark;
            self.firing = true;
        }
        self.fill = fill.map(Box::new);
    }

    /// True if timers may fire: all rows are there that they need.
    fn may_fire(&self) -> bool {
        self.fill.as_ref().is_none_or(|fill| fill.may_fire())
    }

    fn has_batch(&self) -> bool {
        matches!(self.queue.front(), Some(Merged::Batch(..)))
    }

    fn has_timer_due(&self, now: Now) -> bool {
        self.operator.next_timer_ms().is_some_and(|timer_ms| timer_ms <= now.wall_ms)
    }

    /// True if it can do something. While tables are filled, not everything can be done; rows that are missing for it are
    /// put on the list.
    fn is_ready(&mut self, now: Now, wanted: &mut Vec<Wanted>) -> Result<bool> {
        let is_due = self.firing || self.has_timer_due(now);
        let has_mail = !self.mail.is_empty();
        let Some(fill) = &mut self.fill else { return Ok(is_due || has_mail || !self.queue.is_empty()) };
        if fill.is_first() {
            return Ok(false);
        }
        if has_mail {
            return Ok(true);
        }
        if is_due && fill.may_fire() {
            return Ok(true);
        }
        match self.queue.front() {
            None => Ok(false),
            Some(Merged::Batch(input, batch)) => fill.has_rows_for(self.operator.as_mut(), *input, batch, wanted),
            Some(Merged::Watermark(_)) => Ok(fill.may_pass_watermarks()),
            Some(Merged::End(_) | Merged::Closed) => Ok(fill.may_fire()),
            // Idle is who has nothing more to emit.
            Some(Merged::Idle(_)) => Ok(fill.may_fire() || !is_due),
            Some(Merged::Barrier(_)) => Ok(true),
        }
    }
}

/// The operators of a subtask and its edges out.
pub(crate) struct Chain {
    pub(crate) links: Vec<Link>,
    pub(crate) edges: Vec<EdgeOut>,
    rows_max: usize,
    scratch: Vec<Batch>,
    faults: Faults,
    /// Snapshots whose tables are gathered, by checkpoint.
    pub(crate) finished: Vec<(u64, OperatorSnapshot)>,
    /// What links want read, with the link's number.
    wanted: Vec<(usize, Wanted)>,
    /// Operators whose tables have been filled.
    pub(crate) filled: Vec<OperatorId>,
    /// True once every element of the job has passed.
    pub(crate) closed: usize,
    /// Number of links and edges that have seen the end.
    pub(crate) ended: usize,
}

impl Chain {
    pub(crate) fn new(links: Vec<Link>, edges: Vec<EdgeOut>, rows_max: usize, faults: Faults) -> Chain {
        Chain {
            links,
            edges,
            rows_max,
            scratch: Vec::new(),
            faults,
            finished: Vec::new(),
            wanted: Vec::new(),
            filled: Vec::new(),
            closed: 0,
            ended: 0,
        }
    }

    /// True if any of the targets cannot take more rows now.
    pub(crate) fn is_blocked(&self, targets: &[Target]) -> bool {
        targets.iter().any(|target| match target {
            Target::Link(link, _) => self.links[*link].queue.len() >= QUEUE_MAX,
            Target::Edge(edge) => self.edges[*edge].is_blocked(),
        })
    }

    /// True when every link and every edge has seen the end of its input.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended == self.links.len()
    }

    /// True when every link has seen the last element.
    pub(crate) fn has_closed(&self) -> bool {
        self.closed == self.links.len()
    }

    /// Hands an element to all targets.
    pub(crate) fn send(&mut self, targets: &[Target], element: &Element) -> Result<()> {
        for target in targets {
            match *target {
                Target::Link(link, input) => {
                    let merged = match element.clone() {
                        Element::Batch(batch) => Merged::Batch(input, batch),
                        Element::Watermark(watermark) => Merged::Watermark(watermark),
                        Element::Idle(idle) => Merged::Idle(idle),
                        Element::Barrier(barrier) => Merged::Barrier(barrier),
                        Element::End => Merged::End(input),
                        Element::Closed => Merged::Closed,
                    };
                    self.links[link].queue.push_back(merged);
                }
                Target::Edge(edge) => self.edges[edge].push(element.clone())?,
            }
        }
        Ok(())
    }

    /// The inputs that the first link would like to read from.
    pub(crate) fn wants(&self) -> Inputs {
        self.links.first().map_or(Inputs::ALL, |link| link.operator.wants())
    }

    /// Says how much memory the tables of every link hold.
    pub(crate) fn reserve(&mut self) -> Result<()> {
        for link in &mut self.links {
            let bytes: usize = link.operator.tables().into_iter().map(|table| table.memory()).sum();
            link.memory.resize(bytes as u64).map_err(|failure| failure.at_operator(link.name.clone()))?;
        }
        Ok(())
    }

    /// Hands news to every link.
    pub(crate) fn push_mail(&mut self, mail: &Mail) {
        self.links.iter_mut().for_each(|link| link.mail.push_back(mail.clone()));
    }

    /// The call of a link took that long.
    pub(crate) fn spent(&mut self, index: usize, call_ns: u64) {
        let link = &mut self.links[index];
        let rows = std::mem::take(&mut link.offered);
        if rows > 0 {
            link.budget.spent(rows, call_ns);
        }
    }

    /// Hands a merged element of the gate to the first link.
    pub(crate) fn push_head(&mut self, merged: Merged) {
        self.links[0].queue.push_back(merged);
    }

    /// Sends what waits at the edges: what did not fit, and rows that waited for others; `all` of these where there is nothing
    /// else to do.
    pub(crate) fn flush_edges(&mut self, now: Now, all: bool) -> Result<()> {
        self.edges.iter_mut().try_for_each(|edge| edge.flush(now.monotonic_ns, all))
    }

    /// Lets the most downstream link that can do something do one thing. Returns which one did; `enter` is told before.
    pub(crate) fn step(&mut self, now: Now, enter: &mut dyn FnMut(usize)) -> Result<Option<usize>> {
        for index in (0..self.links.len()).rev() {
            if self.is_blocked(&self.links[index].targets) {
                continue;
            }
            let mut wanted = Vec::new();
            let is_ready = self.links[index].is_ready(now, &mut wanted)?;
            self.wanted.extend(wanted.into_iter().map(|wanted| (index, wanted)));
            let link = &self.links[index];
            if is_ready || self.faults.has(Fault::FillUnawaited) && link.has_batch() {
                enter(index);
                if let Err(failure) = self.work(index, now) {
                    return Err(failure.at_operator(self.links[index].name.clone()));
                }
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// The next processing-time timer of any link, in milliseconds since the epoch.
    pub(crate) fn next_timer_ms(&self) -> Option<i64> {
        self.links.iter().filter(|link| link.may_fire()).filter_map(|link| link.operator.next_timer_ms()).min()
    }

    fn work(&mut self, index: usize, now: Now) -> Result<()> {
        let link = &mut self.links[index];
        link.firing |= link.has_timer_due(now);
        if let Some(mail) = link.mail.pop_front() {
            return self.open_mail(index, mail, now);
        }
        if link.firing && link.may_fire() {
            return self.fire(index, now);
        }
        match link.queue.pop_front() {
            Some(Merged::Batch(input, batch)) => self.run_batch(index, input, batch, now),
            Some(Merged::Watermark(watermark)) => {
                link.watermark = watermark;
                link.firing = true;
                link.operator.on_watermark(watermark)
            }
            Some(Merged::Barrier(barrier)) => self.run_barrier(index, &barrier, now),
            Some(Merged::End(input)) => self.run_end(index, input, now),
            Some(Merged::Idle(idle)) => self.forward(index, &Element::Idle(idle)),
            Some(Merged::Closed) => {
                self.closed += 1;
                self.forward(index, &Element::Closed)
            }
            None => Ok(()),
        }
    }

    fn open_mail(&mut self, index: usize, mail: Mail, now: Now) -> Result<()> {
        let mut out = Output::new(&mut self.scratch, self.rows_max, now);
        let link = &mut self.links[index];
        if link.operator.on_mail(&mail, &mut out)? != Progress::Done {
            link.mail.push_front(mail);
        }
        self.deliver(index)
    }

    fn run_batch(&mut self, index: usize, input: u32, batch: Batch, now: Now) -> Result<()> {
        let mut out = Output::new(&mut self.scratch, self.rows_max, now);
        let link = &mut self.links[index];
        if let Some(fill) = &mut link.fill {
            fill.next_batch();
        }
        let rows = link.budget.of(batch.len());
        link.offered = rows;
        let progress = match rows == batch.len() {
            true => link.operator.on_batch(input, &batch, &mut out)?,
            false => link.operator.on_batch(input, &batch.slice(0, rows), &mut out)?,
        };
        let done = match progress {
            Progress::Done => rows,
            Progress::Rows(done) => done,
        };
        if done < batch.len() {
            link.queue.push_front(Merged::Batch(input, batch.slice(done, batch.len() - done)));
        }
        self.deliver(index)
    }

    /// Fires timers; once all that are due have fired, the watermark goes on.
    fn fire(&mut self, index: usize, now: Now) -> Result<()> {
        let mut out = Output::new(&mut self.scratch, self.rows_max, now);
        let link = &mut self.links[index];
        let progress = link.operator.on_timers(&Timers { watermark: link.watermark, now }, &mut out)?;
        self.deliver(index)?;
        if progress != Progress::Done {
            return Ok(());
        }
        let link = &mut self.links[index];
        link.firing = false;
        let watermark = link.watermark.min(link.operator.hold());
        if watermark > link.forwarded {
            link.forwarded = watermark;
            self.forward(index, &Element::Watermark(watermark))?;
        }
        Ok(())
    }

    fn run_end(&mut self, index: usize, input: u32, now: Now) -> Result<()> {
        let mut out = Output::new(&mut self.scratch, self.rows_max, now);
        let link = &mut self.links[index];
        let progress = link.operator.on_end(input, &mut out)?;
        self.deliver(index)?;
        let link = &mut self.links[index];
        if progress != Progress::Done {
            link.queue.push_front(Merged::End(input));
            return Ok(());
        }
        link.ended += 1;
        if link.ended == link.inputs {
            self.ended += 1;
            self.forward(index, &Element::End)?;
        }
        Ok(())
    }

    fn run_barrier(&mut self, index: usize, barrier: &Arc<Barrier>, now: Now) -> Result<()> {
        self.gather(index, usize::MAX)?;
        let mut out = Output::new(&mut self.scratch, self.rows_max, now);
        let link = &mut self.links[index];
        let prepared = link.operator.on_barrier(barrier, &mut out)?;
        self.deliver(index)?;
        let link = &mut self.links[index];
        let blobs = link.operator.blobs();
        let full = barrier.kind == CheckpointKind::StopWithSavepoint;
        let mut tables = Vec::new();
        for (position, table) in link.operator.tables().into_iter().enumerate() {
            let rewriting = &mut link.rewriting[position];
            let rewrite = match () {
                // What is not there yet is in the files of older deltas, which must not become superfluous.
                () if link.fill.is_some() => Rewrite::NONE,
                () if full => rewriting.whole(),
                () => rewriting.next(table.live_rows()),
            };
            table.freeze(rewrite)?;
            tables.push((table.descriptor().clone(), DeltaSink::new()));
        }
        let snapshot = OperatorSnapshot {
            operator: link.id,
            watermark: link.watermark,
            counters: link.counters.values(),
            tables,
            blobs,
            prepared,
            splits: Vec::new(),
        };
        link.gathering = Some((barrier.checkpoint, snapshot));
        self.forward(index, &Element::Barrier(Arc::clone(barrier)))
    }

    /// Puts up to `rows_max` rows that were read into the tables of every link that is being filled; true if more have
    /// arrived.
    pub(crate) fn fill(&mut self, rows_max: usize) -> Result<bool> {
        let mut more = false;
        for (index, link) in self.links.iter_mut().enumerate() {
            let Some(fill) = &mut link.fill else { continue };
            let mut wanted = Vec::new();
            more |= fill.work(link.operator.as_mut(), rows_max, &mut wanted)?;
            self.wanted.extend(wanted.into_iter().map(|wanted| (index, wanted)));
            if fill.is_filled() {
                let is_first = fill.is_first();
                link.fill = None;
                self.filled.push(link.id);
                link.operator.start()?;
                if is_first && link.watermark != EventTime::MIN {
                    link.operator.on_watermark(link.watermark)?;
                }
                more = true;
            }
        }
        Ok(more)
    }

    /// Rows that a link wanted have been read.
    pub(crate) fn rows_arrived(&mut self, operator: OperatorId, rows: Arc<HomeRows>, is_urgent: bool) -> Result<()> {
        let link = self.links.iter_mut().find(|link| link.id == operator);
        let Some((link, fill)) = link.and_then(|link| Some((&mut link.operator, link.fill.as_mut()?))) else {
            return Ok(());
        };
        if self.faults.has(Fault::FillOverwrites) {
            for table in link.tables() {
                let name = table.descriptor().name.clone();
                for (_, delta) in rows.tables.iter().filter(|(other, _)| *other == name) {
                    table.apply(&mut delta.entries(), fill.scope())?;
                }
            }
        }
        fill.arrive(rows, is_urgent);
        Ok(())
    }

    /// What links want read, with the operator.
    pub(crate) fn take_wanted(&mut self) -> Vec<(OperatorId, Wanted)> {
        self.wanted.drain(..).map(|(index, wanted)| (self.links[index].id, wanted)).collect()
    }

    /// Gathers up to `rows_max` frozen rows of every link; true if some link is not done.
    pub(crate) fn gather_all(&mut self, rows_max: usize) -> Result<bool> {
        let mut more = false;
        for index in 0..self.links.len() {
            more |= self.gather(index, rows_max)?;
        }
        Ok(more)
    }

    fn gather(&mut self, index: usize, rows_max: usize) -> Result<bool> {
        let link = &mut self.links[index];
        let Some((_, snapshot)) = &mut link.gathering else { return Ok(false) };
        for (position, table) in link.operator.tables().into_iter().enumerate() {
            let delta = &mut snapshot.tables[position].1;
            let before = delta.len();
            let done = table.gather(rows_max, delta);
            link.rewriting[position].count(delta, before);
            if !done {
                return Ok(true);
            }
        }
        if let Some((checkpoint, mut snapshot)) = link.gathering.take() {
            for (position, table) in link.operator.tables().into_iter().enumerate() {
                link.rewriting[position].finish(&snapshot.tables[position].1, table.live_rows());
            }
            if self.faults.has(Fault::DeleteByAbsence) {
                snapshot.tables.iter_mut().for_each(|(_, delta)| *delta = without_removals(delta));
            }
            if self.faults.has(Fault::ForgetTimer) {
                snapshot.tables.retain(|(table, _)| !is_of_timers(table));
            }
            if self.faults.has(Fault::ForgetBuffer) {
                snapshot.tables.retain(|(table, _)| table.distribution != Distribution::Transient);
            }
            self.finished.push((checkpoint, snapshot));
        }
        Ok(false)
    }

    fn deliver(&mut self, index: usize) -> Result<()> {
        let batches = std::mem::take(&mut self.scratch);
        let targets = Arc::clone(&self.links[index].targets);
        let mut batches = batches;
        for batch in batches.drain(..) {
            self.send(&targets, &Element::Batch(batch))?;
        }
        self.scratch = batches;
        Ok(())
    }

    fn forward(&mut self, index: usize, element: &Element) -> Result<()> {
        let targets = Arc::clone(&self.links[index].targets);
        self.send(&targets, element)
    }
}

/// True for a table of times and keys with nothing else.
fn is_of_timers(table: &TableDescriptor) -> bool {
    table.distribution == Distribution::Keyed && table.fields.is_empty() && table.order_types == [DataType::Int64]
}

/// The defect of a delta that does not say which rows are gone.
fn without_removals(delta: &DeltaSink) -> DeltaSink {
    let mut broken = DeltaSink::new();
    broken.describe(delta.rewrite().clone(), None);
    delta.entries().filter(|entry| entry.value.is_some()).for_each(|entry| broken.push(entry));
    broken
}
