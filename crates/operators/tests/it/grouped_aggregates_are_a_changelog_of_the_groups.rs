use std::collections::BTreeMap;

use prost::Message;
use tidemill_core::RowKind;
use tidemill_expr::SqlType;
use tidemill_operators::config::*;
use tidemill_operators::harness::Harness;
use tidemill_operators::harness::text::Row;

use crate::support::*;

pub fn config(
    keys: &[usize],
    calls: &[AggregateCall],
    emit_update_before: bool,
    retracting: bool,
) -> GroupAggregateConfig {
    GroupAggregateConfig {
        input_types: encoded_input_types(),
        keys: keys.iter().map(|key| *key as u32).collect(),
        aggregates: calls.to_vec(),
        emit_update_before,
        input_retracts: retracting,
        ..GroupAggregateConfig::default()
    }
}

pub fn expected(keys: &[usize], calls: &[AggregateCall], steps: &[Step]) -> Vec<String> {
    let mut groups: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for step in steps {
        if let Step::Rows(rows) = step {
            for row in rows {
                let key: Vec<String> = keys.iter().map(|key| row.1[*key].to_string()).collect();
                groups.entry(key.join(" ")).or_default().push(row.clone());
            }
        }
    }
    let groups = groups.values().filter(|rows| rows.iter().map(|(kind, _)| kind.sign()).sum::<i64>() > 0);
    let rows: Vec<Row> = groups
        .map(|rows| {
            let mut values: Vec<_> = keys.iter().map(|key| rows[0].1[*key].clone()).collect();
            values.extend(aggregate(calls, rows));
            (RowKind::Insert, values)
        })
        .collect();
    sorted(&rows)
}

#[test]
fn groups_agree_with_single_rows() {
    let (calls, types, _) = calls();
    for (seed, keys) in [(1, vec![KEY]), (2, vec![TEXT, KEY]), (3, vec![]), (4, vec![FLAG])] {
        for retracting in [false, true] {
            let mut random = Random(seed);
            let mut steps = stream(&mut random, 300, 10, 30, 10);
            if retracting {
                steps = with_retractions(&mut random, &steps);
            }
            let mut output: Vec<SqlType> = keys.iter().map(|key| input_types()[*key].clone()).collect();
            output.extend_from_slice(&types);
            let result = expected(&keys, &calls, &steps);
            for emit_update_before in [true, false] {
                let config = config(&keys, &calls, emit_update_before, retracting).encode_to_vec();
                for (batch_rows, steps) in variations(&steps) {
                    let outcome = run(GROUP_AGGREGATE, &config, &keys, &output, batch_rows, &steps);
                    assert_same(
                        &materialize(&outcome.rows, keys.len()),
                        &result,
                        &format!("{keys:?}, batches of {batch_rows}"),
                    );
                    let before = outcome.rows.iter().any(|(kind, _)| *kind == RowKind::UpdateBefore);
                    assert!(emit_update_before || !before);
                }
            }
        }
    }
}

fn count_by_key(emit_update_before: bool) -> Harness {
    let calls = [AggregateCall::new("COUNT", &[]), AggregateCall::new("MAX", &[NUMBER])];
    let config = config(&[KEY], &calls, emit_update_before, true).encode_to_vec();
    Harness::open(operator(GROUP_AGGREGATE, &config).unwrap()).unwrap()
}

const OUTPUT: [SqlType; 3] = [SqlType::BIGINT, SqlType::BIGINT, SqlType::BIGINT];

#[test]
fn a_group_is_inserted_updated_and_deleted() {
    let mut harness = count_by_key(true);
    let input = input_types();
    harness.rows(&input, "+I 1 @0 5 'a' true").unwrap();
    harness.rows(&input, "+I 1 @0 7 'a' true").unwrap();
    harness.rows(&input, "-D 1 @0 7 'a' true").unwrap();
    harness.rows(&input, "-D 1 @0 5 'a' true").unwrap();
    let changes = "+I 1 1 5\n-U 1 1 5\n+U 1 2 7\n-U 1 2 7\n+U 1 1 5\n-D 1 1 5\n";
    assert_eq!(harness.output_text(&OUTPUT), changes);
    assert_eq!(harness.state_rows(), 0);
}

#[test]
fn changes_of_a_batch_are_folded_and_equal_results_vanish() {
    let mut harness = count_by_key(true);
    let input = input_types();
    harness.rows(&input, "+I 1 @0 5 'a' true\n+I 2 @0 5 'a' true\n-D 2 @0 5 'a' true\n+I 1 @0 7 'a' true").unwrap();
    assert_eq!(harness.output_text(&OUTPUT), "+I 1 2 7\n");
    harness.rows(&input, "-U 1 @0 5 'a' true\n+U 1 @0 6 'a' true").unwrap();
    assert_eq!(harness.output_text(&OUTPUT), "");
    let mut upsert = count_by_key(false);
    upsert.rows(&input, "+I 1 @0 5 'a' true").unwrap();
    upsert.rows(&input, "+I 1 @0 7 'a' true").unwrap();
    assert_eq!(upsert.output_text(&OUTPUT), "+I 1 1 5\n+U 1 2 7\n");
}

#[test]
fn taking_back_a_row_that_is_not_there_changes_nothing_and_is_counted() {
    let mut harness = count_by_key(true);
    harness.rows(&input_types(), "-D 1 @0 5 'a' true\n+I 1 @0 7 'a' true\n-D 2 @0 7 'a' true").unwrap();
    assert_eq!(harness.output_text(&OUTPUT), "+I 1 1 7\n");
    assert_eq!(harness.metric("numMissingRetractions"), 2);
}

#[test]
fn distinct_rows_are_groups_without_aggregates() {
    let config = config(&[KEY], &[], true, true).encode_to_vec();
    let mut harness = Harness::open(operator(GROUP_AGGREGATE, &config).unwrap()).unwrap();
    let input = input_types();
    harness.rows(&input, "+I 1 @0 5 'a' true\n+I 1 @0 6 'b' true\n+I NULL @0 6 'b' true").unwrap();
    harness.rows(&input, "-D 1 @0 5 'a' true\n-D NULL @0 6 'b' true").unwrap();
    assert_eq!(harness.output_text(&[SqlType::BIGINT]), "+I 1\n+I NULL\n-D NULL\n");
}

#[test]
fn both_zeros_are_one_group_that_is_taken_back_as_it_was_emitted() {
    let types = [SqlType::DOUBLE, SqlType::BIGINT];
    let config = GroupAggregateConfig {
        input_types: encode_types(&types),
        ..config(&[0], &[AggregateCall::new("SUM", &[1])], true, false)
    };
    let mut harness = Harness::open(operator(GROUP_AGGREGATE, &config.encode_to_vec()).unwrap()).unwrap();
    for row in ["0.0 1", "-0.0 2", "0.0 3", "-0.0 -10"] {
        harness.rows(&types, row).unwrap();
    }
    let expected = "+I 0.0 1\n-U 0.0 1\n+U 0.0 3\n-U 0.0 3\n+U 0.0 6\n-U 0.0 6\n+U 0.0 -4\n";
    assert_eq!(harness.output_text(&types), expected);
}
