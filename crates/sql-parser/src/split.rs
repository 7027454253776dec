//! Cuts a script into statements without parsing them, so that a mistake in one does not hide those before it.
//!
//! A statement ends at `;` outside quotes and comments; a statement set (`STATEMENT SET BEGIN … END`,
//! `BEGIN STATEMENT SET; … END`) at the `;` after its `END`.

/// One statement of a script, not yet parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementText<'a> {
    /// From its first to its last word: no `;`, no comments before it.
    pub text: &'a str,
    /// Where it begins in the script, in bytes.
    pub offset: usize,
    /// Whether a `;` ended it; `false` at most for a script's last statement.
    pub terminated: bool,
}

/// The statements of a script in order. Empty ones (`;;`, comments alone) are left out.
pub fn split_statements(script: &str) -> Vec<StatementText<'_>> {
    Splitter::new(script).run().0
}

/// Whether a shell should run what was typed instead of asking for another line: nothing is open (quote, comment,
/// statement set) and the last statement ends with `;`. The shell's own commands (`quit`, `help`, …) need none.
pub fn is_complete(text: &str) -> bool {
    let (statements, open) = Splitter::new(text).run();
    if open {
        return false;
    }
    match statements.last() {
        None => true,
        Some(last) if last.terminated => true,
        Some(last) => {
            statements.len() == 1 && ["QUIT", "EXIT", "HELP", "CLEAR"].iter().any(|c| last.text.eq_ignore_ascii_case(c))
        }
    }
}

/// How far the words of a statement set have been seen.
#[derive(Clone, Copy, PartialEq)]
enum Block {
    /// No statement set.
    None,
    /// Inside one: at the beginning of one of its statements.
    Start,
    /// Inside one: within a statement.
    Within,
    /// `END` was seen.
    Ended,
}

struct Splitter<'a> {
    text: &'a str,
    at: usize,
    /// First byte of the statement, once there is one.
    start: Option<usize>,
    /// One past its last byte that is neither space nor comment.
    end: usize,
    block: Block,
    /// The last words of the statement so far, at most three, in capitals; cleared by anything that is no word.
    words: Vec<String>,
    /// Whether `words` holds the statement's first words.
    first: bool,
    out: Vec<StatementText<'a>>,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, start: None, end: 0, block: Block::None, words: Vec::new(), first: true, out: Vec::new() }
    }

    /// The statements, and whether something is open at the end.
    fn run(mut self) -> (Vec<StatementText<'a>>, bool) {
        let mut open = false;
        while let Some(c) = self.text[self.at..].chars().next() {
            let rest = &self.text[self.at..];
            if c.is_whitespace() || (c == '\u{feff}' && self.at == 0) {
                self.at += c.len_utf8();
            } else if rest.starts_with("--") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                open |= self.comment(rest);
            } else if c == ';' {
                self.at += 1;
                self.semicolon();
            } else if matches!(c, '\'' | '`' | '"') {
                open |= self.quoted(rest, c, false);
            } else if c.is_alphabetic() || c == '_' {
                let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
                if rest[..length].eq_ignore_ascii_case("E") && rest[length..].starts_with('\'') {
                    open |= self.quoted(rest, '\'', true);
                } else {
                    self.take(length);
                    self.word(&rest[..length]);
                }
            } else {
                self.take(c.len_utf8());
                self.not_a_word();
            }
        }
        let inside = matches!(self.block, Block::Start | Block::Within);
        self.finish(false);
        (self.out, open || inside)
    }

    /// Takes bytes into the statement.
    fn take(&mut self, length: usize) {
        self.start.get_or_insert(self.at);
        self.at += length;
        self.end = self.at;
    }

    fn not_a_word(&mut self) {
        self.words.clear();
        self.first = false;
        if self.block == Block::Start {
            self.block = Block::Within;
        }
    }

    /// Skips a comment; `true` if it is not closed. Then and if it is a hint it belongs to the statement.
    fn comment(&mut self, rest: &str) -> bool {
        match rest[2..].find("*/") {
            Some(_) if rest.starts_with("/*+") && self.start.is_some() => {
                let length = rest[2..].find("*/").map_or(rest.len(), |i| i + 4);
                self.take(length);
                false
            }
            Some(i) => {
                self.at += i + 4;
                false
            }
            None => {
                self.take(rest.len());
                true
            }
        }
    }

    /// Takes a string or a quoted name; `true` if it is not closed.
    fn quoted(&mut self, rest: &str, quote: char, escapes: bool) -> bool {
        let begin = rest.find(quote).map_or(rest.len(), |i| i + 1);
        let mut chars = rest[begin..].char_indices().peekable();
        let mut closed = None;
        while let Some((i, c)) = chars.next() {
            if c == '\\' && escapes {
                chars.next();
            } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
                closed = Some(begin + i + 1);
                break;
            }
        }
        self.take(closed.unwrap_or(rest.len()));
        self.not_a_word();
        closed.is_none()
    }

    fn word(&mut self, word: &str) {
        match self.block {
            Block::Start => self.block = if word.eq_ignore_ascii_case("END") { Block::Ended } else { Block::Within },
            Block::Within | Block::Ended => {}
            Block::None => {
                if self.words.len() == 3 {
                    self.words.remove(0);
                    self.first = false;
                }
                self.words.push(word.to_ascii_uppercase());
                let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
                if words == ["STATEMENT", "SET", "BEGIN"] || (self.first && words == ["BEGIN", "STATEMENT", "SET"]) {
                    self.block = Block::Start;
                }
            }
        }
    }

    fn semicolon(&mut self) {
        if matches!(self.block, Block::Start | Block::Within) {
            self.block = Block::Start;
            self.end = self.at;
        } else {
            self.finish(true);
        }
    }

    fn finish(&mut self, terminated: bool) {
        if let Some(start) = self.start.take() {
            self.out.push(StatementText { text: &self.text[start..self.end], offset: start, terminated });
        }
        self.block = Block::None;
        self.words.clear();
        self.first = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        split_statements(script).into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn quotes_and_comments_hide_semicolons() {
        let script = "-- first;\nSELECT ';' , `a;b` /* ; */ FROM t; \n\n; E'a\\';b';--;\n SELECT 'it''s;' -- end";
        assert_eq!(texts(script), ["SELECT ';' , `a;b` /* ; */ FROM t", "E'a\\';b'", "SELECT 'it''s;'"]);
        let parts = split_statements(script);
        assert!(parts.iter().all(|p| script[p.offset..].starts_with(p.text)));
        assert!(parts[0].terminated && !parts[2].terminated);
    }

    #[test]
    fn a_statement_set_is_one_statement() {
        let set = "EXECUTE STATEMENT SET\nBEGIN\nINSERT INTO a SELECT CASE WHEN x THEN 1 END FROM t;\nINSERT INTO b SELECT 1;\nEND";
        let script = format!("SET 'a' = 'b'; {set}; SELECT 1;");
        assert_eq!(texts(&script), ["SET 'a' = 'b'", set, "SELECT 1"]);
        let older = "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END";
        assert_eq!(texts(&format!("{older}; SELECT 1")), [older, "SELECT 1"]);
        let explained = "EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END";
        assert_eq!(texts(&format!("{explained};SELECT 2;")), [explained, "SELECT 2"]);
    }

    #[test]
    fn a_shell_knows_when_to_run() {
        for text in ["", "SELECT 1;", "quit", "Help ", "-- nothing", "SELECT ';';  -- done"] {
            assert!(is_complete(text), "{text}");
        }
        for text in [
            "SELECT 1",
            "SELECT 'a;",
            "SELECT 1 /* ;",
            "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;",
            "BEGIN STATEMENT SET;",
            "SELECT 1; SELECT",
            "SELECT `a;",
        ] {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn no_text_is_lost_or_panics() {
        for text in ["'", "`", "\"", "/*", "--", ";", "é;ü", "E'\\", "\u{feff}SELECT 1;", "a /*+ x", "/*/", "E''''''"]
        {
            for part in split_statements(text) {
                assert!(text[part.offset..].starts_with(part.text));
            }
        }
        assert_eq!(texts("\u{feff}SELECT 1;"), ["SELECT 1"]);
    }
}
