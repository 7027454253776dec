//! Results on stdout, in three formats.
//!
//! A format turns a row into bytes (`encode`) and puts encoded rows out (`emit`); between the two a row may wait: in a table
//! until its columns' widths are known, and among the net rows of a changelog until the query has ended.

mod csv;
mod json;
mod net;
mod row;
mod table;
mod text;

use std::io::{self, Write};

use tidemill_core::{Batch, Result};
use tidemill_expr::{RowType, TimeZone};

use crate::args::OutputFormat;
use net::NetRows;
use row::Rows;
pub use text::write_text_table;

/// What the rows look like and how they are shown.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Names and types of the columns.
    pub schema: RowType,
    /// The session's time zone, in which TIMESTAMP_LTZ is shown.
    pub zone: TimeZone,
    /// How rows are written.
    pub format: OutputFormat,
    /// Which rows are shown.
    pub rows: Shown,
    /// True where a person looks: wide values are cut in a running table.
    pub is_terminal: bool,
}

impl Shape {
    /// The names of the columns. Beside the kinds of changes, which are called `op`, a column of that name gets another.
    fn names(&self) -> Vec<String> {
        let mut names = self.schema.names();
        if self.rows == Shown::Changes
            && let Some(at) = names.iter().position(|name| name == "op")
        {
            let free = (0..).map(|number| format!("op{number}")).find(|name| !names.contains(name));
            names[at] = free.unwrap_or_default();
        }
        names
    }
}

/// Which rows of a result are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The rows of a batch query.
    Final,
    /// Every change with its kind, as it happens.
    Changes,
    /// What is left of the changes at the end, without kinds.
    Net,
}

/// How rows are written.
trait Format: Send {
    /// Appends what stands for a row.
    fn encode(&self, rows: &Rows, row: usize, out: &mut Vec<u8>);
    /// Appends what comes before the first row.
    fn begin(&mut self, out: &mut Vec<u8>);
    /// Appends a row that was encoded.
    fn emit(&mut self, encoded: &[u8], out: &mut Vec<u8>);
    /// Appends what comes after the last row.
    fn end(&mut self, out: &mut Vec<u8>);
}

/// Writes the rows of one query.
pub struct ResultWriter<W> {
    shape: Shape,
    format: Box<dyn Format>,
    net: Option<NetRows>,
    out: W,
    encoded: Vec<u8>,
    text: Vec<u8>,
    rows: u64,
}

impl<W: Write> ResultWriter<W> {
    /// A writer for one query, on `out`. What comes before the first row is written at once, where it is known.
    pub fn new(shape: Shape, out: W) -> io::Result<ResultWriter<W>> {
        let format: Box<dyn Format> = match shape.format {
            OutputFormat::Table => Box::new(table::Table::new(&shape)),
            OutputFormat::Csv => Box::new(csv::Csv::new(&shape)),
            OutputFormat::Json => Box::new(json::Json::new(&shape)),
        };
        let net = (shape.rows == Shown::Net).then(NetRows::default);
        let mut writer = ResultWriter { shape, format, net, out, encoded: Vec::new(), text: Vec::new(), rows: 0 };
        writer.format.begin(&mut writer.text);
        writer.flush()?;
        Ok(writer)
    }

    /// Writes rows, or keeps them until the end where only net rows are shown.
    pub fn write(&mut self, batch: &Batch) -> Result<io::Result<()>> {
        let rows = Rows::new(batch, &self.shape)?;
        for row in 0..batch.len() {
            self.encoded.clear();
            self.format.encode(&rows, row, &mut self.encoded);
            match &mut self.net {
                Some(net) => net.add(&self.encoded, batch.kind(row)),
                None => {
                    self.rows += 1;
                    self.format.emit(&self.encoded, &mut self.text);
                }
            }
        }
        Ok(self.flush())
    }

    /// Writes what is left; returns how many rows were shown.
    pub fn finish(mut self) -> io::Result<u64> {
        if let Some(net) = self.net.take() {
            for (encoded, count) in net.into_rows() {
                for _ in 0..count {
                    self.rows += 1;
                    self.format.emit(&encoded, &mut self.text);
                }
                if self.text.len() > 1 << 16 {
                    self.put()?;
                }
            }
        }
        self.format.end(&mut self.text);
        self.flush()?;
        Ok(self.rows)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.put()?;
        self.out.flush()
    }

    fn put(&mut self) -> io::Result<()> {
        self.out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }
}
