//! `CREATE TABLE … LIKE other (…)`: which parts of the other table are taken over, and who wins a clash.
//!
//! Flink's rules: everything is included and options are overwritten unless the clause says otherwise; `… ALL` sets every
//! part, a part by name wins over `ALL`; OVERWRITING exists for options, computed and metadata columns and watermarks.

use tidemill_sql_parser::ast::{LikeClause, LikeFeature, LikeMerge, LikeOption};

use super::{ColumnSource, TableColumn, TableDef};
use crate::error::{PlanError, PlanResult};

/// Adds to `own`, a table as its statement alone declares it, what the clause takes of `base`.
pub fn merge_like(base: &TableDef, own: TableDef, clause: &LikeClause) -> PlanResult<TableDef> {
    let strategy = Strategy::new(&clause.options)?;
    let clash = |what: String, help: &str| {
        Err(PlanError::new(
            "sql.like",
            clause.span,
            format!("{what} is in the copied table '{}' too", base.name.object),
        )
        .help(help))
    };
    let mut table = own;
    table.columns = merge_columns(base, std::mem::take(&mut table.columns), &strategy, clause)?;

    match (&table.watermark, &base.watermark, strategy.of(LikeFeature::Watermarks)) {
        (_, None, _) | (_, _, LikeMerge::Excluding) | (Some(_), Some(_), LikeMerge::Overwriting) => {}
        (Some(_), Some(_), LikeMerge::Including) => {
            return clash("a watermark".into(), "write OVERWRITING WATERMARKS or EXCLUDING WATERMARKS");
        }
        (None, Some(watermark), _) => table.watermark = Some(watermark.clone()),
    }
    match (&table.primary_key, &base.primary_key, strategy.of(LikeFeature::Constraints)) {
        (_, None, _) | (_, _, LikeMerge::Excluding) => {}
        (Some(_), Some(_), _) => return clash("a primary key".into(), "write EXCLUDING CONSTRAINTS"),
        (None, Some(key), _) => table.primary_key = Some(key.clone()),
    }
    if strategy.of(LikeFeature::Partitions) != LikeMerge::Excluding && !base.partition_keys.is_empty() {
        if !table.partition_keys.is_empty() {
            return clash("PARTITIONED BY".into(), "write EXCLUDING PARTITIONS");
        }
        table.partition_keys = base.partition_keys.clone();
    }
    let options = strategy.of(LikeFeature::Options);
    if options != LikeMerge::Excluding {
        for (key, value) in base.options.iter() {
            match table.options.raw(key) {
                Some(_) if options == LikeMerge::Including => {
                    return clash(format!("the option '{key}'"), "write OVERWRITING OPTIONS");
                }
                Some(_) => {}
                None => table.options.set(key, value),
            }
        }
    }
    Ok(table)
}

fn merge_columns(
    base: &TableDef,
    own: Vec<TableColumn>,
    strategy: &Strategy,
    clause: &LikeClause,
) -> PlanResult<Vec<TableColumn>> {
    let mut merged: Vec<TableColumn> =
        base.columns.iter().filter(|column| strategy.of_column(column) != LikeMerge::Excluding).cloned().collect();
    for column in own {
        let Some(old) = merged.iter_mut().find(|old| old.name == column.name) else {
            merged.push(column);
            continue;
        };
        let same_kind = std::mem::discriminant(&old.source) == std::mem::discriminant(&column.source);
        if strategy.of_column(old) == LikeMerge::Overwriting && same_kind {
            *old = column;
        } else {
            let text = format!("the column '{}' is in the copied table '{}' too", column.name, base.name.object);
            let help = match old.source {
                ColumnSource::Physical => {
                    "stored columns cannot be declared again: leave it out or give it another name"
                }
                ColumnSource::Computed(_) => "write OVERWRITING GENERATED or EXCLUDING GENERATED",
                ColumnSource::Metadata { .. } => "write OVERWRITING METADATA or EXCLUDING METADATA",
            };
            return Err(PlanError::new("sql.like", clause.span, text).help(help));
        }
    }
    Ok(merged)
}

struct Strategy<'a>(&'a [LikeOption]);

impl<'a> Strategy<'a> {
    fn new(options: &'a [LikeOption]) -> PlanResult<Strategy<'a>> {
        use LikeFeature::{All, Constraints, Distribution, Partitions};
        for option in options {
            if option.merge == LikeMerge::Overwriting
                && matches!(option.feature, All | Constraints | Distribution | Partitions)
            {
                let text = "OVERWRITING is possible for OPTIONS, GENERATED, METADATA and WATERMARKS only";
                return Err(PlanError::new("sql.like", option.span, text).help("write INCLUDING or EXCLUDING"));
            }
        }
        Ok(Strategy(options))
    }

    fn of(&self, feature: LikeFeature) -> LikeMerge {
        let said = |wanted| self.0.iter().rev().find(|option| option.feature == wanted).map(|option| option.merge);
        let default = if feature == LikeFeature::Options { LikeMerge::Overwriting } else { LikeMerge::Including };
        said(feature).or_else(|| said(LikeFeature::All)).unwrap_or(default)
    }

    /// Stored columns are always taken over.
    fn of_column(&self, column: &TableColumn) -> LikeMerge {
        match column.source {
            ColumnSource::Physical => LikeMerge::Including,
            ColumnSource::Computed(_) => self.of(LikeFeature::Generated),
            ColumnSource::Metadata { .. } => self.of(LikeFeature::Metadata),
        }
    }
}
