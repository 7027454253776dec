//! Java's regular expressions, the plain part of them, by backtracking over characters.

/// A pattern.
#[derive(Clone, Debug)]
pub(crate) struct Regex {
    root: Node,
    groups: usize,
}

#[derive(Clone, Debug)]
enum Node {
    Any,
    Class { negated: bool, ranges: Vec<(char, char)> },
    Start,
    End,
    Group(usize, Box<Node>),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Repeat { node: Box<Node>, least: usize, most: usize, lazy: bool },
}

/// Where each group matched, in characters; group 0 is the whole.
type Groups = Vec<Option<(usize, usize)>>;

impl Regex {
    /// The pattern, or `None` where it is none, or beyond this crate.
    pub(crate) fn parse(pattern: &str) -> Option<Regex> {
        let mut parser = Parser { pattern: pattern.chars().collect(), at: 0, groups: 0 };
        let root = parser.either()?;
        (parser.at == parser.pattern.len()).then_some(Regex { root, groups: parser.groups })
    }

    /// How many groups it has besides the whole.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// The first match: the text of each group, `None` for one that took no part.
    pub(crate) fn find(&self, text: &str) -> Option<Vec<Option<String>>> {
        let text: Vec<char> = text.chars().collect();
        for start in 0..=text.len() {
            let mut groups: Groups = vec![None; self.groups + 1];
            let mut end = None;
            let found = step(&self.root, &text, start, &mut groups, &mut |at, groups: &mut Groups| {
                end = Some((at, groups.clone()));
                true
            });
            if let (true, Some((end, mut groups))) = (found, end) {
                groups[0] = Some((start, end));
                let part = |(from, to): (usize, usize)| text[from..to].iter().collect();
                return Some(groups.into_iter().map(|group| group.map(part)).collect());
            }
        }
        None
    }
}

/// Matches `node` at `at`; `then` says whether what follows matches from where the node ended.
fn step(
    node: &Node,
    text: &[char],
    at: usize,
    groups: &mut Groups,
    then: &mut dyn FnMut(usize, &mut Groups) -> bool,
) -> bool {
    match node {
        Node::Any => text.get(at).is_some_and(|c| *c != '\n') && then(at + 1, groups),
        Node::Class { negated, ranges } => match text.get(at) {
            Some(c) => ranges.iter().any(|(low, high)| low <= c && c <= high) != *negated && then(at + 1, groups),
            None => false,
        },
        Node::Start => at == 0 && then(at, groups),
        Node::End => at == text.len() && then(at, groups),
        Node::Group(number, inner) => {
            let before = groups[*number];
            let matched = step(inner, text, at, groups, &mut |end, groups| {
                let outer = groups[*number].replace((at, end));
                let matched = then(end, groups);
                if !matched {
                    groups[*number] = outer;
                }
                matched
            });
            if !matched {
                groups[*number] = before;
            }
            matched
        }
        Node::Sequence(nodes) => match nodes.split_first() {
            None => then(at, groups),
            Some((first, rest)) => {
                let rest = Node::Sequence(rest.to_vec());
                step(first, text, at, groups, &mut |at, groups| step(&rest, text, at, groups, then))
            }
        },
        Node::Either(nodes) => nodes.iter().any(|node| step(node, text, at, groups, then)),
        Node::Repeat { node, least, most, lazy } => {
            let more = |groups: &mut Groups, then: &mut dyn FnMut(usize, &mut Groups) -> bool| {
                let rest = Node::Repeat {
                    node: node.clone(),
                    least: least.saturating_sub(1),
                    most: most.saturating_sub(1),
                    lazy: *lazy,
                };
                *most > 0
                    && step(node, text, at, groups, &mut |end, groups| {
                        // An empty round would go on for ever.
                        (end > at || *least > 0) && step(&rest, text, end, groups, then)
                    })
            };
            let enough = *least == 0;
            // The order is the meaning: a lazy repetition tries to be done first.
            #[allow(clippy::if_same_then_else, reason = "the two differ in order, and both have effects")]
            if *lazy {
                (enough && then(at, groups)) || more(groups, then)
            } else {
                more(groups, then) || (enough && then(at, groups))
            }
        }
    }
}

struct Parser {
    pattern: Vec<char>,
    at: usize,
    groups: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.pattern.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn either(&mut self) -> Option<Node> {
        let mut branches = vec![self.sequence()?];
        while self.eat('|') {
            branches.push(self.sequence()?);
        }
        Some(Node::Either(branches))
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        while self.peek().is_some_and(|c| c != '|' && c != ')') {
            let node = self.atom()?;
            nodes.push(self.repeat(node)?);
        }
        Some(Node::Sequence(nodes))
    }

    fn repeat(&mut self, node: Node) -> Option<Node> {
        let (least, most) = match self.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => {
                let close = self.pattern[self.at..].iter().position(|c| *c == '}')? + self.at;
                let inside: String = self.pattern[self.at + 1..close].iter().collect();
                self.at = close;
                match inside.split_once(',') {
                    None => (inside.parse().ok()?, inside.parse().ok()?),
                    Some((least, "")) => (least.parse().ok()?, usize::MAX),
                    Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
                }
            }
            _ => return Some(node),
        };
        self.at += 1;
        let lazy = self.eat('?');
        if matches!(self.peek(), Some('+' | '*')) {
            return None;
        }
        Some(Node::Repeat { node: Box::new(node), least, most, lazy })
    }

    fn atom(&mut self) -> Option<Node> {
        Some(match self.next()? {
            '.' => Node::Any,
            '^' => Node::Start,
            '$' => Node::End,
            '[' => self.class()?,
            '\\' => {
                let (ranges, negated) = escape(self.next()?)?;
                Node::Class { negated, ranges }
            }
            '(' => {
                let node = if self.eat('?') {
                    if !self.eat(':') {
                        return None;
                    }
                    self.either()?
                } else {
                    self.groups += 1;
                    let number = self.groups;
                    Node::Group(number, Box::new(self.either()?))
                };
                if !self.eat(')') {
                    return None;
                }
                node
            }
            '*' | '+' | '?' | '{' => return None,
            c => Node::Class { negated: false, ranges: vec![(c, c)] },
        })
    }

    fn class(&mut self) -> Option<Node> {
        let negated = self.eat('^');
        let mut ranges = Vec::new();
        while !self.eat(']') {
            let low = match self.next()? {
                '\\' => match escape(self.next()?)? {
                    (of_class, false) if of_class.len() == 1 && of_class[0].0 == of_class[0].1 => of_class[0].0,
                    (of_class, false) => {
                        ranges.extend(of_class);
                        continue;
                    }
                    (_, true) => return None,
                },
                '[' => return None,
                // Java's intersection.
                '&' if self.peek() == Some('&') => return None,
                c => c,
            };
            let is_range = self.peek() == Some('-') && self.pattern.get(self.at + 1).is_some_and(|c| *c != ']');
            if is_range {
                self.at += 1;
                ranges.push((low, self.next()?));
            } else {
                ranges.push((low, low));
            }
        }
        Some(Node::Class { negated, ranges })
    }
}

/// What stands behind a backslash: characters, and whether they are those that do not match.
fn escape(c: char) -> Option<(Vec<(char, char)>, bool)> {
    Some(match c {
        'd' | 'D' => (vec![('0', '9')], c == 'D'),
        'w' | 'W' => (vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')], c == 'W'),
        's' | 'S' => (vec![(' ', ' '), ('\t', '\r')], c == 'S'),
        't' => (vec![('\t', '\t')], false),
        'n' => (vec![('\n', '\n')], false),
        c if c.is_ascii_alphanumeric() => return None,
        c => (vec![(c, c)], false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pattern: &str, text: &str, number: usize) -> String {
        let found = Regex::parse(pattern).and_then(|regex| regex.find(text));
        found.map_or("no match".into(), |groups| groups[number].clone().unwrap_or("no part".into()))
    }

    #[test]
    fn the_first_match_is_the_leftmost_and_greedy() {
        assert_eq!(group("(&|^)channel_id=([^&]*)", "https://x/?a=b&channel_id=77&c", 2), "77");
        assert_eq!(group("(&|^)channel_id=([^&]*)", "https://x/?channel_id=77", 2), "no match");
        assert_eq!(group("a+?(b*)", "aabb", 0), "a");
        assert_eq!(group("(a|ab)(c|bcd)(d*)", "abcd", 2), "bcd");
        assert_eq!(group(r"(\d{2,3})-(x)?", "1-12-3", 1), "12");
        assert_eq!(group(r"(\d{2,3})-(x)?", "1-12-3", 2), "no part");
        assert_eq!(group("(a*)*b", "aaac", 0), "no match");
        assert_eq!(group("[a-c_.-]+$", "xé-a_", 0), "-a_");
        assert!(Regex::parse("(").is_none() && Regex::parse("*a").is_none() && Regex::parse("[a").is_none());
    }
}
