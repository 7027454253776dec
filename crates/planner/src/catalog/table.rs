//! What a table is: columns, watermark, keys, partitions, options.

use tidemill_core::options::Configuration;
use tidemill_dataflow::TableSpec;
use tidemill_expr::{Field, RowType, SqlType, TypeKind};
use tidemill_sql_parser::ast::Expr;

use super::{OptionPlaces, TablePath};

/// A table as its DDL declares it, types resolved.
#[derive(Clone, Debug)]
pub struct TableDef {
    /// Its full name.
    pub name: TablePath,
    /// Its columns in order.
    pub columns: Vec<TableColumn>,
    /// `WATERMARK FOR …`.
    pub watermark: Option<TableWatermark>,
    /// `PRIMARY KEY (…) NOT ENFORCED`; its columns are NOT NULL.
    pub primary_key: Option<TableConstraint>,
    /// `PARTITIONED BY (…)`.
    pub partition_keys: Vec<String>,
    /// `WITH (…)`, in the order of keys.
    pub options: Configuration,
    /// Where they stand.
    pub option_places: OptionPlaces,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
    /// Made with `TEMPORARY`.
    pub temporary: bool,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type; NOT NULL if it belongs to the primary key.
    pub ty: SqlType,
    /// Where its values come from.
    pub source: ColumnSource,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
}

/// Where a column's values come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnSource {
    /// Stored in the table.
    Physical,
    /// Computed from stored columns when the table is read.
    Computed(Expr),
    /// Known to the connector or the format.
    Metadata {
        /// Its name there.
        key: String,
        /// Read only.
        is_virtual: bool,
    },
}

/// `WATERMARK FOR column AS expr`.
#[derive(Clone, Debug, PartialEq)]
pub struct TableWatermark {
    /// The event-time column.
    pub column: String,
    /// The watermark of a row.
    pub expr: Expr,
}

/// The primary key.
#[derive(Clone, Debug, PartialEq)]
pub struct TableConstraint {
    /// Its name.
    pub name: String,
    /// Its columns; never empty.
    pub columns: Vec<String>,
}

impl TableDef {
    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The stored columns, physical and metadata, in order: what connectors know.
    pub fn stored(&self) -> Vec<&TableColumn> {
        self.columns.iter().filter(|column| !matches!(column.source, ColumnSource::Computed(_))).collect()
    }

    /// The columns that an INSERT writes, in order: neither computed nor virtual.
    pub fn written(&self) -> Vec<&TableColumn> {
        let is_written = |column: &&TableColumn| match &column.source {
            ColumnSource::Physical => true,
            ColumnSource::Metadata { is_virtual, .. } => !is_virtual,
            ColumnSource::Computed(_) => false,
        };
        self.columns.iter().filter(is_written).collect()
    }

    /// The table as connectors see it when they read it.
    pub fn read_spec(&self, time_zone: &str) -> TableSpec {
        self.spec(&self.stored(), time_zone)
    }

    /// The table as connectors see it when they write it.
    pub fn write_spec(&self, time_zone: &str) -> TableSpec {
        self.spec(&self.written(), time_zone)
    }

    fn spec(&self, columns: &[&TableColumn], time_zone: &str) -> TableSpec {
        let positions = |names: &[String]| {
            names.iter().filter_map(|name| columns.iter().position(|column| column.name == *name)).collect()
        };
        let mut options = self.options.clone();
        // The planner's own table options; connectors do not know them.
        options.remove(crate::session_options::IDLE_TIMEOUT.key);
        TableSpec {
            name: self.name.to_string(),
            schema: RowType::new(columns.iter().map(|column| Field::new(&column.name, column.ty.clone())).collect()),
            metadata: columns
                .iter()
                .map(|column| match &column.source {
                    ColumnSource::Metadata { key, .. } => Some(key.clone()),
                    _ => None,
                })
                .collect(),
            partition_keys: positions(&self.partition_keys),
            primary_key: self.primary_key.as_ref().map(|key| positions(&key.columns)).unwrap_or_default(),
            options,
            time_zone: time_zone.to_string(),
        }
    }

    /// A path of a scan as text: `bid.price`.
    pub fn path_name(&self, path: &[usize]) -> String {
        let stored = self.stored();
        let Some(column) = path.first().and_then(|first| stored.get(*first)) else { return "?".to_string() };
        let (mut text, mut ty) = (column.name.clone(), &column.ty);
        for index in path.iter().skip(1) {
            let TypeKind::Row(row) = &ty.kind else { break };
            let Some(field) = row.fields.get(*index) else { break };
            text.push('.');
            text.push_str(&field.name);
            ty = &field.ty;
        }
        text
    }

    /// The type at a path of a scan; a field of a nullable row is nullable.
    pub fn path_ty(&self, path: &[usize]) -> SqlType {
        let stored = self.stored();
        let Some(column) = path.first().and_then(|first| stored.get(*first)) else { return SqlType::NULL };
        let mut ty = column.ty.clone();
        for index in path.iter().skip(1) {
            let nullable = ty.nullable;
            let TypeKind::Row(row) = ty.kind else { return SqlType::NULL };
            let Some(field) = row.fields.into_iter().nth(*index) else { return SqlType::NULL };
            let field_nullable = field.ty.nullable;
            ty = field.ty.with_null(nullable || field_nullable);
        }
        ty
    }
}
