//! Reservations: operators that hold much memory say how much, so that one budget covers the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The budget of a process, in bytes.
#[derive(Debug, Default)]
pub struct MemoryPool {
    used: AtomicU64,
}

impl MemoryPool {
    /// An empty pool.
    pub fn new() -> Arc<MemoryPool> {
        Arc::default()
    }

    /// Bytes reserved now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// A reservation of zero bytes, to be resized as its owner grows.
    pub fn reservation(self: &Arc<MemoryPool>) -> Reservation {
        Reservation { pool: Arc::clone(self), bytes: 0 }
    }
}

/// What one owner holds of a pool; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    pool: Arc<MemoryPool>,
    bytes: u64,
}

impl Reservation {
    /// Sets how many bytes the owner holds.
    pub fn resize(&mut self, bytes: u64) {
        self.pool.used.fetch_add(bytes, Ordering::Relaxed);
        self.pool.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.resize(0);
    }
}
