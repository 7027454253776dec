//! What the planner asks of connectors: which options a table has, and how it is read or written.

use std::sync::Arc;

use tidemill_core::map::Map;
use tidemill_core::options::{ConfigOption, Configuration};
use tidemill_core::{Failure, Result};
use tidemill_expr::{RowType, Scalar};

/// A table as its DDL declares it, as far as connectors care.
#[derive(Clone, Debug)]
pub struct TableSpec {
    /// Full name, for messages and the result hash.
    pub name: String,
    /// Physical and metadata columns in order; computed columns are not among them.
    pub schema: RowType,
    /// For each column of `schema`, the metadata key it is read from or written to; none for physical columns.
    pub metadata: Vec<Option<String>>,
    /// Positions in `schema` of PARTITIONED BY columns.
    pub partition_keys: Vec<usize>,
    /// Positions in `schema` of PRIMARY KEY columns; empty without one.
    pub primary_key: Vec<usize>,
    /// The WITH options, `connector` included.
    pub options: Configuration,
    /// `table.local-time-zone` of the session, an IANA name or an offset.
    pub time_zone: String,
}

/// What a query needs of a table.
#[derive(Clone, Debug, Default)]
pub struct ReadRequest {
    /// One path per column to be produced, in order: a position in the schema, then positions in nested rows. Paths are longer
    /// than one only where the connector says [`Connector::reads_nested_fields`].
    pub columns: Vec<Vec<usize>>,
    /// Conjuncts `path = literal`. A connector may use them to read less; the plan still filters.
    pub equals: Vec<(Vec<usize>, Scalar)>,
    /// No more rows than this are needed.
    pub limit: Option<u64>,
}

/// How a table is read.
#[derive(Clone, Debug)]
pub struct SourcePlan {
    /// The source's kind in the registry.
    pub kind: String,
    /// Its config.
    pub config: Vec<u8>,
    /// True if it ends by itself.
    pub bounded: bool,
    /// How many instances read it (`scan.parallelism`); 0: as many as the job has slots.
    pub parallelism: u32,
}

/// How a table is written.
#[derive(Clone, Debug)]
pub struct SinkPlan {
    /// The sink's kind in the registry.
    pub kind: String,
    /// Its config.
    pub config: Vec<u8>,
    /// Which changes it can take.
    pub accepts: SinkChanges,
    /// True if its writers may wait for something outside: they get a thread of their own.
    pub may_block: bool,
    /// How many instances write it (`sink.parallelism`); 0: as many as the job has slots.
    pub parallelism: u32,
}

/// Which changes a sink can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkChanges {
    /// Only `+I`.
    InsertOnly,
    /// `+I`, `+U` and `-D` by the table's primary key.
    Upsert,
    /// All four kinds.
    All,
}

/// A connector: the code behind `'connector' = '…'`.
pub trait Connector: Send + Sync {
    /// Its name in `'connector' = '…'`.
    fn name(&self) -> &'static str;

    /// All options it knows for this table, those of its formats included (`connector` itself is always known).
    fn options(&self, table: &TableSpec) -> Result<Vec<&'static ConfigOption>>;

    /// True where single fields of nested rows can be asked for.
    fn reads_nested_fields(&self) -> bool {
        false
    }

    /// True where all rows that fail `path = literal` are left out when [`ReadRequest::equals`] asks for it, and leaving them
    /// out makes no other row late: the plan then takes the column as known and does not read it.
    fn answers_exactly(&self, _table: &TableSpec, _path: &[usize]) -> bool {
        false
    }

    /// How to read the table; an error where it cannot be read. Checks the options; does not touch the outside.
    fn plan_source(&self, table: &TableSpec, request: &ReadRequest) -> Result<SourcePlan>;

    /// How to write the table; an error where it cannot be written.
    fn plan_sink(&self, table: &TableSpec) -> Result<SinkPlan>;
}

/// All connectors of this build.
#[derive(Clone, Default)]
pub struct Connectors(Map<&'static str, Arc<dyn Connector>>);

impl Connectors {
    /// Adds one.
    pub fn add(&mut self, connector: Arc<dyn Connector>) {
        self.0.insert(connector.name(), connector);
    }

    /// Names of all connectors, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.0.keys().copied().collect();
        names.sort_unstable();
        names
    }

    /// The connector of a table, its options checked; an unknown one lists all that are known.
    pub fn of(&self, table: &TableSpec) -> Result<&Arc<dyn Connector>> {
        let known = self.names().join(", ");
        let Some(name) = table.options.raw("connector") else {
            let text = format!("table {} has no 'connector' option; the connectors are {known}", table.name);
            return Err(Failure::user("connector.missing", text));
        };
        let connector = self.0.get(name).ok_or_else(|| {
            let text = format!("table {}: there is no connector '{name}'; the connectors are {known}", table.name);
            Failure::user("connector.unknown", text).about("connector")
        })?;
        const CONNECTOR: ConfigOption =
            ConfigOption::new("connector", tidemill_core::options::OptionType::Text, "Which connector the table uses.");
        let mut options = connector.options(table)?;
        options.push(&CONNECTOR);
        table.options.check_known(&options, &format!("connector '{name}' (table {})", table.name))?;
        Ok(connector)
    }
}
