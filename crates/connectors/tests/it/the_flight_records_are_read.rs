use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use tidemill_expr::SqlType;

use crate::support::{files, plan, read_batches};

#[test]
fn all_of_them_with_delays_widened() {
    // From the package's folder, where cargo runs tests.
    let path = std::path::absolute("../../examples/flights/flights.parquet").unwrap();
    let columns = [("dep_delay", SqlType::BIGINT), ("dep_time", SqlType::timestamp(3)), ("origin", SqlType::STRING)];
    let batches = read_batches(&plan(&files(&columns, &path, "parquet", &[])).unwrap(), 4096).unwrap();
    let rows: usize = batches.iter().map(|batch| batch.len()).sum();
    let cancelled: usize = batches.iter().map(|batch| batch.column(0).null_count()).sum();
    assert_eq!((rows, cancelled), (336_776, 8_255));
    let all = |origin: &str| {
        let same = |batch: &tidemill_core::Batch| {
            batch.column(2).as_string_view().iter().flatten().filter(|found| *found == origin).count()
        };
        batches.iter().map(same).sum::<usize>()
    };
    assert_eq!(["EWR", "JFK", "LGA"].map(all).iter().sum::<usize>(), rows);
    let latest = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().iter().flatten().max());
    assert_eq!(latest.max(), Some(1301));
}
