//! The kind of a change: Flink's four row kinds.

/// What a row of a changelog does. The numbers are stored and sent: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum RowKind {
    /// `+I`: a new row.
    #[default]
    Insert = 0,
    /// `-U`: the old content of a row that changes.
    UpdateBefore = 1,
    /// `+U`: the new content of a row that changes.
    UpdateAfter = 2,
    /// `-D`: the row is gone.
    Delete = 3,
}

impl RowKind {
    /// Flink's notation: `+I`, `-U`, `+U`, `-D`.
    pub fn symbol(self) -> &'static str {
        match self {
            RowKind::Insert => "+I",
            RowKind::UpdateBefore => "-U",
            RowKind::UpdateAfter => "+U",
            RowKind::Delete => "-D",
        }
    }

    /// True for `+I` and `+U`: the row counts towards the result.
    pub fn is_accumulate(self) -> bool {
        matches!(self, RowKind::Insert | RowKind::UpdateAfter)
    }

    /// +1 for a row that is added, -1 for one that is taken back.
    pub fn sign(self) -> i64 {
        if self.is_accumulate() { 1 } else { -1 }
    }

    /// The kind with the stored number, if there is one.
    pub fn from_u8(number: u8) -> Option<RowKind> {
        [RowKind::Insert, RowKind::UpdateBefore, RowKind::UpdateAfter, RowKind::Delete].get(number as usize).copied()
    }
}
