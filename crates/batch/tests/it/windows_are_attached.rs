use crate::support::World;

fn events(zone: &str) -> World {
    let mut world = World::after(
        "CREATE TABLE events (k STRING, t TIMESTAMP(3), WATERMARK FOR t AS t) WITH ('connector' = 'filesystem',
           'path' = '{dir}/events.csv', 'format' = 'csv');
         CREATE TABLE moments (k STRING, t TIMESTAMP_LTZ(3), WATERMARK FOR t AS t) WITH ('connector' = 'filesystem',
           'path' = '{dir}/moments.csv', 'format' = 'csv')",
    );
    world.run(&format!("SET 'table.local-time-zone' = '{zone}'"));
    world.cx.time_zone = zone.to_string();
    world.file(
        "events.csv",
        "a,2024-01-01 00:00:07\nb,2024-01-01 00:00:01\na,2024-01-01 00:00:01\na,2024-01-01 00:00:16\nb,2023-12-31 23:59:55\n",
    );
    world.file("moments.csv", "a,2024-01-01 00:30:00Z\na,2023-12-31 23:30:00Z\n");
    world
}

#[test]
fn tumbling_windows_hold_each_row_once() {
    let rows = events("UTC").rows(
        "SELECT window_start, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(t), INTERVAL '10' SECOND))
         GROUP BY window_start, window_end",
    );
    let expected = [
        "2023-12-31 23:59:50|2024-01-01 00:00:00|1",
        "2024-01-01 00:00:00|2024-01-01 00:00:10|3",
        "2024-01-01 00:00:10|2024-01-01 00:00:20|1",
    ];
    assert_eq!(short(rows), expected);
}

#[test]
fn hopping_windows_hold_each_row_several_times() {
    let mut world = events("UTC");
    let sql = "SELECT window_start, COUNT(*) FROM
        TABLE(HOP(TABLE events, DESCRIPTOR(t), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) WHERE k = 'b'
        GROUP BY window_start, window_end";
    let expected = ["2023-12-31 23:59:50|1", "2023-12-31 23:59:55|2", "2024-01-01 00:00:00|1"];
    assert_eq!(short(world.rows(sql)), expected);
}

#[test]
fn cumulating_windows_grow() {
    let mut world = events("UTC");
    let sql = "SELECT window_start, window_end, COUNT(*) FROM
        TABLE(CUMULATE(TABLE events, DESCRIPTOR(t), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) WHERE k = 'a'
        GROUP BY window_start, window_end";
    let expected = [
        "2024-01-01 00:00:00|2024-01-01 00:00:05|1",
        "2024-01-01 00:00:00|2024-01-01 00:00:10|2",
        "2024-01-01 00:00:10|2024-01-01 00:00:20|1",
    ];
    assert_eq!(short(world.rows(sql)), expected);
}

#[test]
fn sessions_are_apart_for_each_partition() {
    let mut world = events("UTC");
    let sql = "SELECT k, window_start, window_end, COUNT(*) FROM
        TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(t), INTERVAL '6' SECOND)) GROUP BY k, window_start, window_end";
    let expected = [
        "a|2024-01-01 00:00:01|2024-01-01 00:00:13|2",
        "a|2024-01-01 00:00:16|2024-01-01 00:00:22|1",
        "b|2023-12-31 23:59:55|2024-01-01 00:00:07|2",
    ];
    assert_eq!(short(world.rows(sql)), expected);
}

#[test]
fn windows_over_moments_are_days_on_the_wall() {
    let mut world = events("Europe/Berlin");
    let sql = "SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE moments, DESCRIPTOR(t), INTERVAL '1' DAY))
        GROUP BY window_start, window_end";
    assert_eq!(short(world.rows(sql)), ["2024-01-01 00:00:00|2"]);
}

/// Rows without the milliseconds of times, which are all 0.
fn short(rows: Vec<String>) -> Vec<String> {
    rows.into_iter().map(|row| row.replace(".000", "")).collect()
}
