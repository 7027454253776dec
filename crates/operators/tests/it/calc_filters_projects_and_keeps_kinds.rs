use prost::Message;
use tidemill_expr::{Expr, SqlType};
use tidemill_operators::config::*;
use tidemill_operators::harness::{Harness, batch_of, text::parse_rows};

use crate::support::operator;

fn types() -> Vec<SqlType> {
    vec![SqlType::BIGINT, SqlType::timestamp(3)]
}

fn greater_than_two() -> Expr {
    tidemill_functions::registry()
        .call(">", vec![(Expr::Column(0), SqlType::BIGINT), (Expr::bigint(2), SqlType::BIGINT)])
        .unwrap()
}

fn config() -> CalcConfig {
    CalcConfig {
        input_types: encode_types(&types()),
        filter: greater_than_two().to_bytes(),
        project: vec![Expr::Column(1).to_bytes(), Expr::Column(0).to_bytes()],
        time_column: Some(0),
        ..CalcConfig::default()
    }
}

fn output() -> Vec<SqlType> {
    vec![SqlType::timestamp(3), SqlType::BIGINT]
}

fn open(config: &CalcConfig) -> Harness {
    Harness::open(operator(CALC, &config.encode_to_vec()).unwrap()).unwrap()
}

const CHANGES: &str = "+I 1 @1\n+I 3 @2\n-U 3 @2\n+U 2 @3\n-D 2 @3\n-D 5 @4";

#[test]
fn rows_that_fail_the_filter_vanish() {
    let mut harness = open(&config());
    harness.rows(&types(), CHANGES).unwrap();
    assert_eq!(harness.output_text(&output()), "+I @2 3\n-U @2 3\n-D @4 5\n");
}

#[test]
fn an_update_that_fails_the_filter_of_an_upsert_edge_deletes() {
    let mut harness = open(&CalcConfig { upsert_filter: true, drop_update_before: true, ..config() });
    harness.rows(&types(), CHANGES).unwrap();
    assert_eq!(harness.output_text(&output()), "+I @2 3\n-D @3 2\n-D @3 2\n-D @4 5\n");
}

#[test]
fn update_before_can_be_dropped() {
    let mut harness = open(&CalcConfig { drop_update_before: true, ..config() });
    harness.rows(&types(), CHANGES).unwrap();
    assert_eq!(harness.output_text(&output()), "+I @2 3\n-D @4 5\n");
}

#[test]
fn the_bounds_of_event_time_are_found_and_kept() {
    let rows = parse_rows(&types(), "3 @7\n4 @5").unwrap();
    let mut harness = open(&config());
    harness.batch(0, &batch_of(&types(), &rows).unwrap()).unwrap();
    let time = harness.output()[0].time().unwrap();
    assert_eq!((time.column, time.min, time.max), (0, 5, 7));
}
