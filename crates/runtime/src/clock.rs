//! The real world's clock and randomness.

use std::hash::BuildHasher;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tidemill_core::{Env, Now};

/// The machine's clock.
#[derive(Clone, Debug)]
pub struct SystemEnv {
    start: Instant,
}

#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is the edge where time comes from")]
impl SystemEnv {
    /// A clock whose monotonic time begins now.
    pub fn new() -> SystemEnv {
        SystemEnv { start: Instant::now() }
    }
}

impl Default for SystemEnv {
    fn default() -> SystemEnv {
        SystemEnv::new()
    }
}

#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is the edge where time comes from")]
impl Env for SystemEnv {
    fn now(&self) -> Now {
        let wall_ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_millis() as i64,
            Err(before) => -(before.duration().as_millis() as i64),
        };
        Now { monotonic_ns: self.start.elapsed().as_nanos() as u64, wall_ms }
    }

    fn random_u64(&self) -> u64 {
        std::hash::RandomState::new().hash_one(self.start.elapsed().as_nanos())
    }
}
