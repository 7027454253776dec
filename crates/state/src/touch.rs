//! Touching fresh memory before a slot needs it.
//!
//! The first write to a page costs a fault: the system clears it, and in a virtual machine the host may have to find it
//! first (measured: 0.3 to 10 µs for 4 KiB). Large blocks therefore ask for the pages ahead of those in use, and whoever runs
//! [`touch_fresh_memory`] on a thread of its own makes them. Nobody has to: then a slot makes them as it goes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Memory closer than this to what is in use is left alone: its owner is about to make it.
const DISTANCE: usize = 1 << 20;

/// Addresses from one up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pages {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The beginning of a block: touched even if the block's owner was there before.
    pub(crate) is_first: bool,
}

impl Pages {
    fn overlaps(&self, other: Pages) -> bool {
        self.start < other.end && other.start < self.end
    }
}

#[derive(Debug)]
struct Requests {
    /// With the address up to which their block is in use.
    waiting: VecDeque<(Pages, Arc<AtomicUsize>)>,
    /// What is being touched: nobody may unmap it meanwhile.
    active: Option<Pages>,
}

static IS_SERVED: AtomicBool = AtomicBool::new(false);
static REQUESTS: Mutex<Requests> = Mutex::new(Requests { waiting: VecDeque::new(), active: None });
static CHANGED: Condvar = Condvar::new();

/// Nothing can fail while the lock is held.
fn lock() -> MutexGuard<'static, Requests> {
    REQUESTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait(requests: MutexGuard<'static, Requests>) -> MutexGuard<'static, Requests> {
    CHANGED.wait(requests).unwrap_or_else(PoisonError::into_inner)
}

/// Touches memory that tables are going to need, until [`stop_touching`] is called. At most one thread of a process does.
pub fn touch_fresh_memory() {
    IS_SERVED.store(true, Ordering::Release);
    let mut requests = lock();
    while IS_SERVED.load(Ordering::Acquire) {
        let Some((pages, used)) = requests.waiting.pop_front() else {
            requests = wait(requests);
            continue;
        };
        if !pages.is_first && pages.start < used.load(Ordering::Acquire) + DISTANCE {
            continue;
        }
        requests.active = Some(pages);
        drop(requests);
        let is_possible = crate::block::touch(pages);
        requests = lock();
        requests.active = None;
        CHANGED.notify_all();
        if !is_possible {
            break;
        }
    }
    IS_SERVED.store(false, Ordering::Release);
    requests.waiting.clear();
}

/// Ends [`touch_fresh_memory`].
pub fn stop_touching() {
    let _requests = lock();
    IS_SERVED.store(false, Ordering::Release);
    CHANGED.notify_all();
}

/// Asks for pages, which must stay mapped until [`forget`] is called.
pub(crate) fn request(pages: Pages, step: usize, used: &Arc<AtomicUsize>) {
    if !IS_SERVED.load(Ordering::Acquire) || pages.start >= pages.end {
        return;
    }
    let mut requests = lock();
    let starts = (pages.start..pages.end).step_by(step);
    requests.waiting.extend(starts.map(|start| {
        let is_first = pages.is_first && start == pages.start;
        (Pages { start, end: pages.end.min(start + step), is_first }, Arc::clone(used))
    }));
    drop(requests);
    CHANGED.notify_all();
}

/// The pages are about to be unmapped.
pub(crate) fn forget(pages: Pages) {
    if !IS_SERVED.load(Ordering::Acquire) && lock().active.is_none() {
        return;
    }
    let mut requests = lock();
    requests.waiting.retain(|(waiting, _)| !waiting.overlaps(pages));
    while requests.active.is_some_and(|active| active.overlaps(pages)) {
        requests = wait(requests);
    }
}
