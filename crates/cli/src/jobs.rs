//! Runs a job in this process: starts it, watches it and the signals, reports how it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidemill_connectors::Outside;
use tidemill_core::storage::Storage;
use tidemill_core::{Env, Failure, Result};
use tidemill_dataflow::{CounterValues, Registry};
use tidemill_expr::Registry as Functions;
use tidemill_planner::session_options::RESULT_HASH;
use tidemill_runtime::{JobEnd, JobHandle, JobOutcome, JobSpec, Stop, SystemEnv, local};

use crate::console::Console;
use crate::exit::Exit;
use crate::origin::Origin;
use crate::progress::Progress;
use crate::report::{JobReport, JobState, Reporter};
use crate::signals::Signals;

/// How often a running job is looked at.
const TICK: Duration = Duration::from_millis(20);
/// How many ticks pass between two progress lines.
const TICKS_PER_LINE: u32 = 10;

/// The answer to a first signal where no savepoint was asked for.
pub const STOPPING: &str = "stopping; another signal ends the process at once";

/// What every job of this process needs.
pub struct Workshop {
    /// Where messages go.
    pub console: Arc<Console>,
    /// Ctrl-C, SIGTERM, SIGQUIT and SIGHUP.
    pub signals: Signals,
    /// Takes the figures.
    pub reporter: Arc<Reporter>,
    /// `--stop-with-savepoint`.
    pub stop_with_savepoint: Option<String>,
    /// The functions of this build.
    pub functions: Arc<Functions>,
    /// The streams that connectors use.
    pub outside: Outside,
    /// Clock and randomness.
    pub env: Arc<SystemEnv>,
    /// True once nobody reads what `print` writes.
    pub has_lost_stdout: Arc<AtomicBool>,
}

/// How watching a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It is done; the script goes on.
    Done,
    /// The process ends like this (the shell goes on).
    Ends(Exit),
}

/// What to watch beside the job itself.
pub struct Watch<'a> {
    /// True once nobody reads the result: the job is stopped and that is no failure.
    pub is_abandoned: &'a dyn Fn() -> bool,
    /// Whether a progress line may be shown.
    pub shows_progress: bool,
    /// Whether the job adds up hashes of its rows.
    pub has_result_hash: bool,
    /// What it comes from.
    pub origin: &'a Origin<'a>,
}

impl Workshop {
    /// True once nobody reads what `print` writes.
    pub fn has_lost_stdout(&self) -> bool {
        self.has_lost_stdout.load(Ordering::Relaxed)
    }

    /// Operators, sources and sinks of one job. Its files have names that no other job of this process uses.
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        registry.set_functions(Arc::clone(&self.functions));
        tidemill_operators::register(&mut registry, &self.functions);
        let outside = Outside { process: self.env.random_u64(), ..self.outside.clone() };
        tidemill_connectors::register(&mut registry, &outside);
        registry
    }

    /// Runs a job to its end. Signals stop it; what goes wrong is said on stderr.
    pub fn run(&self, spec: JobSpec, storage: Arc<dyn Storage>, registry: Registry, watch: &Watch<'_>) -> Ran {
        let name = spec.name.clone();
        let outcome = match local::start(spec, registry, storage, Arc::clone(&self.env) as Arc<dyn Env>) {
            Ok(handle) => self.watch(handle, watch),
            Err(failure) => Outcome::failed(failure),
        };
        self.console.clear_progress();
        let ran = self.conclude(&name, &outcome, watch.origin);
        let asks_in_vain = watch.has_result_hash && !outcome.has_result_hash;
        if asks_in_vain && !matches!(outcome.end, End::Job(JobEnd::Failed(_)) | End::Left) {
            self.console.warn(&format!(
                "the job '{name}' began without '{}', so there is no hash of all its rows: --fresh starts over with one",
                RESULT_HASH.key
            ));
        }
        self.report(name, outcome, watch.has_result_hash);
        ran
    }

    fn watch(&self, mut job: JobHandle, watch: &Watch<'_>) -> Outcome {
        let mut progress = Progress::default();
        let (mut seen, mut ticks, mut abandoned) = (0, 0u32, false);
        loop {
            if let Some(outcome) = job.wait_for(TICK) {
                let JobOutcome { end, counters, checkpoints_completed, restored_from, has_result_hash } = outcome;
                self.say(&job.take_notices());
                let is_cut_off = matches!(end, JobEnd::Canceled | JobEnd::Failed(_));
                let end =
                    if is_cut_off && (abandoned || (watch.is_abandoned)()) { End::Abandoned } else { End::Job(end) };
                return Outcome { end, counters, checkpoints_completed, restored_from, has_result_hash };
            }
            self.say(&job.take_notices());
            self.reporter.sample();
            let signals = self.signals.count();
            if signals > seen {
                seen = signals;
                match (&self.stop_with_savepoint, signals) {
                    (Some(url), 1) => {
                        job.stop(Stop::WithSavepoint(url.clone()));
                        self.answer("stopping with a savepoint; another signal gives the savepoint up");
                    }
                    (Some(_), 2) => {
                        job.stop(Stop::Cancel);
                        self.answer("giving the savepoint up; another signal ends the process at once");
                    }
                    (None, 1) => {
                        job.stop(Stop::Cancel);
                        self.answer(STOPPING);
                    }
                    _ => return Outcome::left(&job),
                }
            }
            if !abandoned && (watch.is_abandoned)() {
                abandoned = true;
                job.stop(Stop::Cancel);
            }
            ticks += 1;
            if watch.shows_progress && self.console.shows_progress() && ticks.is_multiple_of(TICKS_PER_LINE) {
                let now = self.env.now();
                self.console.progress(&progress.line(&job.status(), now.monotonic_ns, now.wall_ms));
            }
        }
    }

    /// Says what is done about a signal: from now on another one is another decision.
    pub fn answer(&self, text: &str) {
        self.console.info(text);
        self.signals.answer();
    }

    fn say(&self, notices: &[String]) {
        notices.iter().for_each(|notice| self.console.warn(notice));
    }

    /// Says how the job ended, and what that means for the process.
    fn conclude(&self, name: &str, outcome: &Outcome, origin: &Origin<'_>) -> Ran {
        match &outcome.end {
            End::Job(JobEnd::Finished) | End::Abandoned => Ran::Done,
            End::Job(JobEnd::AlreadyFinished) => {
                self.console.info(&format!(
                    "the job '{name}' has finished in an earlier run: nothing to do; --fresh starts it over"
                ));
                Ran::Done
            }
            End::Job(JobEnd::Savepoint(url)) => {
                self.console.info(&format!("the job '{name}' is stopped; its savepoint is {url}"));
                Ran::Ends(Exit::Done)
            }
            End::Job(JobEnd::Canceled) | End::Left if self.stop_with_savepoint.is_some() => {
                self.console.error(&format!("the job '{name}' was stopped before its savepoint was complete"));
                Ran::Ends(Exit::Failed)
            }
            End::Job(JobEnd::Canceled) | End::Left => {
                self.console.info(&format!("the job '{name}' was stopped"));
                Ran::Ends(Exit::Interrupted)
            }
            End::Job(JobEnd::Failed(failure)) => {
                self.console.error(&origin.failed(name, failure));
                Ran::Ends(Exit::Failed)
            }
        }
    }

    fn report(&self, name: String, outcome: Outcome, has_result_hash: bool) {
        let state = match &outcome.end {
            End::Job(JobEnd::Finished | JobEnd::AlreadyFinished | JobEnd::Savepoint(_)) => JobState::Finished,
            End::Job(JobEnd::Failed(_)) => JobState::Failed,
            End::Job(JobEnd::Canceled) | End::Abandoned | End::Left => JobState::Canceled,
        };
        let CounterValues { rows_in, rows_out, late_rows_dropped, result_hash } = outcome.counters;
        self.reporter.add(JobReport {
            name,
            state,
            rows_in,
            rows_out,
            late_rows_dropped,
            checkpoints_completed: outcome.checkpoints_completed,
            restored_from: outcome.restored_from,
            result_hash: (has_result_hash && outcome.has_result_hash).then_some(result_hash),
        });
    }
}

struct Outcome {
    end: End,
    counters: CounterValues,
    checkpoints_completed: u64,
    restored_from: Option<String>,
    has_result_hash: bool,
}

enum End {
    /// The job has ended.
    Job(JobEnd),
    /// It was stopped because nobody read its result any more.
    Abandoned,
    /// It was left running, for the process to end.
    Left,
}

impl Outcome {
    fn failed(failure: Failure) -> Outcome {
        let counters = CounterValues::default();
        Outcome {
            end: End::Job(JobEnd::Failed(failure)),
            counters,
            checkpoints_completed: 0,
            restored_from: None,
            has_result_hash: false,
        }
    }

    fn left(job: &JobHandle) -> Outcome {
        let counters = job.status().counters;
        Outcome { end: End::Left, counters, checkpoints_completed: 0, restored_from: None, has_result_hash: false }
    }
}

/// The store of a job's checkpoints: a folder where one is set, else this process's memory.
pub fn storage(directory: Option<&str>) -> Result<Arc<dyn Storage>> {
    match directory {
        Some(url) => tidemill_checkpoint::open(url),
        None => Ok(Arc::new(tidemill_checkpoint::MemoryStorage::new())),
    }
}
