//! Windows: their arithmetic, local time, and which rows of a batch belong where.

pub mod partition;
pub mod slices;
pub mod zone;
