use crate::support::{error, run, session, with_tables};
use tidemill_planner::{Outcome, Session, TextTable};

fn table(session: &mut Session, sql: &str) -> TextTable {
    match run(session, sql) {
        Some(Outcome::Table(table)) => table,
        other => panic!("{sql} gave {other:?}"),
    }
}

fn text(session: &mut Session, sql: &str) -> String {
    match run(session, sql) {
        Some(Outcome::Text(text)) => text,
        other => panic!("{sql} gave {other:?}"),
    }
}

fn cells(table: &TextTable) -> Vec<String> {
    table
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| cell.as_deref().unwrap_or("-")).collect::<Vec<_>>().join("|"))
        .collect()
}

#[test]
fn describe_shows_types_keys_and_watermarks() {
    let mut session = session();
    run(
        &mut session,
        "CREATE TABLE t (id BIGINT, ts TIMESTAMP(3), p AS PROCTIME(), off BIGINT METADATA FROM 'offset' VIRTUAL, n AS id + 1,
           WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'print')",
    );
    let described = table(&mut session, "DESCRIBE t");
    assert_eq!(described.columns, ["name", "type", "null", "key", "extras", "watermark"]);
    assert_eq!(
        cells(&described),
        [
            "id|BIGINT|FALSE|PRI(id)|-|-",
            "ts|TIMESTAMP(3) *ROWTIME*|TRUE|-|-|ts - INTERVAL '5' SECOND",
            "p|TIMESTAMP_LTZ(3) *PROCTIME*|FALSE|-|AS PROCTIME()|-",
            "off|BIGINT|TRUE|-|METADATA FROM 'offset' VIRTUAL|-",
            "n|BIGINT|FALSE|-|AS id + 1|-",
        ]
    );
}

#[test]
fn show_create_table_makes_the_table_again() {
    let mut session = with_tables();
    let shown = text(&mut session, "SHOW CREATE TABLE f");
    run(&mut session, "DROP TABLE f");
    run(&mut session, &shown);
    assert_eq!(text(&mut session, "SHOW CREATE TABLE f"), shown);
    assert!(shown.contains("WATERMARK FOR `dep_time` AS dep_time - INTERVAL '12' HOUR"), "{shown}");
}

#[test]
fn show_lists_and_filters() {
    let mut session = with_tables();
    run(&mut session, "CREATE VIEW late AS SELECT carrier FROM f WHERE dep_delay > 15");
    assert_eq!(cells(&table(&mut session, "SHOW TABLES LIKE 'out%'")), ["out_all", "out_inserts", "out_upserts"]);
    assert_eq!(cells(&table(&mut session, "SHOW VIEWS")), ["late"]);
    assert_eq!(cells(&table(&mut session, "SHOW CURRENT DATABASE")), ["default_database"]);
    assert!(cells(&table(&mut session, "SHOW FUNCTIONS")).contains(&"upper".to_string()));
    assert!(text(&mut session, "SHOW CREATE VIEW late").ends_with("AS SELECT carrier FROM f WHERE dep_delay > 15"));
}

#[test]
fn set_and_reset() {
    let mut session = session();
    session.configure("parallelism.default", "3").unwrap();
    run(&mut session, "SET 'parallelism.default' = '2'; SET execution.runtime-mode = batch");
    assert!(session.is_batch());
    assert_eq!(cells(&table(&mut session, "SET")), ["execution.runtime-mode|batch", "parallelism.default|2"]);
    run(&mut session, "RESET 'execution.runtime-mode'; RESET 'parallelism.default'");
    assert_eq!(cells(&table(&mut session, "SET")), ["parallelism.default|3"]);
    run(&mut session, "SET 'pipeline.name' = 'x'; RESET");
    assert_eq!(cells(&table(&mut session, "SET")), ["parallelism.default|3"]);
}

#[test]
fn a_temporary_table_hides_a_permanent_one() {
    let mut session = with_tables();
    run(&mut session, "CREATE TEMPORARY TABLE a (z INT) WITH ('connector' = 'print')");
    assert_eq!(cells(&table(&mut session, "DESCRIBE a")), ["z|INT|TRUE|-|-|-"]);
    let refused = error(&mut session, "DROP TABLE a");
    assert!(refused.message().contains("temporary"), "{refused}");
    run(&mut session, "DROP TEMPORARY TABLE a");
    assert_eq!(table(&mut session, "DESCRIBE default_catalog.default_database.a").rows.len(), 5);
}

#[test]
fn names_of_tables_mind_case_and_functions_do_not() {
    let mut session = with_tables();
    let unknown = error(&mut session, "SELECT x FROM A");
    assert!(unknown.advice().unwrap().contains("did you mean a"), "{unknown}");
    assert!(matches!(run(&mut session, "select uPPer(s) from a"), Some(Outcome::Query(_))));
}

#[test]
fn like_takes_everything_and_new_options_win() {
    let mut session = with_tables();
    run(&mut session, "CREATE TABLE g (extra INT) WITH ('path' = '/g') LIKE f");
    let shown = text(&mut session, "SHOW CREATE TABLE g");
    assert!(shown.contains("'path' = '/g'") && shown.contains("'format' = 'parquet'"), "{shown}");
    assert!(shown.contains("`day` AS") && shown.contains("WATERMARK") && shown.contains("`extra` INT"), "{shown}");
    run(&mut session, "CREATE TABLE h WITH ('connector' = 'print') LIKE f (EXCLUDING ALL)");
    let shown = text(&mut session, "SHOW CREATE TABLE h");
    assert!(!shown.contains("day") && !shown.contains("WATERMARK") && !shown.contains("parquet"), "{shown}");
    let clash = error(&mut session, "CREATE TABLE i (carrier INT) LIKE f");
    assert!(clash.message().contains("'carrier' is in the copied table"), "{clash}");
    let clash = error(&mut session, "CREATE TABLE i WITH ('path' = '/i') LIKE f (INCLUDING OPTIONS)");
    assert!(clash.advice().unwrap().contains("OVERWRITING OPTIONS"), "{clash}");
}

#[test]
fn hints_change_options_for_one_use() {
    let mut session = with_tables();
    let Some(Outcome::Query(query)) = run(&mut session, "SELECT x FROM a /*+ OPTIONS('path' = '/other') */") else {
        panic!("no query")
    };
    assert!(query.definition.contains("/other"), "{}", query.definition);
    assert!(!text(&mut session, "SHOW CREATE TABLE a").contains("/other"));
}

#[test]
fn if_exists_and_if_not_exists_are_quiet() {
    let mut session = with_tables();
    run(&mut session, "DROP TABLE IF EXISTS nope; CREATE TABLE IF NOT EXISTS a (q INT) WITH ('connector' = 'print')");
    assert_eq!(table(&mut session, "DESCRIBE a").rows.len(), 5);
    let wrong = error(&mut session, "DROP VIEW a");
    assert!(wrong.message().contains("'a' is a table, not a view"), "{wrong}");
}
