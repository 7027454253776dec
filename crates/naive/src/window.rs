//! TUMBLE, HOP, CUMULATE, SESSION: each row once for every window it lies in.

use std::collections::BTreeMap;

use tidemill_sql_parser::ast::{ArgValue, ExprKind, FunctionArg, FunctionCall, TableArg, TableArgSource};

use crate::calendar::NANOS_OF_MS;
use crate::error::{Error, Result};
use crate::expr::{Binder, Column};
use crate::query::{Env, Relation};
use crate::types::Type;
use crate::value::{Row, Value};

/// The rows of `TABLE(call)`. Rows whose time is NULL lie in no window.
pub(crate) fn rows(call: &FunctionCall, env: &Env<'_>) -> Result<Relation> {
    let parameters: &[&str] = match call.name.last().to_uppercase().as_str() {
        "TUMBLE" => &["DATA", "TIMECOL", "SIZE", "OFFSET"],
        "HOP" => &["DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"],
        "CUMULATE" => &["DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"],
        "SESSION" => &["DATA", "TIMECOL", "GAP"],
        other => return Err(Error::Unsupported(format!("the table function {other}"))),
    };
    let wrong = |what: &str| Error::Mistake(format!("{}: {what}", call.name));
    let arg = |name: &str| {
        call.args.iter().enumerate().find_map(|(i, arg)| {
            let is = match &arg.name {
                Some(given) => given.value.eq_ignore_ascii_case(name),
                None => parameters.get(i) == Some(&name),
            };
            is.then_some(arg)
        })
    };
    let length = |name: &str| arg(name).map(|arg| interval(arg, env)).transpose();
    let Some(ArgValue::Table(table)) = arg("DATA").map(|arg| &arg.value) else { return Err(wrong("no table")) };
    let Some(ArgValue::Descriptor(time)) = arg("TIMECOL").map(|arg| &arg.value) else {
        return Err(wrong("no DESCRIPTOR"));
    };
    let mut input = match &table.source {
        TableArgSource::Name(name) => env.named(name)?,
        TableArgSource::Query(query) => env.query(query)?,
    };
    let at = time.first().and_then(|name| input.columns.iter().position(|c| c.name == name.value));
    let at = at.ok_or_else(|| wrong("no such time column"))?;
    let ahead = match input.columns[at].ty {
        Type::Timestamp(_) => 0,
        Type::TimestampLtz(_) => env.zone,
        _ => return Err(wrong("the time column is no timestamp")),
    };
    let size = length("SIZE")?;
    let step = length("SLIDE")?.or(length("STEP")?);
    let offset = length("OFFSET")?.unwrap_or(0);
    let mut timed = Vec::new();
    for row in std::mem::take(&mut input.rows) {
        match &row[at] {
            Value::Timestamp(nanos) => timed.push((nanos + ahead, row)),
            Value::Error(what) => return Err(Error::Value(what.clone())),
            _ => {}
        }
    }
    let mut placed: Vec<(i128, i128, Row)> = Vec::new();
    match (size, step, length("GAP")?) {
        (None, None, Some(gap)) => {
            let keys = partition(table, &input, env)?;
            placed = sessions(timed, &keys, gap);
        }
        (Some(size), step, None) => {
            for (time, row) in timed {
                let windows = if call.is("CUMULATE") {
                    growing(time, step.unwrap_or(size), size, offset)
                } else {
                    sliding(time, step.unwrap_or(size), size, offset)
                };
                placed.extend(windows.into_iter().map(|(start, end)| (start, end, row.clone())));
            }
        }
        _ => return Err(wrong("a length is missing")),
    }
    let time_ty = input.columns[at].ty.clone();
    let types = [("window_start", Type::Timestamp(3)), ("window_end", Type::Timestamp(3)), ("window_time", time_ty)];
    for (name, ty) in types {
        input.columns.push(Column { table: String::new(), name: name.into(), ty });
    }
    input.rows = placed
        .into_iter()
        .map(|(start, end, mut row)| {
            let last = end - NANOS_OF_MS - ahead;
            row.extend([Value::Timestamp(start), Value::Timestamp(end), Value::Timestamp(last)]);
            row
        })
        .collect();
    Ok(input)
}

fn interval(arg: &FunctionArg, env: &Env<'_>) -> Result<i128> {
    let ArgValue::Expr(expr) = &arg.value else { return Err(Error::Mistake("a window needs intervals".into())) };
    let bound = Binder { columns: &[], groups: None, zone: env.zone }.bind(expr)?;
    match (bound.eval)(&[]) {
        Value::Millis(ms) => Ok(i128::from(ms) * NANOS_OF_MS),
        _ => Err(Error::Mistake("a window needs intervals of days to seconds".into())),
    }
}

/// Every window of length `size` that begins at a multiple of `slide` (behind `offset`) and holds `time`.
fn sliding(time: i128, slide: i128, size: i128, offset: i128) -> Vec<(i128, i128)> {
    let mut windows = Vec::new();
    let mut start = (time - offset).div_euclid(slide) * slide + offset;
    while start + size > time {
        windows.push((start, start + size));
        start -= slide;
    }
    windows
}

/// The windows that begin with the one of length `max`, end a multiple of `step` later, and hold `time`.
fn growing(time: i128, step: i128, max: i128, offset: i128) -> Vec<(i128, i128)> {
    let start = (time - offset).div_euclid(max) * max + offset;
    let ends = (1..=max / step).map(|steps| start + steps * step);
    ends.filter(|end| *end > time).map(|end| (start, end)).collect()
}

/// Rows of one key belong together while each comes at most `gap` after the one before.
fn sessions(timed: Vec<(i128, Row)>, keys: &[usize], gap: i128) -> Vec<(i128, i128, Row)> {
    let mut by_key: BTreeMap<Vec<Value>, Vec<(i128, Row)>> = BTreeMap::new();
    for (time, row) in timed {
        by_key.entry(keys.iter().map(|key| row[*key].clone()).collect()).or_default().push((time, row));
    }
    let mut placed = Vec::new();
    for mut rows in by_key.into_values() {
        rows.sort_by_key(|(time, _)| *time);
        let mut session: Vec<(i128, Row)> = Vec::new();
        let mut close = |session: &mut Vec<(i128, Row)>| {
            let bounds = session.first().map(|(first, _)| *first).zip(session.last().map(|(last, _)| last + gap));
            if let Some((start, end)) = bounds {
                placed.extend(session.drain(..).map(|(_, row)| (start, end, row)));
            }
        };
        for (time, row) in rows {
            if session.last().is_some_and(|(last, _)| time - last > gap) {
                close(&mut session);
            }
            session.push((time, row));
        }
        close(&mut session);
    }
    placed
}

fn partition(table: &TableArg, input: &Relation, env: &Env<'_>) -> Result<Vec<usize>> {
    let binder = Binder { columns: &input.columns, groups: None, zone: env.zone };
    table
        .partition_by
        .iter()
        .map(|expr| match &expr.kind {
            ExprKind::Column(_) => {
                let text = binder.bind(expr)?.text;
                text.trim_start_matches('$').parse().map_err(|_| Error::Unsupported("PARTITION BY a field".into()))
            }
            _ => Err(Error::Unsupported("PARTITION BY an expression".into())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_lie_where_the_clock_says() {
        assert_eq!(sliding(-1, 10, 10, 0), [(-10, 0)]);
        assert_eq!(sliding(10, 5, 10, 0), [(10, 20), (5, 15)]);
        assert_eq!(sliding(10, 10, 10, 3), [(3, 13)]);
        assert_eq!(growing(14, 5, 20, 0), [(0, 15), (0, 20)]);
    }

    #[test]
    fn sessions_end_where_the_gap_is_exceeded() {
        let rows = [0, 30, 10, 41].map(|t| (t, vec![Value::Int(t as i64)])).to_vec();
        let bounds: Vec<_> = sessions(rows, &[], 10).into_iter().map(|(start, end, _)| (start, end)).collect();
        assert_eq!(bounds, [(0, 20), (0, 20), (30, 40), (41, 51)]);
    }
}
