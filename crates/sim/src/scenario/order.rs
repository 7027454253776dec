//! The order in which rows must become visible: within a key, as they went through the job.

use std::collections::BTreeMap;

use super::Scenario;
use crate::sink::Row;

/// What is wrong with the order of rows, in which they became visible, if anything is.
///
/// A changelog takes back just the row that is there. Windows of a key come by their ends. Rows that go straight to the sink
/// are numbered within their split, and no key is in two.
pub fn in_order<'a>(scenario: Scenario, rows: impl Iterator<Item = &'a Row>) -> Option<String> {
    match scenario {
        _ if scenario.is_changelog() => changelog(rows),
        Scenario::Straight => rising(rows, 2),
        _ => rising(rows, 1),
    }
}

fn changelog<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<String> {
    let mut live: BTreeMap<Option<i64>, &[Option<i64>]> = BTreeMap::new();
    for (sign, row) in rows {
        let before = if *sign > 0 { live.insert(row[0], row) } else { live.remove(&row[0]) };
        let wanted = (*sign < 0).then_some(row.as_slice());
        if before != wanted {
            return Some(format!("out of order: {row:?} with sign {sign} where {before:?} was there"));
        }
    }
    None
}

fn rising<'a>(rows: impl Iterator<Item = &'a Row>, column: usize) -> Option<String> {
    let mut last: BTreeMap<Option<i64>, Option<i64>> = BTreeMap::new();
    for (_, row) in rows {
        if let Some(before) = last.insert(row[0], row[column]).filter(|before| *before >= row[column]) {
            return Some(format!("out of order: {row:?} behind {before:?}"));
        }
    }
    None
}
