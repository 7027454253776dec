//! Operators, by precedence climbing. The precedences are Calcite's, which Flink's are.
//!
//! | binds | operators |
//! |---|---|
//! | 80 | `+x -x` |
//! | 60 | `* / % \|\|` |
//! | 40 | `+ -` |
//! | 32 | `BETWEEN IN LIKE SIMILAR TO` |
//! | 30 | `= <> < <= > >=`, `IS DISTINCT FROM`, `OVERLAPS` |
//! | 28 | `IS NULL`, `IS TRUE`, … |
//! | 26 | `NOT x` |
//! | 24 | `AND` |
//! | 22 | `OR` |

use super::paren::ParenItems;
use super::{Parser, Result};
use crate::ast::{BinaryOp, Expr, ExprKind, IsTest, LikeKind, Quantifier, UnaryOp};
use crate::error::ParseError;
use crate::lexer::TokenKind;
use crate::span::Span;

/// How closely operators bind.
pub(crate) mod precedence {
    pub const OR: u8 = 22;
    pub const AND: u8 = 24;
    pub const NOT: u8 = 26;
    pub const IS: u8 = 28;
    pub const COMPARISON: u8 = 30;
    pub const RANGE: u8 = 32;
    pub const ADD: u8 = 40;
    pub const MULTIPLY: u8 = 60;
    pub const SIGN: u8 = 80;
    pub const PRIMARY: u8 = 100;
}
use precedence::{ADD, AND, COMPARISON, IS, MULTIPLY, NOT, OR, RANGE, SIGN};

/// The operator that grew the left operand last, if the chain can grow on.
#[derive(Clone, Copy, PartialEq)]
enum Chain {
    None,
    And,
    Or,
}

impl Parser<'_> {
    /// Any expression.
    pub fn expression(&mut self) -> Result<Expr> {
        self.operand(0)
    }

    /// An expression whose operators all bind at least as closely as `min`.
    pub(super) fn operand(&mut self, min: u8) -> Result<Expr> {
        self.nested(|p| {
            let start = p.span();
            let left = p.prefix()?;
            p.climb(left, start, min)
        })
    }

    fn prefix(&mut self) -> Result<Expr> {
        let start = self.span();
        let kind = if self.eat_keyword("NOT") {
            ExprKind::Not(Box::new(self.operand(NOT)?))
        } else if self.is_symbol("-") || self.is_symbol("+") {
            let op = if self.is_symbol("-") { UnaryOp::Minus } else { UnaryOp::Plus };
            self.advance();
            ExprKind::Unary { op, operand: Box::new(self.operand(SIGN)?) }
        } else {
            let primary = self.primary()?;
            return self.postfix(primary, start);
        };
        Ok(Expr { kind, span: self.since(start) })
    }

    /// Goes on after a left operand that begins at `start`.
    pub(super) fn climb(&mut self, mut left: Expr, start: Span, min: u8) -> Result<Expr> {
        let mut chain = Chain::None;
        loop {
            if self.is_keyword("AND") && AND >= min {
                left = self.junction(left, start, &mut chain, Chain::And)?;
                continue;
            }
            if self.is_keyword("OR") && OR >= min {
                left = self.junction(left, start, &mut chain, Chain::Or)?;
                continue;
            }
            chain = Chain::None;
            match self.infix(left, start, min)? {
                Step::Grown(expr) => {
                    self.deepen()?;
                    left = expr;
                }
                Step::Done(expr) => return Ok(expr),
            }
        }
    }

    /// `left AND right`, `left OR right`: a chain of one operator is one flat node.
    fn junction(&mut self, left: Expr, start: Span, chain: &mut Chain, op: Chain) -> Result<Expr> {
        self.advance();
        let right = self.operand(if op == Chain::And { AND + 1 } else { OR + 1 })?;
        let mut items = match left.kind {
            ExprKind::And(items) if *chain == op && op == Chain::And => items,
            ExprKind::Or(items) if *chain == op && op == Chain::Or => items,
            kind => {
                self.deepen()?;
                vec![Expr { kind, span: left.span }]
            }
        };
        items.push(right);
        *chain = op;
        let kind = if op == Chain::And { ExprKind::And(items) } else { ExprKind::Or(items) };
        Ok(Expr { kind, span: self.since(start) })
    }
}

/// What became of a left operand.
enum Step {
    /// An operator took it.
    Grown(Expr),
    /// No operator of the wanted precedence follows.
    Done(Expr),
}

impl Parser<'_> {
    fn infix(&mut self, left: Expr, start: Span, min: u8) -> Result<Step> {
        if let Some((op, binds)) = self.binary_operator()? {
            if binds < min {
                return Ok(Step::Done(left));
            }
            self.advance();
            return self.binary(left, op, binds, start).map(Step::Grown);
        }
        let left = Box::new(left);
        let kind = if self.is_keyword("IS") && IS >= min {
            self.advance();
            self.is_test(left)?
        } else if RANGE >= min && self.is_range_operator() {
            let negated = self.eat_keyword("NOT");
            self.range(left, negated)?
        } else {
            return Ok(Step::Done(*left));
        };
        Ok(Step::Grown(Expr { kind, span: self.since(start) }))
    }

    /// The operator ahead and how closely it binds.
    fn binary_operator(&self) -> Result<Option<(BinaryOp, u8)>> {
        Ok(Some(match self.peek() {
            TokenKind::Symbol(symbol) => match *symbol {
                "+" => (BinaryOp::Plus, ADD),
                "-" => (BinaryOp::Minus, ADD),
                "*" => (BinaryOp::Multiply, MULTIPLY),
                "/" => (BinaryOp::Divide, MULTIPLY),
                "%" => (BinaryOp::Modulo, MULTIPLY),
                "||" => (BinaryOp::Concat, MULTIPLY),
                "=" => (BinaryOp::Eq, COMPARISON),
                "<>" => (BinaryOp::NotEq, COMPARISON),
                "<" => (BinaryOp::Lt, COMPARISON),
                "<=" => (BinaryOp::LtEq, COMPARISON),
                ">" => (BinaryOp::Gt, COMPARISON),
                ">=" => (BinaryOp::GtEq, COMPARISON),
                "==" => return Err(self.foreign_operator("==", "=")),
                "&&" => return Err(self.foreign_operator("&&", "AND")),
                _ => return Ok(None),
            },
            TokenKind::Word(_) if self.is_keyword("OVERLAPS") => (BinaryOp::Overlaps, COMPARISON),
            _ => return Ok(None),
        }))
    }

    fn foreign_operator(&self, found: &str, instead: &str) -> ParseError {
        ParseError::new(format!("'{found}' is not an operator of SQL"), self.span()).with_help(format!("use {instead}"))
    }

    fn binary(&mut self, left: Expr, op: BinaryOp, binds: u8, start: Span) -> Result<Expr> {
        let left = Box::new(left);
        let quantifier = if !op.is_comparison() || !self.is_symbol_at(1, "(") {
            None
        } else if self.is_keyword("ALL") {
            Some(Quantifier::All)
        } else if self.is_keyword("ANY") || self.is_keyword("SOME") {
            Some(Quantifier::Any)
        } else {
            None
        };
        let kind = if let Some(quantifier) = quantifier {
            self.advance();
            let ParenItems::Query(query) = self.paren_items()? else {
                return Err(ParseError::new("ALL and ANY take a query", self.since(start))
                    .with_help("write = ANY (SELECT …), or IN (a, b) for a list"));
            };
            ExprKind::QuantifiedComparison { left, op, quantifier, query }
        } else {
            ExprKind::Binary { left, op, right: Box::new(self.operand(binds + 1)?) }
        };
        Ok(Expr { kind, span: self.since(start) })
    }

    /// After `IS`.
    fn is_test(&mut self, operand: Box<Expr>) -> Result<ExprKind> {
        let negated = self.eat_keyword("NOT");
        if self.eat_keywords(&["DISTINCT", "FROM"]) {
            let right = Box::new(self.operand(COMPARISON + 1)?);
            return Ok(ExprKind::IsDistinctFrom { left: operand, right, negated });
        }
        let test = if self.eat_keyword("NULL") {
            IsTest::Null
        } else if self.eat_keyword("TRUE") {
            IsTest::True
        } else if self.eat_keyword("FALSE") {
            IsTest::False
        } else if self.eat_keyword("UNKNOWN") {
            IsTest::Unknown
        } else if self.eat_keyword("JSON") {
            if self.eat_keyword("OBJECT") {
                IsTest::JsonObject
            } else if self.eat_keyword("ARRAY") {
                IsTest::JsonArray
            } else if self.eat_keyword("SCALAR") {
                IsTest::JsonScalar
            } else {
                self.eat_keyword("VALUE");
                IsTest::Json
            }
        } else {
            return Err(self.expected(&["NULL", "TRUE", "FALSE", "UNKNOWN", "DISTINCT", "JSON", "NOT"]));
        };
        Ok(ExprKind::Is { operand, test, negated })
    }

    fn is_range_operator(&self) -> bool {
        let at = usize::from(self.is_keyword("NOT"));
        ["BETWEEN", "IN", "LIKE", "SIMILAR"].iter().any(|k| self.is_keyword_at(at, k))
    }

    fn range(&mut self, operand: Box<Expr>, negated: bool) -> Result<ExprKind> {
        if self.eat_keyword("BETWEEN") {
            let symmetric = self.eat_keyword("SYMMETRIC");
            if !symmetric {
                self.eat_keyword("ASYMMETRIC");
            }
            let low = Box::new(self.operand(RANGE + 1)?);
            self.expect_keyword("AND")?;
            let high = Box::new(self.operand(RANGE + 1)?);
            return Ok(ExprKind::Between { operand, low, high, negated, symmetric });
        }
        if self.eat_keyword("IN") {
            if !self.is_symbol("(") {
                return Err(self.expected(&["'('"]));
            }
            return Ok(match self.paren_items()? {
                ParenItems::Query(query) => ExprKind::InSubquery { operand, query, negated },
                ParenItems::Items(list) => ExprKind::InList { operand, list, negated },
            });
        }
        let kind = if self.eat_keyword("LIKE") {
            LikeKind::Like
        } else {
            self.expect_keywords(&["SIMILAR", "TO"])?;
            LikeKind::SimilarTo
        };
        let pattern = Box::new(self.operand(RANGE + 1)?);
        let escape = if self.eat_keyword("ESCAPE") { Some(Box::new(self.operand(RANGE + 1)?)) } else { None };
        Ok(ExprKind::Like { operand, pattern, escape, kind, negated })
    }
}
