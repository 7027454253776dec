//! What accumulators keep besides their words, in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tidemill_core::Result;
use tidemill_core::map::Map;
use tidemill_expr::AggregateStore;

/// The strings and ordered values of one call.
#[derive(Default)]
pub(super) struct MemoryStore {
    /// The string of reference `i + 1`.
    strings: Vec<Box<[u8]>>,
    free: Vec<u64>,
    values: Map<u32, BTreeMap<Box<[u8]>, i64>>,
    bytes_held: usize,
}

impl MemoryStore {
    /// Drops a string; its reference is used again.
    pub fn free_bytes(&mut self, reference: u64) {
        if let Some(slot) = reference.checked_sub(1).and_then(|index| self.strings.get_mut(index as usize)) {
            self.bytes_held -= slot.len();
            *slot = Box::default();
            self.free.push(reference);
        }
    }

    /// Drops the values of a group.
    pub fn free_values(&mut self, record: u32) {
        for value in self.values.remove(&record).unwrap_or_default().into_keys() {
            self.bytes_held -= value.len();
        }
    }

    /// Bytes held, about.
    pub fn memory(&self) -> usize {
        self.bytes_held + self.strings.len() * size_of::<Box<[u8]>>()
    }
}

impl AggregateStore for MemoryStore {
    fn bytes(&self, reference: u64) -> &[u8] {
        let slot = reference.checked_sub(1).and_then(|index| self.strings.get(index as usize));
        slot.map_or(&[], |slot| slot)
    }

    fn put_bytes(&mut self, old: u64, bytes: &[u8]) -> u64 {
        self.bytes_held += bytes.len();
        let reference = if old > 0 { Some(old) } else { self.free.pop() };
        let slot = reference.and_then(|reference| self.strings.get_mut(reference as usize - 1));
        match (reference, slot) {
            (Some(reference), Some(slot)) => {
                self.bytes_held -= slot.len();
                *slot = bytes.into();
                reference
            }
            _ => {
                self.strings.push(bytes.into());
                self.strings.len() as u64
            }
        }
    }

    fn add_value(&mut self, record: u32, value: &[u8], delta: i64) -> Result<i64> {
        let values = self.values.entry(record).or_default();
        let Some(count) = values.get_mut(value) else {
            self.bytes_held += value.len();
            values.insert(value.into(), delta);
            return Ok(delta);
        };
        *count += delta;
        let count = *count;
        if count == 0 {
            self.bytes_held -= value.len();
            values.remove(value);
        }
        Ok(count)
    }

    fn edge_value(&self, record: u32, last: bool, value: &mut Vec<u8>) -> Result<bool> {
        let values = self.values.get(&record);
        let edge = values.and_then(|values| if last { values.keys().next_back() } else { values.keys().next() });
        edge.inspect(|edge| value.extend_from_slice(edge));
        Ok(edge.is_some())
    }

    fn for_each_value(&self, record: u32, visit: &mut dyn FnMut(&[u8], i64) -> bool) -> Result<()> {
        let Some(values) = self.values.get(&record) else { return Ok(()) };
        let _ = values.iter().try_for_each(|(value, count)| {
            if visit(value, *count) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_string_keeps_its_reference_and_a_dropped_one_hands_it_on() {
        let mut store = MemoryStore::default();
        let a = store.put_bytes(0, b"a");
        let b = store.put_bytes(0, b"b");
        assert_eq!(store.put_bytes(a, b"longer"), a);
        assert_eq!(store.bytes(a), b"longer");
        store.free_bytes(b);
        assert_eq!(store.put_bytes(0, b"c"), b);
        assert_eq!(store.bytes(0), b"");
    }

    #[test]
    fn values_are_counted_in_order_until_none_is_left() {
        let mut store = MemoryStore::default();
        store.add_value(7, b"b", 1).unwrap();
        store.add_value(7, b"a", 2).unwrap();
        let mut edge = Vec::new();
        assert!(store.edge_value(7, false, &mut edge).unwrap());
        assert_eq!(edge, b"a");
        assert_eq!(store.add_value(7, b"a", -2).unwrap(), 0);
        let mut seen = Vec::new();
        store
            .for_each_value(7, &mut |value, count| {
                seen.push((value.to_vec(), count));
                true
            })
            .unwrap();
        assert_eq!(seen, [(b"b".to_vec(), 1)]);
        store.free_values(7);
        assert_eq!(store.memory(), 0);
    }
}
