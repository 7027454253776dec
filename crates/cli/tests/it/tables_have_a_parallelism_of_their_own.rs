//! `scan.parallelism` and `sink.parallelism`.

use crate::support::Folder;

/// Three thousand rows, read by two instances of a job of three slots.
const ROWS: &str = "SET 'parallelism.default' = '3'; CREATE TABLE s (k INT, v INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3000', \
                    'scan.parallelism' = '2', 'rows-per-second' = '1000000000', 'fields.k.min' = '1', 'fields.k.max' = '7');";

#[test]
fn one_instance_writes_what_three_have_computed() {
    let folder = Folder::new();
    let out = folder.path("out");
    let sql = format!(
        "{ROWS} CREATE TABLE o (k INT, v INT) WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'csv', \
         'sink.parallelism' = '1'); INSERT INTO o SELECT k, v FROM s WHERE k > 0",
        out.display()
    );
    folder.sql(&sql, &[]).code(0);
    let files: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("part-"))
        .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
        .collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].lines().count(), 3000);
}

#[test]
fn updates_go_to_the_instance_of_their_key() {
    let folder = Folder::new();
    let table = |key: &str| {
        format!(
            "{ROWS} CREATE TABLE p (k INT, n BIGINT{key}) WITH ('connector' = 'print', 'sink.parallelism' = '2'); \
             INSERT INTO p SELECT k, COUNT(*) FROM s GROUP BY k"
        )
    };
    let ran = folder.sql(&table(", PRIMARY KEY (k) NOT ENFORCED"), &[]).code(0);
    let mut last = std::collections::BTreeMap::new();
    for line in ran.out.lines().filter(|line| line.starts_with("+I") || line.starts_with("+U")) {
        let (key, count) = line[3..line.len() - 1].split_once(", ").unwrap();
        last.insert(key.to_string(), count.parse::<u64>().unwrap());
    }
    assert_eq!((last.len(), last.values().sum::<u64>()), (7, 3000), "{}", ran.out);
    folder.sql(&table(""), &[]).code(1).says(&["'sink.parallelism'", "PRIMARY KEY"]);
}

#[test]
fn two_inserts_of_a_job_into_one_table_keep_out_of_each_others_way() {
    let folder = Folder::new();
    let out = folder.path("out");
    let sql = format!(
        "CREATE TABLE o (a INT) WITH ('connector' = 'filesystem', 'path' = '{}', 'format' = 'csv'); \
         EXECUTE STATEMENT SET BEGIN INSERT INTO o VALUES (1); INSERT INTO o VALUES (2); END",
        out.display()
    );
    folder.sql(&sql, &[]).code(0);
    assert_eq!(folder.committed("out"), ["1", "2"]);
}

#[test]
fn a_number_that_is_none_is_refused() {
    let folder = Folder::new();
    let sql = ROWS.replace("'scan.parallelism' = '2'", "'scan.parallelism' = '0'");
    folder.sql(&format!("{sql} SELECT * FROM s"), &[]).code(1).says(&["'scan.parallelism' is 0", "from 1 to 32768"]);
}
