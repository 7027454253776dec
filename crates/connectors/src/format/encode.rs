//! What encoders of lines have in common.

use crate::text::write::TextColumn;

/// Writes rows as lines.
pub trait EncodeLines: Send {
    /// Appends `rows` rows to `out`; `names` are those of the columns.
    fn encode(&mut self, columns: &[TextColumn<'_>], names: &[String], rows: usize, out: &mut Vec<u8>);
}
