//! The crash-point sweep: every operation on the store of a job with at least three checkpoints is crashed before, behind and
//! in the middle; every time the job must recover and show the same rows.

use crate::scenario::Scenario;
use crate::store::CrashAt;
use crate::world::{Outcome, Setup, run};

/// A job has to have this many checkpoints to be swept.
const CHECKPOINTS_MIN: u64 = 3;

/// Sweeps a job of every scenario; true if all recover.
pub fn run_all() -> bool {
    let (mut points, mut failed) = (0u64, 0u64);
    for (name, scenario) in Scenario::ALL {
        let Some((seed, calm)) = long_enough(scenario) else {
            println!("no seed of {name} has {CHECKPOINTS_MIN} checkpoints");
            return false;
        };
        for operation in 0..calm.operations {
            for how in [CrashAt::Before, CrashAt::After, CrashAt::Torn] {
                points += 1;
                let crash = Some((operation, how));
                let outcome = run(Setup { seed, scenario: Some(scenario), mutant: None, crash, loud: false });
                if let Some(problem) = outcome.problem {
                    failed += 1;
                    println!("{name}, seed {seed}, operation {operation} crashed ({how:?}): {problem}");
                }
            }
        }
    }
    println!("{points} crash points, {} recovered ({} %)", points - failed, (points - failed) * 100 / points.max(1));
    failed == 0
}

/// The first seed whose job, without faults, has enough checkpoints.
fn long_enough(scenario: Scenario) -> Option<(u64, Outcome)> {
    (0..100).find_map(|seed| {
        let setup = Setup {
            seed,
            scenario: Some(scenario),
            mutant: None,
            crash: Some((u64::MAX, CrashAt::Before)),
            loud: false,
        };
        let outcome = run(setup);
        (outcome.problem.is_none() && outcome.checkpoints >= CHECKPOINTS_MIN).then_some((seed, outcome))
    })
}
