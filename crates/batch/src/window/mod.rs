//! Windows attached to rows: start, end and time of the window behind the input's columns. A row without a time is a
//! failure, as while streaming; nothing is late.

mod assign;
mod exec;
mod node;
mod session;
mod session_exec;

pub(crate) use node::{WindowNode, WindowPlan};
