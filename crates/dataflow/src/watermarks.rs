//! Watermarks at the source: per split, the running maximum over every preceding row; over splits, the minimum.
//!
//! A batch is cut where a row would be late against the rows before it in the same batch: only there can it matter that the
//! watermark has risen in between. So results do not depend on batching.

use std::ops::Range;

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use tidemill_core::map::Map;
use tidemill_core::{Batch, Element, EventTime, Failure, Result, TimeBounds, bounds};
use tidemill_expr::evaluator::Program;
use tidemill_expr::{EvalContext, Expr, SqlType};

use crate::graph::WatermarkSpec;

/// Makes the watermarks of one source subtask.
pub struct Watermarks {
    column: usize,
    delay_ms: i64,
    program: Option<Program>,
    splits: Map<u32, EventTime>,
    emitted: EventTime,
}

impl Watermarks {
    /// Watermarks as a plan specifies them; `compile` makes a program of an expression over columns of the given types.
    pub fn new(
        spec: &WatermarkSpec,
        compile: impl FnOnce(&[Expr], &[SqlType]) -> Result<Program>,
    ) -> Result<Watermarks> {
        let program = if spec.expression.is_empty() {
            None
        } else {
            let types: Result<Vec<SqlType>> = spec.types.iter().map(|bytes| SqlType::from_bytes(bytes)).collect();
            Some(compile(&[Expr::from_bytes(&spec.expression)?], &types?)?)
        };
        let (column, delay_ms) = (spec.column as usize, spec.delay_ms);
        Ok(Watermarks { column, delay_ms, program, splits: Map::default(), emitted: EventTime::MIN })
    }

    /// A split takes part, from where its generator stood.
    pub fn open(&mut self, handle: u32, watermark: EventTime) {
        self.splits.insert(handle, watermark);
    }

    /// A split has been read to its end and holds nothing any longer.
    pub fn finish(&mut self, handle: u32) -> Option<Element> {
        self.splits.remove(&handle);
        if self.splits.is_empty() { None } else { self.rise(self.minimum()) }
    }

    /// Where the generator of a split stands.
    pub fn of_split(&self, handle: u32) -> EventTime {
        self.splits.get(&handle).copied().unwrap_or(EventTime::MIN)
    }

    /// The rows of a split with the watermarks between and behind them.
    pub fn assign(&mut self, handle: u32, batch: Batch, cx: &EvalContext, out: &mut Vec<Element>) -> Result<()> {
        let column = batch.column(self.column);
        let times = &milliseconds(&column)?;
        if times.null_count() > 0 {
            let text = "the event-time column of a row is NULL; filter such rows out or give the column a default";
            return Err(Failure::data("watermark.null", text));
        }
        let Some((min, max)) = bounds(times.values()) else { return Ok(()) };
        let batch = batch.with_time(Some(TimeBounds { column: self.column, min, max }));
        let candidates = self.candidates(&batch, cx)?;
        let highest = match &candidates {
            Some(candidates) => arrow::compute::max(candidates),
            None => Some(max.saturating_sub(self.delay_ms)),
        };
        let Some(highest) = highest else {
            out.push(Element::Batch(batch));
            return Ok(());
        };
        let running = self.of_split(handle);
        let others = self.minimum_without(handle);
        let end = running.max(EventTime(highest));
        if min > end.min(others).0 {
            out.push(Element::Batch(batch));
        } else {
            let rows = Rows { times, candidates: candidates.as_ref(), delay_ms: self.delay_ms };
            self.emitted = rows.cut(&batch, running, others, self.emitted, out);
        }
        self.splits.insert(handle, end);
        out.extend(self.rise(end.min(others)));
        Ok(())
    }

    fn candidates(&self, batch: &Batch, cx: &EvalContext) -> Result<Option<PrimitiveArray<Int64Type>>> {
        let Some(program) = &self.program else { return Ok(None) };
        let column = program.project(batch, cx)?.column(0);
        Ok(Some(milliseconds(&column)?))
    }

    fn minimum(&self) -> EventTime {
        self.splits.values().copied().min().unwrap_or(EventTime::MIN)
    }

    fn minimum_without(&self, handle: u32) -> EventTime {
        let others = self.splits.iter().filter(|(other, _)| **other != handle);
        others.map(|(_, watermark)| *watermark).min().unwrap_or(EventTime::MAX)
    }

    fn rise(&mut self, watermark: EventTime) -> Option<Element> {
        (watermark > self.emitted).then(|| {
            self.emitted = watermark;
            Element::Watermark(watermark)
        })
    }
}

/// How many rows are looked at together for whether one of them may be late.
const CHUNK: usize = 256;

/// The event times of a batch's rows and the watermarks that follow from them.
struct Rows<'a> {
    times: &'a PrimitiveArray<Int64Type>,
    candidates: Option<&'a PrimitiveArray<Int64Type>>,
    delay_ms: i64,
}

impl Rows<'_> {
    /// Emits a batch in pieces, each row that is at or below the watermark of the rows before it behind that watermark.
    /// Returns the last watermark emitted.
    fn cut(
        &self,
        batch: &Batch,
        mut running: EventTime,
        others: EventTime,
        mut emitted: EventTime,
        out: &mut Vec<Element>,
    ) -> EventTime {
        let mut start = 0;
        for from in (0..batch.len()).step_by(CHUNK) {
            let chunk = from..batch.len().min(from + CHUNK);
            let highest = running.max(self.highest(chunk.clone()));
            let reached = highest.min(others);
            let lowest =
                || bounds(&self.times.values()[chunk.clone()]).map_or(EventTime::MAX, |(min, _)| EventTime(min));
            if reached <= emitted || lowest() > reached {
                running = highest;
                continue;
            }
            for row in chunk {
                let combined = running.min(others);
                if self.times.value(row) <= combined.0 && combined > emitted {
                    if row > start {
                        out.push(Element::Batch(batch.slice(start, row - start)));
                    }
                    out.push(Element::Watermark(combined));
                    (start, emitted) = (row, combined);
                }
                running = running.max(self.of_row(row));
            }
        }
        out.push(Element::Batch(batch.slice(start, batch.len() - start)));
        emitted
    }

    /// The watermark that follows from a row.
    fn of_row(&self, row: usize) -> EventTime {
        EventTime(match self.candidates {
            None => self.times.value(row).saturating_sub(self.delay_ms),
            Some(candidates) if candidates.is_valid(row) => candidates.value(row),
            Some(_) => i64::MIN,
        })
    }

    /// The highest watermark that follows from one of the rows.
    fn highest(&self, rows: Range<usize>) -> EventTime {
        let highest = |times: &[i64]| bounds(times).map_or(i64::MIN, |(_, max)| max);
        match self.candidates {
            None => EventTime(highest(&self.times.values()[rows]).saturating_sub(self.delay_ms)),
            Some(candidates) if candidates.null_count() == 0 => EventTime(highest(&candidates.values()[rows])),
            Some(_) => rows.map(|row| self.of_row(row)).max().unwrap_or(EventTime::MIN),
        }
    }
}

/// An event-time column as milliseconds, whatever its Arrow type.
fn milliseconds(column: &arrow::array::ArrayRef) -> Result<PrimitiveArray<Int64Type>> {
    if let Some(times) = column.as_primitive_opt::<TimestampMillisecondType>() {
        return Ok(times.reinterpret_cast::<Int64Type>());
    }
    if let Some(times) = column.as_primitive_opt::<Int64Type>() {
        return Ok(times.clone());
    }
    let text = format!("event time must be TIMESTAMP(3) or TIMESTAMP_LTZ(3), not {}", column.data_type());
    Err(Failure::fatal("watermark.type", text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::TimestampMillisecondArray;
    use std::sync::Arc;

    fn watermarks(delay_ms: i64) -> Watermarks {
        let spec = WatermarkSpec { column: 0, delay_ms, ..WatermarkSpec::default() };
        let mut watermarks = Watermarks::new(&spec, |_, _| Err(Failure::fatal("test", "no program"))).unwrap();
        watermarks.open(0, EventTime::MIN);
        watermarks
    }

    fn assign(watermarks: &mut Watermarks, handle: u32, times: &[i64]) -> Vec<String> {
        let batch = Batch::new(vec![Arc::new(TimestampMillisecondArray::from(times.to_vec()))], times.len());
        let mut out = Vec::new();
        watermarks.assign(handle, batch, &EvalContext::utc(), &mut out).unwrap();
        let show = |element: &Element| match element {
            Element::Batch(batch) => format!("{} rows", batch.len()),
            Element::Watermark(watermark) => watermark.to_string(),
            _ => String::new(),
        };
        out.iter().map(show).collect()
    }

    #[test]
    fn a_batch_is_cut_only_where_a_row_is_behind_the_rows_before_it() {
        let mut ordered = watermarks(5);
        assert_eq!(assign(&mut ordered, 0, &[10, 11, 9, 12]), ["4 rows", "7 ms"]);
        let mut late = watermarks(5);
        assert_eq!(assign(&mut late, 0, &[10, 20, 15, 14, 30]), ["2 rows", "15 ms", "3 rows", "25 ms"]);
    }

    #[test]
    fn batching_does_not_change_what_stands_before_a_row() {
        let times = [10, 40, 12, 50, 31, 44, 60, 20];
        let mut whole = watermarks(10);
        let mut single = watermarks(10);
        let seen = |elements: &[String], rows: &mut Vec<String>, last: &mut String| {
            for element in elements {
                match element.strip_suffix(" rows") {
                    Some(count) => rows.extend(std::iter::repeat_n(last.clone(), count.parse().unwrap())),
                    None => last.clone_from(element),
                }
            }
        };
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let (mut last_left, mut last_right) = (String::new(), String::new());
        seen(&assign(&mut whole, 0, &times), &mut left, &mut last_left);
        for time in times {
            seen(&assign(&mut single, 0, &[time]), &mut right, &mut last_right);
        }
        let late = |watermarks: &[String]| -> Vec<bool> {
            let at = |text: &String| text.strip_suffix(" ms").map_or(i64::MIN, |ms| ms.parse().unwrap());
            watermarks.iter().zip(times).map(|(watermark, time)| time <= at(watermark)).collect()
        };
        assert_eq!(late(&left), late(&right));
        assert_eq!((last_left, late(&left).iter().filter(|late| **late).count()), (last_right, 3));
    }

    #[test]
    fn a_split_without_rows_holds_the_watermark_until_it_is_finished() {
        let mut two = watermarks(0);
        two.open(1, EventTime::MIN);
        assert_eq!(assign(&mut two, 0, &[10]), ["1 rows"]);
        assert!(matches!(two.finish(1), Some(Element::Watermark(EventTime(10)))));
    }
}
