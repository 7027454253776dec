//! The hash of keys: xxh3-64 of the key bytes, with a closed form for keys of one fixed-width column.
//!
//! The algorithm is XXH3 by Yann Collet, seed 0, default secret; the closed forms are its branches for 4 to 8 and for 9 to
//! 16 bytes with the null byte put in.

mod wide;

use xxhash_rust::xxh3::xxh3_64;

/// Words of XXH3's default secret that the closed forms use, as pairs already combined by XOR.
const FLIP_4_TO_8: u64 = 0x1cad_21f7_2c81_017c ^ 0xdb97_9083_e96d_d4de;
const FLIP_9_LOW: u64 = 0x1f67_b3b7_a4a4_4072 ^ 0x78e5_c0cc_4ee6_79cb;
const FLIP_9_HIGH: u64 = 0x2172_ffcc_7dd0_5a82 ^ 0x8e24_43f7_7446_08b8;

/// The hash of key bytes.
#[inline]
pub fn of_bytes(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The hash of the key bytes of a single NULL.
#[inline]
pub fn of_null() -> u64 {
    xxh3_64(&[0])
}

/// The hash of the nine bytes `01` and `value` big-endian: a key of one 8-byte column.
#[inline(always)]
pub fn of_u64(value: u64) -> u64 {
    let bytes = value.swap_bytes();
    let low = (bytes << 8 | 1) ^ FLIP_9_LOW;
    let high = bytes ^ FLIP_9_HIGH;
    let product = u128::from(low) * u128::from(high);
    finish_u64(low, high, product as u64 ^ (product >> 64) as u64)
}

#[inline(always)]
fn finish_u64(low: u64, high: u64, folded: u64) -> u64 {
    let mut hash = 9u64.wrapping_add(low.swap_bytes()).wrapping_add(high).wrapping_add(folded);
    hash ^= hash >> 37;
    hash = hash.wrapping_mul(0x1656_6791_9e37_79f9);
    hash ^ hash >> 32
}

/// The hash of the five bytes `01` and `value` big-endian: a key of one 4-byte column.
#[inline(always)]
pub fn of_u32(value: u32) -> u64 {
    let bytes = value.swap_bytes();
    let combined = u64::from(bytes) | u64::from(bytes << 8 | 1) << 32;
    let mut hash = combined ^ FLIP_4_TO_8;
    hash ^= hash.rotate_left(49) ^ hash.rotate_left(24);
    hash = hash.wrapping_mul(0x9fb2_1c65_1e98_df25);
    hash ^= (hash >> 35).wrapping_add(5);
    hash = hash.wrapping_mul(0x9fb2_1c65_1e98_df25);
    hash ^ hash >> 28
}

/// The hash of `01` and the lowest `width` bytes of `value`, big-endian. `width` is 1, 2, 4 or 8.
#[inline]
pub fn of_fixed(value: u64, width: usize) -> u64 {
    match width {
        8 => of_u64(value),
        4 => of_u32(value as u32),
        _ => {
            let mut bytes = [0u8; 9];
            bytes[0] = 1;
            bytes[1..=width].copy_from_slice(&value.to_be_bytes()[8 - width..]);
            xxh3_64(&bytes[..=width])
        }
    }
}

/// Replaces `hashes` by the hashes of `values` as [`of_fixed`] gives them.
pub fn of_fixed_all(values: &[u64], width: usize, hashes: &mut Vec<u64>) {
    hashes.clear();
    match width {
        8 => {
            hashes.resize(values.len(), 0);
            wide::of_u64_all(values, hashes);
        }
        4 => hashes.extend(values.iter().map(|value| of_u32(*value as u32))),
        _ => hashes.extend(values.iter().map(|value| of_fixed(*value, width))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_hashes_are_those_of_each() {
        let values: Vec<u64> = (0..1003u64).map(|value| value.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let mut hashes = Vec::new();
        for width in [1, 2, 4, 8] {
            of_fixed_all(&values, width, &mut hashes);
            assert!(values.iter().zip(&hashes).all(|(value, hash)| of_fixed(*value, width) == *hash), "width {width}");
        }
    }

    #[test]
    fn the_closed_forms_equal_xxh3() {
        let mut value = 0x9e37_79b9_7f4a_7c15u64;
        let edges = [0, 1, 2, 255, 256, u64::MAX, 1 << 63, (1 << 63) - 1, u64::from(u32::MAX)];
        for step in 0..20_000usize {
            let value = if step < edges.len() {
                edges[step]
            } else {
                value ^= value << 13;
                value ^= value >> 7;
                value ^= value << 17;
                value
            };
            for width in [1, 2, 4, 8] {
                let mut bytes = vec![1u8];
                bytes.extend(&value.to_be_bytes()[8 - width..]);
                assert_eq!(of_fixed(value, width), xxh3_64(&bytes), "{value:x} width {width}");
            }
        }
    }
}
