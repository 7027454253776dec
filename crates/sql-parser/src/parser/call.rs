//! Calls of functions: arguments of every kind, the clauses behind them, and the calls with keywords for commas.

use super::{Parser, Result};
use crate::ast::{
    ArgValue, Expr, ExprKind, FunctionArg, FunctionCall, NullTreatment, ObjectName, SetQuantifier, TableArg,
    TableArgSource, TrimSide,
};
use crate::error::ParseError;
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    /// A call from its `(` on.
    pub(super) fn call(&mut self, name: ObjectName) -> Result<FunctionCall> {
        let start = name.span;
        let mut call = bare_call(name, true);
        self.expect_symbol("(")?;
        call.quantifier = self.set_quantifier();
        let unit_first = call.is("TIMESTAMPADD") || call.is("TIMESTAMPDIFF");
        if unit_first && !self.is_symbol(")") {
            let span = self.span();
            let unit = self.time_unit()?;
            let value = ArgValue::Expr(Expr { kind: ExprKind::TimeUnit(unit), span });
            call.args.push(FunctionArg { name: None, value, span });
            if self.eat_symbol(",") {
                call.args.extend(self.comma_list(Self::argument)?);
            }
        } else if !self.is_symbol(")") {
            call.args = self.comma_list(Self::argument)?;
        }
        if self.eat_keywords(&["ORDER", "BY"]) {
            call.order_by = self.comma_list(Self::order_item)?;
        }
        call.null_treatment = self.null_treatment();
        if !self.eat_symbol(")") {
            return Err(self.expected(&["','", "')'"]));
        }
        self.call_clauses(&mut call)?;
        call.span = self.since(start);
        Ok(call)
    }

    /// `CURRENT_TIMESTAMP` and its like.
    pub(super) fn call_without_parentheses(&mut self) -> Result<ExprKind> {
        let span = self.span();
        let parts = self.eat_any_word().into_iter().collect();
        Ok(ExprKind::Function(Box::new(bare_call(ObjectName { parts, span }, false))))
    }

    fn call_clauses(&mut self, call: &mut FunctionCall) -> Result<()> {
        loop {
            if self.eat_keywords(&["WITHIN", "GROUP"]) {
                self.expect_symbol("(")?;
                self.expect_keywords(&["ORDER", "BY"])?;
                call.within_group = self.comma_list(Self::order_item)?;
                self.expect_symbol(")")?;
            } else if self.is_keyword("FILTER") && self.is_symbol_at(1, "(") {
                self.advance();
                self.advance();
                self.expect_keyword("WHERE")?;
                call.filter = Some(Box::new(self.expression()?));
                self.expect_symbol(")")?;
            } else if let Some(treatment) = self.null_treatment() {
                call.null_treatment = Some(treatment);
            } else if self.eat_keyword("OVER") {
                call.over = Some(self.window_ref()?);
                return Ok(());
            } else {
                return Ok(());
            }
        }
    }

    fn null_treatment(&mut self) -> Option<NullTreatment> {
        if self.eat_keywords(&["IGNORE", "NULLS"]) {
            Some(NullTreatment::Ignore)
        } else if self.eat_keywords(&["RESPECT", "NULLS"]) {
            Some(NullTreatment::Respect)
        } else {
            None
        }
    }

    /// `ALL`, `DISTINCT`, or nothing.
    pub(super) fn set_quantifier(&mut self) -> Option<SetQuantifier> {
        if self.eat_keyword("ALL") {
            Some(SetQuantifier::All)
        } else if self.eat_keyword("DISTINCT") {
            Some(SetQuantifier::Distinct)
        } else {
            None
        }
    }

    fn argument(&mut self) -> Result<FunctionArg> {
        let start = self.span();
        let mut name = None;
        if self.is_symbol_at(1, "=>") {
            name = Some(self.eat_any_word().ok_or_else(|| self.expected(&["a parameter's name"]))?);
            self.advance();
        }
        let value = self.argument_value()?;
        Ok(FunctionArg { name, value, span: self.since(start) })
    }

    fn argument_value(&mut self) -> Result<ArgValue> {
        if self.eat_symbol("*") {
            return Ok(ArgValue::Wildcard);
        }
        if self.is_keyword("TABLE") {
            let start = self.span();
            self.advance();
            return self.table_arg(start).map(|t| ArgValue::Table(Box::new(t)));
        }
        if self.is_keyword("DESCRIPTOR") && self.is_symbol_at(1, "(") {
            self.advance();
            return self.paren_list(|p| p.ident("a column's name")).map(ArgValue::Descriptor);
        }
        if self.is_keyword("DEFAULT") && (self.is_symbol_at(1, ",") || self.is_symbol_at(1, ")")) {
            self.advance();
            return Ok(ArgValue::Default);
        }
        if self.is_keyword("MODEL") && self.is_ident_at(1) {
            return Err(self.unsupported("a MODEL as an argument", self.span()));
        }
        self.expression().map(ArgValue::Expr)
    }

    /// After `TABLE`.
    fn table_arg(&mut self, start: Span) -> Result<TableArg> {
        let source = if self.eat_symbol("(") {
            let query = self.query()?;
            self.expect_symbol(")")?;
            TableArgSource::Query(Box::new(query))
        } else {
            TableArgSource::Name(self.object_name("a table's name")?)
        };
        let (mut partition_by, mut order_by) = (Vec::new(), Vec::new());
        if self.eat_keywords(&["PARTITION", "BY"]) {
            partition_by =
                if self.is_symbol("(") { self.paren_list(Self::expression)? } else { vec![self.expression()?] };
        }
        if self.eat_keywords(&["ORDER", "BY"]) {
            order_by = if self.is_symbol("(") { self.paren_list(Self::order_item)? } else { vec![self.order_item()?] };
        }
        Ok(TableArg { source, partition_by, order_by, span: self.since(start) })
    }

    /// `EXTRACT(unit FROM x)`.
    pub(super) fn extract(&mut self) -> Result<ExprKind> {
        self.advance();
        self.expect_symbol("(")?;
        let unit = self.time_unit()?;
        self.expect_keyword("FROM")?;
        let operand = Box::new(self.expression()?);
        self.expect_symbol(")")?;
        Ok(ExprKind::Extract { unit, operand })
    }

    /// `TRIM(x)`, `TRIM(c FROM x)`, `TRIM(BOTH c FROM x)`, `TRIM(BOTH FROM x)`.
    pub(super) fn trim(&mut self) -> Result<ExprKind> {
        self.advance();
        self.expect_symbol("(")?;
        let side = if self.eat_keyword("LEADING") {
            Some(TrimSide::Leading)
        } else if self.eat_keyword("TRAILING") {
            Some(TrimSide::Trailing)
        } else if self.eat_keyword("BOTH") {
            Some(TrimSide::Both)
        } else {
            None
        };
        let (characters, operand) = if self.eat_keyword("FROM") {
            (None, self.expression()?)
        } else {
            let first = self.expression()?;
            if self.eat_keyword("FROM") {
                (Some(Box::new(first)), self.expression()?)
            } else if side.is_some() {
                return Err(self.expected(&["FROM"]));
            } else {
                (None, first)
            }
        };
        self.expect_symbol(")")?;
        let side = side.unwrap_or(TrimSide::Both);
        Ok(ExprKind::Trim { side, characters, operand: Box::new(operand) })
    }

    /// `FLOOR(x)` is a call like any other, `FLOOR(x TO DAY)` is not.
    pub(super) fn floor_or_ceil(&mut self, word: &str) -> Result<ExprKind> {
        let start = self.span();
        let parts = self.eat_any_word().into_iter().collect();
        let name = ObjectName { parts, span: start };
        self.expect_symbol("(")?;
        let operand = self.expression()?;
        if self.eat_keyword("TO") {
            let unit = self.time_unit()?;
            self.expect_symbol(")")?;
            let operand = Box::new(operand);
            return Ok(if word == "FLOOR" {
                ExprKind::FloorTo { operand, unit }
            } else {
                ExprKind::CeilTo { operand, unit }
            });
        }
        let mut args = vec![operand];
        while self.eat_symbol(",") {
            args.push(self.expression()?);
        }
        if !self.eat_symbol(")") {
            return Err(self.expected(&["TO", "','", "')'"]));
        }
        Ok(self.plain_call(name, args))
    }

    /// `SUBSTRING(x FROM a FOR b)`, `POSITION(a IN b)`, `OVERLAY(x PLACING y FROM a FOR b)`, or the same with commas.
    pub(super) fn keyword_arguments(&mut self, word: &str) -> Result<ExprKind> {
        let start = self.span();
        let parts = self.eat_any_word().into_iter().collect();
        let name = ObjectName { parts, span: start };
        self.expect_symbol("(")?;
        // IN binds as an operator; what may be searched for binds more closely.
        let first = if word == "POSITION" { super::expr::precedence::RANGE + 1 } else { 0 };
        let mut args = vec![self.operand(first)?];
        let separators: &[&str] = match word {
            "POSITION" => &["IN", "FROM"],
            "SUBSTRING" => &["FROM", "FOR"],
            _ => &["PLACING", "FROM", "FOR"],
        };
        if self.is_symbol(",") {
            while self.eat_symbol(",") {
                args.push(self.expression()?);
            }
        } else {
            for separator in separators {
                if self.eat_keyword(separator) {
                    args.push(self.expression()?);
                } else if args.len() == 1 {
                    return Err(self.expected(&[separator, "','"]));
                } else if word == "OVERLAY" && args.len() == 2 {
                    return Err(self.expected(&["FROM"]));
                }
            }
        }
        if !self.eat_symbol(")") {
            return Err(self.expected(&["')'"]));
        }
        Ok(self.plain_call(name, args))
    }

    fn plain_call(&self, name: ObjectName, args: Vec<Expr>) -> ExprKind {
        let span = self.since(name.span);
        let mut call = bare_call(name, true);
        call.span = span;
        call.args =
            args.into_iter().map(|e| FunctionArg { name: None, span: e.span, value: ArgValue::Expr(e) }).collect();
        ExprKind::Function(Box::new(call))
    }

    /// Whether a call of a function begins here: a name, then `(`.
    pub(super) fn is_call(&self) -> bool {
        let mut ahead = 0;
        while self.is_ident_at(ahead) && self.is_symbol_at(ahead + 1, ".") {
            ahead += 2;
        }
        matches!(self.peek_at(ahead), TokenKind::Word(_) | TokenKind::Quoted(_))
            && self.is_ident_at(ahead)
            && self.is_symbol_at(ahead + 1, "(")
    }

    /// A call in `FROM`.
    pub(super) fn table_call(&mut self) -> Result<FunctionCall> {
        if !self.is_call() {
            return Err(ParseError::new(
                format!("expected a call of a table function, found {}", self.found()),
                self.span(),
            )
            .with_help("write TABLE(f(…)); a table stands in FROM by its name alone"));
        }
        let name = self.object_name("a function's name")?;
        self.call(name)
    }
}

fn bare_call(name: ObjectName, parentheses: bool) -> FunctionCall {
    FunctionCall {
        span: name.span,
        name,
        parentheses,
        quantifier: None,
        args: Vec::new(),
        order_by: Vec::new(),
        within_group: Vec::new(),
        filter: None,
        null_treatment: None,
        over: None,
    }
}
