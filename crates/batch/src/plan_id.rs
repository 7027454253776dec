//! What DataFusion asks of a plan node of ours (equality, hash, order) answered by identity: two nodes are equal if they are
//! the same.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A shared thing that is equal to itself only.
pub(crate) struct Same<T>(Arc<T>);

impl<T> Same<T> {
    /// A new one.
    pub fn new(value: T) -> Same<T> {
        Same(Arc::new(value))
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl<T> Clone for Same<T> {
    fn clone(&self) -> Same<T> {
        Same(Arc::clone(&self.0))
    }
}

impl<T> Deref for Same<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Same<T> {
    fn eq(&self, other: &Same<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Same<T> {}

impl<T> PartialOrd for Same<T> {
    fn partial_cmp(&self, other: &Same<T>) -> Option<Ordering> {
        Some(self.address().cmp(&other.address()))
    }
}

impl<T> Hash for Same<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl<T> fmt::Debug for Same<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}
