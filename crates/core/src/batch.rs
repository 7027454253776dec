//! The unit in which data moves: shared Arrow columns and a row range.
//!
//! Slicing costs a few nanoseconds, since only the range changes. Columns are always nullable here; NOT NULL lives in the
//! types of the plan. A batch has no schema: whoever reads it knows the types from the plan.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::datatypes::SchemaRef;

use crate::{Failure, Result, RowKind, strings};

/// Rows, in columns.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: Arc<[ArrayRef]>,
    offset: usize,
    len: usize,
    kinds: Option<Arc<[RowKind]>>,
    time: Option<TimeBounds>,
    hashes: Option<KeyHashes>,
}

/// Where the event time is, with bounds over the batch (after a slice they may be wider than need be).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBounds {
    /// Position of the event-time column, whose values are milliseconds in an `i64`.
    pub column: usize,
    /// No row is earlier.
    pub min: i64,
    /// No row is later.
    pub max: i64,
}

/// Key hashes computed earlier, with the key they belong to.
#[derive(Clone, Debug)]
pub struct KeyHashes {
    /// The key's columns, in order.
    pub key: Arc<[usize]>,
    /// One hash for each row of the batch's columns (before the row range is applied).
    pub values: Arc<[u64]>,
}

impl Batch {
    /// A batch of insert-only rows. `rows` is needed because there may be no column.
    pub fn new(columns: Vec<ArrayRef>, rows: usize) -> Batch {
        debug_assert!(columns.iter().all(|column| column.len() == rows));
        Batch { columns: columns.into(), offset: 0, len: rows, kinds: None, time: None, hashes: None }
    }

    /// The same rows with a kind each (one for every row of this batch).
    pub fn with_kinds(mut self, kinds: Vec<RowKind>) -> Batch {
        debug_assert!(self.offset == 0 && kinds.len() == self.len);
        self.kinds = if kinds.iter().all(|kind| *kind == RowKind::Insert) { None } else { Some(kinds.into()) };
        self
    }

    /// The same rows, with event-time bounds.
    pub fn with_time(mut self, time: Option<TimeBounds>) -> Batch {
        self.time = time;
        self
    }

    /// The same rows, with key hashes (`values` for every row of this batch, which must not be a slice).
    pub fn with_hashes(mut self, key: Arc<[usize]>, values: Arc<[u64]>) -> Batch {
        debug_assert!(self.offset == 0 && values.len() == self.len);
        self.hashes = Some(KeyHashes { key, values });
        self
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// A column, cut to the batch's rows.
    pub fn column(&self, index: usize) -> ArrayRef {
        let column = &self.columns[index];
        if self.offset == 0 && self.len == column.len() {
            Arc::clone(column)
        } else {
            column.slice(self.offset, self.len)
        }
    }

    /// All columns, cut to the batch's rows.
    pub fn columns(&self) -> Vec<ArrayRef> {
        (0..self.width()).map(|index| self.column(index)).collect()
    }

    /// The kinds of the rows; none if all are inserts.
    pub fn kinds(&self) -> Option<&[RowKind]> {
        self.kinds.as_deref().map(|kinds| &kinds[self.offset..self.offset + self.len])
    }

    /// The kind of a row.
    pub fn kind(&self, row: usize) -> RowKind {
        self.kinds().map_or(RowKind::Insert, |kinds| kinds[row])
    }

    /// The event-time column and its bounds, if known.
    pub fn time(&self) -> Option<TimeBounds> {
        self.time
    }

    /// The cached hashes of these rows under `key` (column positions in order), if they are there.
    pub fn hashes(&self, key: &[usize]) -> Option<&[u64]> {
        let hashes = self.hashes.as_ref().filter(|hashes| *hashes.key == *key)?;
        Some(&hashes.values[self.offset..self.offset + self.len])
    }

    /// Rows `offset .. offset + len` of this batch; nothing is copied.
    pub fn slice(&self, offset: usize, len: usize) -> Batch {
        debug_assert!(offset + len <= self.len);
        Batch { offset: self.offset + offset, len, ..self.clone() }
    }

    /// The columns at `positions`, in that order. Event time and hashes are kept where their columns are.
    pub fn project(&self, positions: &[usize]) -> Batch {
        let place = |column: usize| positions.iter().position(|position| *position == column);
        let time = self.time.and_then(|time| Some(TimeBounds { column: place(time.column)?, ..time }));
        let hashes = self.hashes.as_ref().and_then(|hashes| {
            let key: Option<Arc<[usize]>> = hashes.key.iter().map(|column| place(*column)).collect();
            Some(KeyHashes { key: key?, values: Arc::clone(&hashes.values) })
        });
        let columns = positions.iter().map(|position| Arc::clone(&self.columns[*position])).collect();
        Batch { columns, time, hashes, kinds: self.kinds.clone(), ..*self }
    }

    /// The same rows and kinds with other columns (each with as many rows as this batch).
    pub fn with_columns(&self, columns: Vec<ArrayRef>) -> Batch {
        debug_assert!(columns.iter().all(|column| column.len() == self.len));
        let kinds = self.kinds().map(Arc::from);
        Batch { columns: columns.into(), offset: 0, len: self.len, kinds, time: None, hashes: None }
    }

    /// The rows at `rows`, in that order, copied. Event-time bounds are kept, hashes are not.
    pub fn take(&self, rows: &UInt32Array) -> Result<Batch> {
        let columns: Result<Vec<ArrayRef>> = (0..self.width())
            .map(|index| Ok(strings::shared_or_copied(arrow::compute::take(&self.column(index), rows, None)?)))
            .collect();
        let kinds = self.kinds().map(|kinds| rows.values().iter().map(|row| kinds[*row as usize]).collect());
        Ok(Batch { columns: columns?.into(), offset: 0, len: rows.len(), kinds, time: self.time, hashes: None })
    }

    /// The rows for which `mask` is true, copied.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Batch> {
        let rows: Vec<u32> =
            mask.iter().zip(0u32..).filter(|(keep, _)| *keep == Some(true)).map(|(_, row)| row).collect();
        if rows.len() == self.len { Ok(self.clone()) } else { self.take(&UInt32Array::from(rows)) }
    }

    /// All rows of several batches of one shape, in order.
    pub fn concat(batches: &[Batch]) -> Result<Batch> {
        let Some(first) = batches.first() else { return Ok(Batch::new(Vec::new(), 0)) };
        if batches.len() == 1 {
            return Ok(first.clone());
        }
        let rows = batches.iter().map(Batch::len).sum();
        let columns: Result<Vec<ArrayRef>> = (0..first.width())
            .map(|index| {
                let parts: Vec<ArrayRef> = batches.iter().map(|batch| batch.column(index)).collect();
                let parts: Vec<&dyn arrow::array::Array> = parts.iter().map(AsRef::as_ref).collect();
                Ok(strings::shared_or_copied(arrow::compute::concat(&parts)?))
            })
            .collect();
        let mut all = Batch::new(columns?, rows);
        if batches.iter().any(|batch| batch.kinds.is_some()) {
            all = all.with_kinds(batches.iter().flat_map(|batch| (0..batch.len).map(|row| batch.kind(row))).collect());
        }
        let time = batches.iter().map(Batch::time).reduce(|left, right| {
            let (left, right) = (left?, right?);
            (left.column == right.column).then(|| TimeBounds {
                column: left.column,
                min: left.min.min(right.min),
                max: left.max.max(right.max),
            })
        });
        Ok(all.with_time(time.flatten()))
    }

    /// The insert-only view of the columns as an Arrow record batch. The row kinds are lost: ask for them first.
    pub fn to_record_batch(&self, schema: &SchemaRef) -> Result<RecordBatch> {
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.len));
        RecordBatch::try_new_with_options(Arc::clone(schema), self.columns(), &options)
            .map_err(|error| Failure::fatal("batch.schema", error.to_string()))
    }

    /// Bytes that the columns hold, an upper bound.
    pub fn memory(&self) -> usize {
        let all: usize = self.columns.iter().map(|column| column.get_array_memory_size()).sum();
        let rows = self.columns.first().map_or(1, |column| column.len().max(1));
        all / rows * self.len
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;

    fn numbers(values: &[i64]) -> Batch {
        Batch::new(vec![Arc::new(Int64Array::from(values.to_vec()))], values.len())
    }

    #[test]
    fn a_slice_of_a_slice_counts_from_the_slice() {
        let batch = numbers(&[0, 1, 2, 3, 4, 5]).slice(1, 4).slice(1, 2);
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[2, 3]);
    }

    #[test]
    fn concat_keeps_kinds_of_the_parts() {
        let left = numbers(&[1]);
        let right = numbers(&[2]).with_kinds(vec![RowKind::Delete]);
        let all = Batch::concat(&[left, right]).unwrap();
        assert_eq!(all.kinds().unwrap(), &[RowKind::Insert, RowKind::Delete]);
    }

    #[test]
    fn projection_moves_event_time_along() {
        let time = TimeBounds { column: 1, min: 0, max: 9 };
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let batch = Batch::new(vec![column.clone(), column.clone()], 2).with_time(Some(time));
        assert_eq!(batch.project(&[1]).time().unwrap().column, 0);
        assert_eq!(batch.project(&[0]).time(), None);
    }
}
