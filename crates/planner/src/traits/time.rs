//! Which columns are time attributes: event times that watermarks speak of, and processing times.

use tidemill_core::map::Map;
use tidemill_expr::Expr;

use crate::rel::{ColId, Rel, WindowTime};
use crate::traits::window::window_attributes;

/// What kind of time a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeKind {
    /// An event time: no watermark is ahead of a row that is not late.
    Event,
    /// The clock.
    Processing,
}

/// The time attributes among a plan's columns.
pub fn time_attributes(rel: &Rel) -> Map<ColId, TimeKind> {
    match rel {
        Rel::Scan(_) | Rel::Values { .. } | Rel::Join { .. } => Map::default(),
        Rel::Watermark { input, time, .. } => {
            let mut times = time_attributes(input);
            times.insert(*time, TimeKind::Event);
            times
        }
        Rel::Filter { input, .. } | Rel::Limit { input, .. } | Rel::Sort { input, .. } => time_attributes(input),
        Rel::Project { input, items } => {
            let times = time_attributes(input);
            let kind = |expr: &Expr| match expr {
                Expr::Column(column) => times.get(column).copied(),
                Expr::Call { function, args, .. } if function == "PROCTIME" && args.is_empty() => {
                    Some(TimeKind::Processing)
                }
                _ => None,
            };
            items.iter().filter_map(|(id, expr)| Some((*id, kind(expr)?))).collect()
        }
        Rel::WindowTvf(tvf) => {
            // The window's time takes over; the row's own time becomes an ordinary column.
            let mut times = time_attributes(&tvf.input);
            let kind = match tvf.time {
                WindowTime::Column(time) => {
                    times.remove(&time);
                    TimeKind::Event
                }
                WindowTime::Processing => TimeKind::Processing,
            };
            times.insert(tvf.window_time, kind);
            times
        }
        Rel::Aggregate { input, keys, .. } => {
            let windowed = window_attributes(input).iter().any(|window| window.is_grouped(keys));
            let times = if windowed { time_attributes(input) } else { Map::default() };
            times.into_iter().filter(|(id, _)| keys.contains(id)).collect()
        }
        Rel::Union { inputs, columns, sources } => {
            let times: Vec<Map<ColId, TimeKind>> = inputs.iter().map(time_attributes).collect();
            let shared = |position: usize| {
                let mut kinds =
                    times.iter().zip(sources).map(|(times, sources)| times.get(&sources[position]).copied());
                let first = kinds.next().flatten()?;
                kinds.all(|kind| kind == Some(first)).then_some(first)
            };
            columns.iter().enumerate().filter_map(|(position, id)| Some((*id, shared(position)?))).collect()
        }
    }
}
