//! Windows: their arithmetic, which rows of a batch belong where, and the operators that run them.

pub mod aggregate;
mod fire;
mod fired;
pub mod output;
pub mod partition;
pub mod slices;
pub mod times;
pub mod tvf;
pub mod zone;
