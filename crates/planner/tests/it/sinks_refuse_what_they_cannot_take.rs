use crate::support::{error, graph, with_tables};
use prost::Message;
use tidemill_operators::config::{CalcConfig, GroupAggregateConfig};

#[test]
fn a_sink_of_inserts_refuses_updates_and_names_the_operator() {
    let mut session = with_tables();
    let sql = "INSERT INTO out_inserts SELECT carrier, COUNT(*) FROM f GROUP BY carrier";
    let error = error(&mut session, sql);
    let shown = error.render(sql);
    assert!(error.message().starts_with("sink 'out_inserts' accepts only inserts"), "{shown}");
    assert!(shown.contains("Aggregate(groupBy=[carrier]"), "{shown}");
    assert!(shown.contains("GROUP BY …, window_start, window_end"), "{shown}");
}

#[test]
fn keys_alone_never_change_so_a_sink_of_inserts_takes_them() {
    let mut session = with_tables();
    let graph = graph(&mut session, "INSERT INTO out_inserts SELECT DISTINCT s, y FROM a");
    assert!(graph.nodes.iter().any(|node| node.kind == "group_aggregate"));
    let counts = "SELECT carrier, COUNT(*) AS n FROM f GROUP BY carrier";
    let error = error(&mut session, &format!("INSERT INTO out_inserts SELECT DISTINCT carrier, n FROM ({counts})"));
    assert!(error.message().starts_with("sink 'out_inserts' accepts only inserts"), "{error}");
}

#[test]
fn an_upsert_sink_gets_no_update_before() {
    let mut session = with_tables();
    let graph = graph(
        &mut session,
        "INSERT INTO out_upserts SELECT carrier, COUNT(*) FROM f GROUP BY carrier HAVING COUNT(*) > 3",
    );
    let aggregate = graph.nodes.iter().find(|node| node.kind == "group_aggregate").unwrap();
    assert!(!GroupAggregateConfig::decode(aggregate.config.as_slice()).unwrap().emit_update_before);
    // A key whose latest row fails the filter is gone.
    let calc = graph.nodes.iter().rfind(|node| node.kind == "calc").unwrap();
    assert!(CalcConfig::decode(calc.config.as_slice()).unwrap().upsert_filter);
}

#[test]
fn an_upsert_sink_refuses_updates_by_another_key() {
    let mut session = with_tables();
    let sql = "INSERT INTO out_upserts SELECT carrier, n FROM (SELECT carrier, origin, COUNT(*) AS n FROM f GROUP BY carrier, origin)";
    let error = error(&mut session, sql);
    assert!(error.message().contains("primary key (k)"), "{error}");
}

#[test]
fn a_sink_of_all_changes_gets_them_all() {
    let mut session = with_tables();
    let graph = graph(&mut session, "INSERT INTO out_all SELECT carrier, COUNT(*) FROM f GROUP BY carrier");
    let aggregate = graph.nodes.iter().find(|node| node.kind == "group_aggregate").unwrap();
    assert!(GroupAggregateConfig::decode(aggregate.config.as_slice()).unwrap().emit_update_before);
}

#[test]
fn what_changes_with_the_clock_cannot_be_taken_back() {
    let mut session = with_tables();
    let sql = "SELECT n, COUNT(*) FROM (SELECT COUNT(*) + RAND_INTEGER(5) AS n FROM f GROUP BY carrier) GROUP BY n";
    let error = error(&mut session, sql);
    assert!(error.message().contains("another value each time"), "{error}");
}
