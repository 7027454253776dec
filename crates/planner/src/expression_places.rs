//! Where the expressions of a plan stand in the text: for errors that only rows bring out.

use tidemill_expr::Expr;
use tidemill_sql_parser::Span;

use crate::plan::{BoundQuery, PlannedJob, PlannedQuery};
use crate::rel::Rel;

/// Expressions of a plan, as messages show them, and where the statement has them. Those of a view or of a table's computed
/// column stand where it is used.
#[derive(Clone, Debug, Default)]
pub struct ExpressionPlaces(Vec<(String, Span)>);

impl ExpressionPlaces {
    /// Where an expression that a failure names stands in the text that the statement was parsed from.
    pub fn of(&self, expression: &str) -> Option<Span> {
        self.0.iter().find(|(shown, _)| shown == expression).map(|(_, span)| *span)
    }

    fn add(&mut self, query: &BoundQuery, rel: &Rel) {
        let registry = &query.registry;
        match rel {
            Rel::Project { items, .. } => {
                let computed = items.iter().filter(|(_, expr)| !matches!(expr, Expr::Column(_)));
                self.0.extend(computed.filter_map(|(id, expr)| {
                    let span = registry.place_of(expr).or_else(|| registry.get(*id)?.span)?;
                    Some((registry.show(expr), span))
                }));
            }
            Rel::Filter { predicate, .. } => {
                // Rules take conditions apart and put them together: what they are made of stands somewhere.
                let parts: Option<Vec<Span>> =
                    predicate.clone().conjuncts().iter().map(|part| registry.place_of(part)).collect();
                let all = parts.and_then(|parts| parts.into_iter().reduce(Span::to));
                self.0.extend(all.map(|span| (registry.show(predicate), span)));
            }
            _ => {}
        }
        rel.inputs().into_iter().for_each(|input| self.add(query, input));
    }
}

impl PlannedQuery {
    /// Where its expressions stand.
    pub fn expression_places(&self) -> ExpressionPlaces {
        let mut places = ExpressionPlaces::default();
        places.add(&self.optimized, &self.optimized.rel);
        places
    }
}

impl PlannedJob {
    /// Where its expressions stand.
    pub fn expression_places(&self) -> ExpressionPlaces {
        let mut places = ExpressionPlaces::default();
        self.inserts.iter().for_each(|insert| places.add(&insert.optimized, &insert.optimized.rel));
        places
    }
}
