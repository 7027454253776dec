use crate::support::{World, repository};
use tidemill_batch::Lowering;

fn flights() -> World {
    let path = repository("examples/flights/flights.parquet").display().to_string();
    World::after(&format!(
        "CREATE TABLE flights (
           dep_time TIMESTAMP(3), arr_time TIMESTAMP(3), carrier STRING, flight INT, tailnum STRING, origin STRING,
           dest STRING, dep_delay INT, arr_delay INT, air_time INT, distance INT,
           WATERMARK FOR dep_time AS dep_time - INTERVAL '4' HOUR)
         WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'parquet')"
    ))
}

const HOURLY: &str =
    "SELECT origin, window_start, COUNT(*) AS n, COUNT(*) FILTER (WHERE dep_delay IS NULL) AS cancelled,
    MAX(dep_delay) AS worst FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(dep_time), INTERVAL '1' HOUR))
    GROUP BY origin, window_start, window_end";

#[test]
fn nothing_is_late_whatever_the_watermark_says() {
    let mut world = flights();
    let sql = format!("SELECT COUNT(*), SUM(n), SUM(cancelled), MAX(worst) FROM ({HOURLY})");
    let query = world.query(&sql);
    for (parallelism, lowering) in [(1, Lowering::Optimized), (3, Lowering::Optimized), (2, Lowering::Bound)] {
        world.cx.parallelism = parallelism;
        assert_eq!(world.try_rows(&query, lowering).unwrap(), ["21148|336776|8255|1301"]);
    }
}

#[test]
fn either_plan_gives_the_same_hours() {
    let mut world = flights();
    let query = world.query(HOURLY);
    let mut answers = [Lowering::Optimized, Lowering::Bound].map(|lowering| world.try_rows(&query, lowering).unwrap());
    answers.iter_mut().for_each(|rows| rows.sort_unstable());
    assert_eq!(answers[0].len(), 21_148);
    assert!(answers[0] == answers[1]);
}
