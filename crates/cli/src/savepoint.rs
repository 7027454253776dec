//! `tidemill savepoint show|verify`.

use std::io::{self, Write};

use tidemill_checkpoint::{open_existing, read_savepoint, savepoint};
use tidemill_core::Result;
use tidemill_planner::TextTable;

use crate::args::{OutputFormat, SavepointCommand};
use crate::console::Console;
use crate::exit::Exit;
use crate::output::write_text_table;
use crate::progress::grouped;

/// Runs a command; what it finds goes to stdout.
pub fn run(command: &SavepointCommand, console: &Console) -> Exit {
    let done = match command {
        SavepointCommand::Show { url } => show(url),
        SavepointCommand::Verify { url } => verify(url),
    };
    done.unwrap_or_else(|failure| {
        console.error(&failure.to_string());
        Exit::Failed
    })
}

fn show(url: &str) -> Result<Exit> {
    let savepoint = read_savepoint(open_existing(url)?.as_ref())?;
    let header = &savepoint.content.header;
    let facts = [
        format!("job         {}", savepoint.job_name),
        format!("checkpoint  {}", header.checkpoint),
        format!("key groups  {}", header.key_groups),
        format!("written by  Tidemill {}", savepoint.version),
    ];
    let rows = savepoint::show(&savepoint).into_iter().map(|table| {
        vec![table.operator, table.table, grouped(table.rows), grouped(table.bytes), table.files.join("\n")]
    });
    let table = TextTable::new(&["operator", "table", "rows", "bytes", "files"], rows.collect());
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", facts.join("\n")).and_then(|()| {
        if table.rows.is_empty() { Ok(()) } else { write_text_table(&table, OutputFormat::Table, &mut out) }
    });
    Ok(ended(written))
}

fn verify(url: &str) -> Result<Exit> {
    let report = savepoint::verify(open_existing(url)?.as_ref())?;
    let mut out = io::stdout().lock();
    let sum = format!("{} files, {} bytes, {} rows", report.files, grouped(report.bytes), grouped(report.rows));
    if report.problems.is_empty() {
        return Ok(ended(writeln!(out, "whole: {sum}")));
    }
    let written = writeln!(out, "damaged:\n  {}\nwhole are {sum}", report.problems.join("\n  "));
    ended(written);
    Ok(Exit::Failed)
}

/// A reader that has gone away is no failure.
fn ended(written: io::Result<()>) -> Exit {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Failed,
        _ => Exit::Done,
    }
}
