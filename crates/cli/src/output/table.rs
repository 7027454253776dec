//! A table with borders, as Flink's SQL client draws it in its tableau mode.
//!
//! Changes appear as they happen, so their columns have widths by type; the rows of a finished result have widths by
//! content, measured over the first rows. On a terminal what is wider is cut in the former; elsewhere nothing is ever cut.

use tidemill_expr::{SqlType, TypeKind};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::row::Rows;
use super::{Format, Shape, Shown};

/// How many rows are measured before the first is written.
const MEASURED_ROWS_MAX: usize = 1000;
/// The widest a column of changes is made.
const WIDTH_MAX: usize = 30;
/// Between the cells of an encoded row.
const CELL: char = '\u{1f}';

/// Draws a table.
pub struct Table {
    titles: Vec<String>,
    widths: Vec<usize>,
    /// Rows that wait for widths; none once the head is drawn.
    waiting: Option<Vec<Vec<u8>>>,
    cuts: bool,
    is_running: bool,
}

impl Table {
    /// The format for a result.
    pub fn new(shape: &Shape) -> Table {
        let is_running = shape.rows == Shown::Changes;
        let mut titles = shape.schema.names();
        let mut widths: Vec<usize> = titles.iter().map(|title| title.width()).collect();
        if is_running {
            for (width, field) in widths.iter_mut().zip(&shape.schema.fields) {
                *width = (*width).max(width_of(&field.ty));
            }
            titles.insert(0, "op".to_string());
            widths.insert(0, 2);
        }
        Table {
            titles,
            widths,
            waiting: (!is_running).then(Vec::new),
            cuts: is_running && shape.is_terminal,
            is_running,
        }
    }

    fn border(&self, out: &mut Vec<u8>) {
        for width in &self.widths {
            out.push(b'+');
            out.resize(out.len() + width + 2, b'-');
        }
        out.extend_from_slice(b"+\n");
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
        for (cell, width) in cells.zip(&self.widths) {
            let cell = if self.cuts { cut(cell, *width) } else { cell.to_string() };
            out.extend_from_slice(b"| ");
            out.resize(out.len() + width.saturating_sub(cell.width()), b' ');
            out.extend_from_slice(cell.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(b"|\n");
    }

    fn row(&self, encoded: &[u8], out: &mut Vec<u8>) {
        self.line(String::from_utf8_lossy(encoded).split(CELL), out);
    }

    fn head(&self, out: &mut Vec<u8>) {
        self.border(out);
        self.line(self.titles.iter().map(String::as_str), out);
        self.border(out);
    }

    /// Draws the head and what waits, with widths by content.
    fn settle(&mut self, out: &mut Vec<u8>) {
        let Some(waiting) = self.waiting.take() else { return };
        for encoded in &waiting {
            for (cell, width) in String::from_utf8_lossy(encoded).split(CELL).zip(&mut self.widths) {
                *width = (*width).max(cell.width());
            }
        }
        self.head(out);
        waiting.iter().for_each(|encoded| self.row(encoded, out));
    }
}

impl Format for Table {
    fn encode(&self, rows: &Rows, row: usize, out: &mut Vec<u8>) {
        let mut text = String::new();
        if let Some(op) = rows.op(row) {
            text.push_str(op);
        }
        for (i, column) in rows.columns().iter().enumerate() {
            if i > 0 || self.is_running {
                text.push(CELL);
            }
            if column.is_null(row) {
                text.push_str("<NULL>");
            } else {
                let start = text.len();
                column.write(row, &mut text);
                if text[start..].contains(char::is_control) {
                    let shown: String = text[start..].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                    text.replace_range(start.., &shown);
                }
            }
        }
        out.extend_from_slice(text.as_bytes());
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.is_running {
            self.head(out);
        }
    }

    fn emit(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        match &mut self.waiting {
            Some(waiting) => {
                waiting.push(encoded.to_vec());
                if waiting.len() >= MEASURED_ROWS_MAX {
                    self.settle(out);
                }
            }
            None => self.row(encoded, out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.settle(out);
        self.border(out);
    }
}

/// How wide the values of a type usually are.
fn width_of(ty: &SqlType) -> usize {
    let with_fraction =
        |whole: usize, precision: u8| whole + if precision == 0 { 0 } else { 1 + usize::from(precision) };
    match &ty.kind {
        TypeKind::Boolean => 5,
        TypeKind::Null => 6,
        TypeKind::TinyInt => 4,
        TypeKind::SmallInt => 6,
        TypeKind::Int => 11,
        TypeKind::BigInt => 20,
        TypeKind::Decimal { precision, .. } => usize::from(*precision) + 2,
        TypeKind::Char(length) | TypeKind::Varchar(length) => (*length as usize).min(WIDTH_MAX),
        TypeKind::Date => 10,
        TypeKind::Time(precision) => with_fraction(8, *precision),
        TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision) => with_fraction(19, *precision),
        _ => WIDTH_MAX,
    }
}

/// A text cut to a width, with three dots where something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 3 > width {
            break;
        }
        kept.push(c);
    }
    kept.push_str(&"..."[..width.min(3)]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_is_cut() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abc...");
        assert_eq!(cut("日本語日本", 6), "日...");
        assert_eq!(cut("abc", 2), "..");
    }

    #[test]
    fn widths_follow_the_type() {
        let widths =
            [SqlType::INT, SqlType::STRING, SqlType::timestamp(3), SqlType::timestamp(0), SqlType::decimal(6, 1)];
        assert_eq!(widths.map(|ty| width_of(&ty)), [11, 30, 23, 19, 8]);
    }
}
