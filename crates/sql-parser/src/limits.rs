//! How much of a statement is accepted, so that neither the parser nor whoever walks its tree runs out of stack.

/// The longest statement, in bytes.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// How deep parentheses, subqueries, types and the like may be nested.
pub const NESTING_MAX: usize = 128;

/// The greatest height of a syntax tree. Beyond nesting, every further operator of a chain such as `a + b + c` adds one;
/// AND and OR do not, their nodes are flat.
pub const TREE_HEIGHT_MAX: usize = 256;
