//! Zeroed memory in large pieces, on huge pages where the system has them: one page fault for 2 MiB instead of 512, and
//! random access to many million rows without a miss of the address cache for each.
//!
//! `unsafe` here: the memory is mapped by hand. Everything outside sees a slice.

#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Bytes of a huge page.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// Bytes on which every block is aligned.
pub(crate) const LINE: usize = 64;

/// A piece of zeroed memory, in words, aligned to a cache line.
pub(crate) struct Block {
    start: NonNull<u64>,
    words: usize,
    mapped: bool,
}

// SAFETY: a block owns its memory, like a `Box<[u64]>`.
unsafe impl Send for Block {}
// SAFETY: a shared block can only be read.
unsafe impl Sync for Block {}

impl Block {
    /// So many words of zeros.
    pub(crate) fn zeroed(words: usize) -> Block {
        let bytes = words.max(1) * size_of::<u64>();
        match map(bytes) {
            Some(start) => Block { start, words, mapped: true },
            None => Block { start: allocate(bytes), words, mapped: false },
        }
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.words * size_of::<u64>()
    }

    /// Where it starts.
    pub(crate) fn as_ptr(&self) -> *mut u64 {
        self.start.as_ptr()
    }
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
        let bytes = self.words.max(1) * size_of::<u64>();
        if self.mapped {
            // SAFETY: exactly this range was left of the mapping when it was made.
            unsafe { libc::munmap(self.start.as_ptr().cast(), bytes.next_multiple_of(PAGE)) };
        } else {
            // SAFETY: allocated with the same layout.
            unsafe { std::alloc::dealloc(self.start.as_ptr().cast(), layout(bytes)) };
        }
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} words)", self.words)
    }
}

/// A multiple of every page size that is not huge.
const PAGE: usize = 64 << 10;

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

/// Maps memory of a huge page and more; none if it is smaller or the system refuses.
fn map(bytes: usize) -> Option<NonNull<u64>> {
    if bytes < HUGE_PAGE || !cfg!(target_os = "linux") {
        return None;
    }
    let len = bytes.next_multiple_of(PAGE);
    let reserved = len + HUGE_PAGE;
    // SAFETY: a new anonymous mapping; what lies around the aligned part is given back at once, nobody has seen it.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let start = libc::mmap(std::ptr::null_mut(), reserved, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return None;
        }
        let before = (start as usize).next_multiple_of(HUGE_PAGE) - start as usize;
        let aligned = start.byte_add(before);
        if before > 0 {
            libc::munmap(start, before);
        }
        if reserved - before > len {
            libc::munmap(aligned.byte_add(len), reserved - before - len);
        }
        advise_huge(aligned, len / HUGE_PAGE * HUGE_PAGE);
        NonNull::new(aligned.cast())
    }
}

#[cfg(target_os = "linux")]
unsafe fn advise_huge(start: *mut libc::c_void, len: usize) {
    // SAFETY: the caller's mapping covers the range; a refusal only means small pages.
    unsafe { libc::madvise(start, len, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
unsafe fn advise_huge(_: *mut libc::c_void, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_zeroed_aligned_and_writable() {
        for words in [0, 1, 7, 4096, 300_000, 700_001] {
            let mut block = Block::zeroed(words);
            assert_eq!(block.len(), words);
            assert!(block.iter().all(|word| *word == 0));
            assert_eq!(block.as_ptr() as usize % LINE, 0);
            block.iter_mut().for_each(|word| *word = 7);
            assert!(block.iter().all(|word| *word == 7));
        }
    }
}
