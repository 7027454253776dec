//! What follows from a plan: kinds of changes, keys, time and window attributes. Pure functions; nothing is stored in nodes.

mod changelog;

pub use changelog::ChangelogMode;
