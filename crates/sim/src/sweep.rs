//! The crash-point sweep: every operation of a job with at least three checkpoints, on the store and by its sinks, is crashed
//! before, behind and in the middle; and, once the job has been crashed in the middle of its life, every operation of what comes
//! then: the restart with its reads, the second commit, the rest. Every time the job must recover and show the same rows.

use crate::scenario::Scenario;
use crate::store::CrashAt;
use crate::world::{Outcome, Setup, run};

/// A job has to have this many checkpoints to be swept.
const CHECKPOINTS_MIN: u64 = 3;
/// Jobs of each scenario.
const JOBS: usize = 2;
/// After how many fifths of its operations a job is crashed before its restart is swept.
const RESTARTS_AT: [u64; 4] = [1, 2, 3, 4];
/// An operation that no run has.
const NEVER: u64 = u64::MAX;

/// What has been swept.
#[derive(Default)]
struct Tally {
    points: u64,
    failed: u64,
}

/// Sweeps jobs of every scenario; true if all recover.
pub fn run_all() -> bool {
    let mut tally = Tally::default();
    for (name, scenario) in Scenario::ALL {
        let jobs: Vec<(u64, Outcome)> = long_enough(scenario).take(JOBS).collect();
        if jobs.len() < JOBS {
            println!("fewer than {JOBS} seeds of {name} have {CHECKPOINTS_MIN} checkpoints");
            return false;
        }
        for (seed, calm) in jobs {
            (0..calm.operations).for_each(|operation| tally.sweep(scenario, seed, None, operation));
            for fifths in RESTARTS_AT {
                let first = calm.operations * fifths / 5;
                let operations = crashed(scenario, seed, Some((first, CrashAt::After)), None).operations;
                (first + 1..operations).for_each(|operation| tally.sweep(scenario, seed, Some(first), operation));
            }
        }
    }
    let Tally { points, failed } = tally;
    println!("{points} crash points, {} recovered ({} %)", points - failed, (points - failed) * 100 / points.max(1));
    failed == 0
}

impl Tally {
    /// Crashes one operation in every way, of a job that was crashed behind operation `first` if there is one.
    fn sweep(&mut self, scenario: Scenario, seed: u64, first: Option<u64>, operation: u64) {
        for how in [CrashAt::Before, CrashAt::After, CrashAt::Torn] {
            self.points += 1;
            let first = first.map(|first| (first, CrashAt::After));
            if let Some(problem) = crashed(scenario, seed, first, Some((operation, how))).problem {
                self.failed += 1;
                let name = scenario.name();
                println!(
                    "{name}, seed {seed}, operation {operation} crashed ({how:?}), before it {first:?}: {problem}"
                );
            }
        }
    }
}

fn crashed(scenario: Scenario, seed: u64, first: Option<(u64, CrashAt)>, second: Option<(u64, CrashAt)>) -> Outcome {
    let crashes = Some([first, second]);
    run(Setup { seed, scenario: Some(scenario), mutant: None, crashes, loud: false })
}

/// The seeds whose jobs, without faults, have enough checkpoints.
fn long_enough(scenario: Scenario) -> impl Iterator<Item = (u64, Outcome)> {
    (0..100).filter_map(move |seed| {
        let outcome = crashed(scenario, seed, Some((NEVER, CrashAt::Before)), None);
        (outcome.problem.is_none() && outcome.checkpoints >= CHECKPOINTS_MIN).then_some((seed, outcome))
    })
}
