//! Which kinds of rows a node gives, and by which key it updates them.

use std::fmt;

use tidemill_expr::Expr;

use crate::rel::{ColId, Rel};
use crate::traits::window::grouped_window;

/// Kinds of rows beside `+I`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChangelogMode {
    /// `+U` may come.
    pub update_after: bool,
    /// `-U` comes before each `+U`; without it `+U` is an upsert by key.
    pub update_before: bool,
    /// `-D` may come.
    pub delete: bool,
}

impl ChangelogMode {
    /// Only `+I`.
    pub const INSERT_ONLY: ChangelogMode = ChangelogMode { update_after: false, update_before: false, delete: false };

    /// Every kind.
    pub const ALL: ChangelogMode = ChangelogMode { update_after: true, update_before: true, delete: true };

    /// True if only `+I` comes.
    pub fn is_insert_only(self) -> bool {
        self == ChangelogMode::INSERT_ONLY
    }

    /// The kinds of both.
    pub fn or(self, other: ChangelogMode) -> ChangelogMode {
        ChangelogMode {
            update_after: self.update_after || other.update_after,
            update_before: self.update_before || other.update_before,
            delete: self.delete || other.delete,
        }
    }
}

/// Flink's notation: `[I,UB,UA,D]`.
impl fmt::Display for ChangelogMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[I")?;
        for (present, word) in [(self.update_before, "UB"), (self.update_after, "UA"), (self.delete, "D")] {
            if present {
                write!(f, ",{word}")?;
            }
        }
        f.write_str("]")
    }
}

/// The kinds of rows that a streaming plan gives to a reader that wants them all.
pub fn changelog_mode(rel: &Rel) -> ChangelogMode {
    let inputs = rel.inputs().into_iter().map(changelog_mode).fold(ChangelogMode::INSERT_ONLY, ChangelogMode::or);
    match rel {
        Rel::Aggregate { input, keys, calls, .. } => match grouped_window(input, keys) {
            // A window's result is final, whatever came in.
            Some(_) => ChangelogMode::INSERT_ONLY,
            // A key alone never changes; it comes and goes.
            None => ChangelogMode {
                update_after: !calls.is_empty(),
                update_before: !calls.is_empty(),
                delete: !inputs.is_insert_only(),
            },
        },
        _ => inputs,
    }
}

/// The columns by which a streaming plan updates its rows: the latest row of a key stands. Empty: there is one row.
pub fn upsert_key(rel: &Rel) -> Option<Vec<ColId>> {
    match rel {
        Rel::Aggregate { keys, .. } => Some(keys.clone()),
        Rel::Filter { input, .. } => upsert_key(input),
        Rel::Project { input, items } => {
            let place =
                |column: &ColId| items.iter().find(|(_, expr)| *expr == Expr::Column(*column)).map(|(id, _)| *id);
            upsert_key(input)?.iter().map(place).collect()
        }
        _ => None,
    }
}
