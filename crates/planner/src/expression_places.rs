//! Where the expressions of a plan stand in the text: for errors that only rows bring out.

use tidemill_core::map::Map;
use tidemill_expr::Expr;
use tidemill_sql_parser::Span;

use crate::plan::{BoundQuery, PlannedJob, PlannedQuery};
use crate::rel::{ColId, Rel};

/// Expressions of a plan, as messages show them, and where the statement has them. Those of a view or of a table's computed
/// column stand where it is used.
#[derive(Clone, Debug, Default)]
pub struct ExpressionPlaces(Vec<(String, Span)>);

impl ExpressionPlaces {
    /// Where an expression that a failure names stands in the text that the statement was parsed from.
    pub fn of(&self, expression: &str) -> Option<Span> {
        self.0.iter().find(|(shown, _)| shown == expression).map(|(_, span)| *span)
    }

    fn add(&mut self, bound: &BoundQuery, optimized: &BoundQuery) {
        let written = Written::of(bound, optimized);
        optimized.rel.visit(&mut |rel| match rel {
            Rel::Project { items, .. } => {
                let computed = items.iter().filter(|(_, expr)| !matches!(expr, Expr::Column(_)));
                self.0.extend(computed.filter_map(|(id, expr)| {
                    let span = written.place_of(expr).or_else(|| optimized.registry.get(*id)?.span)?;
                    Some((optimized.registry.show(expr), span))
                }));
            }
            Rel::Filter { predicate, .. } => {
                // Rules take conditions apart and put them together: what they are made of stands somewhere.
                let parts: Option<Vec<Span>> =
                    predicate.clone().conjuncts().iter().map(|part| written.place_of(part)).collect();
                let all = parts.and_then(|parts| parts.into_iter().reduce(Span::to));
                self.0.extend(all.map(|span| (optimized.registry.show(predicate), span)));
            }
            _ => {}
        });
    }
}

/// A query as it is written: what its columns stand for.
struct Written<'a> {
    bound: &'a BoundQuery,
    /// The expressions that a column holds: one in a projection, one for each input in a union.
    definitions: Map<ColId, Vec<Expr>>,
    /// Columns that the rules have made for fields of nested rows.
    fields: Map<ColId, Expr>,
}

impl<'a> Written<'a> {
    fn of(bound: &'a BoundQuery, optimized: &BoundQuery) -> Written<'a> {
        let mut definitions: Map<ColId, Vec<Expr>> = Map::default();
        let mut stored: Map<(u32, usize), ColId> = Map::default();
        bound.rel.visit(&mut |rel| match rel {
            Rel::Project { items, .. } => {
                // A column that is handed on under its own number stands for nothing else.
                for (id, expr) in items.iter().filter(|(id, expr)| *expr != Expr::Column(*id)) {
                    definitions.entry(*id).or_default().push(expr.clone());
                }
            }
            Rel::Union { columns, sources, .. } => {
                for (at, id) in columns.iter().enumerate() {
                    let inputs = sources.iter().filter_map(|source| source.get(at));
                    definitions.entry(*id).or_default().extend(inputs.map(|input| Expr::Column(*input)));
                }
            }
            Rel::Scan(scan) => stored.extend(scan.reads.iter().filter_map(|read| match read.path[..] {
                [at] => Some(((scan.span.start, at), read.id)),
                _ => None,
            })),
            _ => {}
        });
        let mut fields = Map::default();
        optimized.rel.visit(&mut |rel| {
            let Rel::Scan(scan) = rel else { return };
            for read in &scan.reads {
                if let [at, nested @ ..] = &read.path[..]
                    && let Some(row) = stored.get(&(scan.span.start, *at)).filter(|_| !nested.is_empty())
                {
                    let field = |expr, index: &usize| Expr::Field { expr: Box::new(expr), index: *index };
                    fields.insert(read.id, nested.iter().fold(Expr::Column(*row), field));
                }
            }
        });
        Written { bound, definitions, fields }
    }

    /// Where an expression of the optimized plan stands.
    fn place_of(&self, expr: &Expr) -> Option<Span> {
        let registry = &self.bound.registry;
        registry.place_of(expr).or_else(|| registry.place_where(|written| self.is(written, expr)))
    }

    /// Whether `written` became `expr`: columns were replaced by what they stand for, constants computed.
    fn is(&self, written: &Expr, expr: &Expr) -> bool {
        if written == expr {
            return true;
        }
        match (written, expr) {
            (Expr::Column(id), _) if self.definitions.contains_key(id) => {
                self.definitions[id].iter().any(|definition| self.is(definition, expr))
            }
            (_, Expr::Column(id)) => self.fields.get(id).is_some_and(|field| self.is(written, field)),
            (Expr::Literal(..), _) => false,
            (_, Expr::Literal(..)) => written.columns().is_empty(),
            _ => {
                let (parts, others) = (written.children(), expr.children());
                is_alike(written, expr)
                    && parts.len() == others.len()
                    && parts.into_iter().zip(others).all(|(part, other)| self.is(part, other))
            }
        }
    }
}

/// Whether two expressions do the same with their parts.
fn is_alike(one: &Expr, other: &Expr) -> bool {
    match (one, other) {
        (Expr::Call { function: one, .. }, Expr::Call { function: other, .. }) => one == other,
        (Expr::Cast { ty: one, try_: one_try, .. }, Expr::Cast { ty: other, try_: other_try, .. }) => {
            one == other && one_try == other_try
        }
        (Expr::Field { index: one, .. }, Expr::Field { index: other, .. }) => one == other,
        (Expr::Case { .. }, Expr::Case { .. }) => true,
        _ => false,
    }
}

impl PlannedQuery {
    /// Where its expressions stand.
    pub fn expression_places(&self) -> ExpressionPlaces {
        let mut places = ExpressionPlaces::default();
        places.add(&self.bound, &self.optimized);
        places
    }
}

impl PlannedJob {
    /// Where its expressions stand.
    pub fn expression_places(&self) -> ExpressionPlaces {
        let mut places = ExpressionPlaces::default();
        self.inserts.iter().for_each(|insert| places.add(&insert.bound, &insert.optimized));
        places
    }
}
