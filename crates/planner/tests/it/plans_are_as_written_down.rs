use crate::support::{explain, golden, run, with_tables};

const QUERIES: &[(&str, &str)] = &[
    ("select_1", "SELECT 1"),
    ("values", "SELECT a, b FROM (VALUES (1, 'x'), (CAST(2 AS BIGINT), 'yy')) AS t(a, b) WHERE a > 1"),
    ("star_with_watermark", "SELECT * FROM f"),
    ("filter_and_project", "SELECT UPPER(carrier) AS c, dep_delay + 1 FROM f WHERE dep_delay > 10 + 5 AND TRUE"),
    (
        "derived_tables_become_one_calc",
        "SELECT c2 || 'x' FROM (SELECT LOWER(c) AS c2 FROM (SELECT carrier AS c, dep_delay AS d FROM f) WHERE d IS NOT NULL) WHERE c2 <> 'ua'",
    ),
    ("case_and_cast", "SELECT CASE WHEN x > 1 THEN CAST(x AS BIGINT) ELSE y END, CAST(s AS DECIMAL(6, 1)) FROM a"),
    (
        "tumble",
        "SELECT origin, window_start, COUNT(*) AS c, MAX(dep_delay) AS m FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR)) GROUP BY origin, window_start, window_end",
    ),
    (
        "tumble_in_two_phases",
        "SELECT origin, window_end, SUM(dep_delay) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR, INTERVAL '10' MINUTE)) GROUP BY origin, window_start, window_end",
    ),
    (
        "hop",
        "SELECT origin, window_start, window_end, COUNT(DISTINCT carrier) FROM TABLE(HOP(TABLE f, DESCRIPTOR(dep_time), INTERVAL '5' MINUTE, INTERVAL '1' HOUR)) WHERE distance > 100 GROUP BY origin, window_start, window_end",
    ),
    (
        "cumulate_by_window_time",
        "SELECT window_time, COUNT(*) FROM TABLE(CUMULATE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR, INTERVAL '1' DAY)) GROUP BY window_start, window_end, window_time",
    ),
    (
        "session",
        "SELECT carrier, window_start, COUNT(*) FROM TABLE(SESSION(TABLE f PARTITION BY carrier, DESCRIPTOR(dep_time), INTERVAL '30' MINUTE)) GROUP BY carrier, window_start, window_end",
    ),
    (
        "windows_attached",
        "SELECT carrier, dep_time, window_start FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR))",
    ),
    (
        "windows_of_windows",
        "SELECT window_end, MAX(c) FROM (SELECT origin, window_start, window_end, COUNT(*) AS c FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR)) GROUP BY origin, window_start, window_end) GROUP BY window_start, window_end",
    ),
    (
        "window_columns_in_a_filter",
        "SELECT origin, COUNT(*) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR)) WHERE window_start > TIMESTAMP '2013-01-01 00:00:00' GROUP BY origin, window_start, window_end",
    ),
    (
        "processing_time",
        "SELECT origin, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE (SELECT *, PROCTIME() AS p FROM f), DESCRIPTOR(p), INTERVAL '10' SECOND)) GROUP BY origin, window_start, window_end",
    ),
    (
        "group_by",
        "SELECT carrier, COUNT(*), COUNT(*) FILTER (WHERE dep_delay IS NULL), AVG(dep_delay) FROM f GROUP BY carrier",
    ),
    ("group_of_groups", "SELECT n, COUNT(*) FROM (SELECT carrier, COUNT(*) AS n FROM f GROUP BY carrier) GROUP BY n"),
    (
        "having",
        "SELECT carrier, SUM(distance) AS miles FROM f GROUP BY carrier HAVING COUNT(*) > 100 AND carrier <> 'UA'",
    ),
    ("global_aggregate", "SELECT COUNT(*), MAX(dep_delay) FROM f"),
    ("distinct", "SELECT DISTINCT origin, carrier FROM f"),
    ("union_all", "SELECT carrier FROM f WHERE dep_delay > 0 UNION ALL SELECT s FROM a"),
    ("union", "SELECT x FROM a UNION SELECT y FROM a"),
    ("limit", "SELECT x, s FROM a LIMIT 5"),
    ("with", "WITH late AS (SELECT * FROM f WHERE dep_delay > 60) SELECT origin, COUNT(*) FROM late GROUP BY origin"),
];

#[test]
fn streaming() {
    for (name, sql) in QUERIES {
        let mut session = with_tables();
        if name.contains("two_phases") {
            run(&mut session, "SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE'");
        }
        golden(name, &explain(&mut session, sql));
    }
}

const BATCH: &[(&str, &str)] = &[
    (
        "batch_tumble",
        "SELECT origin, window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR)) WHERE carrier = 'UA' GROUP BY origin, window_start, window_end",
    ),
    ("batch_order_by", "SELECT carrier, COUNT(*) AS n FROM f GROUP BY carrier ORDER BY n DESC, 1 LIMIT 3"),
    ("batch_join", "SELECT f.carrier, a.y FROM f JOIN a ON f.carrier = a.s AND a.x > 3 WHERE f.dep_delay > 5 AND a.b"),
    ("batch_left_join", "SELECT f.carrier, b FROM f LEFT JOIN a ON f.dep_delay = a.x WHERE f.origin = 'JFK'"),
];

#[test]
fn batch() {
    for (name, sql) in BATCH {
        let mut session = with_tables();
        run(&mut session, "SET 'execution.runtime-mode' = 'batch'");
        golden(name, &explain(&mut session, sql));
    }
}

#[test]
fn a_statement_set_reads_each_table_once() {
    let mut session = with_tables();
    let text = explain(
        &mut session,
        "STATEMENT SET BEGIN
           INSERT INTO out_inserts SELECT origin, COUNT(*) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time), INTERVAL '1' HOUR)) GROUP BY origin, window_start, window_end;
           INSERT INTO out_upserts SELECT carrier, SUM(distance) FROM f GROUP BY carrier;
           INSERT INTO out_all SELECT carrier, SUM(distance) FROM f GROUP BY carrier;
         END",
    );
    golden("statement_set", &text);
}
