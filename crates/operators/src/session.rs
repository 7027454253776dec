//! Aggregates over session windows: rows of a key that are less than the gap apart (or just so far) belong together.
//!
//! A key has any number of open sessions, as rows come out of order. The one that began last is in `current`, found by the
//! key alone, since nearly every row belongs to it; the earlier ones are in `earlier`, by key and time. A row may join sessions.
//!
//! Invariants:
//! 1. Sessions of a key neither overlap nor touch. That of `current` is the last; if it is empty there are none.
//! 2. Every session has an entry in `ends` at or before its end. The entry is checked when its time comes.
//! 3. A row is late if the session that it would be in, all joined, is closed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Bound;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use tidemill_core::map::Set;
use tidemill_core::{Batch, EventTime, Failure, InputId, Progress, Result, RowKind};
use tidemill_dataflow::{Counters, NeedsAllRows, OpenContext, Operator, Output, Pins, Timers};
use tidemill_expr::Registry;
use tidemill_state::{KeyedTable, OrderedTable, StateTable};

use crate::aggregates::fold::{Fold, OwnWords};
use crate::config::{SESSION_AGGREGATE, SessionAggregateConfig, decode, decode_types};
use crate::window::output::WindowOutput;
use crate::window::times::times;
use crate::window::zone::Zone;

const START: usize = 0;
const END: usize = 1;
/// The word behind start and end, if rows may be taken back.
const NET_ROWS: usize = 2;

/// The operator of kind `session_aggregate`.
pub struct SessionAggregate {
    fold: Fold,
    current: KeyedTable,
    earlier: OrderedTable,
    /// Not before these times the sessions are over.
    ends: BinaryHeap<Reverse<(i64, Place)>>,
    gap: i64,
    time_column: Option<usize>,
    zone: Zone,
    output: WindowOutput,
    counts_rows: bool,
    progress: EventTime,
    ended: bool,
    pending: Pending,
    rows: Vec<u32>,
    local: Vec<i64>,
    counters: Option<Arc<Counters>>,
}

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Earlier(u32),
    Current(u32),
}

/// Rows whose session is known, but that are not in its record yet.
#[derive(Debug, Default)]
struct Pending {
    current: Vec<u32>,
    current_rows: Vec<u32>,
    earlier: Vec<u32>,
    earlier_rows: Vec<u32>,
    /// For each record of `current` the last flush before which it was pending.
    flush_of: Vec<u64>,
    flushes: u64,
}

impl SessionAggregate {
    /// An operator from its config.
    pub fn new(config: &[u8], functions: &Registry) -> Result<SessionAggregate> {
        let config: SessionAggregateConfig = decode(SESSION_AGGREGATE, config)?;
        let types = decode_types(&config.input_types)?;
        let time = config.time.unwrap_or_default();
        let zone = Zone::parse(&time.time_zone)?;
        if config.gap_ms <= 0 {
            return Err(Failure::user("window.size", "the gap of a session must be at least one millisecond"));
        }
        let keys: Vec<usize> = config.keys.iter().map(|column| *column as usize).collect();
        let own = OwnWords { reserved: &["start", "end"], net_rows: config.input_retracts, ..OwnWords::default() };
        let fold = Fold::new(&keys, &config.aggregates, &types, config.input_retracts, own, functions)?;
        if !fold.aggregates().mergeable() {
            let text = "sessions can be joined, and the states of DISTINCT aggregates, of aggregates over strings, and of MIN \
                        and MAX over rows that may be taken back cannot; use a TUMBLE or HOP window, or aggregate in two steps";
            return Err(Failure::user("session.aggregate", text));
        }
        let output =
            WindowOutput::new(&config.outputs, keys.len(), config.aggregates.len(), zone, !time.processing_time)?;
        let order = vec![arrow::datatypes::DataType::Int64];
        Ok(SessionAggregate {
            current: KeyedTable::new(fold.descriptor("current"), &fold.template()),
            earlier: OrderedTable::new(fold.descriptor("earlier").with_order(order), &fold.template()),
            fold,
            ends: BinaryHeap::new(),
            gap: config.gap_ms,
            time_column: (!time.processing_time).then_some(time.column as usize),
            zone,
            output,
            counts_rows: config.input_retracts,
            progress: EventTime::MIN,
            ended: false,
            pending: Pending::default(),
            rows: Vec::new(),
            local: Vec::new(),
            counters: None,
        })
    }

    fn is_closed(&self, end: i64) -> bool {
        self.ended
            || self.progress != EventTime::MIN && self.zone.to_closing_moment(end.saturating_sub(1)) <= self.progress.0
    }

    fn see_clock(&mut self, wall_ms: i64) {
        if self.time_column.is_none() {
            self.progress = self.progress.max(EventTime(wall_ms.saturating_sub(1)));
        }
    }

    /// Start and end of a session; equal if there is none.
    fn bounds(&self, place: Place) -> (i64, i64) {
        let values = match place {
            Place::Current(row) => self.current.values(row),
            Place::Earlier(row) => self.earlier.values(row),
        };
        (values[START] as i64, values[END] as i64)
    }

    fn set_bounds(&mut self, place: Place, start: i64, end: i64) {
        let set = |values: &mut [u64]| (values[START], values[END]) = (start as u64, end as u64);
        match place {
            Place::Current(row) => set(self.current.update(&[row]).values(row)),
            Place::Earlier(row) => set(self.earlier.update(&[row]).values(row)),
        }
    }

    /// Finds the session of row `position` of the batch, joining and moving sessions as needed; false if the row is late.
    fn place(&mut self, position: u32, row: u32, time: i64) -> Result<bool> {
        let (start, end) = self.bounds(Place::Current(row));
        let until = time.saturating_add(self.gap);
        if start == end {
            if self.is_closed(until) {
                return Ok(false);
            }
            self.set_bounds(Place::Current(row), time, until);
            self.ends.push(Reverse((until, Place::Current(row))));
        } else if time > end {
            if self.is_closed(until) {
                return Ok(false);
            }
            self.retire(position, row)?;
            self.set_bounds(Place::Current(row), time, until);
        } else if until < start || time < start && !self.earlier.is_empty() {
            return self.place_early(position, row, time, until);
        } else if time < start || until > end {
            self.set_bounds(Place::Current(row), start.min(time), end.max(until));
        }
        self.pending.push_current(row, position);
        Ok(true)
    }

    /// A row before the current session, or one that may join it with others.
    fn place_early(&mut self, position: u32, row: u32, time: i64, until: i64) -> Result<bool> {
        let touching = self.touching(position, time, until);
        let (start, end) = self.bounds(Place::Current(row));
        let joins_current = until >= start;
        let mut target = match (joins_current, touching.first()) {
            (true, _) => Some(Place::Current(row)),
            (false, Some(first)) => Some(Place::Earlier(*first)),
            (false, None) => None,
        };
        let (mut from, mut to) = if joins_current { (start.min(time), end.max(until)) } else { (time, until) };
        for row in &touching {
            let (start, end) = self.bounds(Place::Earlier(*row));
            (from, to) = (from.min(start), to.max(end));
        }
        if target.is_none() {
            if self.is_closed(to) {
                return Ok(false);
            }
            let keys = self.fold.keys();
            let order = order_of(time);
            let (row, _) = self.earlier.insert(keys.key(position as usize), keys.hash(position as usize), &order)?;
            target = Some(Place::Earlier(row));
            self.ends.push(Reverse((to, Place::Earlier(row))));
        }
        let Some(target) = target else { return Ok(false) };
        let joined: Vec<u32> = touching.into_iter().filter(|row| Place::Earlier(*row) != target).collect();
        if !joined.is_empty() {
            self.flush()?;
            let mut words = Vec::new();
            for row in &joined {
                words.extend_from_slice(self.earlier.values(*row));
                self.set_bounds(Place::Earlier(*row), 0, 0);
                self.earlier.remove(*row);
            }
            match target {
                Place::Current(row) => {
                    let into = vec![row; joined.len()];
                    self.fold.states.merge(self.current.update(&[row]), &into, &words)?;
                }
                Place::Earlier(row) => {
                    let into = vec![row; joined.len()];
                    self.fold.states.merge(self.earlier.update(&[row]), &into, &words)?;
                }
            }
        }
        self.set_bounds(target, from, to);
        match target {
            Place::Current(row) => self.pending.push_current(row, position),
            Place::Earlier(row) => {
                self.pending.earlier.push(row);
                self.pending.earlier_rows.push(position);
            }
        }
        Ok(true)
    }

    /// The earlier sessions of a row's key that overlap or touch `time ..= until`, in order.
    fn touching(&self, position: u32, time: i64, until: i64) -> Vec<u32> {
        let keys = self.fold.keys();
        let Some(key) = self.earlier.key(keys.key(position as usize), keys.hash(position as usize)) else {
            return Vec::new();
        };
        // A session is found by a moment within it, at which it was first seen, so its bounds may lie on either side.
        let order = order_of(until);
        let before = self.earlier.range(key, Bound::Unbounded, Bound::Included(&order)).rev();
        let mut rows: Vec<u32> =
            before.map(|(_, row)| row).take_while(|row| self.earlier.values(*row)[END] as i64 >= time).collect();
        rows.reverse();
        let behind = self.earlier.range(key, Bound::Excluded(&order), Bound::Unbounded).map(|(_, row)| row).next();
        rows.extend(behind.filter(|row| self.earlier.values(*row)[START] as i64 <= until));
        rows
    }

    /// Moves the current session of a row's key to the earlier ones.
    fn retire(&mut self, position: u32, row: u32) -> Result<()> {
        if self.pending.has_current(row) {
            self.flush()?;
        }
        let (start, end) = self.bounds(Place::Current(row));
        let keys = self.fold.keys();
        let order = order_of(start);
        let (to, _) = self.earlier.insert(keys.key(position as usize), keys.hash(position as usize), &order)?;
        let mut records = self.current.update(&[row]);
        let values = records.values(row);
        self.earlier.update(&[to]).values(to).copy_from_slice(values);
        values.fill(0);
        self.ends.push(Reverse((end, Place::Earlier(to))));
        Ok(())
    }

    /// Takes pending rows into the records of their sessions.
    fn flush(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let (Some(all), Some(batch)) = (self.fold.arguments(), self.fold.batch()) else { return Ok(()) };
        let whole = pending.current_rows.len() == batch.len();
        let cut = |positions: &[u32]| -> Result<_> {
            let kinds =
                batch.kinds().map(|kinds| positions.iter().map(|row| kinds[*row as usize]).collect::<Vec<RowKind>>());
            let arguments =
                if whole { all.slice(0, batch.len()) } else { all.take(&UInt32Array::from(positions.to_vec()))? };
            Ok((arguments, kinds))
        };
        let (current, earlier) = (cut(&pending.current_rows)?, cut(&pending.earlier_rows)?);
        if !pending.current.is_empty() {
            let records = self.current.update(&pending.current);
            self.fold.states.update(records, &pending.current, &current.0, current.1.as_deref(), &[])?;
        }
        if !pending.earlier.is_empty() {
            let records = self.earlier.update(&pending.earlier);
            self.fold.states.update(records, &pending.earlier, &earlier.0, earlier.1.as_deref(), &[])?;
        }
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    /// Emits sessions that are over until the output is full.
    fn fire_due(&mut self, out: &mut Output<'_>) -> Result<Progress> {
        while !out.is_full() {
            let (mut current, mut earlier) = (Vec::new(), Vec::new());
            let mut taken = Set::default();
            while current.len() + earlier.len() < out.rows_max() {
                let Some(Reverse((end, place))) =
                    self.ends.peek().copied().filter(|Reverse((end, _))| self.is_closed(*end))
                else {
                    break;
                };
                self.ends.pop();
                let (start, actual) = self.bounds(place);
                if start == actual || taken.contains(&place) {
                    continue;
                }
                if actual > end && !self.is_closed(actual) {
                    self.ends.push(Reverse((actual, place)));
                    continue;
                }
                taken.insert(place);
                match place {
                    Place::Current(row) => current.push(row),
                    Place::Earlier(row) => earlier.push(row),
                }
            }
            if current.is_empty() && earlier.is_empty() {
                return Ok(Progress::Done);
            }
            self.emit_earlier(&earlier, out)?;
            self.emit_current(&current, out)?;
        }
        Ok(Progress::Rows(0))
    }

    fn emit_current(&mut self, rows: &[u32], out: &mut Output<'_>) -> Result<()> {
        let kept: Vec<u32> = rows.iter().copied().filter(|row| self.counts(self.current.values(*row))).collect();
        let keys = self.fold.decode_keys(&self.current, &kept)?;
        let results = self.fold.states.emit(self.current.update(&[]), &kept, &[])?;
        let word = |word: usize| kept.iter().map(|row| self.current.values(*row)[word] as i64).collect();
        out.emit(self.output.of_windows(&keys, &results, word(START), word(END)));
        for row in rows {
            self.set_bounds(Place::Current(*row), 0, 0);
            self.current.remove(*row);
        }
        Ok(())
    }

    fn emit_earlier(&mut self, rows: &[u32], out: &mut Output<'_>) -> Result<()> {
        let kept: Vec<u32> = rows.iter().copied().filter(|row| self.counts(self.earlier.values(*row))).collect();
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for row in &kept {
            self.earlier.append_key(self.earlier.place(*row).0, &mut bytes);
            ends.push(bytes.len());
        }
        let keys: Vec<ArrayRef> = self.fold.decode_key_bytes(&bytes, &ends)?;
        let results = self.fold.states.emit(self.earlier.update(&[]), &kept, &[])?;
        let word = |word: usize| kept.iter().map(|row| self.earlier.values(*row)[word] as i64).collect();
        out.emit(self.output.of_windows(&keys, &results, word(START), word(END)));
        for row in rows {
            self.set_bounds(Place::Earlier(*row), 0, 0);
            self.earlier.remove(*row);
        }
        Ok(())
    }

    /// False if all rows of a session were taken back.
    fn counts(&self, values: &[u64]) -> bool {
        !self.counts_rows || values[NET_ROWS] as i64 > 0
    }
}

/// The order bytes of a time.
fn order_of(time: i64) -> [u8; 9] {
    let mut bytes = [1; 9];
    bytes[1..].copy_from_slice(&(time as u64 ^ 1 << 63).to_be_bytes());
    bytes
}

impl Pending {
    fn push_current(&mut self, row: u32, position: u32) {
        let place = row as usize;
        if place >= self.flush_of.len() {
            self.flush_of.resize((place + 1).next_power_of_two(), 0);
        }
        self.flush_of[place] = self.flushes + 1;
        self.current.push(row);
        self.current_rows.push(position);
    }

    fn has_current(&self, row: u32) -> bool {
        self.flush_of.get(row as usize).is_some_and(|flush| *flush == self.flushes + 1)
    }

    fn clear(&mut self) {
        self.flushes += 1;
        self.current.clear();
        self.current_rows.clear();
        self.earlier.clear();
        self.earlier_rows.clear();
    }
}

impl Operator for SessionAggregate {
    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.counters = Some(Arc::clone(cx.counters));
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        self.ends.clear();
        let mut row = 0;
        while let Some(next) = self.current.next_row(row) {
            self.ends.push(Reverse((self.current.values(next)[END] as i64, Place::Current(next))));
            row = next + 1;
        }
        let mut key = 0;
        while let Some(next) = self.earlier.next_key(key) {
            for (_, row) in self.earlier.range(next, Bound::Unbounded, Bound::Unbounded) {
                self.ends.push(Reverse((self.earlier.values(row)[END] as i64, Place::Earlier(row))));
            }
            key = next + 1;
        }
        Ok(())
    }

    fn needs_all_rows(&self) -> NeedsAllRows {
        NeedsAllRows::ForWatermarks
    }

    fn pin(&mut self, _input: InputId, batch: &Batch, pins: &mut Pins<'_>) -> Result<()> {
        if !batch.is_empty() {
            self.fold.set_batch(batch.project(self.fold.needed()))?;
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
        let mut local = std::mem::take(&mut self.local);
        match self.time_column {
            Some(column) => self.zone.all_to_local(times(&batch.column(column), "event time")?, &mut local),
            None => {
                local.clear();
                local.resize(batch.len(), self.zone.to_local(self.progress.0.saturating_add(1)));
            }
        }
        self.fold.set_batch(batch.project(self.fold.needed()))?;
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        self.current.upsert(self.fold.keys(), 0..batch.len(), &mut rows)?;
        let mut late = Vec::new();
        for (position, (row, time)) in (0..).zip(rows.iter().zip(&local)) {
            if !self.place(position, *row, *time)? {
                late.push(*row);
            }
        }
        self.flush()?;
        if let Some(counters) = self.counters.as_ref().filter(|_| !late.is_empty()) {
            counters.add_late_rows_dropped(late.len() as u64);
        }
        // A late row has left an empty record if its key has no session.
        late.sort_unstable();
        late.dedup();
        for row in late {
            let (start, end) = self.bounds(Place::Current(row));
            if start == end {
                self.current.remove(row);
            }
        }
        (self.rows, self.local) = (rows, local);
        self.fold.forget_batch();
        Ok(Progress::Done)
    }

    fn on_watermark(&mut self, watermark: EventTime) -> Result<()> {
        if self.time_column.is_some() {
            self.progress = self.progress.max(watermark);
        }
        Ok(())
    }

    fn on_timers(&mut self, due: &Timers, out: &mut Output<'_>) -> Result<Progress> {
        self.see_clock(due.now.wall_ms);
        self.fire_due(out)
    }

    fn next_timer_ms(&self) -> Option<i64> {
        let Reverse((end, _)) = self.ends.peek().filter(|_| self.time_column.is_none() && !self.ended)?;
        Some(self.zone.to_closing_moment(end.saturating_sub(1)).saturating_add(1))
    }

    fn on_end(&mut self, _input: InputId, out: &mut Output<'_>) -> Result<Progress> {
        self.ended = true;
        self.fire_due(out)
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        vec![&mut self.current, &mut self.earlier]
    }
}
