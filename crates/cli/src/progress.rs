//! The line that shows how a job gets on: rows a second, watermark, checkpoint, lag.

use std::fmt::Write;

use tidemill_core::EventTime;
use tidemill_functions::format::{Fraction, push_timestamp};
use tidemill_runtime::JobStatus;

/// Makes the line from one look to the next.
#[derive(Debug, Default)]
pub struct Progress {
    last: Option<(u64, u64)>,
    rows_per_second: f64,
    /// The highest seen: a subtask that tells its first one later than others may tell a lower one.
    watermark: Option<EventTime>,
}

impl Progress {
    /// The line for a job's status at a moment.
    pub fn line(&mut self, status: &JobStatus, monotonic_ns: u64, wall_ms: i64) -> String {
        let rows = status.counters.rows_in;
        if let Some((before, at_ns)) = self.last {
            let seconds = monotonic_ns.saturating_sub(at_ns) as f64 / 1e9;
            if seconds > 0.0 {
                self.rows_per_second = rows.saturating_sub(before) as f64 / seconds;
            }
        }
        self.last = Some((rows, monotonic_ns));
        let mut line = format!("{} rows", grouped(rows));
        // Writing to a String cannot fail.
        let _ = write!(line, " | {} rows/s", grouped(self.rows_per_second as u64));
        self.watermark = self.watermark.max(status.watermark.filter(|watermark| watermark.0 != i64::MAX));
        if let Some(watermark) = self.watermark {
            line.push_str(" | watermark ");
            push_timestamp(&mut line, watermark.0, 0, Fraction::Trimmed);
            let _ = write!(line, " | lag {}", span(wall_ms.saturating_sub(watermark.0)));
        }
        if status.state_bytes >= 1 << 20 {
            let _ = write!(line, " | state {} MiB", grouped(status.state_bytes >> 20));
        }
        if status.checkpoint > 0 {
            let _ = write!(line, " | checkpoint {}", status.checkpoint);
        }
        if status.counters.late_rows_dropped > 0 {
            let _ = write!(line, " | {} late", grouped(status.counters.late_rows_dropped));
        }
        line
    }
}

/// A number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A duration in the unit that suits it.
fn span(millis: i64) -> String {
    const UNITS: [(i64, &str); 5] =
        [(86_400_000 * 365, "years"), (86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    match UNITS.iter().find(|(unit, _)| millis >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", millis as f64 / *unit as f64),
        None => format!("{} ms", millis.max(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidemill_dataflow::CounterValues;

    #[test]
    fn the_line_says_how_fast_and_how_far() {
        let mut progress = Progress::default();
        let status = |rows_in, checkpoint| JobStatus {
            counters: CounterValues { rows_in, ..CounterValues::default() },
            watermark: Some(EventTime(1_357_016_400_000 - rows_in as i64 / 1_000_000)),
            checkpoint,
            state_bytes: 300 << 20,
        };
        progress.line(&status(1_000, 0), 0, 1_357_016_400_000);
        // Its watermark is lower: that is not shown.
        let line = progress.line(&status(1_235_567, 7), 500_000_000, 1_357_016_404_200);
        assert_eq!(
            line,
            "1,235,567 rows | 2,469,134 rows/s | watermark 2013-01-01 05:00:00 | lag 4.2 s | state 300 MiB | checkpoint 7"
        );
    }

    #[test]
    fn spans_have_a_unit_that_suits() {
        assert_eq!([span(-5), span(12), span(90_000), span(7_200_000)], ["0 ms", "12 ms", "1.5 min", "2.0 h"]);
    }
}
