//! Where rows belong in time: their event time, the wall clock, or windows that came with them.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use tidemill_core::{Batch, Failure, Result, bounds};

use super::partition::Partition;
use super::slices::Slices;
use super::zone::Zone;

/// What says to which slice a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowTime {
    /// A column with the event time.
    Event(usize),
    /// The wall clock at the row's arrival.
    Processing,
    /// A column with the end of the row's window, TIMESTAMP(3), local time.
    WindowEnd(usize),
    /// A column with the end of the row's slice, BIGINT: partial results.
    SliceEnd(usize),
}

/// Assigns rows of batches to slices; keeps its memory.
#[derive(Debug)]
pub struct Assigner {
    time: RowTime,
    zone: Zone,
    local: Vec<i64>,
    /// The rows of the last batch by slice.
    pub partition: Partition,
}

impl Assigner {
    /// An assigner of rows with such times.
    pub fn new(time: RowTime, zone: Zone) -> Assigner {
        Assigner { time, zone, local: Vec::new(), partition: Partition::default() }
    }

    /// Groups the rows of a batch by slice. `clock`: the wall clock.
    pub fn assign(&mut self, batch: &Batch, slices: Option<&Slices>, clock: i64) -> Result<()> {
        match self.time {
            RowTime::Processing => {
                let now = self.zone.to_local(clock);
                self.local.clear();
                self.local.resize(batch.len(), now);
                self.partition.split(known(slices)?, &self.local, now, now);
                Ok(())
            }
            RowTime::WindowEnd(column) => {
                let ends = batch.column(column);
                self.partition.split_by_end(times(&ends, "window end")?);
                Ok(())
            }
            RowTime::SliceEnd(column) => {
                let ends = batch.column(column);
                let ends = ends.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong_type("slice end"))?;
                self.partition.split_by_end(ends.values());
                Ok(())
            }
            RowTime::Event(column) => {
                let array = batch.column(column);
                let times = times(&array, "event time")?;
                let slices = known(slices)?;
                if !self.zone.is_utc() {
                    self.zone.all_to_local(times, &mut self.local);
                    let (min, max) = bounds(&self.local).unwrap_or((0, 0));
                    self.partition.split(slices, &self.local, min, max);
                    return Ok(());
                }
                // Bounds that came with the batch may be wider than need be, which does no harm.
                let known = batch.time().filter(|time| time.column == column).map(|time| (time.min, time.max));
                let (min, max) = known.or_else(|| bounds(times)).unwrap_or((0, 0));
                self.partition.split(slices, times, min, max);
                Ok(())
            }
        }
    }
}

fn known(slices: Option<&Slices>) -> Result<&Slices> {
    slices.ok_or_else(|| Failure::fatal("graph.malformed", "an operator on windows was given no windows"))
}

/// The values of a time column, none of which may be NULL.
pub fn times<'a>(column: &'a dyn Array, what: &str) -> Result<&'a [i64]> {
    let times = column.as_primitive_opt::<TimestampMillisecondType>().ok_or_else(|| wrong_type(what))?;
    if times.null_count() > 0 {
        let text = format!(
            "the {what} of a row is NULL, so it belongs to no window; leave such rows out with WHERE … IS NOT NULL, or give \
             them a time with COALESCE"
        );
        return Err(Failure::data("window.null-time", text));
    }
    Ok(times.values())
}

fn wrong_type(what: &str) -> Failure {
    Failure::fatal("graph.malformed", format!("the {what} of a window's input has the wrong type"))
}
