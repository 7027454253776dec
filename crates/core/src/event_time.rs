//! Event time and watermarks.

/// Milliseconds since the epoch. [`EventTime::MIN`] means nothing is known yet, [`EventTime::MAX`] the end of the stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventTime(pub i64);

impl EventTime {
    /// Nothing is known yet.
    pub const MIN: EventTime = EventTime(i64::MIN);
    /// The end: no row can follow.
    pub const MAX: EventTime = EventTime(i64::MAX);
}

impl std::fmt::Display for EventTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            EventTime::MIN => f.write_str("none"),
            EventTime::MAX => f.write_str("end"),
            EventTime(ms) => write!(f, "{ms} ms"),
        }
    }
}
