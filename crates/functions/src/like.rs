//! LIKE patterns: `%` is any text, `_` any character; there is no escape character unless one is given.

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikePattern(Shape);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Equals(String),
    Begins(String),
    Ends(String),
    Contains(String),
    Tokens(Vec<Token>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    One(char),
    AnyOne,
    Any,
}

impl LikePattern {
    /// Compiles a pattern without an escape character.
    pub fn new(pattern: &str) -> LikePattern {
        LikePattern(shape(tokens(pattern, None).unwrap_or_default()))
    }

    /// Compiles a pattern with an escape character, or says what is wrong with them.
    pub fn escaped(pattern: &str, escape: &str) -> Result<LikePattern, String> {
        let mut chars = escape.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else {
            return Err(format!("the escape of LIKE is one character, not '{escape}'"));
        };
        let wrong = || format!("in '{pattern}' the escape character '{c}' must stand before %, _ or itself");
        tokens(pattern, Some(c)).map(|tokens| LikePattern(shape(tokens))).ok_or_else(wrong)
    }

    /// Whether the whole text has the pattern.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Shape::Equals(part) => text == part,
            Shape::Begins(part) => text.starts_with(part.as_str()),
            Shape::Ends(part) => text.ends_with(part.as_str()),
            Shape::Contains(part) => text.contains(part.as_str()),
            Shape::Tokens(tokens) => matches(tokens, text),
        }
    }
}

/// What a pattern is made of; none if the escape character stands before anything but `%`, `_` and itself.
fn tokens(pattern: &str, escape: Option<char>) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let token = match c {
            c if Some(c) == escape => Token::One(chars.next().filter(|next| *next == c || matches!(next, '%' | '_'))?),
            '%' => Token::Any,
            '_' => Token::AnyOne,
            c => Token::One(c),
        };
        if token != Token::Any || tokens.last() != Some(&Token::Any) {
            tokens.push(token);
        }
    }
    Some(tokens)
}

/// The simplest form of a pattern.
fn shape(tokens: Vec<Token>) -> Shape {
    let plain = |tokens: &[Token]| -> Option<String> {
        tokens.iter().map(|token| if let Token::One(c) = token { Some(*c) } else { None }).collect()
    };
    if let Some(text) = plain(&tokens) {
        return Shape::Equals(text);
    }
    match tokens.as_slice() {
        [Token::Any, middle @ .., Token::Any] => plain(middle).map(Shape::Contains),
        [start @ .., Token::Any] => plain(start).map(Shape::Begins),
        [Token::Any, end @ ..] => plain(end).map(Shape::Ends),
        _ => None,
    }
    .unwrap_or(Shape::Tokens(tokens))
}

/// Greedy matching that goes back to the last `%` only.
fn matches(tokens: &[Token], text: &str) -> bool {
    let mut token = 0;
    let mut rest = text.chars();
    let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        if tokens.get(token) == Some(&Token::Any) {
            retry = Some((token, rest.clone()));
            token += 1;
            continue;
        }
        let mut ahead = rest.clone();
        let fits = match (tokens.get(token), ahead.next()) {
            (Some(Token::One(wanted)), Some(c)) => *wanted == c,
            (Some(Token::AnyOne), Some(_)) => true,
            (None, None) => return true,
            _ => false,
        };
        if fits {
            token += 1;
            rest = ahead;
            continue;
        }
        let Some((any, mut from)) = retry else { return false };
        if from.next().is_none() {
            return false;
        }
        retry = Some((any, from.clone()));
        (token, rest) = (any + 1, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let like = |text: &str, pattern: &str| LikePattern::new(pattern).matches(text);
        assert!(like("abc", "abc") && like("abc", "a%") && like("abc", "%c") && like("abc", "%b%"));
        assert!(like("abc", "a_c") && like("aXbYc", "a%b%c") && like("", "%") && like("ü", "_"));
        assert!(!like("abc", "ab") && !like("abc", "a_") && !like("abcd", "a%c") && !like("", "_"));
        assert!(like("abab", "%ab") && like("aab", "%_ab") && !like("ab", "%_ab"));
        assert!(like("a\\c", "a\\c"));
    }

    #[test]
    fn an_escape_character_makes_the_next_one_plain() {
        let pattern = LikePattern::escaped("10!%!!%", "!").expect("a pattern");
        assert!(pattern.matches("10%! off") && !pattern.matches("100"));
    }

    #[test]
    fn an_escape_stands_before_what_would_mean_something_else() {
        for (pattern, escape) in [("a!b", "!"), ("a!", "!"), ("a%", ""), ("a%", "ab")] {
            assert!(LikePattern::escaped(pattern, escape).is_err(), "{pattern} {escape}");
        }
    }
}
