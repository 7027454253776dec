//! What must hold when a job is over.
//!
//! What is visible is what the job's definition says, in order within each key; and nothing is left behind that nobody needs.
//! A job that was refused because its files are damaged has shown nothing wrong until then. (That watermarks never fall is
//! looked after while a job runs: see `scenario/watched.rs`.)

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use tidemill_checkpoint::{DecisionLog, JobDirectory, read_checkpoint};
use tidemill_core::Result;
use tidemill_core::storage::Storage;

use crate::scenario::in_order;
use crate::sink::{Net, Row};
use crate::store::SimStorage;
use crate::world::World;

/// Rows that a message shows.
const ROWS_SHOWN: usize = 4;

/// What is wrong, if anything is.
pub fn judge(world: &mut World) -> Option<String> {
    let outside = Arc::clone(&world.outside);
    let outside = outside.lock().unwrap_or_else(PoisonError::into_inner);
    let counts = |directory: usize| world.directories.counts_from(directory, &world.store);
    let from: Vec<u64> = (0..=world.directories.current().number).map(counts).collect();
    let counted = outside.committed().filter(|output| output.generation >= from[output.directory]);
    let rows: Vec<&Row> = counted.flat_map(|output| &output.rows).collect();
    let net = net(&rows);
    net.iter().for_each(|(row, count)| world.trace.add_row(row, *count));
    let expected = world.scenario.expected(&world.rows);
    let order = in_order(world.scenario, rows.iter().copied());
    match world.finisher.clone() {
        None => refused(&net, &expected).filter(|_| !world.scenario.is_changelog()).or(order),
        Some(finisher) => {
            let directory = world.directories.current().number;
            let leftovers = outside.leftovers(directory);
            let left = (!leftovers.is_empty()).then(|| format!("prepared output was left behind: {leftovers:?}"));
            let orphans = || if world.is_sweep() || world.damaged { None } else { orphans(&finisher, world) };
            finished(&net, &expected).or(order).or(left).or_else(orphans)
        }
    }
}

fn net(rows: &[&Row]) -> Net {
    let mut net = Net::new();
    for (sign, row) in rows {
        *net.entry(row.clone()).or_insert(0) += sign;
    }
    net.retain(|_, count| *count != 0);
    net
}

fn shown(row: &[Option<i64>]) -> String {
    let values = row.iter().map(|value| value.map_or("NULL".to_string(), |value| value.to_string()));
    values.collect::<Vec<_>>().join(",")
}

/// What is visible is what the job's definition says.
fn finished(found: &Net, expected: &Net) -> Option<String> {
    if found == expected {
        return None;
    }
    let not_in = |other: &Net, all: &Net| -> Vec<String> {
        let rows = all.iter().filter(|(row, count)| other.get(*row) != Some(*count));
        rows.map(|(row, count)| format!("{count} x {}", shown(row))).collect()
    };
    let (missing, surplus) = (not_in(found, expected), not_in(expected, found));
    Some(format!(
        "the visible rows are not those of an uninterrupted run: of {} rows {} are missing, such as {:?}, and {} should not be \
         there, such as {:?}",
        expected.len(),
        missing.len(),
        &missing[..missing.len().min(ROWS_SHOWN)],
        surplus.len(),
        &surplus[..surplus.len().min(ROWS_SHOWN)],
    ))
}

/// Where rows are never taken back, nothing wrong was shown before.
fn refused(found: &Net, expected: &Net) -> Option<String> {
    let wrong = found.iter().find(|(row, count)| expected.get(*row).is_none_or(|most| **count > *most));
    wrong.map(|wrong| format!("a job that was refused had shown {wrong:?}"))
}

/// Files that no retained manifest names, but for those that came when the job's last collection had begun.
fn orphans(finisher: &SimStorage, world: &World) -> Option<String> {
    let folder = world.directories.current().folder();
    let store = world.store.view(&folder);
    let named = match named(&store) {
        Ok(named) => named,
        Err(failure) => return Some(format!("what the job has retained cannot be read: {failure}")),
    };
    let paths = ["chk-", "state/"].into_iter().flat_map(|prefix| store.list(prefix).unwrap_or_default());
    let is_orphan =
        |path: &String| !named.contains(path) && world.store.landed(&format!("{folder}{path}")) < finisher.looked();
    let orphans: Vec<String> = paths.filter(is_orphan).collect();
    (!orphans.is_empty()).then(|| format!("files were left behind that nothing names: {orphans:?}"))
}

fn named(store: &SimStorage) -> Result<BTreeSet<String>> {
    let directory = JobDirectory::new(Arc::new(store.clone()));
    let log = DecisionLog::open(&directory, 0)?;
    let mut named = BTreeSet::new();
    for completed in log.history().checkpoints.values() {
        let content = read_checkpoint(store, &completed.root)?;
        named.insert(completed.root.path.clone());
        named.extend(content.runs().map(|run| run.path.clone()));
        let (generation, checkpoint) = (content.header.generation, content.header.checkpoint);
        let parts = content.workers.iter().map(|part| JobDirectory::part(generation, checkpoint, part.worker));
        named.extend(parts);
    }
    Ok(named)
}
