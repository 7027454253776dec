//! Statements as SQL: CREATE TABLE and statement sets on several lines, all else on one.

use std::fmt::{self, Display, Formatter};

use super::{join, parenthesized, quoted};
use crate::ast::{
    ClientCommand, ColumnDef, ColumnKind, CreateTable, CreateView, Describe, Drop, DropKind, Explain, ExplainDetail,
    Insert, LikeClause, LikeFeature, LikeMerge, LikeOption, PrimaryKey, Show, ShowFilter, ShowKind, Statement,
    StatementKind, StatementSet, TableOption, Use, WatermarkDef,
};

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StatementKind::Query(query) => query.fmt(f),
            StatementKind::Insert(insert) => insert.fmt(f),
            StatementKind::StatementSet(set) => write!(f, "EXECUTE {set}"),
            StatementKind::CreateTable(table) => table.fmt(f),
            StatementKind::CreateView(view) => view.fmt(f),
            StatementKind::Drop(drop) => drop.fmt(f),
            StatementKind::Set(None) => f.write_str("SET"),
            StatementKind::Set(Some(option)) => {
                write!(f, "SET {} = {}", quoted(&option.key), quoted(&option.value))
            }
            StatementKind::Reset(None) => f.write_str("RESET"),
            StatementKind::Reset(Some(key)) => write!(f, "RESET {}", quoted(&key.value)),
            StatementKind::Show(show) => show.fmt(f),
            StatementKind::Describe(describe) => describe.fmt(f),
            StatementKind::Explain(explain) => explain.fmt(f),
            StatementKind::Use(Use::Catalog(name)) => write!(f, "USE CATALOG {name}"),
            StatementKind::Use(Use::Database(name)) => write!(f, "USE {name}"),
            StatementKind::Client(command) => f.write_str(match command {
                ClientCommand::Quit => "QUIT",
                ClientCommand::Help => "HELP",
                ClientCommand::Clear => "CLEAR",
            }),
        }
    }
}

impl Display for Insert {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "INSERT {} {}", if self.overwrite { "OVERWRITE" } else { "INTO" }, self.table)?;
        if !self.hints.is_empty() {
            f.write_str(" ")?;
            super::query::hints(f, &self.hints)?;
        }
        if !self.partition.is_empty() {
            f.write_str(" PARTITION (")?;
            for (i, (name, value)) in self.partition.iter().enumerate() {
                write!(f, "{}{name} = {value}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(")")?;
        }
        if !self.columns.is_empty() {
            f.write_str(" ")?;
            parenthesized(f, &self.columns)?;
        }
        write!(f, " {}", self.query)
    }
}

impl Display for StatementSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("STATEMENT SET\nBEGIN\n")?;
        for insert in &self.inserts {
            writeln!(f, "  {insert};")?;
        }
        f.write_str("END")
    }
}

impl Display for CreateTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (temporary, exists) = prefixes(self.temporary, self.if_not_exists);
        write!(f, "CREATE {temporary}TABLE {exists}{}", self.name)?;
        let mut lines: Vec<String> = self.columns.iter().map(ToString::to_string).collect();
        lines.extend(self.watermark.as_ref().map(ToString::to_string));
        lines.extend(self.primary_key.as_ref().map(ToString::to_string));
        if !lines.is_empty() {
            write!(f, " (\n  {}\n)", lines.join(",\n  "))?;
        }
        if let Some(comment) = &self.comment {
            write!(f, "\nCOMMENT {}", quoted(comment))?;
        }
        if !self.partitioned_by.is_empty() {
            f.write_str("\nPARTITIONED BY ")?;
            parenthesized(f, &self.partitioned_by)?;
        }
        if !self.options.is_empty() {
            f.write_str("\nWITH (\n  ")?;
            join(f, &self.options, ",\n  ")?;
            f.write_str("\n)")?;
        }
        match &self.like {
            Some(like) => write!(f, "\n{like}"),
            None => Ok(()),
        }
    }
}

fn prefixes(temporary: bool, if_not_exists: bool) -> (&'static str, &'static str) {
    (if temporary { "TEMPORARY " } else { "" }, if if_not_exists { "IF NOT EXISTS " } else { "" })
}

impl Display for ColumnDef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        match &self.kind {
            ColumnKind::Physical(data_type) => write!(f, " {data_type}")?,
            ColumnKind::Computed(expr) => write!(f, " AS {expr}")?,
            ColumnKind::Metadata { data_type, key, is_virtual } => {
                write!(f, " {data_type} METADATA")?;
                if let Some(key) = key {
                    write!(f, " FROM {}", quoted(key))?;
                }
                f.write_str(if *is_virtual { " VIRTUAL" } else { "" })?;
            }
        }
        match &self.comment {
            Some(comment) => write!(f, " COMMENT {}", quoted(comment)),
            None => Ok(()),
        }
    }
}

impl Display for WatermarkDef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("WATERMARK FOR ")?;
        join(f, &self.column, ".")?;
        write!(f, " AS {}", self.expr)
    }
}

impl Display for PrimaryKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "CONSTRAINT {name} ")?;
        }
        f.write_str("PRIMARY KEY ")?;
        parenthesized(f, &self.columns)?;
        f.write_str(" NOT ENFORCED")
    }
}

impl Display for TableOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", quoted(&self.key), quoted(&self.value))
    }
}

impl Display for LikeClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "LIKE {}", self.table)?;
        if self.options.is_empty() {
            return Ok(());
        }
        f.write_str(" (")?;
        join(f, &self.options, " ")?;
        f.write_str(")")
    }
}

impl Display for LikeOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let merge = match self.merge {
            LikeMerge::Including => "INCLUDING",
            LikeMerge::Excluding => "EXCLUDING",
            LikeMerge::Overwriting => "OVERWRITING",
        };
        let feature = match self.feature {
            LikeFeature::All => "ALL",
            LikeFeature::Constraints => "CONSTRAINTS",
            LikeFeature::Distribution => "DISTRIBUTION",
            LikeFeature::Generated => "GENERATED",
            LikeFeature::Metadata => "METADATA",
            LikeFeature::Options => "OPTIONS",
            LikeFeature::Partitions => "PARTITIONS",
            LikeFeature::Watermarks => "WATERMARKS",
        };
        write!(f, "{merge} {feature}")
    }
}

impl Display for CreateView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (temporary, exists) = prefixes(self.temporary, self.if_not_exists);
        write!(f, "CREATE {temporary}VIEW {exists}{}", self.name)?;
        if !self.columns.is_empty() {
            f.write_str(" ")?;
            parenthesized(f, &self.columns)?;
        }
        if let Some(comment) = &self.comment {
            write!(f, " COMMENT {}", quoted(comment))?;
        }
        write!(f, " AS {}", self.query)
    }
}

impl Display for Drop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = if self.kind == DropKind::Table { "TABLE" } else { "VIEW" };
        let temporary = if self.temporary { "TEMPORARY " } else { "" };
        write!(f, "DROP {temporary}{kind} {}{}", if self.if_exists { "IF EXISTS " } else { "" }, self.name)
    }
}

impl Display for Show {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SHOW ")?;
        match &self.kind {
            ShowKind::Catalogs => f.write_str("CATALOGS")?,
            ShowKind::Databases(from) => listing(f, "DATABASES", from.as_ref())?,
            ShowKind::Tables(from) => listing(f, "TABLES", from.as_ref())?,
            ShowKind::Views(from) => listing(f, "VIEWS", from.as_ref())?,
            ShowKind::Functions { user } => f.write_str(if *user { "USER FUNCTIONS" } else { "FUNCTIONS" })?,
            ShowKind::Columns(table) => listing(f, "COLUMNS", Some(table))?,
            ShowKind::CurrentCatalog => f.write_str("CURRENT CATALOG")?,
            ShowKind::CurrentDatabase => f.write_str("CURRENT DATABASE")?,
            ShowKind::CreateTable(name) => write!(f, "CREATE TABLE {name}")?,
            ShowKind::CreateView(name) => write!(f, "CREATE VIEW {name}")?,
        }
        match &self.filter {
            Some(filter) => filter.fmt(f),
            None => Ok(()),
        }
    }
}

fn listing(f: &mut Formatter<'_>, word: &str, from: Option<&crate::ast::ObjectName>) -> fmt::Result {
    f.write_str(word)?;
    match from {
        Some(name) => write!(f, " FROM {name}"),
        None => Ok(()),
    }
}

impl Display for ShowFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let not = if self.negated { " NOT" } else { "" };
        let like = if self.ignore_case { "ILIKE" } else { "LIKE" };
        write!(f, "{not} {like} {}", quoted(&self.pattern))
    }
}

impl Display for Describe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "DESCRIBE {}{}", if self.extended { "EXTENDED " } else { "" }, self.name)
    }
}

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("EXPLAIN ")?;
        if !self.details.is_empty() {
            let details: Vec<ExplainDetail> = self.details.iter().map(|(detail, _)| *detail).collect();
            join(f, &details, ", ")?;
            f.write_str(" ")?;
        }
        match &self.statement.kind {
            StatementKind::StatementSet(set) => set.fmt(f),
            _ => self.statement.fmt(f),
        }
    }
}

impl Display for ExplainDetail {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EstimatedCost => "ESTIMATED_COST",
            Self::ChangelogMode => "CHANGELOG_MODE",
            Self::JsonExecutionPlan => "JSON_EXECUTION_PLAN",
            Self::PlanAdvice => "PLAN_ADVICE",
        })
    }
}
