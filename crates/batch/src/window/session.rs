//! SESSION over rows sorted by partition and time: a row belongs to the session before it unless the pause is longer than
//! the gap.
//!
//! Invariant: rows leave once their session is known to be over; of the open session all rows are kept.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use tidemill_core::{Batch, KeyEncoder, Keys, Result};
use tidemill_operators::window::zone::Zone;

use super::assign::{Bounds, local_times};

/// Attaches sessions to one sorted stream of rows.
pub(super) struct Sessions {
    gap_ms: i64,
    time: usize,
    zone: Option<Zone>,
    schema: SchemaRef,
    encoder: KeyEncoder,
    keys: Keys,
    open: Option<Open>,
}

/// The session that may go on.
struct Open {
    key: Vec<u8>,
    start: i64,
    last: i64,
    /// Its rows in earlier batches.
    parts: Vec<RecordBatch>,
}

impl Sessions {
    /// Sessions of each combination of the `partition` columns; `schema`: the input's columns and three more.
    pub fn new(
        gap_ms: i64,
        time: usize,
        partition: &[usize],
        zone: Option<Zone>,
        schema: SchemaRef,
    ) -> Result<Sessions> {
        let types: Vec<DataType> = partition.iter().map(|column| schema.field(*column).data_type().clone()).collect();
        let encoder = KeyEncoder::new(partition.to_vec(), &types)?;
        Ok(Sessions { gap_ms, time, zone, schema, encoder, keys: Keys::new(), open: None })
    }

    /// Takes in rows and hands out those whose sessions are over.
    pub fn add(&mut self, batch: RecordBatch, out: &mut Vec<RecordBatch>) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let times = local_times(&batch, self.time, self.zone)?;
        let mut keys = std::mem::take(&mut self.keys);
        self.encoder.encode(&Batch::new(batch.columns().to_vec(), batch.num_rows()), &mut keys)?;
        let (mut scratch, mut bounds) = (Vec::new(), Bounds::default());
        // Rows `whole_from..from` are of sessions that began and ended in this batch.
        let (mut whole_from, mut from) = (0, 0);
        for (row, time) in times.iter().enumerate() {
            // As while streaming: a session in the last of 64 bits begins one before.
            let time = &i64::min(*time, i64::MAX - 1);
            let key = keys.bytes(row, &mut scratch);
            if let Some(open) = &mut self.open
                && open.key == key
                && *time <= open.last.saturating_add(self.gap_ms)
            {
                // Where a clock is set back, local times go back too.
                (open.start, open.last) = (open.start.min(*time), open.last.max(*time));
                continue;
            }
            let key = key.to_vec();
            let closed = self.open.replace(Open { key, start: *time, last: *time, parts: Vec::new() });
            if let Some(mut closed) = closed {
                if closed.parts.is_empty() {
                    bounds.push_many(closed.start, self.end_of(&closed), row - from);
                } else {
                    closed.parts.push(batch.slice(0, row));
                    self.hand_out(closed, out)?;
                    whole_from = row;
                }
            }
            from = row;
        }
        self.keys = keys;
        if from > whole_from {
            let columns = batch.slice(whole_from, from - whole_from).columns().to_vec();
            out.push(bounds.append_to(columns, self.zone, &self.schema)?);
        }
        if let Some(open) = &mut self.open {
            open.parts.push(batch.slice(from, batch.num_rows() - from));
        }
        Ok(())
    }

    /// No more rows: hands out the last session.
    pub fn finish(&mut self, out: &mut Vec<RecordBatch>) -> Result<()> {
        match self.open.take() {
            Some(open) => self.hand_out(open, out),
            None => Ok(()),
        }
    }

    fn end_of(&self, session: &Open) -> i64 {
        session.last.saturating_add(self.gap_ms)
    }

    fn hand_out(&self, session: Open, out: &mut Vec<RecordBatch>) -> Result<()> {
        let (start, end) = (session.start, self.end_of(&session));
        for part in session.parts.into_iter().filter(|part| part.num_rows() > 0) {
            let mut bounds = Bounds::default();
            bounds.push_many(start, end, part.num_rows());
            out.push(bounds.append_to(part.columns().to_vec(), self.zone, &self.schema)?);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int32Array, TimestampMillisecondArray};
    use arrow::datatypes::{Field, Schema, TimestampMillisecondType};
    use std::sync::Arc;

    fn rows(keys: &[i32], times: &[i64]) -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] = [
            ("k", Arc::new(Int32Array::from(keys.to_vec()))),
            ("t", Arc::new(TimestampMillisecondArray::from(times.to_vec()))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    fn sessions(batches: &[RecordBatch]) -> Vec<(i64, i64, i64)> {
        let mut fields: Vec<Field> = batches[0].schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        let time = fields[1].data_type().clone();
        fields.extend(["s", "e", "w"].map(|name| Field::new(name, time.clone(), true)));
        let mut sessions = Sessions::new(10, 1, &[0], None, Arc::new(Schema::new(fields))).unwrap();
        let mut out = Vec::new();
        batches.iter().for_each(|batch| sessions.add(batch.clone(), &mut out).unwrap());
        sessions.finish(&mut out).unwrap();
        let all = |batch: &RecordBatch| {
            let column = |index: usize| batch.column(index).as_primitive::<TimestampMillisecondType>().clone();
            let (time, start, end) = (column(1), column(2), column(3));
            (0..batch.num_rows()).map(|row| (time.value(row), start.value(row), end.value(row))).collect::<Vec<_>>()
        };
        out.iter().flat_map(all).collect()
    }

    #[test]
    fn sessions_end_with_the_gap_or_the_key_whatever_the_batches() {
        let keys = [1, 1, 1, 2, 2, 3];
        let times = [0, 10, 21, 22, 40, 41];
        let expected = [(0, 0, 20), (10, 0, 20), (21, 21, 31), (22, 22, 32), (40, 40, 50), (41, 41, 51)];
        for size in 1..=keys.len() {
            let batches: Vec<RecordBatch> =
                keys.chunks(size).zip(times.chunks(size)).map(|(keys, times)| rows(keys, times)).collect();
            assert_eq!(sessions(&batches), expected, "batches of {size}");
        }
    }
}
