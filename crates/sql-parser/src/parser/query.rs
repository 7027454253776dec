//! Queries: WITH, set operations, ORDER BY and LIMIT, VALUES.

use super::{Parser, Result};
use crate::ast::{Cte, Expr, NullsOrder, OrderItem, Query, QueryBody, SetOperation, SetOperator, Values};
use crate::keywords;
use crate::lexer::TokenKind;
use crate::span::Span;

/// How closely UNION and EXCEPT bind; INTERSECT binds more closely.
const UNION: u8 = 1;
const INTERSECT: u8 = 2;

impl Parser<'_> {
    /// `[WITH …] body [ORDER BY …] [LIMIT …] [OFFSET …] [FETCH …]`.
    pub fn query(&mut self) -> Result<Query> {
        self.nested(|p| {
            let start = p.span();
            let with = if p.eat_keyword("WITH") { p.ctes()? } else { Vec::new() };
            let first = p.query_operand()?;
            let body = p.set_operations(first, start, 0)?;
            p.query_tail(with, body, start)
        })
    }

    /// The rest of a query whose first operand, beginning at `start`, has been parsed.
    pub(super) fn query_after(&mut self, first: QueryBody, start: Span) -> Result<Query> {
        let body = self.set_operations(first, start, 0)?;
        self.query_tail(Vec::new(), body, start)
    }

    fn ctes(&mut self) -> Result<Vec<Cte>> {
        if self.is_keyword("RECURSIVE") && self.is_ident_at(1) {
            return Err(self.unsupported("WITH RECURSIVE", self.span()));
        }
        self.comma_list(|p| {
            let start = p.span();
            let name = p.ident("a name")?;
            let columns = if p.is_symbol("(") { p.paren_list(|p| p.ident("a column's name"))? } else { Vec::new() };
            p.expect_keyword("AS")?;
            p.expect_symbol("(")?;
            let query = p.query()?;
            p.expect_symbol(")")?;
            Ok(Cte { name, columns, query, span: p.since(start) })
        })
    }

    fn query_operand(&mut self) -> Result<QueryBody> {
        if self.is_keyword("SELECT") {
            return self.select().map(|s| QueryBody::Select(Box::new(s)));
        }
        if self.is_keyword("VALUES") {
            return self.values().map(QueryBody::Values);
        }
        if self.is_keyword("TABLE") && self.is_ident_at(1) {
            self.advance();
            return self.object_name("a table's name").map(QueryBody::Table);
        }
        if self.eat_symbol("(") {
            let query = self.query()?;
            self.expect_symbol(")")?;
            return Ok(as_operand(query));
        }
        Err(self.expected(&["SELECT", "VALUES", "WITH", "'('"]))
    }

    fn set_operations(&mut self, mut left: QueryBody, start: Span, min: u8) -> Result<QueryBody> {
        loop {
            let (op, binds) = if self.is_keyword("UNION") {
                (SetOperator::Union, UNION)
            } else if self.is_keyword("EXCEPT") {
                (SetOperator::Except, UNION)
            } else if self.is_keyword("INTERSECT") {
                (SetOperator::Intersect, INTERSECT)
            } else {
                return Ok(left);
            };
            if binds < min {
                return Ok(left);
            }
            let op_start = self.span();
            self.advance();
            let all = self.eat_keyword("ALL");
            if !all {
                self.eat_keyword("DISTINCT");
            }
            let op_span = self.since(op_start);
            let right_start = self.span();
            let first = self.query_operand()?;
            let right = self.set_operations(first, right_start, binds + 1)?;
            self.deepen()?;
            let span = self.since(start);
            left = QueryBody::SetOperation(Box::new(SetOperation { op, all, left, right, span, op_span }));
        }
    }

    fn query_tail(&mut self, with: Vec<Cte>, body: QueryBody, start: Span) -> Result<Query> {
        let mut order_by = Vec::new();
        if self.eat_keywords(&["ORDER", "BY"]) {
            order_by = self.comma_list(Self::order_item)?;
        }
        let (mut limit, mut offset) = (None, None);
        loop {
            if limit.is_none() && self.eat_keyword("LIMIT") {
                if !self.eat_keyword("ALL") {
                    limit = Some(self.expression()?);
                }
            } else if offset.is_none() && self.eat_keyword("OFFSET") {
                offset = Some(self.expression()?);
                self.row_or_rows();
            } else if limit.is_none() && self.eat_keyword("FETCH") {
                limit = Some(self.fetch()?);
            } else {
                break;
            }
        }
        let query = Query { with, body, order_by, limit, offset, span: self.since(start) };
        Ok(match query.body {
            QueryBody::Nested(inner)
                if query.with.is_empty()
                    && query.order_by.is_empty()
                    && query.limit.is_none()
                    && query.offset.is_none() =>
            {
                *inner
            }
            _ => query,
        })
    }

    /// After `FETCH`.
    fn fetch(&mut self) -> Result<Expr> {
        if !self.eat_keyword("FIRST") && !self.eat_keyword("NEXT") {
            return Err(self.expected(&["FIRST", "NEXT"]));
        }
        let count = self.expression()?;
        if !self.row_or_rows() {
            return Err(self.expected(&["ROWS"]));
        }
        self.expect_keyword("ONLY")?;
        Ok(count)
    }

    fn row_or_rows(&mut self) -> bool {
        self.eat_keyword("ROWS") || self.eat_keyword("ROW")
    }

    /// `expr [ASC | DESC] [NULLS FIRST | NULLS LAST]`.
    pub(super) fn order_item(&mut self) -> Result<OrderItem> {
        let start = self.span();
        let expr = self.expression()?;
        let descending = self.eat_keyword("DESC");
        if !descending {
            self.eat_keyword("ASC");
        }
        let nulls = if self.eat_keywords(&["NULLS", "FIRST"]) {
            Some(NullsOrder::First)
        } else if self.eat_keywords(&["NULLS", "LAST"]) {
            Some(NullsOrder::Last)
        } else {
            None
        };
        Ok(OrderItem { expr, descending, nulls, span: self.since(start) })
    }

    fn values(&mut self) -> Result<Values> {
        let start = self.span();
        self.expect_keyword("VALUES")?;
        let rows = self.comma_list(|p| {
            let row = p.is_keyword("ROW") && p.is_symbol_at(1, "(");
            if row {
                p.advance();
            }
            if p.is_symbol("(") && (row || !p.leads_to_query()) {
                return p.paren_list(Self::expression);
            }
            Ok(vec![p.expression()?])
        })?;
        Ok(Values { rows, span: self.since(start) })
    }

    /// A statement's text is over here, or a query goes on: the error if neither.
    pub(super) fn expected_end(&self) -> crate::error::ParseError {
        const CLAUSES: &[&str] = &[
            "FROM",
            "WHERE",
            "GROUP",
            "HAVING",
            "WINDOW",
            "QUALIFY",
            "ORDER",
            "LIMIT",
            "OFFSET",
            "UNION",
            "INTERSECT",
            "EXCEPT",
            "JOIN",
            "LEFT",
            "RIGHT",
            "INNER",
            "CROSS",
            "FULL",
            "USING",
            "BETWEEN",
            "LIKE",
            "AND",
        ];
        let mut error = self.expected(CLAUSES);
        error.message = format!("expected the end of the statement, found {}", self.found());
        if error.span != self.span() {
            error.message = format!("the statement ends before {}", self.found());
        }
        if matches!(self.peek(), TokenKind::Word(w) if keywords::is_reserved(w)) && error.help.is_none() {
            error.help = Some("a clause stands in the wrong place, or twice".into());
        }
        error.expected.clear();
        error
    }
}

/// A query in parentheses as an operand: the parentheses matter only around clauses of its own.
pub(super) fn as_operand(query: Query) -> QueryBody {
    let plain = query.with.is_empty() && query.order_by.is_empty() && query.limit.is_none() && query.offset.is_none();
    if plain { query.body } else { QueryBody::Nested(Box::new(query)) }
}
