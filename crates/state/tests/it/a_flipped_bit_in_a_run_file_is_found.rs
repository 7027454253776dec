//! Every bit of small run files, every length, and units in each other's place.

use tidemill_core::{Result, hash};
use tidemill_state::run_file::{PAGE, RunReader, write};
use tidemill_state::*;

fn file(entries: u32) -> Vec<u8> {
    let fields = vec![ValueField::new(1, "n", ValueKind::Int64), ValueField::new(2, "s", ValueKind::Bytes)];
    let mut delta = DeltaSink::new();
    delta.describe(Rewrite::ALL, Some(1_000));
    for number in 0..entries {
        let key = [&[1][..], &number.to_be_bytes()].concat();
        let value = [7; 100];
        let value = (number % 5 != 0).then_some(&value[..]);
        delta.push(Entry { hash: hash::of_bytes(&key), key: &key, order: b"order", value });
    }
    write(&delta, &TableDescriptor::keyed("t", Vec::new(), fields)).unwrap()
}

fn read(file: &[u8]) -> Result<()> {
    RunReader::open(file)?.scan((0, u64::MAX), |entries| {
        entries.for_each(drop);
        Ok(())
    })
}

#[test]
fn whichever_it_is() {
    let mut file = file(60);
    assert_eq!(file.len(), 3 * PAGE);
    read(&file).unwrap();
    RunReader::open(&file[..]).unwrap().verify().unwrap();
    for bit in 0..file.len() * 8 {
        file[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&file).is_err(), "bit {bit}");
        file[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_file_of_another_length_too() {
    let whole = file(60);
    for len in 0..whole.len() {
        assert!(read(&whole[..len]).is_err(), "{len} bytes");
    }
    assert!(read(&[&whole[..], &[0]].concat()).is_err());
    assert!(read(&[&whole[..], &[0; PAGE]].concat()).is_err());
}

#[test]
fn and_units_that_changed_places() {
    let mut whole = file(60);
    let (first, second) = whole[PAGE..].split_at_mut(PAGE);
    first.swap_with_slice(second);
    assert!(read(&whole).is_err());
}
