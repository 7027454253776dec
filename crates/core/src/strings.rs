//! The one rule for the memory of string columns: bytes are shared while a column refers to few buffers that are mostly
//! live, and copied together otherwise.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringViewArray};

/// A column may refer to this many buffers before it is copied together.
const SHARED_BUFFERS_MAX: usize = 16;

/// Applies the rule to a column; columns that are not strings pass unchanged.
pub fn shared_or_copied(column: ArrayRef) -> ArrayRef {
    match column.as_string_view_opt() {
        Some(strings) if !may_stay_shared(strings) => Arc::new(strings.gc()),
        _ => column,
    }
}

fn may_stay_shared(strings: &StringViewArray) -> bool {
    let buffers = strings.data_buffers();
    if buffers.len() > SHARED_BUFFERS_MAX {
        return false;
    }
    let held: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    held <= 64 * 1024 || strings.total_buffer_bytes_used() * 2 >= held
}
