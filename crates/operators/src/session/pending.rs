//! Rows whose session is known, but that are not in its record yet.

/// The rows of a batch since the last flush, with the record of each.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub current: Vec<u32>,
    pub current_rows: Vec<u32>,
    pub earlier: Vec<u32>,
    pub earlier_rows: Vec<u32>,
    /// For each record of `current` the last flush before which it was pending.
    flush_of: Vec<u64>,
    flushes: u64,
}

impl Pending {
    /// A row of the current session with this record.
    pub fn push_current(&mut self, row: u32, position: u32) {
        let place = row as usize;
        if place >= self.flush_of.len() {
            self.flush_of.resize((place + 1).next_power_of_two(), 0);
        }
        self.flush_of[place] = self.flushes + 1;
        self.current.push(row);
        self.current_rows.push(position);
    }

    /// Whether rows of a current session are pending.
    pub fn has_current(&self, row: u32) -> bool {
        self.flush_of.get(row as usize).is_some_and(|flush| *flush == self.flushes + 1)
    }

    /// All rows are in their records.
    pub fn clear(&mut self) {
        self.flushes += 1;
        self.current.clear();
        self.current_rows.clear();
        self.earlier.clear();
        self.earlier_rows.clear();
    }
}
