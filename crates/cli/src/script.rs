//! Runs statements one after the other: asks the session what each means and does it.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tidemill_batch::BatchContext;
use tidemill_core::{Env, Failure, Result};
use tidemill_dataflow::Sink;
use tidemill_planner::catalog::CatalogEntry;
use tidemill_planner::session_options::{
    BATCH_ROWS_MAX, CHECKPOINT_DIR, CHECKPOINT_INTERVAL, PARALLELISM, PIPELINE_NAME, RESTART_ATTEMPTS, RESULT_HASH,
    RESULT_MODE, time_zone,
};
use tidemill_planner::{COLLECT, Outcome, PlannedJob, PlannedQuery, Session, TextTable};
use tidemill_runtime::JobSpec;
use tidemill_sql_parser::ast::ClientCommand;
use tidemill_sql_parser::{StatementText, diagnostic, parse_part, split_statements};

use crate::args::OutputFormat;
use crate::collect::ResultQueue;
use crate::console::Console;
use crate::exit::Exit;
use crate::jobs::{Ran, Watch, Workshop, storage};
use crate::one_job::{ADVICE, second_job};
use crate::origin::Origin;
use crate::output::{Shape, Shown, write_text_table};
use crate::printer::{Printed, Printer, unwritable};
use crate::shell::HELP;
use crate::signals::Business;

/// The time between checkpoints where only a directory is set.
const DEFAULT_INTERVAL: &str = "1 s";
/// The name of a SELECT's job, as in Flink.
const QUERY_NAME: &str = COLLECT;

/// How statements went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statements {
    /// All are done.
    Done,
    /// One failed; those behind it were not run.
    Failed,
    /// `QUIT`.
    Quit,
    /// The process should end like this.
    Ends(Exit),
}

/// What a session's statements need.
pub struct Script {
    session: Session,
    workshop: Workshop,
    output: OutputFormat,
    from_savepoint: Option<String>,
    fresh: bool,
    is_interactive: bool,
    has_kept_job: bool,
    /// It was said that a SELECT does not use the checkpoint directory.
    has_warned: bool,
}

/// What the command line says about jobs.
#[derive(Clone, Debug, Default)]
pub struct ScriptOptions {
    /// How results are written.
    pub output: OutputFormat,
    /// `--from-savepoint`.
    pub from_savepoint: Option<String>,
    /// `--fresh`.
    pub fresh: bool,
    /// True in the shell on a terminal.
    pub is_interactive: bool,
}

impl Script {
    /// Statements run in `session`.
    pub fn new(session: Session, workshop: Workshop, options: ScriptOptions) -> Script {
        let ScriptOptions { output, from_savepoint, fresh, is_interactive } = options;
        Script {
            session,
            workshop,
            output,
            from_savepoint,
            fresh,
            is_interactive,
            has_kept_job: false,
            has_warned: false,
        }
    }

    /// Where messages go.
    pub fn console(&self) -> &Console {
        &self.workshop.console
    }

    /// Says whether the process waits for input.
    pub fn set_idle(&self, idle: bool) {
        self.workshop.signals.set_business(match (idle, self.is_interactive) {
            (false, _) => Business::Watched,
            (true, false) => Business::Idle,
            (true, true) => Business::Typing,
        });
    }

    /// True once a signal has come.
    pub fn is_interrupted(&self) -> bool {
        self.workshop.signals.count() > 0
    }

    /// True once another signal than Ctrl-C has come: even the shell ends.
    pub fn is_terminated(&self) -> bool {
        self.workshop.signals.is_terminated()
    }

    /// Names for completion: tables, views, their columns.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (path, entry) in self.session.catalog().entries() {
            names.push(path.object.clone());
            match entry {
                CatalogEntry::Table(table) => names.extend(table.columns.iter().map(|column| column.name.clone())),
                CatalogEntry::View(view) => names.extend(view.schema.names()),
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Runs what was typed into the shell.
    pub fn run_typed(&mut self, text: &str) -> Statements {
        self.workshop.signals.forget();
        self.run_from(text, 0)
    }

    /// Runs a script of -f, -e or -i. Its second job in one directory is refused before the first is run.
    pub fn run(&mut self, text: &str) -> Statements {
        let is_kept = self.from_savepoint.is_some();
        if let Some(span) = second_job(text, self.session.config(), is_kept) {
            let message = "only one job of a script can be kept in a checkpoint directory or go on from a savepoint";
            self.console().error(&diagnostic::render(text, span, message, Some(ADVICE)));
            return Statements::Failed;
        }
        self.run_from(text, 0)
    }

    /// Runs the statements that begin at an offset of a script; mistakes are shown where they are in all of it.
    pub fn run_from(&mut self, text: &str, offset: usize) -> Statements {
        self.session.begin_text();
        for part in split_statements(&text[offset..]) {
            if self.is_interrupted() {
                return Statements::Ends(Exit::Interrupted);
            }
            let part = StatementText { offset: part.offset + offset, ..part };
            match self.statement(text, &part) {
                Statements::Done => {}
                other => return other,
            }
        }
        Statements::Done
    }

    fn statement(&mut self, text: &str, part: &StatementText<'_>) -> Statements {
        let statement = match parse_part(text, part) {
            Ok(statement) => statement,
            Err(error) => return self.failed(&error.render(text)),
        };
        match self.session.execute(&statement) {
            Ok(outcome) => self.answer(outcome, text),
            Err(error) => self.failed(&error.render(text)),
        }
    }

    fn failed(&self, message: &str) -> Statements {
        self.console().error(message);
        Statements::Failed
    }

    fn answer(&mut self, outcome: Outcome, source: &str) -> Statements {
        match outcome {
            Outcome::Done => {
                if self.is_interactive {
                    self.console().info("Done.");
                }
                Statements::Done
            }
            Outcome::Table(table) => self.printed(write_text_table(&table, self.output, io::stdout().lock())),
            Outcome::Text(text) => self.text(text.trim_end_matches('\n')),
            Outcome::Client(ClientCommand::Quit) => Statements::Quit,
            Outcome::Client(ClientCommand::Help) => self.printed(writeln!(io::stdout().lock(), "{HELP}")),
            Outcome::Client(ClientCommand::Clear) => {
                let mut out = io::stdout().lock();
                let is_terminal = out.is_terminal();
                self.printed(if is_terminal { write!(out, "\x1b[2J\x1b[H").and_then(|()| out.flush()) } else { Ok(()) })
            }
            Outcome::Query(query) => {
                self.query(query, source).unwrap_or_else(|failure| self.failed(&failure.to_string()))
            }
            Outcome::Job(job) => self.job(job, source).unwrap_or_else(|failure| self.failed(&failure.to_string())),
        }
    }

    /// A text as it is, or as the one value of a result.
    fn text(&self, text: &str) -> Statements {
        let mut out = io::stdout().lock();
        self.printed(match self.output {
            OutputFormat::Table => writeln!(out, "{text}"),
            OutputFormat::Json | OutputFormat::Csv => {
                let table = TextTable::new(&["result"], vec![vec![text.to_string()]]);
                write_text_table(&table, self.output, out)
            }
        })
    }

    /// A reader of stdout that has gone ends the process quietly.
    fn printed(&self, written: io::Result<()>) -> Statements {
        match written {
            Ok(()) => Statements::Done,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Statements::Ends(Exit::Done),
            Err(error) => self.failed(&unwritable(&error).to_string()),
        }
    }

    fn query(&mut self, query: Box<PlannedQuery>, source: &str) -> Result<Statements> {
        self.warn_of_unused_directory();
        let config = self.session.config();
        let is_batch = self.session.is_batch();
        let shape = self.shape(&query)?;
        let shows_progress = !io::stdout().is_terminal() || shape.rows == Shown::Net;
        let is_net = shape.rows != Shown::Changes;
        let name = config.text(&PIPELINE_NAME).unwrap_or(QUERY_NAME).to_string();
        let queue = ResultQueue::default();
        let printer = Printer::start(shape, queue.clone(), Arc::clone(&self.workshop.console))?;
        let ran = if is_batch {
            let cx = self.batch_context()?;
            self.workshop.run_batch_query(name, query, cx, queue, &printer, source)
        } else {
            let origin = Origin { text: source, places: query.expression_places() };
            self.stream(name, query, queue, &printer, shows_progress, &origin)?
        };
        let printed = printer.finish(&self.workshop.signals);
        Ok(match (ran, printed) {
            (Ran::Done, Printed::All(rows)) => {
                self.say_rows(rows, is_net);
                Statements::Done
            }
            (Ran::Done, Printed::NobodyReads) => Statements::Ends(Exit::Done),
            (Ran::Done, Printed::GivenUp) => Statements::Ends(Exit::Interrupted),
            (_, Printed::Failed(failure)) => self.failed(&failure.to_string()),
            (Ran::Ends(exit), _) => ended(exit),
        })
    }

    /// Says once that a SELECT keeps nothing, unless there was a job that the directory is for.
    fn warn_of_unused_directory(&mut self) {
        let is_set = self.session.config().text(&CHECKPOINT_DIR).is_some();
        if is_set && !self.has_kept_job && !std::mem::replace(&mut self.has_warned, true) {
            let text = "a SELECT keeps nothing: it does not use the checkpoint directory, and run again it starts over";
            self.console().warn(text);
        }
    }

    /// How the query's rows are shown.
    fn shape(&self, query: &PlannedQuery) -> Result<Shape> {
        let is_table =
            self.session.config().text(&RESULT_MODE).is_some_and(|mode| mode.trim().eq_ignore_ascii_case("table"));
        Ok(Shape {
            schema: query.schema.clone(),
            zone: self.session.time_zone()?,
            format: self.output,
            rows: match (self.session.is_batch(), is_table) {
                (true, _) => Shown::Final,
                (false, true) => Shown::Net,
                (false, false) => Shown::Changes,
            },
            is_terminal: io::stdout().is_terminal(),
        })
    }

    fn say_rows(&self, rows: u64, is_net: bool) {
        if self.output == OutputFormat::Table {
            let s = if rows == 1 { "" } else { "s" };
            self.console().info(&if is_net {
                format!("{rows} row{s} in set")
            } else {
                format!("Received a total of {rows} row{s}")
            });
        }
    }

    /// Runs a streaming SELECT. It is not kept anywhere and never restarted: no row is shown twice.
    fn stream(
        &self,
        name: String,
        query: Box<PlannedQuery>,
        queue: ResultQueue,
        printer: &Printer,
        shows_progress: bool,
        origin: &Origin<'_>,
    ) -> Result<Ran> {
        let mut options = self.session.config().clone();
        options.remove(CHECKPOINT_DIR.key);
        options.remove(CHECKPOINT_INTERVAL.key);
        options.set(RESTART_ATTEMPTS.key, "0");
        let graph = query.graph.ok_or_else(|| Failure::fatal("plan.defect", "the query has no streaming plan"))?;
        let mut registry = self.workshop.registry();
        registry.add_sink(COLLECT, move |_| Ok(Arc::new(queue.clone()) as Arc<dyn Sink>));
        let spec = JobSpec {
            name,
            fingerprint: fingerprint(&query.definition),
            graph,
            parallelism: self.parallelism()?,
            options,
            fresh: false,
            from_savepoint: self.from_savepoint.clone(),
            is_kept: false,
        };
        let is_abandoned = || printer.has_lost_reader();
        let watch = Watch { is_abandoned: &is_abandoned, shows_progress, has_result_hash: false, origin };
        Ok(self.workshop.run(spec, storage(None)?, registry, &watch))
    }

    fn job(&mut self, job: Box<PlannedJob>, source: &str) -> Result<Statements> {
        let config = self.session.config();
        let has_result_hash = config.bool(&RESULT_HASH)?;
        if self.session.is_batch() {
            self.check_batch()?;
            let cx = self.batch_context()?;
            return Ok(after(self.workshop.run_batch_job(job, cx, has_result_hash, source)));
        }
        let directory = config.text(&CHECKPOINT_DIR);
        let is_kept = directory.is_some() || self.from_savepoint.is_some();
        if is_kept && self.has_kept_job && !self.is_interactive {
            let text =
                format!("the job '{}' needs a directory that another job of this script uses: {ADVICE}", job.name);
            return Err(Failure::refused("job.second", text));
        }
        let mut options = config.clone();
        if directory.is_some() && config.raw(CHECKPOINT_INTERVAL.key).is_none() {
            options.set(CHECKPOINT_INTERVAL.key, DEFAULT_INTERVAL);
        }
        let has_directory = directory.is_some();
        let storage = storage(directory)?;
        let origin = &Origin { text: source, places: job.expression_places() };
        let PlannedJob { name, graph, definition, .. } = *job;
        let spec = JobSpec {
            name,
            fingerprint: fingerprint(&definition),
            graph: graph.ok_or_else(|| Failure::fatal("plan.defect", "the job has no streaming plan"))?,
            parallelism: self.parallelism()?,
            options,
            fresh: self.fresh,
            from_savepoint: self.from_savepoint.clone(),
            is_kept: has_directory,
        };
        self.has_kept_job |= is_kept;
        let watch =
            Watch { is_abandoned: &|| self.workshop.has_lost_stdout(), shows_progress: true, has_result_hash, origin };
        Ok(after(self.workshop.run(spec, storage, self.workshop.registry(), &watch)))
    }

    /// A batch job has no checkpoints and no savepoints: it commits at its end, or nothing.
    fn check_batch(&self) -> Result<()> {
        let savepoint = [
            ("--from-savepoint", self.from_savepoint.is_some()),
            ("--stop-with-savepoint", self.workshop.stop_with_savepoint.is_some()),
        ];
        if let Some((option, _)) = savepoint.into_iter().find(|(_, is_given)| *is_given) {
            let text = format!("a batch job has no savepoints: leave out {option}, or run it in streaming mode");
            return Err(Failure::user("batch.savepoint", text));
        }
        if self.session.config().text(&CHECKPOINT_DIR).is_some() {
            let text = "a batch job takes no checkpoints: it does not use the checkpoint directory, and run again it starts over";
            self.console().warn(text);
        }
        Ok(())
    }

    /// As many subtasks as are asked for, else as there are processors.
    fn parallelism(&self) -> Result<u32> {
        let asked = self.session.config().integer(&PARALLELISM)?;
        let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as i64;
        let wrong = |_| Failure::user("option.value", format!("option '{}' is out of range", PARALLELISM.key));
        u32::try_from(asked.unwrap_or_else(processors)).map_err(wrong)
    }

    fn batch_context(&self) -> Result<BatchContext> {
        let config = self.session.config();
        Ok(BatchContext {
            functions: Arc::clone(self.session.functions()),
            connectors: self.session.connectors().clone(),
            components: self.workshop.registry(),
            env: Arc::clone(&self.workshop.env) as Arc<dyn Env>,
            time_zone: time_zone(config).to_string(),
            parallelism: self.parallelism()? as usize,
            rows_max: config.integer(&BATCH_ROWS_MAX)?.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(4096),
            canceled: Arc::new(AtomicBool::new(false)),
            counters: Arc::default(),
        })
    }
}

fn after(ran: Ran) -> Statements {
    match ran {
        Ran::Done => Statements::Done,
        Ran::Ends(exit) => ended(exit),
    }
}

fn ended(exit: Exit) -> Statements {
    if exit == Exit::Failed { Statements::Failed } else { Statements::Ends(exit) }
}

/// What tells a job's text from another's.
fn fingerprint(definition: &str) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(definition.as_bytes()))
}
