//! Random joins, which only batch mode takes.

use crate::generator::Kind::{Big, Bool, Decimal, Double, Int, Text, Time};
use crate::generator::{Generator, KINDS, Kind, Query, columns};

impl Generator {
    /// Two tables, joined in any way, on equal columns most often and on anything else besides.
    pub fn joined(&mut self) -> Query {
        let (left, mut all) = self.side("u");
        let (right, of_right) = self.side("w");
        let pairs: Vec<String> = all
            .iter()
            .flat_map(|(l, kind)| {
                of_right.iter().filter(move |(_, k)| k == kind).map(move |(r, _)| format!("{l} = {r}"))
            })
            .collect();
        all.extend(of_right);
        let kind =
            *self.random.pick(&["JOIN", "INNER JOIN", "LEFT JOIN", "RIGHT OUTER JOIN", "FULL JOIN", "CROSS JOIN"]);
        let condition = match self.random.below(5) {
            _ if kind == "CROSS JOIN" => String::new(),
            0 => format!(" ON {}", self.expr(Bool, 2, &all)),
            1 => {
                // An error that no pair demands.
                format!(" ON {} AND {} = 2 AND 10 / {} > 1", self.random.pick(&pairs).clone(), "u.a", "u.a")
            }
            2 => format!(" ON {} AND {}", self.random.pick(&pairs).clone(), self.expr(Bool, 2, &all)),
            _ => format!(" ON {}", self.random.pick(&pairs).clone()),
        };
        let kinds: Vec<Kind> = (0..1 + self.random.below(3)).map(|_| *self.random.pick(&KINDS)).collect();
        let items: Vec<String> =
            kinds.iter().enumerate().map(|(i, kind)| format!("{} AS c{i}", self.expr(*kind, 2, &all))).collect();
        let items =
            if self.random.chance(20) { "u.a, COUNT(*) AS n, MAX(w.k) AS m".to_string() } else { items.join(", ") };
        let group = if items.starts_with("u.a, COUNT") { " GROUP BY u.a" } else { "" };
        let text = format!("SELECT {items} FROM {left} {kind} {right}{condition}{}{group}", self.filter(&all));
        Query { text, batch_only: true }
    }

    fn side(&mut self, alias: &str) -> (String, Vec<(String, Kind)>) {
        let mut named = vec![("k", Text), ("a", Int), ("d", Decimal), ("s", Text), ("ok", Bool), ("ts", Time)];
        let from = match self.random.below(3) {
            0 => "t1",
            1 => "t2",
            _ => "(SELECT k, a, b, d, f, s, ok, ts FROM t1 WHERE a IS NOT NULL)",
        };
        named.extend(if from == "t2" { vec![("b", Int)] } else { vec![("b", Big), ("f", Double)] });
        let columns = columns(&named).into_iter().map(|(name, kind)| (format!("{alias}.{name}"), kind)).collect();
        (format!("{from} AS {alias}"), columns)
    }
}
