//! The rows that are left of a changelog.

use tidemill_core::RowKind;
use tidemill_core::map::Map;

/// A multiset of encoded rows in the order in which they came to be there.
#[derive(Debug, Default)]
pub struct NetRows {
    rows: Map<Vec<u8>, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    count: i64,
    since: u64,
}

impl NetRows {
    /// Takes a change. A row may be taken back before it comes: changes of different keys arrive in any order.
    pub fn add(&mut self, encoded: &[u8], kind: RowKind) {
        let sign = kind.sign();
        self.next += 1;
        match self.rows.get_mut(encoded) {
            Some(entry) => {
                if entry.count <= 0 && sign > 0 {
                    entry.since = self.next;
                }
                entry.count += sign;
                if entry.count == 0 {
                    self.rows.remove(encoded);
                }
            }
            None => {
                self.rows.insert(encoded.to_vec(), Entry { count: sign, since: self.next });
            }
        }
    }

    /// The rows that are there, each with how often.
    pub fn into_rows(self) -> impl Iterator<Item = (Vec<u8>, u64)> {
        let mut rows: Vec<(Vec<u8>, Entry)> = self.rows.into_iter().filter(|(_, entry)| entry.count > 0).collect();
        rows.sort_unstable_by_key(|(_, entry)| entry.since);
        rows.into_iter().map(|(encoded, entry)| (encoded, entry.count.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_back_is_gone_and_duplicates_stay() {
        let mut net = NetRows::default();
        let changes = [
            (RowKind::Insert, "a 1"),
            (RowKind::Insert, "b 1"),
            (RowKind::UpdateBefore, "a 1"),
            (RowKind::UpdateAfter, "a 2"),
            (RowKind::Insert, "b 1"),
            (RowKind::Delete, "c 1"),
            (RowKind::Insert, "c 1"),
        ];
        changes.iter().for_each(|(kind, row)| net.add(row.as_bytes(), *kind));
        let rows: Vec<(Vec<u8>, u64)> = net.into_rows().collect();
        assert_eq!(rows, [(b"b 1".to_vec(), 2), (b"a 2".to_vec(), 1)]);
    }
}
