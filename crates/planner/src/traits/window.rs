//! Which columns are the bounds of windows, so that grouping by them is a window aggregation.

use tidemill_expr::Expr;

use crate::rel::{ColId, Rel, Window, WindowTime};

/// The windows that a table function has attached to rows, as seen somewhere above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowAttribute {
    /// Their shape.
    pub window: Window,
    /// True: by the clock.
    pub processing_time: bool,
    /// The columns that hold the start; equal ones under several names.
    pub start: Vec<ColId>,
    /// Those that hold the end.
    pub end: Vec<ColId>,
    /// Those that hold the window's time.
    pub time: Vec<ColId>,
    /// True below the first aggregation: rows still stand for themselves. False: rows are results of these windows.
    pub is_fresh: bool,
}

impl WindowAttribute {
    /// Whether grouping by `keys` groups by these windows: their start and their end are among the keys.
    pub fn is_grouped(&self, keys: &[ColId]) -> bool {
        let has = |columns: &[ColId]| columns.iter().any(|column| keys.contains(column));
        has(&self.start) && has(&self.end)
    }

    /// Whether a column is one of the window's.
    pub fn owns(&self, column: ColId) -> bool {
        self.start.contains(&column) || self.end.contains(&column) || self.time.contains(&column)
    }
}

/// The windows whose bounds are among a plan's columns.
pub fn window_attributes(rel: &Rel) -> Vec<WindowAttribute> {
    match rel {
        Rel::Scan(_) | Rel::Values { .. } | Rel::Join { .. } | Rel::Union { .. } => Vec::new(),
        Rel::Watermark { input, .. }
        | Rel::Filter { input, .. }
        | Rel::Limit { input, .. }
        | Rel::Sort { input, .. } => window_attributes(input),
        Rel::Project { input, items } => {
            let renamed = |columns: &[ColId]| -> Vec<ColId> {
                let same = |expr: &Expr| matches!(expr, Expr::Column(column) if columns.contains(column));
                items.iter().filter(|(_, expr)| same(expr)).map(|(id, _)| *id).collect()
            };
            let windows = window_attributes(input).into_iter();
            windows
                .map(|window| WindowAttribute {
                    start: renamed(&window.start),
                    end: renamed(&window.end),
                    time: renamed(&window.time),
                    ..window
                })
                .filter(|window| !window.start.is_empty() && !window.end.is_empty())
                .collect()
        }
        Rel::WindowTvf(tvf) => {
            let mut windows = window_attributes(&tvf.input);
            windows.push(WindowAttribute {
                window: tvf.window,
                processing_time: tvf.time == WindowTime::Processing,
                start: vec![tvf.start],
                end: vec![tvf.end],
                time: vec![tvf.window_time],
                is_fresh: true,
            });
            windows
        }
        Rel::Aggregate { input, keys, .. } => {
            let kept = |columns: Vec<ColId>| columns.into_iter().filter(|column| keys.contains(column)).collect();
            let windows = window_attributes(input).into_iter().filter(|window| window.is_grouped(keys));
            windows
                .map(|window| WindowAttribute {
                    start: kept(window.start),
                    end: kept(window.end),
                    time: kept(window.time),
                    is_fresh: false,
                    ..window
                })
                .collect()
        }
    }
}

/// The window that grouping `input` by `keys` aggregates over, if it does.
pub fn grouped_window(input: &Rel, keys: &[ColId]) -> Option<WindowAttribute> {
    window_attributes(input).into_iter().rev().find(|window| window.is_grouped(keys))
}
