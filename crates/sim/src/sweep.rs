//! The crash-point sweep: every operation of a job of each scenario with at least three checkpoints, on the store and by its sinks,
//! is crashed before, behind and in the middle; and, once the job has been crashed in the middle of its life, every operation of what
//! comes then: the restart with its reads, the second commit, the rest. Every time the job must recover and show the same rows.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scenario::Scenario;
use crate::store::CrashAt;
use crate::world::{Outcome, Setup, run};

/// A job has to have this many checkpoints to be swept.
const CHECKPOINTS_MIN: u64 = 3;
/// Threads that sweep, each a scenario at a time.
const THREADS: usize = 2;
/// After how many fifths of its operations a job is crashed before its restart is swept.
const RESTARTS_AT: [u64; 4] = [1, 2, 3, 4];
/// An operation that no run has.
const NEVER: u64 = u64::MAX;

/// What has been swept.
#[derive(Default)]
struct Tally {
    points: u64,
    failures: Vec<String>,
}

/// Sweeps jobs of every scenario; true if all recover.
#[allow(clippy::disallowed_methods, reason = "every job is a world of its own")]
pub fn run_all() -> bool {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut own = Vec::new();
        while let Some((_, scenario)) = Scenario::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            own.push(of_scenario(*scenario));
        }
        own
    };
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let points: u64 = tallies.iter().map(|tally| tally.points).sum();
    let failures: Vec<&String> = tallies.iter().flat_map(|tally| &tally.failures).collect();
    failures.iter().for_each(|failure| println!("{failure}"));
    let recovered = points - failures.len() as u64;
    println!("{points} crash points, {recovered} recovered ({} %)", recovered * 100 / points.max(1));
    failures.is_empty()
}

/// Sweeps a job of a scenario, and its restarts.
fn of_scenario(scenario: Scenario) -> Tally {
    let mut tally = Tally::default();
    let Some((seed, calm)) = first_long_enough(scenario) else {
        tally.failures.push(format!("no seed of {} has {CHECKPOINTS_MIN} checkpoints", scenario.name()));
        return tally;
    };
    (0..calm.operations).for_each(|operation| tally.sweep(scenario, seed, None, operation));
    for fifths in RESTARTS_AT {
        let first = calm.operations * fifths / 5;
        let operations = crashed(scenario, seed, Some((first, CrashAt::After)), None).operations;
        (first + 1..operations).for_each(|operation| tally.sweep(scenario, seed, Some(first), operation));
    }
    tally
}

impl Tally {
    /// Crashes one operation in every way, of a job that was crashed behind operation `first` if there is one.
    fn sweep(&mut self, scenario: Scenario, seed: u64, first: Option<u64>, operation: u64) {
        for how in [CrashAt::Before, CrashAt::After, CrashAt::Torn] {
            self.points += 1;
            let first = first.map(|first| (first, CrashAt::After));
            if let Some(problem) = crashed(scenario, seed, first, Some((operation, how))).problem {
                let name = scenario.name();
                self.failures.push(format!(
                    "{name}, seed {seed}, operation {operation} crashed ({how:?}), before it {first:?}: {problem}"
                ));
            }
        }
    }
}

fn crashed(scenario: Scenario, seed: u64, first: Option<(u64, CrashAt)>, second: Option<(u64, CrashAt)>) -> Outcome {
    let crashes = Some([first, second]);
    run(Setup { seed, scenario: Some(scenario), mutant: None, crashes, loud: false })
}

/// The first seed whose job, without faults, has enough checkpoints.
fn first_long_enough(scenario: Scenario) -> Option<(u64, Outcome)> {
    let calm = |seed| (seed, crashed(scenario, seed, Some((NEVER, CrashAt::Before)), None));
    let is_long = |(_, outcome): &(u64, Outcome)| outcome.problem.is_none() && outcome.checkpoints >= CHECKPOINTS_MIN;
    (0..100).map(calm).find(is_long)
}
