//! Reservations: whoever holds much memory says how much, so that one budget covers the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Failure, Result};

/// The budget of a process, in bytes.
#[derive(Debug)]
pub struct MemoryPool {
    used: AtomicU64,
    bytes_max: u64,
}

impl MemoryPool {
    /// An empty pool; none: without a limit.
    pub fn new(bytes_max: Option<u64>) -> Arc<MemoryPool> {
        Arc::new(MemoryPool { used: AtomicU64::new(0), bytes_max: bytes_max.unwrap_or(u64::MAX) })
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
    /// Says how many bytes the owner holds. Fails, and is as large as before, where that is more than there are.
    ///
    /// ```
    /// let pool = tidemill_core::memory::MemoryPool::new(Some(100));
    /// let (mut first, mut second) = (pool.reservation(), pool.reservation());
    /// first.resize(60)?;
    /// assert_eq!(second.resize(41).unwrap_err().code(), "memory.exhausted");
    /// first.resize(59)?;
    /// second.resize(41)?;
    /// drop(first);
    /// assert_eq!(pool.used(), 41);
    /// # Ok::<(), tidemill_core::Failure>(())
    /// ```
    pub fn resize(&mut self, bytes: u64) -> Result<()> {
        if bytes == self.bytes {
            return Ok(());
        }
        let before = self.pool.used.fetch_add(bytes, Ordering::Relaxed);
        self.pool.used.fetch_sub(self.bytes, Ordering::Relaxed);
        let others = before - self.bytes;
        if bytes > self.bytes && others.saturating_add(bytes) > self.pool.bytes_max {
            self.pool.used.fetch_add(self.bytes, Ordering::Relaxed);
            self.pool.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(exhausted(bytes, others, self.pool.bytes_max));
        }
        self.bytes = bytes;
        Ok(())
    }
}

fn exhausted(bytes: u64, others: u64, bytes_max: u64) -> Failure {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let text = format!(
        "its state takes {} MiB and all other state {} MiB, of {} MiB that there are; raise taskmanager.memory.managed.size, or \
         keep less: fewer keys, shorter windows",
        mib(bytes),
        mib(others),
        mib(bytes_max)
    );
    Failure::user("memory.exhausted", text)
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.pool.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
