//! What connectors promise, a behaviour each.
#![allow(clippy::unwrap_used)]

mod nexmark_events_follow_from_their_number;
