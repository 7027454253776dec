//! Aggregates over session windows: rows of a key that are less than the gap apart (or just so far) belong together.
//!
//! A key has any number of open sessions, as rows come out of order. The one that began last is in `current`, found by the
//! key alone, since nearly every row belongs to it; the earlier ones are in `earlier`, by key and time. A row may join sessions.
//!
//! A row exactly at the end of a session still belongs to it, so a session is over when the watermark has reached its end: then
//! no row that is not late can join it, whichever rows and watermarks come together. The watermark goes on one millisecond behind,
//! as the row of a session has the time of its last millisecond.
//!
//! Invariants:
//! 1. Sessions of a key neither overlap nor touch. That of `current` is the last; if it is empty there are none.
//! 2. Every session has an entry in `ends` at or before its end. The entry is checked when its time comes.
//! 3. A row is late if the watermark has reached the last millisecond of the session that it would be in, all joined.
//! 4. Sessions that are over have been emitted before the next row comes.
//!
//! What aggregates keep outside records (sets of DISTINCT, values that may be taken back) is found by the key and the session's
//! *name*, a moment within it that stays as the session grows and moves. Where there is nothing but words there are no names.

mod distinct;
mod fire;
mod joining;
mod pending;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Bound;
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::datatypes::DataType;
use tidemill_core::{Batch, EventTime, Failure, InputId, Progress, Result, RowKind};
use tidemill_dataflow::{Counters, NeedsAllRows, OpenContext, Operator, Output, Pins, Timers};
use tidemill_expr::Registry;
use tidemill_state::{KeyedTable, OrderedTable, RecordsMut, StateTable};

use crate::aggregates::FoldedRows;
use crate::aggregates::fold::{Fold, OwnWords};
use crate::config::{SESSION_AGGREGATE, SessionAggregateConfig, decode, decode_types};
use crate::window::output::WindowOutput;
use crate::window::times::times;
use crate::window::zone::Zone;
use distinct::{SessionRows, SessionSet};
use pending::Pending;

const START: usize = 0;
const END: usize = 1;
/// A moment within the session, if there are names.
const NAME: usize = 2;

/// The operator of kind `session_aggregate`.
pub struct SessionAggregate {
    fold: Fold,
    current: KeyedTable,
    earlier: OrderedTable,
    /// The sets of DISTINCT calls.
    sets: Vec<SessionSet>,
    /// The words of a record that refer to bytes.
    bytes_words: Vec<usize>,
    /// Aggregates keep more than words, so that sessions have names.
    has_names: bool,
    /// Not before these times the sessions are over.
    ends: BinaryHeap<Reverse<(i64, Place)>>,
    gap: i64,
    time_column: Option<usize>,
    zone: Zone,
    output: WindowOutput,
    /// The word that counts rows, if they may be taken back.
    net_word: Option<usize>,
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

impl Place {
    fn row(self) -> u32 {
        match self {
            Place::Earlier(row) | Place::Current(row) => row,
        }
    }
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
        let retracting = config.input_retracts;
        let own = OwnWords { reserved: &["start", "end"], net_rows: retracting, ..OwnWords::default() };
        let named = OwnWords { reserved: &["start", "end", "name"], ..own };
        let bind = |own| Fold::new(&keys, &config.aggregates, &types, retracting, own, functions);
        let fold = bind(own)?;
        let has_names = !fold.aggregates().mergeable();
        let (fold, own) = if has_names { (bind(named)?.without_sets(), named) } else { (fold, own) };
        let key_types: Vec<DataType> = keys.iter().map(|column| types[*column].arrow_type()).collect();
        let output =
            WindowOutput::new(&config.outputs, keys.len(), config.aggregates.len(), zone, !time.processing_time)?;
        let order = vec![DataType::Int64];
        Ok(SessionAggregate {
            current: KeyedTable::new(fold.descriptor("current"), &fold.template()),
            earlier: OrderedTable::new(fold.descriptor("earlier").with_order(order), &fold.template()),
            sets: SessionSet::all_of(&fold, &key_types, &types)?,
            bytes_words: fold.states.bytes_words().into_iter().map(|(_, word)| word).collect(),
            has_names,
            fold,
            ends: BinaryHeap::new(),
            gap: config.gap_ms,
            time_column: (!time.processing_time).then_some(time.column as usize),
            zone,
            output,
            net_word: retracting.then(|| own.net_word()),
            progress: EventTime::MIN,
            ended: false,
            pending: Pending::default(),
            rows: Vec::new(),
            local: Vec::new(),
            counters: None,
        })
    }

    /// True if no row can join a session with this end any more.
    fn is_over(&self, end: i64) -> bool {
        self.ended || self.progress == EventTime::MAX || self.closing_moment(end) < self.progress.0
    }

    /// True if the watermark has passed a session with this end, so that it takes no row.
    fn is_late(&self, end: i64) -> bool {
        self.ended || self.progress != EventTime::MIN && self.closing_moment(end) <= self.progress.0
    }

    /// The moment of the last millisecond before an end.
    fn closing_moment(&self, end: i64) -> i64 {
        self.zone.to_closing_moment(end.saturating_sub(1))
    }

    fn see_clock(&mut self, wall_ms: i64) {
        if self.time_column.is_none() {
            self.progress = self.progress.max(EventTime(wall_ms.saturating_sub(1)));
        }
    }

    /// Start and end of a session; equal if there is none.
    fn bounds(&self, place: Place) -> (i64, i64) {
        let values = self.values(place);
        (values[START] as i64, values[END] as i64)
    }

    /// The words of a session's record.
    fn values(&self, place: Place) -> &[u64] {
        match place {
            Place::Current(row) => self.current.values(row),
            Place::Earlier(row) => self.earlier.values(row),
        }
    }

    /// A new session, of which `ends` must know; its rows will follow.
    fn begin(&mut self, place: Place, start: i64, end: i64) {
        self.set_bounds(place, start, end);
        if self.has_names {
            let mut record = record_of(&mut self.current, &mut self.earlier, place);
            record.values(place.row())[NAME] = start as u64;
        }
    }

    fn set_bounds(&mut self, place: Place, start: i64, end: i64) {
        let mut record = record_of(&mut self.current, &mut self.earlier, place);
        let values = record.values(place.row());
        (values[START], values[END]) = (start as u64, end as u64);
    }

    /// Finds the session of row `position` of the batch, joining and moving sessions as needed; false if the row is late.
    fn place(&mut self, position: u32, row: u32, time: i64) -> Result<bool> {
        let (start, end) = self.bounds(Place::Current(row));
        // A session holds its first millisecond: one in the last of 64 bits begins one before.
        let time = time.min(i64::MAX - 1);
        let until = time.saturating_add(self.gap);
        if start == end {
            if self.is_late(until) {
                return Ok(false);
            }
            self.begin(Place::Current(row), time, until);
            self.ends.push(Reverse((until, Place::Current(row))));
        } else if time > end {
            if self.is_late(until) {
                return Ok(false);
            }
            self.retire(position, row)?;
            self.begin(Place::Current(row), time, until);
        } else if until < start || time < start && !self.earlier.is_empty() {
            return self.place_early(position, row, time, until);
        } else if self.is_late(end.max(until)) {
            return Ok(false);
        } else if time < start || until > end {
            self.set_bounds(Place::Current(row), start.min(time), end.max(until));
        }
        self.pending.push_current(row, position);
        Ok(true)
    }

    /// Takes pending rows into the records of their sessions.
    fn flush(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.take_rows(&pending.current, &pending.current_rows, Place::Current)?;
        self.take_rows(&pending.earlier, &pending.earlier_rows, Place::Earlier)?;
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    /// Takes the rows of the batch at `positions` into the records `rows` of one of the tables.
    fn take_rows(&mut self, rows: &[u32], positions: &[u32], place: fn(u32) -> Place) -> Result<()> {
        let (Some(all), Some(batch)) = (self.fold.arguments(), self.fold.batch()) else { return Ok(()) };
        let Some(first) = rows.first() else { return Ok(()) };
        let kinds =
            batch.kinds().map(|kinds| positions.iter().map(|row| kinds[*row as usize]).collect::<Vec<RowKind>>());
        let kinds = kinds.as_deref();
        let whole = positions.len() == batch.len();
        let arguments =
            if whole { all.slice(0, batch.len()) } else { all.take(&UInt32Array::from(positions.to_vec()))? };
        if self.has_names {
            let prefixes: Vec<[u8; 8]> = rows.iter().map(|row| prefix_of(self.values(place(*row)))).collect();
            let mut masks = vec![None; self.fold.aggregates().calls().len()];
            let taken = SessionRows { keys: self.fold.keys(), positions, prefixes: &prefixes, kinds };
            self.sets.iter_mut().try_for_each(|set| set.count(&taken, &arguments, &mut masks))?;
            self.fold.states.set_masks(masks);
            self.fold.work_on(rows, positions, &prefixes);
        }
        let records = match place(*first) {
            Place::Current(_) => self.current.update(rows),
            Place::Earlier(_) => self.earlier.update(rows),
        };
        self.fold.states.update(records, &FoldedRows { records: rows, first: 0, arguments: &arguments, kinds })
    }
}

/// The record of a session, to be written.
fn record_of<'a>(current: &'a mut KeyedTable, earlier: &'a mut OrderedTable, place: Place) -> RecordsMut<'a> {
    match place {
        Place::Current(row) => current.update(&[row]),
        Place::Earlier(row) => earlier.update(&[row]),
    }
}

fn damaged_key() -> Failure {
    Failure::fatal("state.damaged", "a stored key has not the format of its types")
}

/// What the values of a session are kept under.
fn prefix_of(values: &[u64]) -> [u8; 8] {
    (values[NAME] ^ 1 << 63).to_be_bytes()
}

/// The order bytes of a time.
fn order_of(time: i64) -> [u8; 9] {
    let mut bytes = [1; 9];
    bytes[1..].copy_from_slice(&(time as u64 ^ 1 << 63).to_be_bytes());
    bytes
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
        if let Some(arguments) = self.fold.arguments() {
            self.sets.iter_mut().try_for_each(|set| set.set_batch(arguments, batch.len()))?;
        }
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
        // The clock has to be a millisecond beyond what is over.
        Some(self.closing_moment(*end).saturating_add(2))
    }

    fn hold(&self) -> EventTime {
        match self.progress {
            _ if self.ended || self.time_column.is_none() => EventTime::MAX,
            EventTime::MAX => EventTime::MAX,
            EventTime(watermark) => EventTime(watermark.saturating_sub(1)),
        }
    }

    fn on_end(&mut self, _input: InputId, out: &mut Output<'_>) -> Result<Progress> {
        self.ended = true;
        self.fire_due(out)
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        let sets = self.sets.iter_mut().map(|set| set.table() as &mut dyn StateTable);
        let own = [&mut self.current as &mut dyn StateTable, &mut self.earlier];
        own.into_iter().chain(sets).chain(self.fold.value_tables()).collect()
    }
}
