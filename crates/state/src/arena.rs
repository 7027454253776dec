//! Bytes of varying length that rows refer to: long keys, strings, encoded rows.
//!
//! An entry has a size class and is reused for another entry of the class once it is freed, so nothing ever moves and no
//! call stops to tidy up; an entry wastes at most a fifth of its size (less than 16 bytes if it is small). Entries above
//! 64 KiB have memory of their own, which is given back.

/// What a record holds of an entry; 0 is no entry.
pub(crate) type BytesRef = u64;

const CHUNK_MIN: usize = 1 << 10;
const CHUNK_MAX: usize = 1 << 20;
const LARGE: usize = 64 << 10;
const HEADER: usize = 4;
/// Multiples of 16 to 128, then four classes for every doubling to 64 KiB.
const CLASSES: usize = 8 + 4 * 9;

/// The memory of the entries.
#[derive(Debug)]
pub(crate) struct Arena {
    chunks: Vec<Vec<u8>>,
    /// The chunk that new entries go to.
    current: usize,
    /// The first free entry of each class; a free entry's first bytes refer to the next.
    free: [BytesRef; CLASSES],
    /// Numbers of chunks that held a large entry.
    empty: Vec<u32>,
    live: usize,
}

/// The class of a size, and the size it is rounded to.
fn class(size: usize) -> (usize, usize) {
    if size <= 128 {
        let steps = size.div_ceil(16).max(1);
        return (steps - 1, steps * 16);
    }
    let power = (size - 1).ilog2();
    let step = 1 << (power - 2);
    let steps = size.div_ceil(step);
    (8 + (power as usize - 7) * 4 + steps - 5, steps * step)
}

fn parts(entry: BytesRef) -> (usize, usize) {
    ((entry >> 32) as usize - 1, entry as u32 as usize)
}

impl Arena {
    /// Without entries.
    pub(crate) fn new() -> Arena {
        Arena { chunks: Vec::new(), current: 0, free: [0; CLASSES], empty: Vec::new(), live: 0 }
    }

    /// Bytes of an entry.
    #[inline]
    pub(crate) fn get(&self, entry: BytesRef) -> &[u8] {
        let (chunk, start) = parts(entry);
        let bytes = &self.chunks[chunk][start..];
        let (len, bytes) = bytes.split_at(HEADER);
        &bytes[..u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize]
    }

    /// A new entry. Bytes beyond 4 GiB are not taken.
    pub(crate) fn insert(&mut self, bytes: &[u8]) -> BytesRef {
        let size = HEADER + bytes.len();
        self.live += size;
        if size > LARGE {
            return self.insert_large(bytes);
        }
        let (class, rounded) = class(size);
        let entry = match self.free[class] {
            0 => self.extend(rounded),
            free => {
                let (chunk, start) = parts(free);
                let mut next = [0; 8];
                next.copy_from_slice(&self.chunks[chunk][start..start + 8]);
                self.free[class] = u64::from_le_bytes(next);
                free
            }
        };
        self.fill(entry, bytes);
        entry
    }

    /// Gives an entry's memory back.
    pub(crate) fn remove(&mut self, entry: BytesRef) {
        let size = HEADER + self.get(entry).len();
        self.live -= size;
        let (chunk, start) = parts(entry);
        if size > LARGE {
            self.chunks[chunk] = Vec::new();
            self.empty.push(chunk as u32);
        } else {
            let (class, _) = class(size);
            self.chunks[chunk][start..start + 8].copy_from_slice(&self.free[class].to_le_bytes());
            self.free[class] = entry;
        }
    }

    /// Other bytes in place of an entry; returns where they are.
    pub(crate) fn replace(&mut self, entry: BytesRef, bytes: &[u8]) -> BytesRef {
        if entry == 0 {
            return self.insert(bytes);
        }
        let (old, new) = (HEADER + self.get(entry).len(), HEADER + bytes.len());
        if old <= LARGE && new <= LARGE && class(old) == class(new) {
            self.live = self.live - old + new;
            self.fill(entry, bytes);
            return entry;
        }
        self.remove(entry);
        self.insert(bytes)
    }

    /// Removes everything and keeps most of the memory.
    pub(crate) fn clear(&mut self) {
        self.chunks.iter_mut().for_each(Vec::clear);
        self.chunks.retain(|chunk| chunk.capacity() > 0 && chunk.capacity() <= CHUNK_MAX);
        *self = Arena { chunks: std::mem::take(&mut self.chunks), ..Arena::new() };
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.chunks.iter().map(Vec::capacity).sum()
    }

    fn fill(&mut self, entry: BytesRef, bytes: &[u8]) {
        let (chunk, start) = parts(entry);
        let place = &mut self.chunks[chunk][start..start + HEADER + bytes.len()];
        place[..HEADER].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        place[HEADER..].copy_from_slice(bytes);
    }

    fn extend(&mut self, size: usize) -> BytesRef {
        loop {
            if let Some(chunk) = self.chunks.get_mut(self.current) {
                let start = chunk.len();
                if chunk.capacity() - start >= size && chunk.capacity() <= CHUNK_MAX {
                    chunk.resize(start + size, 0);
                    return (self.current as u64 + 1) << 32 | start as u64;
                }
                self.current += 1;
            } else {
                let len = (self.memory() / 2).next_power_of_two().clamp(CHUNK_MIN.max(size), CHUNK_MAX);
                self.current = self.chunks.len();
                self.chunks.push(Vec::with_capacity(len));
            }
        }
    }

    fn insert_large(&mut self, bytes: &[u8]) -> BytesRef {
        let mut chunk = Vec::with_capacity((HEADER + bytes.len()).max(CHUNK_MAX + 1));
        chunk.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        chunk.extend_from_slice(bytes);
        chunk.shrink_to_fit();
        let number = match self.empty.pop() {
            Some(number) => {
                self.chunks[number as usize] = chunk;
                number as usize
            }
            None => {
                self.chunks.push(chunk);
                self.chunks.len() - 1
            }
        };
        (number as u64 + 1) << 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_dense_and_never_too_small() {
        let mut last = (0, 16);
        for size in 1..=LARGE {
            let (class, rounded) = class(size);
            assert!(rounded >= size && class < CLASSES, "{size}");
            assert!(rounded - size < 16 || (rounded - size) * 5 <= rounded, "{size} in {rounded}");
            assert!((class, rounded) == last || (class == last.0 + 1 && rounded > last.1), "{size}");
            last = (class, rounded);
        }
        assert_eq!(last.0, CLASSES - 1);
    }

    #[test]
    fn entries_survive_whatever_others_do() {
        let mut arena = Arena::new();
        let (mut held, mut random) = (Vec::new(), 1u64);
        for step in 0..20_000u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let len = if step % 1000 == 0 { 100_000 } else { (random >> 40) as usize % 300 };
            let bytes = vec![step as u8; len];
            match random >> 33 & 3 {
                0 if !held.is_empty() => {
                    let (entry, _) = held.swap_remove((random >> 20) as usize % held.len());
                    arena.remove(entry);
                }
                1 if !held.is_empty() => {
                    let at = (random >> 20) as usize % held.len();
                    let entry = arena.replace(held[at].0, &bytes);
                    held[at] = (entry, bytes);
                }
                _ => held.push((arena.insert(&bytes), bytes)),
            }
        }
        assert!(held.iter().all(|(entry, bytes)| arena.get(*entry) == bytes));
        assert_eq!(arena.live, held.iter().map(|(_, bytes)| bytes.len() + HEADER).sum::<usize>());
        let before = arena.memory();
        for (entry, bytes) in held.drain(..) {
            arena.remove(entry);
            let _ = bytes;
        }
        assert!(arena.live == 0 && arena.memory() <= before);
    }
}
