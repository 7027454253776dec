//! What can go wrong in state, in one place.

use tidemill_core::Failure;

/// No row number is left.
pub(crate) fn table_full(name: &str) -> Failure {
    Failure::user(
        "state.table-full",
        format!("state table {name} holds 4,294,967,293 rows in one subtask, the most it can; raise the parallelism"),
    )
}

/// Too many keys share 32 bits of hash.
pub(crate) fn index_degenerate() -> Failure {
    Failure::data(
        "state.index-degenerate",
        "over 4,096 keys have the same 32 low bits of their hash, which happens only when keys are made for it; \
         filter such keys out, or add a column to the key",
    )
}

/// Stored bytes are not what the table's descriptor says.
pub(crate) fn damaged(what: &str) -> Failure {
    Failure::fatal(
        "state.damaged",
        format!("restored state does not fit its table: {what}; restore from an older checkpoint"),
    )
}

/// A barrier came before the last one was dealt with.
pub(crate) fn frozen_twice(name: &str) -> Failure {
    Failure::fatal(
        "state.frozen-twice",
        format!("table {name} was frozen again before its last delta had been gathered; this is a defect in Tidemill"),
    )
}
