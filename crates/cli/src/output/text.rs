//! Answers that are text already: SHOW, DESCRIBE, SET.

use std::io::{self, Write};

use serde_json::Value;
use tidemill_planner::TextTable;
use unicode_width::UnicodeWidthStr;

use super::csv::push_field;
use super::json::Object;
use crate::args::OutputFormat;

/// Writes a table of texts in the format of results.
pub fn write_text_table(table: &TextTable, format: OutputFormat, mut out: impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    match format {
        OutputFormat::Table => draw(table, &mut text),
        OutputFormat::Csv => csv(table, &mut text),
        OutputFormat::Json => json(table, &mut text),
    }
    out.write_all(&text)?;
    out.flush()
}

fn csv(table: &TextTable, out: &mut Vec<u8>) {
    let header = table.columns.iter().map(|name| Some(name.as_str()));
    let rows = table.rows.iter().map(|row| row.iter().map(Option::as_deref).collect());
    for line in std::iter::once(header.collect::<Vec<_>>()).chain(rows) {
        for (i, cell) in line.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            if let Some(cell) = cell {
                push_field(cell, out);
            }
        }
        out.push(b'\n');
    }
}

fn json(table: &TextTable, out: &mut Vec<u8>) {
    for row in &table.rows {
        let mut object = Object::open(out);
        for (name, cell) in table.columns.iter().zip(row) {
            object.field(name, &cell.as_deref().map_or(Value::Null, Value::from));
        }
        object.close();
        out.push(b'\n');
    }
}

fn draw(table: &TextTable, out: &mut Vec<u8>) {
    let shown = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "<NULL>".to_string());
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(shown).collect()).collect();
    let mut widths: Vec<usize> = table.columns.iter().map(|name| name.width()).collect();
    for row in &rows {
        for (cell, width) in row.iter().zip(&mut widths) {
            *width = (*width).max(cell.lines().map(|line| line.width()).max().unwrap_or(0));
        }
    }
    border(&widths, out);
    line(&table.columns, &widths, out);
    border(&widths, out);
    rows.iter().for_each(|row| line(row, &widths, out));
    border(&widths, out);
}

fn border(widths: &[usize], out: &mut Vec<u8>) {
    for width in widths {
        out.push(b'+');
        out.resize(out.len() + width + 2, b'-');
    }
    out.extend_from_slice(b"+\n");
}

/// A row, over as many lines as its tallest cell has.
fn line(cells: &[String], widths: &[usize], out: &mut Vec<u8>) {
    let height = cells.iter().map(|cell| cell.lines().count()).max().unwrap_or(1).max(1);
    for i in 0..height {
        for (cell, width) in cells.iter().zip(widths) {
            let part = cell.lines().nth(i).unwrap_or("");
            out.extend_from_slice(b"| ");
            out.resize(out.len() + width.saturating_sub(part.width()), b' ');
            out.extend_from_slice(part.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(b"|\n");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(format: OutputFormat) -> String {
        let rows = vec![vec![Some("a, b".to_string()), None], vec![Some("x".to_string()), Some("1\n22".to_string())]];
        let table = TextTable { columns: vec!["name".to_string(), "value".to_string()], rows };
        let mut out = Vec::new();
        write_text_table(&table, format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn in_each_format() {
        let table = "+------+--------+\n| name |  value |\n+------+--------+\n| a, b | <NULL> |\n|    x |      1 |\n\
                     |      |     22 |\n+------+--------+\n";
        assert_eq!(shown(OutputFormat::Table), table);
        assert_eq!(shown(OutputFormat::Csv), "name,value\n\"a, b\",\nx,\"1\n22\"\n");
        let json = "{\"name\":\"a, b\",\"value\":null}\n{\"name\":\"x\",\"value\":\"1\\n22\"}\n";
        assert_eq!(shown(OutputFormat::Json), json);
    }
}
