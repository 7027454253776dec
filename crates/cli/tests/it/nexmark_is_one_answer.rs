//! The queries of `bench/nexmark` by the whole engine: the same rows from a stream at any parallelism and in batch mode.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Folder;

/// Few enough to be quick, enough for many windows and for every subtask to have some.
const EVENTS: u64 = 50_000;
/// Of 50 events 46 are bids.
const BIDS: u64 = EVENTS / 50 * 46;

/// All queries of which two runs are alike.
const QUERIES: &[&str] = &["q0", "q1", "q2", "q5", "q7", "q8", "q11", "q14", "q15", "q16", "q17", "q21", "q22"];

/// Mode and parallelism.
const WAYS: &[(&str, &str)] = &[("streaming", "1"), ("streaming", "3"), ("batch", "2")];

/// A script of `bench/nexmark`, from the package's folder, where cargo runs tests.
fn script(name: &str) -> String {
    std::fs::read_to_string(format!("../../bench/nexmark/{name}.sql")).unwrap()
}

fn tables() -> String {
    let all = script("ddl");
    assert!(all.contains("'events.num' = '1000000'"), "{all}");
    all.replace("'events.num' = '1000000'", &format!("'events.num' = '{EVENTS}'"))
}

#[test]
fn streaming_and_batch_have_one_answer() {
    let folder = Folder::new();
    let tables = folder.write("ddl.sql", tables());
    for name in QUERIES {
        let query = folder.write(&format!("{name}.sql"), script(name));
        let mut hashes = BTreeMap::new();
        for (mode, parallelism) in WAYS {
            let mode = format!("execution.runtime-mode={mode}");
            let options =
                ["-D", &mode, "-D", "tidemill.sink.result-hash=true", "-p", parallelism, "--report", "report"];
            folder.run(&[&["sql", "-i", &tables, "-f", &query], &options[..]].concat()).code(0);
            let report = folder.report();
            let job = &report["jobs"][0];
            assert_eq!(job["late_rows_dropped"], 0, "{name}: {report}");
            assert!(job["rows_out"].as_u64().is_some_and(|rows| rows > 0), "{name} gives no rows: {report}");
            let hash = job["result_hash"].as_str().unwrap_or_default().to_string();
            assert_eq!(hash.len(), 32, "{name}: {report}");
            hashes.insert(format!("{mode} -p {parallelism}"), hash);
        }
        let different: BTreeSet<&String> = hashes.values().collect();
        assert_eq!(different.len(), 1, "{name}: {hashes:#?}");
    }
}

/// A window of processing time: its start and end in seconds of the day.
fn seconds(time: &str) -> u64 {
    let clock = time.split(' ').nth(1).unwrap_or_else(|| panic!("{time} is no time"));
    let whole = clock.strip_suffix(".000").unwrap_or(clock);
    let parts = whole.split(':').map(|part| part.parse::<u64>().unwrap_or_else(|_| panic!("{time} is no second")));
    parts.fold(0, |seconds, part| seconds * 60 + part)
}

#[test]
fn windows_of_the_clock_hold_every_bid_once() {
    for (mode, parallelism) in WAYS {
        let folder = Folder::new();
        let tables = folder.write("ddl.sql", tables());
        let sink = format!("'connector' = 'filesystem', 'path' = '{}', 'format' = 'csv'", folder.text("out"));
        let query = script("q12");
        assert!(query.contains("'connector' = 'blackhole'"), "{query}");
        let query = folder.write("q12.sql", query.replace("'connector' = 'blackhole'", &sink));
        let mode = format!("execution.runtime-mode={mode}");
        folder.run(&["sql", "-i", &tables, "-f", &query, "-D", &mode, "-p", parallelism]).code(0);
        let mut bids = 0;
        let mut windows = BTreeSet::new();
        for line in folder.committed("out") {
            let cells: Vec<&str> = line.split(',').map(|cell| cell.trim_matches('"')).collect();
            let [bidder, count, start, end] = cells[..] else { panic!("{line}") };
            bids += count.parse::<u64>().unwrap();
            // Ten seconds, one behind the other on the clock: none twice means that none overlap.
            let (from, to) = (seconds(start), seconds(end));
            assert_eq!(from % 10, 0, "{line}");
            assert_eq!((from + 10) % 86_400, to % 86_400, "{line}");
            assert!(windows.insert((bidder.to_string(), start.to_string())), "twice: {line}");
        }
        assert_eq!(bids, BIDS, "{mode} -p {parallelism}");
    }
}
