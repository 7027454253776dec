use crate::support::World;
use tidemill_batch::{Lowering, execute_insert, execute_job};

const TABLES: &str = "
    CREATE TABLE numbers (k STRING, n INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/numbers.csv', 'format' = 'csv');
    CREATE TABLE sums (k STRING, n BIGINT) PARTITIONED BY (k)
      WITH ('connector' = 'filesystem', 'path' = '{dir}/sums', 'format' = 'csv');
    CREATE TABLE strict (k STRING NOT NULL, n INT NOT NULL)
      WITH ('connector' = 'filesystem', 'path' = '{dir}/strict', 'format' = 'csv');
    CREATE TABLE shown (k STRING, n INT) WITH ('connector' = 'print')";

fn world() -> World {
    let world = World::after(TABLES);
    world.file("numbers.csv", "a,1\nb,2\na,3\nc,\n");
    world
}

/// Contents of all visible files below a folder of the world, sorted.
fn lines(world: &World, folder: &str) -> Vec<String> {
    let mut folders = vec![world.folder.path().join(folder)];
    let mut lines = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !name.starts_with(['.', '_']) {
                let parent = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                lines.extend(text.lines().map(|line| format!("{parent}: {line}")));
            }
        }
    }
    lines.sort_unstable();
    lines
}

#[test]
fn a_partitioned_table_is_written_and_every_run_adds_to_it() {
    let mut world = world();
    let job = world.job("INSERT INTO sums SELECT k, SUM(CAST(n AS BIGINT)) FROM numbers WHERE n > 0 GROUP BY k");
    let report = execute_job(&job, Lowering::Optimized, &world.cx).unwrap();
    assert_eq!((report.counts.rows_in, report.counts.rows_out), (4, 2));
    assert_eq!(lines(&world, "sums"), ["k=a: 4", "k=b: 2"]);
    execute_insert(&job.inserts[0], Lowering::Bound, &world.cx).unwrap();
    assert_eq!(lines(&world, "sums"), ["k=a: 4", "k=a: 4", "k=b: 2", "k=b: 2"]);
}

#[test]
fn null_in_a_not_null_column_commits_no_sink_of_the_job() {
    let mut world = world();
    let job = world.job(
        "EXECUTE STATEMENT SET BEGIN
           INSERT INTO sums SELECT k, CAST(n AS BIGINT) FROM numbers;
           INSERT INTO strict SELECT k, n FROM numbers;
         END",
    );
    let failure = execute_job(&job, Lowering::Optimized, &world.cx).unwrap_err();
    assert_eq!(failure.code(), "sink.not-null");
    assert!(failure.message().contains("'n'"), "{failure}");
    assert!(lines(&world, "sums").is_empty() && lines(&world, "strict").is_empty());
}

#[test]
fn the_result_hash_depends_on_rows_alone() {
    let mut world = world();
    world.run("SET 'tidemill.sink.result-hash' = 'true'");
    let job = world.job("INSERT INTO shown SELECT k, n FROM numbers");
    let mut hashes = Vec::new();
    for (parallelism, rows_max, lowering) in [(1, 4096, Lowering::Optimized), (3, 1, Lowering::Bound)] {
        (world.cx.parallelism, world.cx.rows_max) = (parallelism, rows_max);
        hashes.push(execute_job(&job, lowering, &world.cx).unwrap().counts.result_hash);
    }
    assert_ne!(hashes[0], 0);
    assert_eq!(hashes[0], hashes[1]);
    let printed = String::from_utf8(world.printed.lock().unwrap().clone()).unwrap();
    assert_eq!(printed.lines().filter(|line| *line == "+I[a, 1]").count(), 2, "{printed}");
}
