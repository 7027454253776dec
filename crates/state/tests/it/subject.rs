//! Every kind of table behind one face, so that one test can drive them all.

use std::ops::{Bound, Range};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::DataType;
use tidemill_core::{Batch, KeyEncoder, KeyGroupSet, KeyGroups, KeyRef, Keys};
use tidemill_state::*;

/// A table that is addressed by key number, order number.
pub trait Subject: Sized {
    /// An empty one.
    fn new(keys: &TestKeys) -> Self;
    /// Sets a row's values; false if the table does not take the row.
    fn put(&mut self, keys: &TestKeys, key: usize, order: u8, value: u64, bytes: Option<&[u8]>) -> bool;
    /// Removes a row, if it is there.
    fn remove(&mut self, keys: &TestKeys, key: usize, order: u8);
    /// Removes all rows up to an order; the highest order number that is gone.
    fn remove_through(&mut self, _order: u8) -> Option<u8> {
        None
    }
    /// The order bytes in deltas.
    fn order(order: u8) -> Vec<u8>;
    /// The table.
    fn table(&mut self) -> &mut dyn StateTable;
    /// The value in deltas.
    fn value(value: u64, bytes: Option<&[u8]>) -> Vec<u8> {
        let mut out = value.to_le_bytes().to_vec();
        out.extend(bytes.map_or(u32::MAX, |bytes| bytes.len() as u32).to_le_bytes());
        out.extend(bytes.unwrap_or_default());
        out
    }
}

/// Fills a table with what a scope takes of run files: their bytes, and the key groups each may have rows of, oldest first.
pub fn fill(table: &mut dyn StateTable, files: &[(Vec<u8>, Range<u32>)], scope: &Scope) {
    let descriptor = table.descriptor().clone();
    let runs = files.iter().map(|(file, groups)| {
        let reader = run_file::RunReader::open(&file[..]).unwrap();
        HomeRun {
            groups: groups.clone(),
            is_base: reader.is_full(),
            order_floor: reader.order_floor(),
            source: Box::new(file.clone()),
        }
    });
    let home = HomeTable::open(&descriptor.name, descriptor.distribution, scope.key_groups, runs.collect()).unwrap();
    let mut filling = Filling::new(scope.clone());
    filling.arrive(Arc::new(Home::new(vec![home]).read(&filling.unread(), u64::MAX, true).unwrap()));
    filling.apply(&mut [table], usize::MAX).unwrap();
    assert!(filling.is_filled());
}

/// The runs that a delta becomes: their bytes and the key groups, of `among` and 128, each may have rows of.
pub fn runs_of(
    delta: &DeltaSink,
    descriptor: &TableDescriptor,
    among: &KeyGroupSet,
) -> Vec<(Vec<u8>, Range<u32>, run_file::RunPart)> {
    let key_groups = KeyGroups::new(128).unwrap();
    let mut runs = Vec::new();
    for part in run_file::RunPart::of(delta) {
        let groups = match part {
            run_file::RunPart::Rewritten => delta.rewrite().groups(key_groups, among),
            run_file::RunPart::Changes => among.clone(),
        };
        if let (Some(first), Some(last)) = (groups.ranges().first(), groups.ranges().last()) {
            let mut file = Vec::new();
            run_file::append(delta, *part, descriptor, &mut file).unwrap();
            runs.push((file, first.start..last.end, *part));
        }
    }
    runs
}

/// What a delta takes in full, drawn by a number: nothing, everything, or a part that begins and ends with key groups of 128.
pub fn rewrite_of(number: u64) -> Rewrite {
    match number % 100 {
        0..5 => Rewrite::ALL,
        5..50 => Rewrite::NONE,
        other => {
            let start = (other * 37 % 100 * 2) as u16;
            Rewrite::parts(start..(start + 2 + (number / 100 % 60) as u16 * 2).min(256))
        }
    }
}

/// Keys to choose from.
pub struct TestKeys {
    pub types: Vec<DataType>,
    pub keys: Keys,
}

impl TestKeys {
    fn of(columns: Vec<ArrayRef>) -> TestKeys {
        let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
        let rows = columns[0].len();
        let mut keys = Keys::new();
        let encoder = KeyEncoder::new((0..columns.len()).collect(), &types).unwrap();
        encoder.encode(&Batch::new(columns, rows), &mut keys).unwrap();
        TestKeys { types, keys }
    }

    /// Numbers, one of them NULL.
    pub fn numbers() -> TestKeys {
        let values = (0..12).map(|key| (key != 3).then_some(key * 7 - 20));
        TestKeys::of(vec![Arc::new(Int64Array::from_iter(values))])
    }

    /// Strings from short to longer than a record holds, one of them NULL.
    pub fn strings() -> TestKeys {
        let values = (0..12).map(|key| (key != 3).then(|| "abc".repeat(key)));
        TestKeys::of(vec![Arc::new(StringArray::from_iter(values))])
    }

    /// Many numbers.
    pub fn many() -> TestKeys {
        TestKeys::of(vec![Arc::new(Int64Array::from_iter_values(0..600))])
    }

    /// Two numbers.
    pub fn pairs() -> TestKeys {
        let one: ArrayRef = Arc::new(Int64Array::from_iter((0..12).map(|key| (key % 4 != 3).then_some(key))));
        TestKeys::of(vec![Arc::clone(&one), one])
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn key(&self, key: usize) -> KeyRef<'_> {
        self.keys.key(key)
    }

    pub fn bytes(&self, key: usize) -> Vec<u8> {
        self.keys.bytes(key, &mut Vec::new()).to_vec()
    }

    pub fn hash(&self, key: usize) -> u64 {
        self.keys.hash(key)
    }

    fn descriptor(&self) -> TableDescriptor {
        let fields = vec![ValueField::new(1, "number", ValueKind::Int64), ValueField::new(2, "text", ValueKind::Bytes)];
        TableDescriptor::keyed("test", self.types.clone(), fields)
    }
}

fn put_in(groups: &mut GroupTable, key: KeyRef<'_>, hash: u64, value: u64, bytes: Option<&[u8]>) {
    let row = groups.upsert_key(key, hash).unwrap();
    let mut records = groups.update(&[row]);
    records.values(row)[0] = value;
    records.set_bytes(row, 1, bytes);
}

fn time_order(order: u8) -> Vec<u8> {
    let mut bytes = vec![1, 0x80, 0, 0, 0, 0, 0, 0, 0];
    bytes[8] = order;
    bytes
}

impl Subject for KeyedTable {
    fn new(keys: &TestKeys) -> KeyedTable {
        KeyedTable::new(keys.descriptor(), &[9, 0])
    }

    fn put(&mut self, keys: &TestKeys, key: usize, _: u8, value: u64, bytes: Option<&[u8]>) -> bool {
        put_in(self, keys.key(key), keys.hash(key), value, bytes);
        true
    }

    fn remove(&mut self, keys: &TestKeys, key: usize, _: u8) {
        if let Some(row) = self.find(keys.key(key), keys.hash(key)) {
            GroupTable::remove(self, row);
        }
    }

    fn order(_: u8) -> Vec<u8> {
        Vec::new()
    }

    fn table(&mut self) -> &mut dyn StateTable {
        self
    }
}

impl Subject for SlicedTable {
    fn new(keys: &TestKeys) -> SlicedTable {
        SlicedTable::new(keys.descriptor(), &[9, 0])
    }

    fn put(&mut self, keys: &TestKeys, key: usize, order: u8, value: u64, bytes: Option<&[u8]>) -> bool {
        match self.slice_mut(order.into()) {
            Ok(groups) => {
                put_in(groups, keys.key(key), keys.hash(key), value, bytes);
                true
            }
            Err(failure) => {
                assert_eq!(failure.code(), "state.slice-removed");
                false
            }
        }
    }

    fn remove(&mut self, keys: &TestKeys, key: usize, order: u8) {
        let row = self.slice(order.into()).and_then(|groups| groups.find(keys.key(key), keys.hash(key)));
        if let Some(row) = row {
            self.slice_mut(order.into()).unwrap().remove(row);
        }
    }

    fn remove_through(&mut self, order: u8) -> Option<u8> {
        SlicedTable::remove_through(self, order.into());
        Some(order)
    }

    fn order(order: u8) -> Vec<u8> {
        time_order(order)
    }

    fn table(&mut self) -> &mut dyn StateTable {
        self
    }
}

impl Subject for OrderedTable {
    fn new(keys: &TestKeys) -> OrderedTable {
        OrderedTable::new(keys.descriptor(), &[9, 0])
    }

    fn put(&mut self, keys: &TestKeys, key: usize, order: u8, value: u64, bytes: Option<&[u8]>) -> bool {
        let (row, _) = self.insert(keys.key(key), keys.hash(key), &Self::order(order)).unwrap();
        let mut records = self.update(&[row]);
        records.values(row)[0] = value;
        records.set_bytes(row, 1, bytes);
        true
    }

    fn remove(&mut self, keys: &TestKeys, key: usize, order: u8) {
        let Some(key) = self.key(keys.key(key), keys.hash(key)) else { return };
        let order = Self::order(order);
        if let Some(row) = self.get(key, &order) {
            assert!(self.range(key, Bound::Included(&order), Bound::Unbounded).next() == Some((&order[..], row)));
            OrderedTable::remove(self, row);
        }
    }

    fn order(order: u8) -> Vec<u8> {
        vec![order; usize::from(order) * 5]
    }

    fn table(&mut self) -> &mut dyn StateTable {
        self
    }
}

impl Subject for TimerTable {
    fn new(keys: &TestKeys) -> TimerTable {
        TimerTable::new("timers", keys.types.clone())
    }

    fn put(&mut self, keys: &TestKeys, key: usize, order: u8, _: u64, _: Option<&[u8]>) -> bool {
        self.register(order.into(), &keys.bytes(key)).unwrap();
        true
    }

    fn remove(&mut self, keys: &TestKeys, key: usize, order: u8) {
        self.delete(order.into(), &keys.bytes(key));
    }

    fn remove_through(&mut self, order: u8) -> Option<u8> {
        let (mut key, mut last) = (Vec::new(), i64::MIN);
        while let Some(time) = self.pop_due(order.into(), &mut key) {
            assert!(time >= last && time <= order.into());
            last = time;
        }
        assert!(self.earliest().is_none_or(|time| time > order.into()));
        Some(order)
    }

    fn order(order: u8) -> Vec<u8> {
        time_order(order)
    }

    fn table(&mut self) -> &mut dyn StateTable {
        self
    }

    fn value(_: u64, _: Option<&[u8]>) -> Vec<u8> {
        Vec::new()
    }
}
