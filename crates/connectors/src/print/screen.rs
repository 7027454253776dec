//! The rows of a table as they stand, drawn on a terminal over what was drawn before.

use tidemill_core::map::Map;
use tidemill_core::{Batch, Now, RowKind};

use super::line::write_cell;
use crate::text::write::TextColumn;

/// Redrawn at most this often.
const REDRAW_NS: u64 = 100_000_000;
/// More rows are counted, but not shown.
const ROWS_SHOWN_MAX: usize = 40;

/// A table on the screen.
pub struct Screen {
    names: Vec<String>,
    key: Vec<usize>,
    /// Rows in their places; an update stays in the place of the row it replaces.
    rows: Vec<Option<Vec<String>>>,
    /// Places by the text of the key (without one: of the row).
    places: Map<Vec<String>, Vec<usize>>,
    free: Vec<usize>,
    drawn_lines: usize,
    drawn_at_ns: Option<u64>,
    changed: bool,
}

impl Screen {
    /// An empty table with these columns and this primary key (empty: none).
    pub fn new(names: Vec<String>, key: Vec<usize>) -> Screen {
        Screen {
            names,
            key,
            rows: Vec::new(),
            places: Map::default(),
            free: Vec::new(),
            drawn_lines: 0,
            drawn_at_ns: None,
            changed: true,
        }
    }

    /// Applies changes.
    pub fn apply(&mut self, batch: &Batch, columns: &[TextColumn<'_>]) {
        for row in 0..batch.len() {
            let cells: Vec<String> = columns.iter().map(|column| cell(column, row)).collect();
            self.change(batch.kind(row), cells);
        }
    }

    fn change(&mut self, kind: RowKind, cells: Vec<String>) {
        self.changed = true;
        let key = match self.key.is_empty() {
            true => cells.clone(),
            false => self.key.iter().map(|column| cells[*column].clone()).collect(),
        };
        let places = self.places.entry(key.clone()).or_default();
        if kind.is_accumulate() {
            if let (Some(place), false) = (places.last(), self.key.is_empty()) {
                self.rows[*place] = Some(cells);
                return;
            }
            let place = self.free.pop().unwrap_or(self.rows.len());
            if place == self.rows.len() {
                self.rows.push(None);
            }
            self.rows[place] = Some(cells);
            places.push(place);
        } else if let Some(place) = places.pop() {
            if places.is_empty() {
                self.places.remove(&key);
            }
            self.rows[place] = None;
            self.free.push(place);
        } else {
            self.places.remove(&key);
        }
    }

    /// Draws the table, unless nothing changed or it was drawn just before; without `now` whatever the time.
    pub fn draw(&mut self, now: Option<Now>, out: &mut Vec<u8>) {
        let too_soon = match (now, self.drawn_at_ns) {
            (Some(now), Some(drawn)) => now.monotonic_ns < drawn + REDRAW_NS,
            _ => false,
        };
        if too_soon || !self.changed {
            return;
        }
        self.changed = false;
        self.drawn_at_ns = now.map(|now| now.monotonic_ns).or(self.drawn_at_ns);
        if self.drawn_lines > 0 {
            // Up to where the table begins, and clear from there.
            out.extend_from_slice(format!("\x1b[{}A\x1b[J", self.drawn_lines).as_bytes());
        }
        let text = self.text();
        self.drawn_lines = text.lines().count();
        out.extend_from_slice(text.as_bytes());
    }

    fn text(&self) -> String {
        let rows: Vec<&Vec<String>> = self.rows.iter().flatten().collect();
        let shown = &rows[..rows.len().min(ROWS_SHOWN_MAX)];
        let mut widths: Vec<usize> = self.names.iter().map(|name| name.chars().count()).collect();
        for row in shown {
            for (width, cell) in widths.iter_mut().zip(row.iter()) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let rule: String = widths.iter().map(|width| format!("+{}", "-".repeat(width + 2))).collect();
        let mut text = format!("{rule}+\n{}{rule}+\n", line(&self.names, &widths));
        for row in shown {
            text.push_str(&line(row, &widths));
        }
        text.push_str(&format!("{rule}+\n"));
        if rows.len() > shown.len() {
            text.push_str(&format!("and {} more rows\n", rows.len() - shown.len()));
        }
        text
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let padding = width - cell.chars().count().min(*width);
        line.push_str(&format!("| {}{cell} ", " ".repeat(padding)));
    }
    line.push_str("|\n");
    line
}

fn cell(column: &TextColumn<'_>, row: usize) -> String {
    let mut text = Vec::new();
    write_cell(column, row, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 2]) -> Vec<String> {
        cells.map(String::from).to_vec()
    }

    #[test]
    fn an_update_stays_in_its_place() {
        let mut screen = Screen::new(vec!["k".to_string(), "n".to_string()], Vec::new());
        screen.change(RowKind::Insert, row(["a", "1"]));
        screen.change(RowKind::Insert, row(["b", "1"]));
        screen.change(RowKind::UpdateBefore, row(["a", "1"]));
        screen.change(RowKind::UpdateAfter, row(["a", "12"]));
        assert_eq!(screen.text(), "+---+----+\n| k |  n |\n+---+----+\n| a | 12 |\n| b |  1 |\n+---+----+\n");
        screen.change(RowKind::Delete, row(["a", "12"]));
        assert!(!screen.text().contains("| a |"));
    }

    #[test]
    fn with_a_key_the_new_row_replaces_the_old_one() {
        let mut screen = Screen::new(vec!["k".to_string(), "n".to_string()], vec![0]);
        screen.change(RowKind::UpdateAfter, row(["a", "1"]));
        screen.change(RowKind::UpdateAfter, row(["a", "2"]));
        assert_eq!(screen.text().lines().count(), 5);
        assert!(screen.text().contains("| a | 2 |"));
    }

    #[test]
    fn it_is_drawn_over_what_was_drawn_but_not_too_often() {
        let mut screen = Screen::new(vec!["k".to_string(), "n".to_string()], Vec::new());
        let at = |ms: u64| Some(Now { monotonic_ns: ms * 1_000_000, wall_ms: 0 });
        let drawn = |screen: &mut Screen, now| {
            let mut out = Vec::new();
            screen.draw(now, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert!(drawn(&mut screen, at(0)).starts_with("+--"));
        screen.change(RowKind::Insert, row(["a", "1"]));
        assert_eq!(drawn(&mut screen, at(50)), "");
        assert!(drawn(&mut screen, at(100)).starts_with("\x1b[4A\x1b[J+--"));
        assert_eq!(drawn(&mut screen, at(300)), "");
        screen.change(RowKind::Insert, row(["b", "1"]));
        assert!(drawn(&mut screen, None).starts_with("\x1b[5A\x1b[J"));
    }
}
