//! The interpreter: tables with rows, views, and the ways to ask.

use std::collections::BTreeMap;

use tidemill_sql_parser::ast::{ColumnKind, CreateTable, CreateView, DropKind, Expr, Insert, Query, StatementKind};
use tidemill_sql_parser::parse_statement;

use crate::calendar::NANOS_OF_MS;
use crate::error::{Error, Result};
use crate::expr::{Binder, Bound, Column, column, constant};
use crate::query::{Env, Relation, demand, rename};
use crate::types::Type;
use crate::value::{Row, Value};

/// Tables and views, and the rows in them.
///
/// ```
/// use tidemill_naive::{Oracle, Value};
///
/// let mut oracle = Oracle::default();
/// oracle.execute("CREATE TABLE t (a INT, b STRING) WITH ('connector' = 'values')")?;
/// oracle.add_rows("t", vec![vec![Value::Int(7), Value::text("x")], vec![Value::Int(4), Value::Null]])?;
/// let answer = oracle.ask("SELECT AVG(a) AS mean, COUNT(b) AS named FROM t")?;
/// assert_eq!(answer.to_string(), "mean INT, named BIGINT\n5, 1\n");
/// # Ok::<(), tidemill_naive::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    tables: BTreeMap<String, Table>,
    views: BTreeMap<String, CreateView>,
    zone: i128,
}

#[derive(Clone, Debug)]
struct Table {
    columns: Vec<(String, Source)>,
    /// Values of the stored columns, in order.
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
enum Source {
    Stored(Type),
    Computed(Expr),
}

/// What a query gives: a bag of rows, in order if the query ordered them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Names and types.
    pub columns: Vec<(String, Type)>,
    /// The rows; no value is an error.
    pub rows: Vec<Row>,
}

impl Oracle {
    /// The session's time zone: local time is so many milliseconds ahead of UTC, all year.
    pub fn set_zone_ms(&mut self, ahead_ms: i64) {
        self.zone = i128::from(ahead_ms) * NANOS_OF_MS;
    }

    /// Executes CREATE TABLE, CREATE VIEW or DROP. A table's options say nothing here: its rows are added by
    /// [`Oracle::add_rows`].
    ///
    /// # Errors
    /// The text is another statement, or none.
    pub fn execute(&mut self, text: &str) -> Result<()> {
        match parse(text)? {
            StatementKind::CreateTable(create) => self.create_table(&create),
            StatementKind::CreateView(create) => {
                self.views.insert(create.name.last().to_string(), *create);
                Ok(())
            }
            StatementKind::Drop(drop) => {
                let known = match drop.kind {
                    DropKind::Table => self.tables.remove(drop.name.last()).is_some(),
                    DropKind::View => self.views.remove(drop.name.last()).is_some(),
                };
                if known || drop.if_exists { Ok(()) } else { Err(Error::Mistake(format!("no {}", drop.name))) }
            }
            other => Err(Error::Unsupported(format!("{other:?}"))),
        }
    }

    fn create_table(&mut self, create: &CreateTable) -> Result<()> {
        if create.like.is_some() {
            return Err(Error::Unsupported("LIKE".into()));
        }
        let mut columns = Vec::new();
        for definition in &create.columns {
            let source = match &definition.kind {
                ColumnKind::Physical(ty) | ColumnKind::Metadata { data_type: ty, .. } => Source::Stored(Type::of(ty)?),
                ColumnKind::Computed(expr) => Source::Computed(expr.clone()),
            };
            columns.push((definition.name.value.clone(), source));
        }
        self.tables.insert(create.name.last().to_string(), Table { columns, rows: Vec::new() });
        Ok(())
    }

    /// Adds rows to a table: the values of its columns that are not computed, in order.
    ///
    /// # Errors
    /// There is no such table, or a row is of another length.
    pub fn add_rows(&mut self, table: &str, rows: Vec<Row>) -> Result<()> {
        let known = self.tables.get_mut(table).ok_or_else(|| Error::Mistake(format!("there is no table '{table}'")))?;
        let width = known.columns.iter().filter(|(_, source)| matches!(source, Source::Stored(_))).count();
        if let Some(row) = rows.iter().find(|row| row.len() != width) {
            return Err(Error::Mistake(format!("'{table}' stores {width} values a row, not {}", row.len())));
        }
        known.rows.extend(rows);
        Ok(())
    }

    /// Answers a query, or says which rows an INSERT would write.
    ///
    /// # Errors
    /// The text is neither, means nothing or is beyond this crate, or a demanded row has an error.
    pub fn ask(&self, text: &str) -> Result<Answer> {
        match parse(text)? {
            StatementKind::Query(query) => self.query(&query),
            StatementKind::Insert(insert) => self.insert(&insert),
            other => Err(Error::Unsupported(format!("{other:?}"))),
        }
    }

    /// Answers a query.
    ///
    /// # Errors
    /// As [`Oracle::ask`].
    pub fn query(&self, query: &Query) -> Result<Answer> {
        answer(self.env().query(query)?)
    }

    /// The rows that an INSERT would write: all of the sink's stored columns, cast to their types.
    ///
    /// # Errors
    /// As [`Oracle::ask`].
    pub fn insert(&self, insert: &Insert) -> Result<Answer> {
        let name = insert.table.last();
        let sink = self.tables.get(name).ok_or_else(|| Error::Mistake(format!("there is no table '{name}'")))?;
        let given = self.env().query(&insert.query)?;
        let binder = Binder { columns: &[], groups: None, zone: self.zone };
        let mut sources: BTreeMap<&str, Bound> = BTreeMap::new();
        for (name, value) in &insert.partition {
            sources.insert(&name.value, binder.bind(value)?);
        }
        let stored: Vec<(&String, &Type)> = sink
            .columns
            .iter()
            .filter_map(|(name, source)| if let Source::Stored(ty) = source { Some((name, ty)) } else { None })
            .collect();
        let targets: Vec<&str> = match insert.columns.as_slice() {
            [] => stored.iter().map(|(n, _)| n.as_str()).filter(|n| !sources.contains_key(n)).collect(),
            named => named.iter().map(|name| name.value.as_str()).collect(),
        };
        if targets.len() != given.columns.len() {
            return Err(Error::Mistake(format!("'{name}' takes {} columns", targets.len())));
        }
        for (i, (target, from)) in targets.into_iter().zip(&given.columns).enumerate() {
            sources.insert(target, column(i, from.ty.clone(), ""));
        }
        let cells: Vec<Bound> = stored
            .iter()
            .map(|(name, ty)| {
                let source = sources.get(name.as_str()).cloned();
                binder.coerce(source.unwrap_or_else(|| constant((Value::Null, Type::Null))), ty)
            })
            .collect();
        let columns = stored
            .iter()
            .map(|(name, ty)| Column { table: String::new(), name: (*name).clone(), ty: (*ty).clone() })
            .collect();
        let rows = given.rows.iter().map(|row| cells.iter().map(|cell| (cell.eval)(row)).collect()).collect();
        answer(Relation { columns, rows })
    }

    fn env(&self) -> Env<'_> {
        Env { oracle: self, ctes: Vec::new(), zone: self.zone }
    }

    /// All of a table or view.
    pub(crate) fn read(&self, name: &str) -> Result<Relation> {
        if let Some(view) = self.views.get(name) {
            return rename(self.env().query(&view.query)?, &view.columns);
        }
        let table = self.tables.get(name).ok_or_else(|| Error::Mistake(format!("there is no table '{name}'")))?;
        let named = |name: &String, ty: &Type| Column { table: String::new(), name: name.clone(), ty: ty.clone() };
        let stored: Vec<Column> = table
            .columns
            .iter()
            .filter_map(|(name, source)| if let Source::Stored(ty) = source { Some(named(name, ty)) } else { None })
            .collect();
        let binder = Binder { columns: &stored, groups: None, zone: self.zone };
        let mut columns = Vec::new();
        let mut cells = Vec::new();
        let mut position = 0;
        for (name, source) in &table.columns {
            let cell = match source {
                Source::Stored(ty) => {
                    position += 1;
                    column(position - 1, ty.clone(), "")
                }
                Source::Computed(expr) => binder.bind(expr)?,
            };
            columns.push(named(name, &cell.ty));
            cells.push(cell);
        }
        let rows = table.rows.iter().map(|row| cells.iter().map(|cell| (cell.eval)(row)).collect()).collect();
        Ok(Relation { columns, rows })
    }
}

fn parse(text: &str) -> Result<StatementKind> {
    parse_statement(text).map(|statement| statement.kind).map_err(|error| Error::Mistake(error.render(text)))
}

fn answer(relation: Relation) -> Result<Answer> {
    demand(relation.rows.iter().flatten())?;
    let columns = relation.columns.into_iter().map(|column| (column.name, column.ty)).collect();
    Ok(Answer { columns, rows: relation.rows })
}

impl Answer {
    /// The rows as text, sorted: equal for equal bags.
    pub fn bag(&self) -> Vec<String> {
        let mut rows: Vec<String> = self.rows.iter().map(line).collect();
        rows.sort();
        rows
    }
}

fn line(row: &Row) -> String {
    row.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

/// A line of names and types, a line a row, in the answer's order.
impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let header: Vec<String> = self.columns.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
        writeln!(f, "{}", header.join(", "))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", line(row)))
    }
}
