//! Values as text: how the formats write them ([`write`]) and read them ([`read`]).
//!
//! The forms are those of Flink's formats, which differ from its casts: no trailing zeros in fractions of seconds, a `Z` behind
//! TIMESTAMP_LTZ, which is always UTC, base64 for BYTES.

pub mod read;
pub mod write;
