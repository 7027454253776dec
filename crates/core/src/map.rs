//! The one alias for hash maps and sets: a fixed seed, so that two runs of a seed behave alike. Nothing may be emitted in
//! hash order; sort first.

use std::hash::BuildHasherDefault;

/// Hashes with xxh3 under a fixed seed.
pub type Hasher = BuildHasherDefault<xxhash_rust::xxh3::Xxh3Default>;
/// A hash map without a random seed.
pub type Map<K, V> = hashbrown::HashMap<K, V, Hasher>;
/// A hash set without a random seed.
pub type Set<K> = hashbrown::HashSet<K, Hasher>;
