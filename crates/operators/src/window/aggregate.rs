//! Aggregates over windows, by slices: a row is folded once, into its slice; a window's slices are merged when it closes.
//!
//! Invariants:
//! 1. A window fires once, when the progress of time reaches its last millisecond, and only then are its rows emitted.
//! 2. A slice is kept until the last window that holds it has fired. A row is late if that has happened.
//! 3. While a window is being fired no row and no barrier arrives, as the watermark has not gone on.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use tidemill_core::{Batch, EventTime, Failure, InputId, Progress, Result};
use tidemill_dataflow::snapshot::RestoredBlob;
use tidemill_dataflow::{Counters, NeedsAllRows, OpenContext, Operator, Output, Pins, Timers};
use tidemill_expr::Registry;
use tidemill_state::{SlicedTable, StateTable};

use super::fire::Fire;
use super::fired::Fired;
use super::output::WindowOutput;
use super::partition::{Part, Partition};
use super::slices::Slices;
use super::times::{Assigner, RowTime};
use super::zone::Zone;
use crate::aggregates::fold::{Fold, OwnWords, SliceSets};
use crate::config::{AggregatePhase, WINDOW_AGGREGATE, WindowAggregateConfig, decode, decode_types};
use crate::local::{numbers, states_of};

/// How windows that overlap share their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// They do not overlap: a slice is a window.
    Whole,
    /// Slices are merged when a window fires.
    Hop,
    /// As windows that begin together fire, their slices become one.
    Cumulate,
    /// A row is folded into every window that holds it: where states cannot be merged, or time is the wall clock.
    Apart,
}

/// The operator of kind `window_aggregate`, but for the local phase.
pub struct WindowAggregate {
    pub(super) fold: Fold,
    pub(super) table: SlicedTable,
    pub(super) sets: Vec<SlicedTable>,
    /// Where slices of a hopping window are merged; no state.
    pub(super) merged: SlicedTable,
    pub(super) slices: Option<Slices>,
    pub(super) sharing: Sharing,
    pub(super) zone: Zone,
    pub(super) output: WindowOutput,
    assigner: Assigner,
    /// The window's start is the last key column, as it does not follow from the end.
    pub(super) start_is_key: bool,
    /// The record begins with the net number of rows.
    pub(super) counts_rows: bool,
    /// Partial states come in, not rows.
    global: bool,
    processing_time: bool,
    pub(super) ended: bool,
    /// How far time has come.
    pub(super) progress: EventTime,
    /// Which windows have fired; only for windows that share slices.
    pub(super) fired: Fired,
    pub(super) fire: Option<Fire>,
    pub(super) rows: Vec<u32>,
    /// Of partial rows: their states, and how many rows each stands for.
    words: Vec<u64>,
    row_counts: Vec<i64>,
    counters: Option<Arc<Counters>>,
}

impl WindowAggregate {
    /// An operator from its config.
    pub fn new(config: &[u8], functions: &Registry) -> Result<WindowAggregate> {
        let config: WindowAggregateConfig = decode(WINDOW_AGGREGATE, config)?;
        let types = decode_types(&config.input_types)?;
        let time = config.time.unwrap_or_default();
        let zone = Zone::parse(&time.time_zone)?;
        let slices = config.window.as_ref().map(Slices::new).transpose()?;
        let mut keys: Vec<usize> = config.keys.iter().map(|column| *column as usize).collect();
        let key_count = keys.len();
        let start_is_key = config.attached.is_some() && slices.is_none();
        if let Some(attached) = config.attached.filter(|_| start_is_key) {
            keys.push(attached.start as usize);
        }
        let own = OwnWords { net_rows: config.input_retracts, ..OwnWords::default() };
        let fold = Fold::new(&keys, &config.aggregates, &types, config.input_retracts, own, functions)?;
        let global = config.phase == AggregatePhase::Global as i32;
        let row_time = if global {
            RowTime::SliceEnd(keys.len())
        } else if let Some(attached) = config.attached {
            RowTime::WindowEnd(attached.end as usize)
        } else if time.processing_time {
            RowTime::Processing
        } else {
            RowTime::Event(time.column as usize)
        };
        if slices.is_none() && config.attached.is_none() {
            return Err(Failure::fatal("graph.malformed", "a window aggregation has no windows"));
        }
        let overlapping = slices.filter(|slices| config.attached.is_none() && !slices.is_tumbling());
        let sharing = match overlapping {
            None => Sharing::Whole,
            Some(_) if time.processing_time || !fold.aggregates().mergeable() => Sharing::Apart,
            Some(slices) if slices.is_cumulating() => Sharing::Cumulate,
            Some(_) => Sharing::Hop,
        };
        if global && !fold.aggregates().mergeable() {
            let text =
                "an aggregate of this window cannot be computed in two phases; this is a defect in Tidemill's planner";
            return Err(Failure::fatal("graph.malformed", text));
        }
        let (descriptor, template) = (fold.descriptor("windows"), fold.template());
        let sets = fold.set_tables_by_slice();
        let output =
            WindowOutput::new(&config.outputs, key_count, config.aggregates.len(), zone, !time.processing_time)?;
        Ok(WindowAggregate {
            table: SlicedTable::new(descriptor.clone(), &template),
            merged: SlicedTable::new(descriptor, &template),
            sets,
            fold,
            slices,
            sharing,
            zone,
            output,
            assigner: Assigner::new(row_time, zone),
            start_is_key,
            counts_rows: config.input_retracts,
            global,
            processing_time: time.processing_time,
            ended: false,
            progress: EventTime::MIN,
            fired: Fired::default(),
            fire: None,
            rows: Vec::new(),
            words: Vec::new(),
            row_counts: Vec::new(),
            counters: None,
        })
    }

    /// True where the window that ends at `end` (local time) is closed at `progress`.
    pub(super) fn is_closed(&self, end: i64, progress: EventTime) -> bool {
        progress != EventTime::MIN && self.closing(end) <= progress
    }

    /// The moment at which the window that ends at `end` (local time) closes.
    pub(super) fn closing(&self, end: i64) -> EventTime {
        EventTime(self.zone.to_closing_moment(end.saturating_sub(1)))
    }

    /// The wall clock was seen; it only goes forward here.
    fn see_clock(&mut self, wall_ms: i64) {
        if self.processing_time {
            self.progress = self.progress.max(EventTime(wall_ms.saturating_sub(1)));
        }
    }

    /// Calls `take` with the end of every slice that rows of a slice go to; false if they are late.
    fn targets(&self, slice_end: i64, mut take: impl FnMut(i64)) -> bool {
        let closed = |end: i64| self.is_closed(end, self.progress);
        match (self.sharing, &self.slices) {
            (Sharing::Hop, Some(slices)) => {
                let open = !closed(slice_end) || !closed(slices.last_window_end(slice_end));
                if open {
                    take(slice_end);
                }
                open
            }
            (Sharing::Cumulate, Some(slices)) => {
                if !closed(slice_end) {
                    take(slice_end);
                    return true;
                }
                let last = slices.last_window_end(slice_end);
                if closed(last) {
                    return false;
                }
                // Its slice is part of what the last window that fired has left.
                take(self.first_open(slices, slice_end, self.progress).saturating_sub(slices.slice_len()));
                true
            }
            (Sharing::Apart, Some(slices)) => {
                let last = slices.last_window_end(slice_end);
                if closed(last) {
                    return false;
                }
                let mut end =
                    if closed(slice_end) { self.first_open(slices, slice_end, self.progress) } else { slice_end };
                while end <= last {
                    take(end);
                    end = match slices.next_window_end(end) {
                        Some(end) => end,
                        None => break,
                    };
                }
                true
            }
            _ => {
                let open = !closed(slice_end);
                if open {
                    take(slice_end);
                }
                open
            }
        }
    }

    /// The first window end, on the grid of `slice_end`, that is not closed at `progress`.
    pub(super) fn first_open(&self, slices: &Slices, slice_end: i64, progress: EventTime) -> i64 {
        let reached = self.zone.to_local(progress.0).saturating_add(1);
        let mut end = slices.slice_end(reached).max(slice_end);
        // Where clocks are set, local time and closing moments may disagree by a window or two.
        while end > slice_end && !self.is_closed(end.saturating_sub(slices.slice_len()), progress) {
            end = end.saturating_sub(slices.slice_len());
        }
        while end < i64::MAX && self.is_closed(end, progress) {
            end = end.saturating_add(slices.slice_len());
        }
        end
    }

    fn fold_parts(&mut self, parts: &[Part]) -> Result<()> {
        let mut late = 0;
        let mut ends = Vec::new();
        for part in parts {
            ends.clear();
            if !self.targets(part.slice_end, |end| ends.push(end)) {
                late += self.late_rows(part);
            }
            for end in &ends {
                let groups = self.table.slice_mut(*end)?;
                if self.global {
                    self.fold.merge_words(groups, &self.words, part.range.clone())?;
                } else {
                    let mut sets = SliceSets { tables: &mut self.sets, end: *end };
                    self.fold.fold(groups, part.range.clone(), &prefix(*end), &mut sets)?;
                }
            }
        }
        if let Some(counters) = self.counters.as_ref().filter(|_| late > 0) {
            counters.add_late_rows_dropped(late);
        }
        Ok(())
    }

    /// Makes the rows of a batch, in the order of their slices, the ones to be folded.
    fn take_batch(&mut self, batch: &Batch, order: Option<&[u32]>) -> Result<()> {
        let ordered = |batch: Batch| match order {
            None => Ok(batch),
            Some(order) => batch.take(&UInt32Array::from(order.to_vec())),
        };
        if !self.global {
            let narrow = ordered(batch.project(self.fold.needed()))?;
            return self.fold.set_batch(narrow);
        }
        let batch = ordered(batch.clone())?;
        let key_count = self.fold.key_count();
        let keys: Vec<ArrayRef> = (0..key_count).map(|column| batch.column(column)).collect();
        self.fold.set_keys(&keys, batch.len())?;
        // Behind the keys: the slice's end, how many rows came, then the words of a record.
        let words = self.fold.aggregates().words();
        states_of(&batch, key_count + 2, words, &mut self.words)?;
        self.row_counts = numbers(&batch, key_count + 1)?;
        Ok(())
    }

    /// How many rows of the input a part stands for.
    fn late_rows(&self, part: &Part) -> u64 {
        if !self.global {
            return part.range.len() as u64;
        }
        self.row_counts[part.range.clone()].iter().map(|rows| *rows as u64).sum()
    }
}

/// What values of a window are kept under.
pub(super) fn prefix(end: i64) -> [u8; 8] {
    (end as u64 ^ 1 << 63).to_be_bytes()
}

impl Operator for WindowAggregate {
    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.counters = Some(Arc::clone(cx.counters));
        self.fired.open(cx);
        Ok(())
    }

    fn needs_all_rows(&self) -> NeedsAllRows {
        match self.sharing {
            Sharing::Whole | Sharing::Apart => NeedsAllRows::ForTimers,
            // A row that is late for one window may still be in time for the next, and goes to a slice that both have.
            Sharing::Hop | Sharing::Cumulate => NeedsAllRows::ForWatermarks,
        }
    }

    fn pin(&mut self, _input: InputId, batch: &Batch, pins: &mut Pins<'_>) -> Result<()> {
        if !batch.is_empty() {
            self.take_batch(batch, None)?;
            pins.add(self.fold.keys().hashes());
            self.fold.forget_batch();
        }
        Ok(())
    }

    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        if batch.is_empty() {
            return Ok(Progress::Done);
        }
        self.see_clock(out.now.wall_ms);
        let clock = self.progress.0.saturating_add(1);
        self.assigner.assign(batch, self.slices.as_ref(), clock)?;
        let partition: Partition = std::mem::take(&mut self.assigner.partition);
        self.take_batch(batch, partition.order())?;
        let folded = self.fold_parts(partition.parts());
        self.assigner.partition = partition;
        self.fold.forget_batch();
        folded?;
        Ok(Progress::Done)
    }

    fn on_watermark(&mut self, watermark: EventTime) -> Result<()> {
        if !self.processing_time {
            self.progress = self.progress.max(watermark);
        }
        Ok(())
    }

    fn on_timers(&mut self, due: &Timers, out: &mut Output<'_>) -> Result<Progress> {
        self.see_clock(due.now.wall_ms);
        self.fire_due(out)
    }

    fn next_timer_ms(&self) -> Option<i64> {
        let end = self.next_window().filter(|_| self.processing_time && !self.ended)?;
        Some(self.closing(end).0.saturating_add(1))
    }

    fn on_end(&mut self, _input: InputId, out: &mut Output<'_>) -> Result<Progress> {
        self.ended = true;
        self.fire_due(out)
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        let sets = self.sets.iter_mut().map(|table| table as &mut dyn StateTable);
        std::iter::once(&mut self.table as &mut dyn StateTable).chain(sets).chain(self.fold.value_tables()).collect()
    }

    fn blobs(&self) -> Vec<(String, Vec<u8>)> {
        match self.sharing {
            Sharing::Hop | Sharing::Cumulate => self.fired.blobs(),
            _ => Vec::new(),
        }
    }

    fn restore_blobs(&mut self, blobs: &[RestoredBlob]) -> Result<()> {
        self.fired.restore(blobs)
    }
}
