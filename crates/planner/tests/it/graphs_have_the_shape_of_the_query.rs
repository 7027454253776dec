use crate::support::{explain, graph, job, kinds, run, with_tables};
use prost::Message;
use tidemill_dataflow::{JobGraph, Partitioning};
use tidemill_operators::config::{WindowAggregateConfig, WindowKind};
use tidemill_planner::Outcome;

const HOURLY: &str = "INSERT INTO out_inserts SELECT origin, COUNT(*) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR)) GROUP BY origin, window_start, window_end";

#[test]
fn a_window_aggregate_is_source_calc_exchange_aggregate_calc_sink() {
    let mut session = with_tables();
    let graph = graph(&mut session, HOURLY);
    assert_eq!(kinds(&graph), ["filesystem", "window_aggregate", "calc", "filesystem"]);
    let read = graph.nodes[0].read.as_ref().unwrap();
    let watermark = read.watermark.as_ref().unwrap();
    assert_eq!((watermark.delay_ms, watermark.expression.is_empty()), (12 * 3_600_000, true));
    let exchange = graph.edges.iter().find(|edge| edge.to == 1).unwrap();
    assert_eq!(exchange.partitioning(), Partitioning::Hash);
    let config = WindowAggregateConfig::decode(graph.nodes[1].config.as_slice()).unwrap();
    let window = config.window.unwrap();
    assert_eq!((window.kind, window.size_ms), (WindowKind::Tumble as i32, 3_600_000));
    assert_eq!(graph.nodes[3].write.as_ref().unwrap().columns, ["k", "n"]);
}

#[test]
fn graphs_survive_being_stored() {
    let mut session = with_tables();
    let graph = graph(&mut session, HOURLY);
    assert_eq!(JobGraph::decode_bytes(&graph.encode_bytes()).unwrap(), graph);
}

#[test]
fn ids_are_the_same_each_time_and_differ_between_jobs() {
    let ids =
        |sql: &str| -> Vec<Vec<u8>> { graph(&mut with_tables(), sql).nodes.into_iter().map(|node| node.id).collect() };
    assert_eq!(ids(HOURLY), ids(HOURLY));
    let other = ids(&HOURLY.replace("'1' HOUR", "'2' HOUR"));
    assert!(ids(HOURLY).iter().all(|id| !other.contains(id)));
}

#[test]
fn a_job_is_named_after_its_sinks() {
    let mut session = with_tables();
    let set = "EXECUTE STATEMENT SET BEGIN INSERT INTO out_inserts SELECT s, y FROM a; INSERT INTO out_all SELECT s, y FROM a; END";
    let planned = job(&mut session, set);
    assert_eq!(planned.name, "default_catalog.default_database.out_all,default_catalog.default_database.out_inserts");
    run(&mut session, "SET 'pipeline.name' = 'mine'");
    assert_eq!(job(&mut session, set).name, "mine");
}

#[test]
fn the_same_job_has_the_same_definition_and_another_table_another() {
    let definition = |ddl: &str| {
        let mut session = with_tables();
        run(&mut session, ddl);
        job(&mut session, "INSERT INTO out_all SELECT s, y FROM t").definition
    };
    let table = "CREATE TABLE t (s STRING, y BIGINT) WITH ('connector' = 'filesystem', 'path' = '/1')";
    assert_eq!(definition(table), definition(&table.replace(" (s", "\n  ( s")));
    assert_ne!(definition(table), definition(&table.replace("/1", "/2")));
}

#[test]
fn a_shared_scan_reads_the_union_of_what_is_needed() {
    let mut session = with_tables();
    let graph = graph(
        &mut session,
        "EXECUTE STATEMENT SET BEGIN INSERT INTO out_inserts SELECT s, x FROM a WHERE x > 1; INSERT INTO out_all SELECT s, y FROM a; END",
    );
    let sources: Vec<_> = graph.nodes.iter().filter(|node| node.read.is_some()).collect();
    assert_eq!(sources.len(), 1);
    assert_eq!(sources[0].read.as_ref().unwrap().types.len(), 3);
}

#[test]
fn equal_nodes_are_made_once_unless_they_give_another_value_each_time() {
    let calcs = |item: &str| {
        let mut session = with_tables();
        let insert = |sink: &str| format!("INSERT INTO {sink} SELECT s, {item} FROM a;");
        let set = format!("EXECUTE STATEMENT SET BEGIN {}{} END", insert("out_inserts"), insert("out_all"));
        graph(&mut session, &set).nodes.iter().filter(|node| node.kind == "calc").count()
    };
    assert_eq!(calcs("y + 1"), 1);
    assert_eq!(calcs("CAST(RAND_INTEGER(5) AS BIGINT)"), 2);
}

#[test]
fn conditions_that_can_fail_stay_above_what_drops_rows() {
    let optimized = |sql: &str| {
        let mut session = with_tables();
        run(&mut session, "SET 'execution.runtime-mode' = 'batch'");
        let text = explain(&mut session, sql);
        text.split("== Optimized Physical Plan ==").nth(1).unwrap().to_string()
    };
    let place = |plan: &str, word: &str| plan.find(word).unwrap_or_else(|| panic!("no {word} in {plan}"));
    // One that cannot goes to its side, one that can stays.
    let join = optimized("SELECT l.x FROM a AS l JOIN a AS r ON l.s = r.s WHERE 10 / l.x > 1 AND l.y > 3");
    assert!(place(&join, "10 / ") < place(&join, "Join(") && place(&join, "> 3") > place(&join, "Join("), "{join}");
    let on = optimized("SELECT l.x FROM a AS l JOIN a AS r ON l.s = r.s AND CAST(l.s AS INT) > 1 AND r.y > 3");
    let line = on.lines().find(|line| line.contains("Join(")).unwrap();
    assert!(line.contains("CAST(") && !line.contains("> 3"), "{on}");
    // A constant divisor other than zero cannot fail.
    let constant = optimized("SELECT l.x FROM a AS l JOIN a AS r ON l.s = r.s WHERE l.x / 10 > 1");
    assert!(place(&constant, "/ 10") > place(&constant, "Join("), "{constant}");
    let windowed = optimized(
        "SELECT origin, COUNT(*) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR))
         GROUP BY origin, window_start, window_end HAVING CAST(origin AS INT) > 1 AND origin <> 'x'",
    );
    assert!(place(&windowed, "CAST(") < place(&windowed, "Aggregate("), "{windowed}");
    assert!(place(&windowed, "<> 'x'") > place(&windowed, "Aggregate("), "{windowed}");
}

#[test]
fn a_watermark_that_is_no_constant_delay_is_an_expression() {
    let mut session = with_tables();
    run(
        &mut session,
        "CREATE TABLE w (ts TIMESTAMP(3), late BOOLEAN, WATERMARK FOR ts AS CASE WHEN late THEN ts - INTERVAL '1' HOUR ELSE ts END)
           WITH ('connector' = 'filesystem', 'scan.watermark.idle-timeout' = '5 s')",
    );
    let graph = graph(&mut session, "SELECT ts FROM w");
    let watermark = graph.nodes[0].read.as_ref().unwrap().watermark.as_ref().unwrap();
    assert!(!watermark.expression.is_empty());
    assert_eq!((watermark.types.len(), watermark.idle_timeout_ms), (2, 5000));
}

#[test]
fn filters_stay_above_watermarks() {
    let mut session = with_tables();
    let text = explain(&mut session, "SELECT carrier FROM f WHERE origin = 'JFK'");
    let plan = text.split("== Optimized Physical Plan ==").nth(1).unwrap();
    let place = |word: &str| plan.find(word).unwrap_or_else(|| panic!("no {word} in {plan}"));
    assert!(place("Filter") < place("WatermarkAssigner"));
    assert!(!plan.contains("filter=["), "an equality below a watermark makes rows late:\n{plan}");
}

#[test]
fn equalities_reach_scans_without_a_watermark() {
    let mut session = with_tables();
    let text = explain(&mut session, "SELECT x FROM a WHERE s = 'q' AND x = 3 AND y > 1");
    assert!(text.contains("filter=[s = 'q', x = 3]"), "{text}");
}

#[test]
fn a_query_ends_in_collect_with_all_kinds_of_changes() {
    let mut session = with_tables();
    let Some(Outcome::Query(query)) = run(&mut session, "SELECT carrier, COUNT(*) AS n FROM f GROUP BY carrier") else {
        panic!("no query")
    };
    assert_eq!(query.changelog.to_string(), "[I,UB,UA]");
    assert_eq!(query.graph.unwrap().nodes.last().unwrap().kind, tidemill_planner::COLLECT);
    assert_eq!(query.schema.names(), ["carrier", "n"]);
}

#[test]
fn generated_and_repeated_names_are_flinks() {
    let mut session = with_tables();
    let Some(Outcome::Query(query)) = run(&mut session, "SELECT x, x, x + 1, s AS x1, a.x FROM a") else {
        panic!("no query")
    };
    assert_eq!(query.schema.names(), ["x", "x0", "EXPR$2", "x1", "x2"]);
    assert_eq!(query.optimized.columns.len(), 5);
}
