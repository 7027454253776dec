//! Zeroed memory that grows in place.
//!
//! A small block is on the heap and is copied to grow. A large one is a mapping with far more addresses than it uses,
//! which cost nothing until they are written; when they are used up, its pages move to a larger range, uncopied. Whoever
//! touches memory ahead of its use ([`touch`](crate::touch)) makes its pages, so that a slot does not have to.
//!
//! `unsafe` here: the memory is mapped by hand. Everything outside sees a slice.

#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::touch::{self, Pages};

/// Bytes that are made together, by whoever touches memory ahead of its use.
const CHUNK: usize = 2 << 20;
/// Bytes from which on a block is mapped.
const MAPPED_MIN: usize = 1 << 20;
/// Addresses a mapping gets, if it does not need more: a table hardly ever moves.
const RESERVED: usize = 8 << 30;
/// The least it gets: so many times what it needs.
const RESERVED_FACTOR: usize = 4;
/// Bytes that are asked for ahead of those in use: a quarter of them, within these bounds.
const AHEAD_MIN: usize = 4 << 20;
const AHEAD_MAX: usize = 128 << 20;
/// Bytes after which a block wants to know again how far it is used.
const STEP: usize = 512 << 10;

/// Bytes on which every block is aligned.
pub(crate) const LINE: usize = 64;

/// A piece of memory in words, aligned to a cache line.
pub(crate) struct Block {
    start: NonNull<u64>,
    words: usize,
    /// Bytes mapped; 0: on the heap.
    reserved: usize,
    /// Bytes that somebody has been asked to touch.
    asked: usize,
    /// The address up to which memory is in use, for whoever touches it.
    used: Arc<AtomicUsize>,
}

// SAFETY: a block owns its memory, like a `Box<[u64]>`.
unsafe impl Send for Block {}
// SAFETY: a shared block can only be read.
unsafe impl Sync for Block {}

impl Block {
    /// So many words of zeros.
    pub(crate) fn zeroed(words: usize) -> Block {
        let bytes = bytes_of(words);
        let least = (bytes * RESERVED_FACTOR).next_multiple_of(CHUNK);
        // Less and less where addresses are scarce.
        let attempts = std::iter::successors(Some(RESERVED.max(least)), |reserved| {
            (*reserved > least).then(|| (reserved / RESERVED_FACTOR).next_multiple_of(CHUNK).max(least))
        });
        let mapped = attempts.filter(|_| bytes >= MAPPED_MIN).find_map(|reserved| Some((map(reserved)?, reserved)));
        if let Some((start, reserved)) = mapped {
            return Block { start, words, reserved, asked: 0, used: Arc::default() };
        }
        Block { start: allocate(bytes), words, reserved: 0, asked: 0, used: Arc::default() }
    }

    /// Makes it longer; the new words are zeros.
    pub(crate) fn grow(&mut self, words: usize) {
        debug_assert!(words >= self.words);
        if bytes_of(words) <= self.reserved {
            self.words = words;
            return;
        }
        let mut larger = Block::zeroed(words);
        self.forget_requests();
        if self.reserved > 0 && larger.reserved > 0 && move_pages(self.start, self.reserved, larger.start) {
            // The old addresses are gone: nothing is left to drop.
            self.reserved = 0;
            larger.asked = self.asked;
            let old = std::mem::replace(self, larger);
            std::mem::forget(old);
            return;
        }
        larger[..self.words].copy_from_slice(self);
        *self = larger;
    }

    /// So many words are in use now: asks for the memory behind them. Returns how many may be in use before it wants to be
    /// told again.
    pub(crate) fn reach(&mut self, words: usize) -> usize {
        if self.reserved == 0 {
            return usize::MAX;
        }
        let (first, used) = (self.start.as_ptr() as usize, bytes_of(words));
        self.used.store(first + used, Ordering::Release);
        let ahead = (used / 4).clamp(AHEAD_MIN, AHEAD_MAX);
        let end = (used + ahead).next_multiple_of(CHUNK).min(self.reserved);
        let start = self.asked.max(used / CHUNK * CHUNK);
        // Not for a single chunk each time.
        if end > start + ahead / 4 {
            touch::request(Pages { start: first + start, end: first + end, is_first: start == 0 }, CHUNK, &self.used);
            self.asked = end;
        }
        words + STEP / size_of::<u64>()
    }

    fn forget_requests(&mut self) {
        if self.asked > 0 {
            let first = self.start.as_ptr() as usize;
            touch::forget(Pages { start: first, end: first + self.asked, is_first: false });
        }
    }

    /// Where it starts.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *mut u64 {
        self.start.as_ptr()
    }
}

fn bytes_of(words: usize) -> usize {
    words.max(1) * size_of::<u64>()
}

impl Deref for Block {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        // SAFETY: `start` is the beginning of `words` initialised words that live as long as the block.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above, and the block is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.words) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.forget_requests();
        if self.reserved > 0 {
            unmap(self.start, self.reserved);
        } else {
            // SAFETY: allocated with the same layout.
            unsafe { std::alloc::dealloc(self.start.as_ptr().cast(), layout(bytes_of(self.words))) };
        }
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} words)", self.words)
    }
}

fn layout(bytes: usize) -> std::alloc::Layout {
    // A size that is no layout is more than the address space holds.
    std::alloc::Layout::from_size_align(bytes, LINE).unwrap_or(std::alloc::Layout::new::<u64>())
}

fn allocate(bytes: usize) -> NonNull<u64> {
    let layout = layout(bytes);
    // SAFETY: the size is not zero.
    let start = unsafe { std::alloc::alloc_zeroed(layout) };
    NonNull::new(start.cast()).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
}

/// Maps so many bytes, a multiple of a page; none if the system refuses.
#[cfg(target_os = "linux")]
fn map(bytes: usize) -> Option<NonNull<u64>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new anonymous mapping, which nobody has seen.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

#[cfg(not(target_os = "linux"))]
fn map(_: usize) -> Option<NonNull<u64>> {
    None
}

#[cfg(target_os = "linux")]
fn unmap(start: NonNull<u64>, bytes: usize) {
    // SAFETY: exactly this range is the block's mapping, and nobody refers to it any more.
    unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
}

#[cfg(not(target_os = "linux"))]
fn unmap(_: NonNull<u64>, _: usize) {}

/// Makes the pages of a range that is mapped; false if the system cannot.
///
/// Small ones: a slot that got to a huge page first would clear 2 MiB within one call, which costs it 5 ms (record 010).
#[cfg(target_os = "linux")]
pub(crate) fn touch(pages: Pages) -> bool {
    let (start, len) = (pages.start as *mut libc::c_void, pages.end - pages.start);
    // SAFETY: whoever asked keeps the range mapped until it is done; no content changes.
    unsafe { libc::madvise(start, len, libc::MADV_POPULATE_WRITE) == 0 }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn touch(_: Pages) -> bool {
    false
}

/// Moves all pages of a mapping to the beginning of a larger one. The old addresses are not mapped afterwards.
#[cfg(target_os = "linux")]
fn move_pages(from: NonNull<u64>, bytes: usize, to: NonNull<u64>) -> bool {
    // SAFETY: both ranges are ours, aligned and apart; the target's pages, which this replaces, have not been touched.
    let moved = unsafe {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        libc::mremap(from.as_ptr().cast(), bytes, bytes, flags, to.as_ptr())
    };
    moved != libc::MAP_FAILED
}

#[cfg(not(target_os = "linux"))]
fn move_pages(_: NonNull<u64>, _: usize, _: NonNull<u64>) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grows_and_keeps_its_content() {
        let mut block = Block::zeroed(0);
        let mut held = 0;
        for words in [1, 7, 4096, 130_000, 131_072, 300_000, 9_000_000, 50_000_000, 1_200_000_000] {
            block.grow(words);
            block.reach(words.min(2_000_000));
            assert_eq!((block.len(), block.as_ptr() as usize % LINE), (words, 0));
            assert!(block[..held].iter().zip(0..).all(|(word, at)| *word == at));
            let untouched = words.min(held + 100_000);
            assert!(block[held..untouched].iter().all(|word| *word == 0));
            held = words.min(1_000_000);
            block[..held].iter_mut().zip(0..).for_each(|(word, at)| *word = at);
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn blocks_are_zeroed_aligned_and_keep_their_content_when_they_grow() {
        grows_and_keeps_its_content();
        std::thread::scope(|scope| {
            scope.spawn(touch::touch_fresh_memory);
            (0..5).for_each(|_| grows_and_keeps_its_content());
            touch::stop_touching();
        });
    }
}
