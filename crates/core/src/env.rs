//! The world as the machines see it: clock and randomness come in here, so that the simulator can be the world.

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// Never goes back; its origin means nothing.
    pub monotonic_ns: u64,
    /// Milliseconds since the epoch by the wall clock; may jump.
    pub wall_ms: i64,
}

/// Clock and randomness. The real one is made at the edge (`runtime`), the simulated one in `sim`.
pub trait Env: Send + Sync {
    /// The present moment.
    fn now(&self) -> Now;
    /// A random number; in the simulator it follows from the seed.
    fn random_u64(&self) -> u64;
}
