//! What follows from a plan: kinds of changes, keys, time and window attributes. Pure functions; nothing is stored in nodes.

mod changelog;
mod time;
mod window;

pub use changelog::{ChangelogMode, changelog_mode, upsert_key};
pub use time::{TimeKind, time_attributes};
pub use window::{WindowAttribute, grouped_window, window_attributes};
