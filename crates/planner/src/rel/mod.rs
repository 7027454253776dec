//! The relational plan: a dozen nodes over plan-wide column ids.
//!
//! Invariants: an id is produced by one node (a projection that hands a column on keeps its id and does not count); a node
//! uses only ids that its inputs have; arguments and filters of aggregates are columns; names and types are in the
//! [`ColumnRegistry`]. What derives from the plan (keys, changelogs, time attributes) is never stored in it: see `traits`.

mod display;
mod registry;

use std::sync::Arc;

use tidemill_dataflow::ReadRequest;
use tidemill_expr::{Expr, Scalar};
use tidemill_sql_parser::Span;

use crate::catalog::TableDef;

pub use display::explain;
pub(crate) use display::{call_text, names};
pub use registry::{ColId, ColumnInfo, ColumnRegistry, Origin};

/// A relation: rows of the columns [`Rel::columns`].
#[derive(Clone, Debug)]
pub enum Rel {
    /// The stored columns of a table.
    Scan(Scan),
    /// Rows written out. Cells have no columns in them.
    Values {
        /// The columns.
        columns: Vec<ColId>,
        /// As many expressions in each row.
        rows: Vec<Vec<Expr>>,
    },
    /// Makes watermarks: the running maximum of `watermark` over all rows. Passes every row; nothing to do in batch mode.
    Watermark {
        /// What is read.
        input: Box<Rel>,
        /// The event-time column.
        time: ColId,
        /// A row's watermark: an expression over the input of the event time's type.
        watermark: Expr,
    },
    /// Rows for which the predicate is TRUE.
    Filter {
        /// What is read.
        input: Box<Rel>,
        /// A BOOLEAN.
        predicate: Expr,
    },
    /// Other columns. `(id, Expr::Column(id))` hands a column on.
    Project {
        /// What is read.
        input: Box<Rel>,
        /// The output columns.
        items: Vec<(ColId, Expr)>,
    },
    /// Attaches the windows of each row: the input's columns, then start, end and time of the window.
    WindowTvf(WindowTvf),
    /// Groups and aggregates: the keys, then the calls. Without keys: one row, also for no input. Without calls: DISTINCT.
    Aggregate {
        /// What is read.
        input: Box<Rel>,
        /// Columns of the input, handed on.
        keys: Vec<ColId>,
        /// What is computed.
        calls: Vec<AggregateItem>,
        /// Where the text asks for it.
        span: Span,
    },
    /// All rows of all inputs.
    Union {
        /// The inputs.
        inputs: Vec<Rel>,
        /// The output's columns.
        columns: Vec<ColId>,
        /// For each input, its columns in the order of the output's.
        sources: Vec<Vec<ColId>>,
    },
    /// The left columns, then the right ones (not for SEMI and ANTI).
    Join {
        /// Left input.
        left: Box<Rel>,
        /// Right input.
        right: Box<Rel>,
        /// Which rows stay.
        kind: JoinKind,
        /// When two rows match: a BOOLEAN over both inputs.
        condition: Expr,
        /// Where the text asks for it.
        span: Span,
    },
    /// Rows in an order.
    Sort {
        /// What is read.
        input: Box<Rel>,
        /// Most significant first.
        keys: Vec<SortKey>,
        /// Where the text asks for it.
        span: Span,
    },
    /// Some rows at the beginning.
    Limit {
        /// What is read.
        input: Box<Rel>,
        /// Rows left out first.
        offset: u64,
        /// Rows passed then; none: all.
        fetch: Option<u64>,
        /// Where the text asks for it.
        span: Span,
    },
}

/// The stored (physical and metadata) columns of a table.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The table.
    pub table: Arc<TableDef>,
    /// The columns to read; never empty unless only the number of rows matters.
    pub reads: Vec<ScanColumn>,
    /// Conjuncts `path = literal` that the connector may use to read less; the plan filters too, unless the connector
    /// answers them exactly.
    pub equals: Vec<(Vec<usize>, Scalar)>,
    /// No more rows than this are needed.
    pub limit: Option<u64>,
    /// Where the text names the table.
    pub span: Span,
}

/// A column that a scan produces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanColumn {
    /// Its id.
    pub id: ColId,
    /// Position in the table's stored schema ([`TableDef::stored`]), then positions in nested rows.
    pub path: Vec<usize>,
}

impl Scan {
    /// The scan as a connector is asked for it; the reader's columns are in the order of `reads`.
    pub fn request(&self) -> ReadRequest {
        ReadRequest {
            columns: self.reads.iter().map(|read| read.path.clone()).collect(),
            equals: self.equals.clone(),
            limit: self.limit,
        }
    }
}

/// Windows attached to rows.
#[derive(Clone, Debug)]
pub struct WindowTvf {
    /// What is read.
    pub input: Box<Rel>,
    /// The windows.
    pub window: Window,
    /// The time of a row.
    pub time: WindowTime,
    /// SESSION: each combination of these columns has its own sessions.
    pub partition_by: Vec<ColId>,
    /// Output column `window_start`, TIMESTAMP(3) NOT NULL.
    pub start: ColId,
    /// Output column `window_end`, TIMESTAMP(3) NOT NULL.
    pub end: ColId,
    /// Output column `window_time`, of the time column's type, NOT NULL: the window's last millisecond.
    pub window_time: ColId,
    /// Where the text calls it.
    pub span: Span,
}

/// The shape of windows, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// Side by side.
    Tumble {
        /// Length.
        size_ms: i64,
        /// Shift.
        offset_ms: i64,
    },
    /// One every `slide_ms`.
    Hop {
        /// Length.
        size_ms: i64,
        /// Distance.
        slide_ms: i64,
        /// Shift.
        offset_ms: i64,
    },
    /// Growing by `step_ms` up to `size_ms`.
    Cumulate {
        /// The greatest length.
        size_ms: i64,
        /// Growth.
        step_ms: i64,
        /// Shift.
        offset_ms: i64,
    },
    /// From a row until no row came for `gap_ms`.
    Session {
        /// The pause that ends it.
        gap_ms: i64,
    },
}

/// The time of a row for its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowTime {
    /// A column, TIMESTAMP(p ≤ 3) or TIMESTAMP_LTZ(p ≤ 3). A row without a time is in no window.
    Column(ColId),
    /// The clock when the row arrives; window times are TIMESTAMP_LTZ(3).
    Processing,
}

/// One call of an aggregate function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AggregateItem {
    /// The output column; its type is in the registry.
    pub id: ColId,
    /// Canonical name: `COUNT` (without arguments it is `COUNT(*)`), `SUM`, …
    pub function: String,
    /// Input columns.
    pub args: Vec<ColId>,
    /// An input column of type BOOLEAN: only rows where it is TRUE count.
    pub filter: Option<ColId>,
    /// Equal arguments count once.
    pub distinct: bool,
}

/// Which rows of a join stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Pairs that match.
    Inner,
    /// Those, and left rows without a match, with NULLs on the right.
    Left,
    /// Those, and right rows without a match.
    Right,
    /// Those, and all rows without a match.
    Full,
    /// Left rows with a match.
    Semi,
    /// Left rows without a match.
    Anti,
    /// `NOT IN`: left rows for which the condition is FALSE for every right row; UNKNOWN keeps a row out.
    NullAwareAnti,
}

/// A sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SortKey {
    /// An input column.
    pub column: ColId,
    /// Greatest first.
    pub descending: bool,
    /// NULLs before all others.
    pub nulls_first: bool,
}

impl Rel {
    /// The output's columns in order.
    pub fn columns(&self) -> Vec<ColId> {
        match self {
            Rel::Scan(scan) => scan.reads.iter().map(|read| read.id).collect(),
            Rel::Values { columns, .. } | Rel::Union { columns, .. } => columns.clone(),
            Rel::Project { items, .. } => items.iter().map(|(id, _)| *id).collect(),
            Rel::Watermark { input, .. }
            | Rel::Filter { input, .. }
            | Rel::Sort { input, .. }
            | Rel::Limit { input, .. } => input.columns(),
            Rel::WindowTvf(tvf) => {
                let mut columns = tvf.input.columns();
                columns.extend([tvf.start, tvf.end, tvf.window_time]);
                columns
            }
            Rel::Aggregate { keys, calls, .. } => {
                keys.iter().copied().chain(calls.iter().map(|call| call.id)).collect()
            }
            Rel::Join { left, right, kind, .. } => {
                let mut columns = left.columns();
                if kind.keeps_right() {
                    columns.extend(right.columns());
                }
                columns
            }
        }
    }

    /// The direct inputs.
    pub fn inputs(&self) -> Vec<&Rel> {
        match self {
            Rel::Scan(_) | Rel::Values { .. } => Vec::new(),
            Rel::Watermark { input, .. }
            | Rel::Filter { input, .. }
            | Rel::Project { input, .. }
            | Rel::Aggregate { input, .. }
            | Rel::Sort { input, .. }
            | Rel::Limit { input, .. } => vec![input],
            Rel::WindowTvf(tvf) => vec![&tvf.input],
            Rel::Union { inputs, .. } => inputs.iter().collect(),
            Rel::Join { left, right, .. } => vec![left, right],
        }
    }

    /// The same node with `change` applied to its inputs.
    pub fn map_inputs(self, change: &mut dyn FnMut(Rel) -> Rel) -> Rel {
        let mut boxed = |input: Box<Rel>| Box::new(change(*input));
        match self {
            leaf @ (Rel::Scan(_) | Rel::Values { .. }) => leaf,
            Rel::Watermark { input, time, watermark } => Rel::Watermark { input: boxed(input), time, watermark },
            Rel::Filter { input, predicate } => Rel::Filter { input: boxed(input), predicate },
            Rel::Project { input, items } => Rel::Project { input: boxed(input), items },
            Rel::Aggregate { input, keys, calls, span } => Rel::Aggregate { input: boxed(input), keys, calls, span },
            Rel::Sort { input, keys, span } => Rel::Sort { input: boxed(input), keys, span },
            Rel::Limit { input, offset, fetch, span } => Rel::Limit { input: boxed(input), offset, fetch, span },
            Rel::WindowTvf(tvf) => Rel::WindowTvf(WindowTvf { input: boxed(tvf.input), ..tvf }),
            Rel::Union { inputs, columns, sources } => {
                Rel::Union { inputs: inputs.into_iter().map(change).collect(), columns, sources }
            }
            Rel::Join { left, right, kind, condition, span } => {
                let left = boxed(left);
                Rel::Join { left, right: boxed(right), kind, condition, span }
            }
        }
    }

    /// Calls `visit` for every node, inputs first.
    pub fn visit(&self, visit: &mut dyn FnMut(&Rel)) {
        for input in self.inputs() {
            input.visit(visit);
        }
        visit(self);
    }

    /// The expressions of this node.
    pub fn exprs(&self) -> Vec<&Expr> {
        match self {
            Rel::Values { rows, .. } => rows.iter().flatten().collect(),
            Rel::Watermark { watermark, .. } => vec![watermark],
            Rel::Filter { predicate, .. } => vec![predicate],
            Rel::Project { items, .. } => items.iter().map(|(_, expr)| expr).collect(),
            Rel::Join { condition, .. } => vec![condition],
            _ => Vec::new(),
        }
    }

    /// The same node with `change` applied to its own expressions.
    pub fn map_exprs(self, change: &mut dyn FnMut(Expr) -> Expr) -> Rel {
        match self {
            Rel::Values { columns, rows } => {
                let rows = rows.into_iter().map(|row| row.into_iter().map(&mut *change).collect()).collect();
                Rel::Values { columns, rows }
            }
            Rel::Watermark { input, time, watermark } => Rel::Watermark { input, time, watermark: change(watermark) },
            Rel::Filter { input, predicate } => Rel::Filter { input, predicate: change(predicate) },
            Rel::Project { input, items } => {
                Rel::Project { input, items: items.into_iter().map(|(id, expr)| (id, change(expr))).collect() }
            }
            Rel::Join { left, right, kind, condition, span } => {
                Rel::Join { left, right, kind, condition: change(condition), span }
            }
            other => other,
        }
    }
}

impl JoinKind {
    /// Whether the output has the right input's columns.
    pub fn keeps_right(self) -> bool {
        !matches!(self, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti)
    }

    /// SQL's words.
    pub fn words(self) -> &'static str {
        match self {
            JoinKind::Inner => "InnerJoin",
            JoinKind::Left => "LeftOuterJoin",
            JoinKind::Right => "RightOuterJoin",
            JoinKind::Full => "FullOuterJoin",
            JoinKind::Semi => "LeftSemiJoin",
            JoinKind::Anti | JoinKind::NullAwareAnti => "LeftAntiJoin",
        }
    }
}
