use prost::Message;
use tidemill_expr::SqlType;
use tidemill_operators::config::{LIMIT, LimitConfig};
use tidemill_operators::harness::Harness;

use crate::support::operator;

#[test]
fn rows_are_counted_across_batches_and_restores() {
    let config = LimitConfig { offset: 1, limit: 3, ..LimitConfig::default() }.encode_to_vec();
    let types = [SqlType::BIGINT];
    let mut harness = Harness::open(operator(LIMIT, &config).unwrap()).unwrap();
    harness.rows(&types, "1\n2").unwrap();
    assert_eq!(harness.output_text(&types), "+I 2\n");
    let snapshot = harness.checkpoint(false).unwrap();
    let mut harness = Harness::restore(operator(LIMIT, &config).unwrap(), 0, 1, &[snapshot]).unwrap();
    harness.rows(&types, "3\n4\n5").unwrap();
    assert_eq!(harness.output_text(&types), "+I 3\n+I 4\n");
}

#[test]
fn an_input_that_takes_rows_back_is_refused() {
    let config = LimitConfig { limit: 3, input_retracts: true, ..LimitConfig::default() }.encode_to_vec();
    assert!(operator(LIMIT, &config).is_err());
}
