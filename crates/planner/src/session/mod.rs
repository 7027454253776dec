//! A session: options, catalog, and the front where statements come in.
//!
//! Planning touches nothing outside: a job or a query is handed out as a plan, and whoever executes statements runs it.

mod ddl;
mod describe;
mod explain;
mod planning;
mod show;

use std::sync::Arc;

use tidemill_core::options::Configuration;
use tidemill_dataflow::Connectors;
use tidemill_expr::{Registry, TimeZone};
use tidemill_sql_parser::ast::{Drop, DropKind, Ident, SetOption, Statement, StatementKind, Use};
use tidemill_sql_parser::parse_statement;

use crate::catalog::{Catalog, TextNumber, check_catalog, check_database};
use crate::error::{PlanError, PlanResult};
use crate::plan::{Outcome, TextTable};
use crate::session_options as options;

/// The state of a session.
///
/// ```
/// # use std::sync::Arc;
/// use tidemill_dataflow::Connectors;
/// use tidemill_planner::{Outcome, Session};
///
/// let mut session = Session::new(Connectors::default(), Arc::new(tidemill_functions::registry()));
/// session.execute_sql("SET 'parallelism.default' = '2'")?;
/// assert!(matches!(session.execute_sql("SHOW TABLES")?, Outcome::Table(tables) if tables.rows.is_empty()));
/// # Ok::<(), tidemill_planner::PlanError>(())
/// ```
pub struct Session {
    config: Configuration,
    initial: Configuration,
    catalog: Catalog,
    connectors: Connectors,
    functions: Arc<Registry>,
    /// The text that statements come from.
    text: TextNumber,
}

impl Session {
    /// A session without tables, all options at their defaults.
    pub fn new(connectors: Connectors, functions: Arc<Registry>) -> Session {
        Session {
            config: Configuration::default(),
            initial: Configuration::default(),
            catalog: Catalog::default(),
            connectors,
            functions,
            text: 0,
        }
    }

    /// Says that the next statements come from another text than those before: their spans mean places in that.
    pub fn begin_text(&mut self) {
        self.text += 1;
    }

    /// Sets an option before the first statement; `RESET` goes back to it.
    ///
    /// # Errors
    /// There is no such option, or the value is not of its type.
    pub fn configure(&mut self, key: &str, value: &str) -> PlanResult<()> {
        check_option(key, value)?;
        self.initial.set(key, value);
        self.config.set(key, value);
        Ok(())
    }

    /// The options as they are now.
    pub fn config(&self) -> &Configuration {
        &self.config
    }

    /// True where queries run in batch mode.
    pub fn is_batch(&self) -> bool {
        options::is_batch(&self.config)
    }

    /// The session's time zone.
    ///
    /// # Errors
    /// It does not exist (it was not set through this session).
    pub fn time_zone(&self) -> PlanResult<TimeZone> {
        Ok(TimeZone::parse(options::time_zone(&self.config))?)
    }

    /// Tables and views.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The connectors of this build.
    pub fn connectors(&self) -> &Connectors {
        &self.connectors
    }

    /// The functions of this build.
    pub fn functions(&self) -> &Arc<Registry> {
        &self.functions
    }

    /// Executes one statement given as text.
    ///
    /// # Errors
    /// As [`Session::execute`]; also where the text is no statement. Spans are in `text`.
    pub fn execute_sql(&mut self, text: &str) -> PlanResult<Outcome> {
        let statement = parse_statement(text).map_err(|error| PlanError::parse(&error, text))?;
        self.begin_text();
        self.execute(&statement)
    }

    /// Executes one statement: changes the session, answers, or plans what is to be run.
    ///
    /// # Errors
    /// The statement cannot be; the error's span is in the text the statement was parsed from.
    pub fn execute(&mut self, statement: &Statement) -> PlanResult<Outcome> {
        self.outcome(statement).map_err(|error| error.in_text(self.text))
    }

    fn outcome(&mut self, statement: &Statement) -> PlanResult<Outcome> {
        match &statement.kind {
            StatementKind::Query(query) => {
                self.plan_select(query, statement).map(|query| Outcome::Query(Box::new(query)))
            }
            StatementKind::Insert(insert) => self.plan_job(&[insert]).map(|job| Outcome::Job(Box::new(job))),
            StatementKind::StatementSet(set) => {
                let inserts: Vec<&_> = set.inserts.iter().collect();
                self.plan_job(&inserts).map(|job| Outcome::Job(Box::new(job)))
            }
            StatementKind::CreateTable(create) => self.create_table(create),
            StatementKind::CreateView(create) => self.create_view(create),
            StatementKind::Drop(drop) => self.drop(drop),
            StatementKind::Set(None) => Ok(Outcome::Table(self.all_options())),
            StatementKind::Set(Some(option)) => self.set(option),
            StatementKind::Reset(key) => self.reset(key.as_ref()),
            StatementKind::Show(show) => self.show(show),
            StatementKind::Describe(describe) => self.describe(describe),
            StatementKind::Explain(explain) => self.explain(explain),
            StatementKind::Use(Use::Catalog(name)) => check_catalog(name).map(|()| Outcome::Done),
            StatementKind::Use(Use::Database(name)) => {
                if let [catalog, _] = name.parts.as_slice() {
                    check_catalog(catalog)?;
                }
                name.parts.last().map_or(Ok(()), check_database).map(|()| Outcome::Done)
            }
            StatementKind::Client(command) => Ok(Outcome::Client(*command)),
        }
    }

    fn drop(&mut self, drop: &Drop) -> PlanResult<Outcome> {
        let word = match drop.kind {
            DropKind::Table => "table",
            DropKind::View => "view",
        };
        self.catalog.drop(&drop.name, word, drop.temporary, drop.if_exists)?;
        Ok(Outcome::Done)
    }

    fn set(&mut self, option: &SetOption) -> PlanResult<Outcome> {
        let known = options::ALL.iter().any(|known| known.key == option.key);
        let span = if known { option.value_span } else { option.key_span };
        check_option(&option.key, &option.value).map_err(|error| error.at(span))?;
        self.config.set(&option.key, &option.value);
        Ok(Outcome::Done)
    }

    fn reset(&mut self, key: Option<&Ident>) -> PlanResult<Outcome> {
        match key {
            None => self.config = self.initial.clone(),
            Some(Ident { value: key, span }) => {
                let initial = self.initial.raw(key).map(str::to_string);
                match initial {
                    Some(value) => self.config.set(key, value),
                    None if options::ALL.iter().any(|option| option.key == key) => self.config.remove(key),
                    None => options::check(key, "").map_err(|error| error.at(*span))?,
                }
            }
        }
        Ok(Outcome::Done)
    }

    /// Every option that is set.
    fn all_options(&self) -> TextTable {
        let rows = self.config.iter().map(|(key, value)| vec![key.to_string(), value.to_string()]).collect();
        TextTable::new(&["key", "value"], rows)
    }
}

fn check_option(key: &str, value: &str) -> PlanResult<()> {
    options::check(key, value)?;
    if key == options::LOCAL_TIME_ZONE.key {
        TimeZone::parse(value)?;
    }
    Ok(())
}
