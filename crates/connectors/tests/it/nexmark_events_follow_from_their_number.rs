use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};
use tidemill_connectors::nexmark::{Generator, Kind, Kinds, Settings, table_fields};
use tidemill_core::Batch;

fn longs(batch: &Batch, column: usize) -> Vec<i64> {
    batch.column(column).as_primitive::<Int64Type>().values().to_vec()
}

fn pretty(kind: Kind, batch: &Batch) -> String {
    let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(kind.fields()));
    let batch: RecordBatch = batch.to_record_batch(&schema).unwrap();
    arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string()
}

#[test]
fn the_first_events_are_these() {
    let settings = Settings { person_bytes: 80, auction_bytes: 150, bid_bytes: 50, ..Settings::default() };
    let [persons, auctions, bids] = Generator::outputs(settings).unwrap();
    let text = [
        pretty(Kind::Person, &persons.batch(0, 101).unwrap()),
        pretty(Kind::Auction, &auctions.batch(0, 54).unwrap()),
        pretty(Kind::Bid, &bids.batch(0, 12).unwrap()),
    ];
    let golden = include_str!("nexmark_first_events.txt");
    assert_eq!(text.join("\n"), golden.trim_end(), "new:\n{}", text.join("\n"));
}

#[test]
fn any_cut_into_batches_gives_the_same_rows() {
    let paths = [vec![0], vec![1, 0], vec![2], vec![3]];
    let generator = Generator::new(Settings::default(), Kinds::ALL, &paths).unwrap();
    let whole = generator.batch(0, 500).unwrap();
    for size in [1, 7, 49, 51, 333] {
        let parts: Vec<Batch> =
            (0..500).step_by(size).map(|at| generator.batch(at, (at + size as u64).min(500)).unwrap()).collect();
        let parts = Batch::concat(&parts).unwrap();
        assert_eq!(parts.len(), 500);
        for column in 0..4 {
            assert_eq!(&parts.column(column), &whole.column(column), "batches of {size}");
        }
    }
}

#[test]
fn the_table_and_the_outputs_hold_the_same_events() {
    let table = Generator::table(Settings::default()).unwrap().batch(120, 300).unwrap();
    let fields = table_fields();
    for (kind, generator) in Kind::EACH.into_iter().zip(Generator::outputs(Settings::default()).unwrap()) {
        let output = generator.batch(120, 300).unwrap();
        let column = table.column(1 + kind as usize);
        assert_eq!(column.data_type(), fields[1 + kind as usize].data_type());
        let rows = column.as_struct();
        let types = table.column(0);
        let mask: arrow::array::BooleanArray =
            types.as_primitive::<Int32Type>().iter().map(|number| Some(number == Some(kind as i32))).collect();
        assert_eq!(rows.null_count(), table.len() - output.len());
        let rows = arrow::compute::filter(rows, &mask).unwrap();
        for (at, field) in rows.as_struct().columns().iter().enumerate() {
            assert_eq!(field, &output.column(at), "{kind:?} {at}");
        }
    }
}

#[test]
fn one_event_in_fifty_is_a_person_and_three_are_auctions() {
    let rows: Vec<usize> =
        Generator::outputs(Settings::default()).unwrap().iter().map(|g| g.rows(0, 1_000_000)).collect();
    assert_eq!(rows, [20_000, 60_000, 920_000]);
}

#[test]
fn bids_name_auctions_and_persons_that_are_known_or_about_to_be() {
    let [_, auctions, bids] = Generator::outputs(Settings::default()).unwrap();
    let (first, end) = (1_000_000, 1_004_000);
    let batch = bids.batch(first, end).unwrap();
    let last_auction = 1000 + end as i64 * 3 / 50;
    let last_person = 1000 + end as i64 / 50;
    let (auction, bidder, price) = (longs(&batch, 0), longs(&batch, 1), longs(&batch, 2));
    assert!(auction.iter().all(|id| (last_auction - 500..=last_auction + 10).contains(id)));
    assert!(bidder.iter().all(|id| (last_person - 1200..=last_person + 10).contains(id)));
    assert!(price.iter().all(|price| (100..=100_000_000).contains(price)));
    let hot =
        |ids: &[i64], remainder| ids.iter().filter(|id| **id % 100 == remainder).count() as f64 / ids.len() as f64;
    assert!((0.48..0.53).contains(&hot(&auction, 0)), "half of the bids are for a hot auction");
    assert!((0.73..0.78).contains(&hot(&bidder, 1)), "three in four are by a hot bidder");
    let batch = auctions.batch(first, end).unwrap();
    assert!((0.67..0.83).contains(&hot(&longs(&batch, 7), 0)), "three in four are by a hot seller");
    assert!(longs(&batch, 4).iter().zip(longs(&batch, 3)).all(|(reserve, opening)| *reserve > opening));
    assert!(longs(&batch, 8).iter().all(|category| (10..15).contains(category)));
}

#[test]
fn prices_are_even_in_their_logarithm() {
    let bids = Generator::new(Settings::default(), Kinds::only(Kind::Bid), &[vec![3, 2]]).unwrap();
    let prices = longs(&bids.batch(0, 200_000).unwrap(), 0);
    for decade in 2..8 {
        let share = prices.iter().filter(|price| price.ilog10() == decade).count() as f64 / prices.len() as f64;
        assert!((0.16..0.175).contains(&share), "10^{decade}: {share}");
    }
}

#[test]
fn times_never_go_back_and_follow_the_rate() {
    let settings = Settings { events_per_second: 3_000, ..Settings::default() };
    let base = settings.base_time_ms;
    let table = Generator::new(settings, Kinds::ALL, &[vec![1, 6], vec![2, 5], vec![3, 5]]).unwrap();
    let batch = table.batch(5_990, 6_200).unwrap();
    let mut last = 0;
    for row in 0..batch.len() {
        let column = (0..3).map(|column| batch.column(column)).find(|column| column.is_valid(row)).unwrap();
        let time = column.as_primitive::<TimestampMillisecondType>().value(row);
        assert!(time >= last);
        assert_eq!(time, base + (5_990 + row as i64) * 1000 / 3_000);
        last = time;
    }
}

#[test]
fn events_have_their_mean_size() {
    let [_, _, bids] = Generator::outputs(Settings::default()).unwrap();
    let batch = bids.batch(0, 10_000).unwrap();
    let extra = batch.column(6);
    let bytes: usize = extra.as_string_view().iter().flatten().map(str::len).sum();
    assert!((66..=70).contains(&(bytes / batch.len())), "{}", bytes / batch.len());
}

#[test]
fn another_seed_makes_other_events() {
    let of = |seed| {
        let settings = Settings { seed, ..Settings::default() };
        longs(&Generator::new(settings, Kinds::only(Kind::Bid), &[vec![3, 2]]).unwrap().batch(0, 100).unwrap(), 0)
    };
    assert_ne!(of(0), of(1));
    assert_eq!(of(1), of(1));
}
