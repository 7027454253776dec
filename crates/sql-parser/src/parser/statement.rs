//! Statements: which one it is, INSERT, statement sets, EXPLAIN.

use super::{Parser, Result};
use crate::ast::{ClientCommand, Explain, ExplainDetail, Insert, Statement, StatementKind, StatementSet};
use crate::error::ParseError;
use crate::keywords;
use crate::lexer::TokenKind;

/// First words of statements that Flink has and this engine has not.
const NOT_YET: &[&str] = &[
    "ADD", "ALTER", "ANALYZE", "CALL", "COMPILE", "DELETE", "LOAD", "MERGE", "REMOVE", "STOP", "TRUNCATE", "UNLOAD",
    "UPDATE",
];

impl Parser<'_> {
    /// One statement, without the `;` behind it.
    pub fn statement(&mut self) -> Result<Statement> {
        if super::set::is_set(self.text) {
            let (kind, span) = self.set_or_reset()?;
            return Ok(Statement { kind, span });
        }
        let start = self.span();
        let kind = self.statement_kind()?;
        Ok(Statement { kind, span: self.since(start) })
    }

    /// Refuses anything after the statement but one `;`.
    pub fn end_of_statement(&mut self, statement: &Statement) -> Result<()> {
        if self.eat_symbol(";") {
            if *self.peek() == TokenKind::Eof {
                return Ok(());
            }
            return Err(ParseError::new(format!("a second statement begins at {}", self.found()), self.span())
                .with_help("one statement at a time is expected here"));
        }
        if *self.peek() == TokenKind::Eof {
            return Ok(());
        }
        Err(match &statement.kind {
            StatementKind::Query(_) | StatementKind::Insert(_) | StatementKind::CreateView(_) => self.expected_end(),
            StatementKind::CreateTable(_) => self.expected(&["COMMENT", "PARTITIONED", "WITH", "LIKE", "';'"]),
            _ => self.expected(&["the end of the statement"]),
        })
    }

    fn statement_kind(&mut self) -> Result<StatementKind> {
        if self.is_symbol("(") || self.is_query_at(0) {
            return self.query().map(|q| StatementKind::Query(Box::new(q)));
        }
        let TokenKind::Word(word) = self.peek() else {
            let mut error = self.expected(keywords::STATEMENTS);
            error.message = format!("expected a statement, found {}", self.found());
            return Err(error);
        };
        let word = word.to_ascii_uppercase();
        if let Some(command) = self.client_command(&word) {
            self.advance();
            return Ok(StatementKind::Client(command));
        }
        match word.as_str() {
            "INSERT" => self.insert().map(|i| StatementKind::Insert(Box::new(i))),
            "EXECUTE" if self.is_keyword_at(1, "INSERT") || self.is_query_at(1) => {
                // EXECUTE may stand before any statement that runs a job.
                self.advance();
                self.statement_kind()
            }
            "EXECUTE" | "BEGIN" => self.statement_set().map(StatementKind::StatementSet),
            "CREATE" => self.create(),
            "DROP" => self.drop_object(),
            "SHOW" => self.show(),
            "DESCRIBE" | "DESC" => self.describe(),
            "EXPLAIN" => self.explain().map(|e| StatementKind::Explain(Box::new(e))),
            "USE" => self.use_object(),
            _ if NOT_YET.contains(&word.as_str()) => Err(self.unsupported(&word, self.span())),
            _ => Err(self.unknown_statement(&word)),
        }
    }

    fn client_command(&self, word: &str) -> Option<ClientCommand> {
        if !matches!(self.peek_at(1), TokenKind::Eof | TokenKind::Symbol(";")) {
            return None;
        }
        match word {
            "QUIT" | "EXIT" => Some(ClientCommand::Quit),
            "HELP" => Some(ClientCommand::Help),
            "CLEAR" => Some(ClientCommand::Clear),
            _ => None,
        }
    }

    fn unknown_statement(&self, word: &str) -> ParseError {
        let message = format!("no statement begins with {}", self.found());
        let error = ParseError::new(message, self.span());
        match keywords::nearest(word, keywords::STATEMENTS.iter().copied()) {
            Some(keyword) => error.with_help(format!("did you mean {keyword}?")),
            None => {
                error.with_help("statements begin with SELECT, INSERT, CREATE, DROP, SET, SHOW, DESCRIBE, EXPLAIN, …")
            }
        }
    }

    /// `INSERT INTO | OVERWRITE name [PARTITION (…)] [(columns)] query`.
    pub(super) fn insert(&mut self) -> Result<Insert> {
        let start = self.span();
        self.expect_keyword("INSERT")?;
        let overwrite = self.eat_keyword("OVERWRITE");
        if !overwrite && !self.eat_keyword("INTO") {
            return Err(self.expected(&["INTO", "OVERWRITE"]));
        }
        if self.is_keyword("TABLE") {
            self.advance();
        }
        let table = self.object_name("a table's name")?;
        let hints = self.hints()?;
        let mut partition = Vec::new();
        if self.eat_keyword("PARTITION") {
            partition = self.paren_list(|p| {
                let name = p.ident("a column's name")?;
                p.expect_symbol("=")?;
                Ok((name, p.operand(super::expr::precedence::COMPARISON + 1)?))
            })?;
        }
        let mut columns = Vec::new();
        if self.is_symbol("(") && !self.leads_to_query() {
            columns = self.paren_list(|p| p.ident("a column's name"))?;
        }
        if !self.is_query_at(0) && !self.is_symbol("(") {
            return Err(self.expected(&["SELECT", "VALUES", "WITH", "'('"]));
        }
        let query = self.query()?;
        let span = self.since(start);
        Ok(Insert { table, overwrite, hints, partition, columns, query, span })
    }

    /// `EXECUTE STATEMENT SET BEGIN … END`, `BEGIN STATEMENT SET; … END`, `STATEMENT SET BEGIN … END` after EXPLAIN.
    fn statement_set(&mut self) -> Result<StatementSet> {
        let start = self.span();
        if self.eat_keyword("BEGIN") {
            self.expect_keywords(&["STATEMENT", "SET"])?;
            self.expect_symbol(";")?;
        } else {
            self.eat_keyword("EXECUTE");
            self.expect_keywords(&["STATEMENT", "SET", "BEGIN"])?;
        }
        let mut inserts = Vec::new();
        while !self.eat_keyword("END") {
            if !self.is_keyword("INSERT") {
                let mut error = self.expected(&["INSERT", "END"]);
                error
                    .help
                    .get_or_insert_with(|| "a statement set holds INSERT statements only, each with a ';'".into());
                return Err(error);
            }
            inserts.push(self.insert()?);
            if !self.eat_symbol(";") {
                let mut error = self.expected_end();
                if self.is_keyword("END") || self.is_keyword("INSERT") || error.help.is_none() {
                    error.help = Some("within a statement set every INSERT ends with ';'".into());
                }
                return Err(error);
            }
        }
        let span = self.since(start);
        if inserts.is_empty() {
            return Err(
                ParseError::new("this statement set is empty", span).with_help("write at least one INSERT in it")
            );
        }
        Ok(StatementSet { inserts, span })
    }

    fn explain(&mut self) -> Result<Explain> {
        self.expect_keyword("EXPLAIN")?;
        let mut details = Vec::new();
        if !self.eat_keywords(&["PLAN", "FOR"]) && self.explain_detail().is_some() {
            details = self.comma_list(|p| {
                let detail = p.explain_detail().ok_or_else(|| p.expected(DETAILS))?;
                let span = p.span();
                p.advance();
                Ok((detail, span))
            })?;
        }
        let start = self.span();
        let kind = if self.is_symbol("(") || self.is_query_at(0) {
            StatementKind::Query(Box::new(self.query()?))
        } else if self.is_keyword("INSERT") {
            StatementKind::Insert(Box::new(self.insert()?))
        } else if ["STATEMENT", "EXECUTE", "BEGIN"].iter().any(|k| self.is_keyword(k)) {
            StatementKind::StatementSet(self.statement_set()?)
        } else {
            let mut error = self.expected(&[&["SELECT", "INSERT", "STATEMENT", "PLAN"], DETAILS].concat());
            error.message = format!("expected a query, an INSERT or a statement set, found {}", self.found());
            return Err(error);
        };
        Ok(Explain { details, statement: Statement { kind, span: self.since(start) } })
    }

    /// The detail named by the word ahead.
    fn explain_detail(&self) -> Option<ExplainDetail> {
        let all = [
            ExplainDetail::EstimatedCost,
            ExplainDetail::ChangelogMode,
            ExplainDetail::JsonExecutionPlan,
            ExplainDetail::PlanAdvice,
        ];
        DETAILS.iter().zip(all).find(|(word, _)| self.is_keyword(word)).map(|(_, detail)| detail)
    }
}

const DETAILS: &[&str] = &["ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"];
