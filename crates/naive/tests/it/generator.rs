//! Random queries over the tables of `world`: every clause and function that both sides know.

use crate::random::Random;

/// What a column or expression is, as far as the generator cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Big,
    Decimal,
    Double,
    Text,
    Bool,
    Time,
}

use Kind::{Big, Bool, Decimal, Double, Int, Text, Time};

pub const KINDS: [Kind; 7] = [Int, Big, Decimal, Double, Text, Bool, Time];

/// Something that can stand in FROM.
#[derive(Clone)]
struct Source {
    text: String,
    columns: Vec<(String, Kind)>,
}

/// A query, and whether only batch mode takes it.
pub struct Query {
    pub text: String,
    pub batch_only: bool,
}

/// Writes queries.
pub struct Generator {
    pub random: Random,
}

/// Columns by name and kind.
pub fn columns(text: &[(&str, Kind)]) -> Vec<(String, Kind)> {
    text.iter().map(|(name, kind)| ((*name).to_string(), *kind)).collect()
}

impl Generator {
    /// The next query.
    pub fn query(&mut self) -> Query {
        let text = match self.random.below(14) {
            0 | 1 => self.plain(2, None).0,
            2 => self.plain(1, None).0.replacen("SELECT ", "SELECT DISTINCT ", 1),
            3 | 4 => self.grouped(2).0,
            5 | 6 => self.windowed(),
            7 => self.union(),
            8 => self.of_aggregates(),
            9 => self.with_cte(),
            10 => self.values(),
            11 | 12 => return self.joined(),
            _ => return self.ordered(),
        };
        Query { text, batch_only: false }
    }

    fn base(&mut self) -> Source {
        let alias = if self.random.chance(30) { " AS x" } else { "" };
        let qualifier = if alias.is_empty() { "" } else { "x." };
        let named = |columns: Vec<(String, Kind)>| {
            columns.into_iter().map(|(name, kind)| (format!("{qualifier}{name}"), kind)).collect()
        };
        if self.random.chance(65) {
            let all = columns(&[
                ("k", Text),
                ("a", Int),
                ("b", Big),
                ("d", Decimal),
                ("f", Double),
                ("s", Text),
                ("ok", Bool),
                ("ts", Time),
                ("r.x", Int),
                ("r.y", Text),
                ("a2", Int),
            ]);
            // A qualified name is t.r.x; without an alias `r.x` is a field of a column.
            Source { text: format!("t1{alias}"), columns: named(all) }
        } else {
            let all = columns(&[
                ("k", Text),
                ("a", Int),
                ("b", Int),
                ("d", Decimal),
                ("s", Text),
                ("ok", Bool),
                ("ts", Time),
            ]);
            Source { text: format!("t2{alias}"), columns: named(all) }
        }
    }

    fn source(&mut self, depth: usize) -> Source {
        if depth == 0 || self.random.chance(55) {
            return self.base();
        }
        let (text, kinds) = if self.random.chance(70) { self.plain(depth - 1, None) } else { self.grouped(depth - 1) };
        let columns = kinds.into_iter().enumerate().map(|(i, kind)| (format!("c{i}"), kind)).collect();
        Source { text: format!("({text}) AS q"), columns }
    }

    /// SELECT … FROM … WHERE …; its columns are c0, c1, …
    fn plain(&mut self, depth: usize, kinds: Option<&[Kind]>) -> (String, Vec<Kind>) {
        let source = self.source(depth);
        let kinds: Vec<Kind> = match kinds {
            Some(kinds) => kinds.to_vec(),
            None => (0..1 + self.random.below(4)).map(|_| *self.random.pick(&KINDS)).collect(),
        };
        let items: Vec<String> = kinds
            .iter()
            .enumerate()
            .map(|(i, kind)| format!("{} AS c{i}", self.expr(*kind, 3, &source.columns)))
            .collect();
        let text = format!("SELECT {} FROM {}{}", items.join(", "), source.text, self.filter(&source.columns));
        (text, kinds)
    }

    /// A WHERE clause, or nothing.
    pub fn filter(&mut self, columns: &[(String, Kind)]) -> String {
        if self.random.chance(45) {
            return String::new();
        }
        let ints: Vec<String> = columns.iter().filter(|(_, k)| *k == Int).map(|(name, _)| name.clone()).collect();
        if !ints.is_empty() && self.random.chance(12) {
            // An error that no row demands.
            let x = self.random.pick(&ints).clone();
            let guarded = [format!("{x} <> 0"), format!("10 / {x} > 1")];
            let order = if self.random.chance(50) { [0, 1] } else { [1, 0] };
            return format!(" WHERE {} AND {}", guarded[order[0]], guarded[order[1]]);
        }
        format!(" WHERE {}", self.expr(Bool, 3, columns))
    }

    /// SELECT keys, aggregates FROM … GROUP BY … HAVING …; its columns are c0, c1, …
    fn grouped(&mut self, depth: usize) -> (String, Vec<Kind>) {
        let source = self.source(depth);
        let mut kinds = Vec::new();
        let mut items = Vec::new();
        let mut keys = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let kind = *self.random.pick(&[Text, Int, Text, Bool, Decimal, Double, Time, Big]);
            let key = if self.random.chance(60) {
                self.leaf(kind, &source.columns, false)
            } else {
                self.expr(kind, 2, &source.columns)
            };
            kinds.push(kind);
            items.push(key.clone());
            keys.push(key);
        }
        if self.random.chance(25) && matches!(kinds[0], Text | Int | Bool) {
            items[0] = match kinds[0] {
                Text => format!("UPPER({}) || '!'", keys[0]),
                Int => format!("({}) + 1", keys[0]),
                _ => format!("NOT ({})", keys[0]),
            };
        }
        for _ in 0..1 + self.random.below(3) {
            let (call, kind) = self.aggregate(&source.columns);
            items.push(call);
            kinds.push(kind);
        }
        // Without keys and rows, streaming has nothing to say where batch says 0: no filter then.
        let filter = self.filter(&source.columns);
        let having = match self.random.below(6) {
            0 => " HAVING COUNT(*) > 1".to_string(),
            1 => {
                let (call, _) = self.aggregate(&source.columns);
                format!(" HAVING {call} IS NOT NULL")
            }
            _ => String::new(),
        };
        let items: Vec<String> = items.iter().enumerate().map(|(i, item)| format!("{item} AS c{i}")).collect();
        let text =
            format!("SELECT {} FROM {}{filter} GROUP BY {}{having}", items.join(", "), source.text, keys.join(", "));
        (text, kinds)
    }

    fn aggregate(&mut self, columns: &[(String, Kind)]) -> (String, Kind) {
        let kind = *self.random.pick(&[Int, Big, Decimal, Int, Text, Time, Double]);
        let arg = if self.random.chance(60) { self.leaf(kind, columns, false) } else { self.expr(kind, 2, columns) };
        let distinct = if self.random.chance(20) { "DISTINCT " } else { "" };
        let numeric = matches!(kind, Int | Big | Decimal | Double);
        let (call, kind) = match self.random.below(6) {
            0 => ("COUNT(*)".to_string(), Big),
            1 => (format!("COUNT({distinct}{arg})"), Big),
            // Doubles only as they are in the tables: sums of those are exact in any order.
            2 if numeric && kind != Double => (format!("SUM({distinct}{arg})"), kind),
            3 if numeric && kind != Double => (format!("AVG({distinct}{arg})"), kind),
            4 => (format!("MIN({arg})"), kind),
            _ => (format!("MAX({arg})"), kind),
        };
        if self.random.chance(20) {
            return (format!("{call} FILTER (WHERE {})", self.expr(Bool, 1, columns)), kind);
        }
        (call, kind)
    }

    fn windowed(&mut self) -> String {
        let table =
            *self.random.pick(&["TABLE t1", "TABLE v1", "TABLE t2", "TABLE (SELECT * FROM t1 WHERE a IS NOT NULL)"]);
        let minutes = |n: usize| format!("INTERVAL '{n}' MINUTE");
        let window = match self.random.below(5) {
            0 => format!("TUMBLE({table}, DESCRIPTOR(ts), {})", minutes(*self.random.pick(&[1, 7, 10]))),
            1 => format!("TUMBLE({table}, DESCRIPTOR(ts), {}, {})", minutes(10), minutes(3)),
            2 => {
                let slide = *self.random.pick(&[2, 5]);
                format!("HOP({table}, DESCRIPTOR(ts), {}, {})", minutes(slide), minutes(slide * 3))
            }
            3 => format!("CUMULATE({table}, DESCRIPTOR(ts), {}, {})", minutes(5), minutes(20)),
            _ => {
                let (by, key) = if self.random.chance(60) { (" PARTITION BY k", "k, ") } else { ("", "") };
                let gap = minutes(*self.random.pick(&[1, 3]));
                let (a, _) = self.window_aggregates();
                return format!(
                    "SELECT {key}window_start, window_end, {a} FROM TABLE(SESSION({table}{by}, DESCRIPTOR(ts), {gap})) \
                     GROUP BY {key}window_start, window_end"
                );
            }
        };
        if self.random.chance(20) {
            return format!("SELECT window_start, window_end, window_time, k, a FROM TABLE({window})");
        }
        let key = *self.random.pick(&["", "k, ", "a, ", "UPPER(k), "]);
        let (a, filter) = self.window_aggregates();
        let time = if self.random.chance(25) { ", window_time" } else { "" };
        let (first, rest) = if self.random.chance(20) {
            ("DATE_FORMAT(window_start, 'HH:mm')", "window_end")
        } else {
            ("window_start", "window_end")
        };
        format!(
            "SELECT {key}{first}, {rest}{time}, {a} FROM TABLE({window}){filter} GROUP BY {key}window_start, window_end{time}"
        )
    }

    fn window_aggregates(&mut self) -> (String, String) {
        let all = columns(&[("k", Text), ("a", Int), ("d", Decimal), ("ts", Time), ("ok", Bool), ("s", Text)]);
        let calls: Vec<String> = (0..1 + self.random.below(3)).map(|_| self.aggregate(&all).0).collect();
        let filter =
            if self.random.chance(30) { format!(" WHERE {}", self.expr(Bool, 2, &all)) } else { String::new() };
        (calls.join(", "), filter)
    }

    fn union(&mut self) -> String {
        let kinds: Vec<Kind> = (0..1 + self.random.below(3)).map(|_| *self.random.pick(&KINDS)).collect();
        let (left, _) = self.plain(1, Some(&kinds));
        let (right, _) = self.plain(1, Some(&kinds));
        let all = if self.random.chance(60) { "UNION ALL" } else { "UNION" };
        let union = format!("{left} {all} {right}");
        if self.random.chance(40) {
            return format!("SELECT c0, COUNT(*) AS n FROM ({union}) AS u GROUP BY c0");
        }
        union
    }

    /// Aggregates of a changelog.
    fn of_aggregates(&mut self) -> String {
        let (inner, kinds) = self.grouped(1);
        let columns: Vec<(String, Kind)> =
            kinds.into_iter().enumerate().map(|(i, kind)| (format!("c{i}"), kind)).collect();
        let key = self.random.pick(&columns).0.clone();
        let calls: Vec<String> = (0..1 + self.random.below(3)).map(|_| self.aggregate(&columns).0).collect();
        format!("SELECT {key}, {} FROM ({inner}) AS i{} GROUP BY {key}", calls.join(", "), self.filter(&columns))
    }

    fn with_cte(&mut self) -> String {
        let (inner, kinds) = if self.random.chance(50) { self.plain(1, None) } else { self.grouped(1) };
        let columns: Vec<(String, Kind)> =
            kinds.into_iter().enumerate().map(|(i, kind)| (format!("c{i}"), kind)).collect();
        let (name, kind) = self.random.pick(&columns).clone();
        let e = self.expr(kind, 2, &columns);
        format!(
            "WITH w AS ({inner}) SELECT {name} AS p, {e} AS q FROM w{} UNION ALL SELECT {name}, {name} FROM w",
            self.filter(&columns)
        )
    }

    fn values(&mut self) -> String {
        let rows: Vec<String> = (0..1 + self.random.below(4))
            .map(|_| {
                format!(
                    "({}, {}, {})",
                    self.leaf(Int, &[], true),
                    self.leaf(Text, &[], true),
                    self.leaf(Decimal, &[], true)
                )
            })
            .collect();
        let columns = columns(&[("n", Int), ("t", Text), ("m", Decimal)]);
        let kind = *self.random.pick(&[Int, Text, Decimal, Bool]);
        let e = self.expr(kind, 3, &columns);
        format!("SELECT n, t, m, {e} AS e FROM (VALUES {}) AS v(n, t, m){}", rows.join(", "), self.filter(&columns))
    }

    fn ordered(&mut self) -> Query {
        let (inner, kinds) = if self.random.chance(60) { self.plain(1, None) } else { self.grouped(1) };
        // All columns are keys, so that ties are equal rows.
        let keys: Vec<String> = (0..kinds.len())
            .map(|i| {
                let direction = *self.random.pick(&["", " DESC", " ASC NULLS LAST", " DESC NULLS FIRST"]);
                if self.random.chance(50) { format!("c{i}{direction}") } else { format!("{}{direction}", i + 1) }
            })
            .collect();
        let offset = if self.random.chance(25) { " OFFSET 2" } else { "" };
        let text = format!("{inner} ORDER BY {} LIMIT {}{offset}", keys.join(", "), 1 + self.random.below(9));
        Query { text, batch_only: true }
    }
}
