//! A batch made ready to be written row by row.

use arrow::array::ArrayRef;
use tidemill_core::{Batch, Result, RowKind};
use tidemill_functions::format::{ColumnWriter, Style};

use super::{Shape, Shown};

/// The columns of a batch with what writes their values as SQL text.
pub struct Rows {
    arrays: Vec<ArrayRef>,
    columns: Vec<ColumnWriter>,
    kinds: Option<Vec<RowKind>>,
}

impl Rows {
    /// Makes a batch ready.
    pub fn new(batch: &Batch, shape: &Shape) -> Result<Rows> {
        let arrays = batch.columns();
        let columns: Result<Vec<ColumnWriter>> = arrays
            .iter()
            .zip(&shape.schema.fields)
            .map(|(array, field)| ColumnWriter::new(array, &field.ty, Style::Shell, shape.zone))
            .collect();
        let kinds = (shape.rows == Shown::Changes)
            .then(|| batch.kinds().map_or_else(|| vec![RowKind::Insert; batch.len()], <[RowKind]>::to_vec));
        Ok(Rows { arrays, columns: columns?, kinds })
    }

    /// `+I`, `-U`, `+U` or `-D` where changes are shown.
    pub fn op(&self, row: usize) -> Option<&'static str> {
        self.kinds.as_ref().map(|kinds| kinds[row].symbol())
    }

    /// The writers of the columns.
    pub fn columns(&self) -> &[ColumnWriter] {
        &self.columns
    }

    /// The columns themselves.
    pub fn arrays(&self) -> &[ArrayRef] {
        &self.arrays
    }
}
