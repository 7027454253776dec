//! Which kinds of rows a node gives.

use std::fmt;

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
