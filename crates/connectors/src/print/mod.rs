//! `'connector' = 'print'`: rows on standard output, as Flink prints them (`+I[a, b]`), or as a table that is redrawn.
//!
//! Rows appear when they are written, not when they are committed: after a failure, those behind the last checkpoint come again.

mod line;
mod screen;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::array::ArrayRef;
use tidemill_core::map::Map;
use tidemill_core::options::{ConfigOption, OptionType};
use tidemill_core::{Batch, CheckpointId, Failure, Now, Progress, Result};
use tidemill_dataflow::{
    Connector, ReadRequest, Sink, SinkChanges, SinkPlan, SourcePlan, TableSpec, Writer, WriterContext,
};
use tidemill_expr::RowType;

use crate::options::{SINK_PARALLELISM, parallelism};
use crate::outside::{Outside, SharedStream};
use crate::table::{self, unsupported};
use crate::text::write::TextColumn;
use line::write_row;
use screen::Screen;

/// The kind of the sink in a job graph.
pub const KIND: &str = "print";

const PRINT_IDENTIFIER: ConfigOption =
    ConfigOption::new("print-identifier", OptionType::Text, "Stands before every line, with `> ` behind it.");
const STANDARD_ERROR: ConfigOption =
    ConfigOption::new("standard-error", OptionType::Bool, "Print on standard error.").with_default("false");
const STYLE: ConfigOption = ConfigOption::new(
    "style",
    OptionType::Choice(&["lines", "table"]),
    "lines: every change; table: the rows as they stand, redrawn on a terminal (elsewhere lines).",
)
.with_default("lines");

/// The connector.
#[derive(Debug)]
pub struct PrintConnector;

impl Connector for PrintConnector {
    fn name(&self) -> &'static str {
        "print"
    }

    fn options(&self, _table: &TableSpec) -> Result<Vec<&'static ConfigOption>> {
        Ok(vec![&PRINT_IDENTIFIER, &STANDARD_ERROR, &STYLE, &SINK_PARALLELISM])
    }

    fn plan_source(&self, table: &TableSpec, _request: &ReadRequest) -> Result<SourcePlan> {
        Err(unsupported(table, "connector 'print' can only be written to"))
    }

    fn plan_sink(&self, table: &TableSpec) -> Result<SinkPlan> {
        let config = table::encode_write(table);
        // Whoever reads standard output may be slow.
        let may_block = true;
        let parallelism = parallelism(&table.options, &SINK_PARALLELISM)?;
        Ok(SinkPlan { kind: KIND.to_string(), config, accepts: SinkChanges::All, may_block, parallelism })
    }
}

/// Prints rows.
pub struct PrintSink {
    schema: Arc<RowType>,
    prefix: Vec<u8>,
    stream: SharedStream,
    screen: Option<Arc<Mutex<Screen>>>,
}

/// Makes print sinks; subtasks that print one table share a screen.
pub struct PrintSinks {
    outside: Outside,
    screens: Mutex<Map<String, Weak<Mutex<Screen>>>>,
}

impl PrintSinks {
    /// Sinks on the streams of `outside`.
    pub fn new(outside: Outside) -> PrintSinks {
        PrintSinks { outside, screens: Mutex::default() }
    }

    /// The sink of a stored config.
    pub fn sink(&self, config: &[u8]) -> Result<PrintSink> {
        let (table, _) = table::decode(config)?;
        let on_error = table.options.bool(&STANDARD_ERROR)?;
        let as_table = table.options.text(&STYLE).is_some_and(|style| style.eq_ignore_ascii_case("table"));
        let redraws = as_table && !on_error && self.outside.stdout_is_terminal;
        let prefix = match table.options.text(&PRINT_IDENTIFIER) {
            Some(identifier) if !identifier.is_empty() => format!("{identifier}> ").into_bytes(),
            _ => Vec::new(),
        };
        Ok(PrintSink {
            prefix,
            stream: Arc::clone(if on_error { &self.outside.stderr } else { &self.outside.stdout }),
            screen: redraws.then(|| self.screen(&table)),
            schema: Arc::new(table.schema),
        })
    }

    fn screen(&self, table: &TableSpec) -> Arc<Mutex<Screen>> {
        let mut screens = self.screens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(screen) = screens.get(&table.name).and_then(Weak::upgrade) {
            return screen;
        }
        let screen = Arc::new(Mutex::new(Screen::new(table.schema.names(), table.primary_key.clone())));
        screens.insert(table.name.clone(), Arc::downgrade(&screen));
        screen
    }
}

impl Sink for PrintSink {
    fn writer(&self, _cx: &WriterContext) -> Result<Box<dyn Writer>> {
        Ok(Box::new(PrintWriter {
            schema: Arc::clone(&self.schema),
            prefix: self.prefix.clone(),
            stream: Arc::clone(&self.stream),
            screen: self.screen.clone(),
            text: Vec::new(),
        }))
    }
}

struct PrintWriter {
    schema: Arc<RowType>,
    prefix: Vec<u8>,
    stream: SharedStream,
    screen: Option<Arc<Mutex<Screen>>>,
    text: Vec<u8>,
}

impl PrintWriter {
    fn flush(&mut self) -> Result<()> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let done = stream.write_all(&self.text).and_then(|()| stream.flush());
        self.text.clear();
        done.map_err(|error| Failure::user("print.closed", format!("the output of 'print' cannot be written: {error}")))
    }

    fn redraw(&mut self, now: Option<Now>) -> Result<()> {
        let Some(screen) = &self.screen else { return Ok(()) };
        let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.draw(now, &mut self.text);
        drop(screen);
        if self.text.is_empty() { Ok(()) } else { self.flush() }
    }
}

impl Writer for PrintWriter {
    fn write(&mut self, batch: &Batch, now: Now) -> Result<Progress> {
        let arrays: Vec<ArrayRef> = batch.columns();
        let columns: Vec<TextColumn<'_>> =
            arrays.iter().zip(&self.schema.fields).map(|(array, field)| TextColumn::new(array, &field.ty)).collect();
        if let Some(screen) = &self.screen {
            screen.lock().unwrap_or_else(PoisonError::into_inner).apply(batch, &columns);
            self.redraw(Some(now))?;
            return Ok(Progress::Done);
        }
        for row in 0..batch.len() {
            self.text.extend_from_slice(&self.prefix);
            write_row(batch.kind(row), &columns, row, &mut self.text);
            self.text.push(b'\n');
        }
        self.flush()?;
        Ok(Progress::Done)
    }

    fn prepare(&mut self, _checkpoint: CheckpointId) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    fn finish(&mut self) -> Result<()> {
        self.redraw(None)
    }
}
