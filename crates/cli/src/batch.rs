//! Batch mode: queries and INSERTs on finished input, computed on a thread of their own while signals are looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tidemill_batch::{BatchContext, Lowering, execute_job, execute_optimized};
use tidemill_core::{Failure, Result};
use tidemill_dataflow::CounterValues;
use tidemill_planner::{PlannedJob, PlannedQuery};

use crate::collect::ResultQueue;
use crate::exit::Exit;
use crate::jobs::{Ran, STOPPING, Workshop};
use crate::origin::Origin;
use crate::printer::Printer;
use crate::report::{JobReport, JobState};
use crate::signals::spawn;

/// How often signals are looked at.
const TICK: Duration = Duration::from_millis(20);
/// How many ticks a query may take to hear that it is to stop.
const TICKS_AFTER_STOP_MAX: u32 = 100;

impl Workshop {
    /// Runs the INSERTs of a job.
    pub fn run_batch_job(&self, job: Box<PlannedJob>, cx: BatchContext, has_result_hash: bool, text: &str) -> Ran {
        let name = job.name.clone();
        let origin = Origin { text, places: job.expression_places() };
        let (canceled, counters) = (Arc::clone(&cx.canceled), Arc::clone(&cx.counters));
        let body = move || execute_job(&job, Lowering::Optimized, &cx).map(drop);
        let ended = self.compute(&canceled, || self.has_lost_stdout(), body);
        self.batch_ended(name, ended, counters.values(), has_result_hash, self.has_lost_stdout(), &origin)
    }

    /// Runs a query; its rows go into the printer's queue.
    pub fn run_batch_query(
        &self,
        name: String,
        query: Box<PlannedQuery>,
        cx: BatchContext,
        queue: ResultQueue,
        printer: &Printer,
        text: &str,
    ) -> Ran {
        let origin = Origin { text, places: query.expression_places() };
        let (canceled, counters) = (Arc::clone(&cx.canceled), Arc::clone(&cx.counters));
        let body = move || {
            for batch in execute_optimized(&query, &cx)? {
                let batch = batch?;
                cx.counters.add_rows_out(batch.len() as u64);
                while !queue.push(&batch) {
                    if cx.canceled.load(Ordering::Relaxed) {
                        return Err(stopped());
                    }
                }
            }
            Ok(())
        };
        let ended = self.compute(&canceled, || printer.has_lost_reader(), body);
        self.batch_ended(name, ended, counters.values(), false, printer.has_lost_reader(), &origin)
    }

    /// Computes on a thread of its own. The outer error means that a signal came first.
    fn compute(
        &self,
        canceled: &AtomicBool,
        is_abandoned: impl Fn() -> bool,
        body: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<Result<()>, Stopped> {
        let (send, done) = channel();
        if let Err(failure) = spawn("batch", move || _ = send.send(body())) {
            return Ok(Err(failure));
        }
        let mut ticks_left = TICKS_AFTER_STOP_MAX;
        loop {
            match done.recv_timeout(TICK) {
                // A signal that comes too late changes nothing.
                Ok(Err(_)) if self.signals.count() > 0 => return Err(Stopped),
                Ok(computed) => return Ok(computed),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Err(Failure::fatal(
                        "defect",
                        "the query's thread is gone; this is a defect of Tidemill",
                    )));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.reporter.sample();
            if self.signals.count() > 0 || is_abandoned() {
                canceled.store(true, Ordering::Relaxed);
            }
            if self.signals.count() > 0 {
                if ticks_left == TICKS_AFTER_STOP_MAX {
                    self.answer(STOPPING);
                }
                ticks_left = ticks_left.saturating_sub(1);
                if ticks_left == 0 || self.signals.count() > 1 {
                    return Err(Stopped);
                }
            }
        }
    }

    fn batch_ended(
        &self,
        name: String,
        ended: Result<Result<()>, Stopped>,
        counters: CounterValues,
        has_result_hash: bool,
        is_abandoned: bool,
        origin: &Origin<'_>,
    ) -> Ran {
        let (state, ran) = match ended {
            Ok(Ok(())) => (JobState::Finished, Ran::Done),
            // Nobody reads the rest: no failure.
            Ok(Err(_)) if is_abandoned => (JobState::Canceled, Ran::Done),
            Ok(Err(failure)) => {
                self.console.error(&origin.failed(&name, &failure));
                (JobState::Failed, Ran::Ends(Exit::Failed))
            }
            Err(Stopped) => {
                self.console.info(&format!("the job '{name}' was stopped"));
                (JobState::Canceled, Ran::Ends(Exit::Interrupted))
            }
        };
        let CounterValues { rows_in, rows_out, late_rows_dropped, result_hash } = counters;
        self.reporter.add(JobReport {
            name,
            state,
            rows_in,
            rows_out,
            late_rows_dropped,
            checkpoints_completed: 0,
            restored_from: None,
            result_hash: has_result_hash.then_some(result_hash),
        });
        ran
    }
}

/// A signal came before the answer.
struct Stopped;

fn stopped() -> Failure {
    Failure::refused("batch.canceled", "the query was stopped")
}
