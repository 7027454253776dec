//! Random expressions: every operator and function that both sides know, most often over columns.

use crate::generator::Generator;
use crate::generator::Kind::{self, Big, Bool, Decimal, Double, Int, Text, Time};

impl Generator {
    /// A column of the kind, or a constant; never empty-handed.
    pub fn leaf(&mut self, kind: Kind, columns: &[(String, Kind)], constant: bool) -> String {
        let of_kind: Vec<&String> = columns.iter().filter(|(_, k)| *k == kind).map(|(name, _)| name).collect();
        if !constant && !of_kind.is_empty() && self.random.chance(85) {
            return (*self.random.pick(&of_kind)).clone();
        }
        let constants: &[&str] = match kind {
            Int => &["0", "1", "3", "-2", "7", "2147483647", "CAST(NULL AS INT)"],
            Big => &["CAST(5 AS BIGINT)", "9000000000", "-1 * CAST(2 AS BIGINT)", "CAST(NULL AS BIGINT)"],
            Decimal => &["1.25", "-0.5", "100.00", "0.005", "CAST(NULL AS DECIMAL(5, 2))"],
            Double => &["0.5e0", "-2e0", "1e3", "CAST(NULL AS DOUBLE)"],
            Text => &["'a'", "''", "'ü/b'", "'It''s'", "CAST(NULL AS STRING)"],
            Bool => &["TRUE", "FALSE", "UNKNOWN"],
            Time => &["TIMESTAMP '2013-01-01 00:10:00.000'", "CAST(DATE '2013-02-28' AS TIMESTAMP(3))"],
        };
        (*self.random.pick(constants)).to_string()
    }

    /// An expression of the kind, so deep at most.
    pub fn expr(&mut self, kind: Kind, depth: usize, columns: &[(String, Kind)]) -> String {
        if depth == 0 || self.random.chance(30) {
            return self.leaf(kind, columns, false);
        }
        let depth = depth - 1;
        if self.random.chance(20) {
            let condition = self.expr(Bool, depth, columns);
            let (x, y) = (self.expr(kind, depth, columns), self.expr(kind, depth, columns));
            return match self.random.below(6) {
                0 => format!("CASE WHEN {condition} THEN {x} END"),
                1 | 2 => format!("CASE WHEN {condition} THEN {x} ELSE {y} END"),
                3 => format!("IF({condition}, {x}, {y})"),
                4 => format!("COALESCE({x}, {y})"),
                _ => format!("NULLIF({x}, {y})"),
            };
        }
        macro_rules! e {
            (one of $($kind:expr),+) => {{
                let kind = *self.random.pick(&[$($kind),+]);
                self.expr(kind, depth, columns)
            }};
            ($kind:expr) => {
                self.expr($kind, depth, columns)
            };
        }
        match kind {
            Int => match self.random.below(15) {
                13 => {
                    let divisor = e!(Int);
                    format!("CASE WHEN {divisor} <> 0 THEN {} / {divisor} END", e!(Int))
                }
                14 => format!("TRY_CAST({} AS INT)", e!(Text)),
                0 => format!("({} + {})", e!(Int), e!(Int)),
                1 => format!("({} - {})", e!(Int), e!(Int)),
                2 => format!("({} * {})", e!(Int), e!(Int)),
                3 => format!("({} / {})", e!(Int), self.random.pick(&[3, -2, 7])),
                4 => format!("MOD({}, {})", e!(one of Int, Big), self.random.pick(&[3, -2, 7])),
                5 => format!("CHAR_LENGTH({})", e!(Text)),
                6 => format!("POSITION({} IN {})", e!(Text), e!(Text)),
                7 => format!("ABS({})", e!(Int)),
                8 => format!("-({})", e!(Int)),
                9 => format!("CAST({} AS INT)", e!(one of Decimal, Big, Double, Bool)),
                10 => format!("GREATEST({}, {})", e!(Int), e!(Int)),
                11 => format!("LEAST({}, {})", e!(Int), e!(Int)),
                _ => format!(
                    "TIMESTAMPDIFF({}, {}, {})",
                    self.random.pick(&["SECOND", "MINUTE", "DAY", "MONTH"]),
                    e!(Time),
                    e!(Time)
                ),
            },
            Big => match self.random.below(7) {
                0 => format!("({} + {})", e!(Big), e!(Int)),
                1 => format!("({} * {})", e!(Big), e!(Big)),
                2 => format!("CAST({} AS BIGINT)", e!(Int)),
                3 => format!(
                    "{}({})",
                    self.random.pick(&["HOUR", "MINUTE", "SECOND", "YEAR", "DAYOFMONTH", "QUARTER"]),
                    e!(Time)
                ),
                4 => {
                    format!("EXTRACT({} FROM {})", self.random.pick(&["DAY", "MONTH", "DOW", "DOY", "WEEK"]), e!(Time))
                }
                5 => format!("({} - {})", e!(Big), e!(Big)),
                _ => format!("MOD({}, CAST({} AS BIGINT))", e!(one of Int, Big), self.random.pick(&[5, 123])),
            },
            Decimal => match self.random.below(10) {
                0 => format!("({} + {})", e!(Decimal), e!(Decimal)),
                1 => format!("({} - {})", e!(Decimal), e!(Int)),
                2 => format!("({} * {})", e!(Decimal), e!(Decimal)),
                3 => format!("({} / {})", e!(Decimal), self.random.pick(&["4", "0.3", "-7.00"])),
                4 => format!("CAST({} AS DECIMAL(10, 1))", e!(Decimal)),
                5 => format!("CAST({} AS DECIMAL({}))", e!(Int), self.random.pick(&["3, 1", "12, 2"])),
                6 => format!("ROUND({}, {})", e!(Decimal), self.random.pick(&[0, 1])),
                7 => format!("{}({})", self.random.pick(&["FLOOR", "CEIL", "ABS", "-"]), e!(Decimal)),
                8 => format!("MOD({}, 0.75)", e!(Decimal)),
                _ => format!("CAST({} AS DECIMAL(9, 2))", e!(Double)),
            },
            Double => match self.random.below(6) {
                0 => format!("({} + {})", e!(Double), e!(Double)),
                1 => format!("({} * {})", e!(Double), e!(Int)),
                2 => format!("CAST({} AS DOUBLE)", e!(Int)),
                3 => format!("CAST({} AS DOUBLE)", e!(Decimal)),
                4 => format!("{}({})", self.random.pick(&["FLOOR", "CEIL", "ABS", "-"]), e!(Double)),
                _ => format!("({} / 4e0)", e!(Double)),
            },
            Text => match self.random.below(17) {
                0 => format!("({} || {})", e!(Text), e!(Text)),
                1 => format!("{}({})", self.random.pick(&["UPPER", "LOWER", "REVERSE"]), e!(Text)),
                2 => format!("SUBSTRING({}, {})", e!(Text), self.random.pick(&[0, 1, 2, -3, 9])),
                3 => format!(
                    "SUBSTRING({} FROM {} FOR {})",
                    e!(Text),
                    self.random.pick(&[0, 1, -2, 3]),
                    self.random.pick(&[0, 2, 5])
                ),
                4 => format!("TRIM({})", e!(Text)),
                5 => format!("TRIM({} 'a' FROM {})", self.random.pick(&["LEADING", "TRAILING", "BOTH"]), e!(Text)),
                6 => format!("REPLACE({}, {}, {})", e!(Text), self.random.pick(&["'a'", "'/'", "'ü'"]), e!(Text)),
                7 => format!("CONCAT({}, {}, {})", e!(Text), e!(Text), e!(Text)),
                8 => format!("SPLIT_INDEX({}, '/', {})", e!(Text), self.random.pick(&[-1, 0, 1, 3, 4])),
                9 => {
                    let (pattern, group) = *self.random.pick(&[
                        ("(&|^)c=([^&]*)", 2),
                        ("([a-z]+)", 1),
                        ("id=(\\d+)", 1),
                        ("(x)|([a-z])", 2),
                        ("a|b", 0),
                        ("(q)?/", 1),
                    ]);
                    format!("REGEXP_EXTRACT({}, '{pattern}', {group})", e!(Text))
                }
                10 => format!(
                    "DATE_FORMAT({}, {})",
                    e!(Time),
                    self.random.pick(&["'yyyy-MM-dd'", "'HH:mm'", "'yyyyMMdd HH:mm:ss.SSS'"])
                ),
                11 => format!("CAST({} AS STRING)", e!(one of Int, Big, Decimal, Bool, Time)),
                12 => format!("CAST({} AS VARCHAR(3))", e!(Text)),
                13 => format!("CAST({} AS CHAR(4))", e!(one of Int, Text)),
                14 => format!("LPAD({}, {}, 'xü')", e!(Text), self.random.pick(&[0, 2, 7])),
                15 => format!("CONCAT_WS('-', {}, {})", e!(Text), e!(Text)),
                _ => format!("GREATEST({}, {})", e!(Text), e!(Text)),
            },
            Bool => match self.random.below(13) {
                0 | 1 => {
                    let kind = *self.random.pick(&[Int, Big, Decimal, Text, Time]);
                    let op = *self.random.pick(&["=", "<>", "<", "<=", ">", ">="]);
                    format!("({} {op} {})", e!(kind), e!(kind))
                }
                2 => format!("({} > {})", e!(Int), e!(Decimal)),
                3 => format!("({} <= {})", e!(Big), e!(Double)),
                4 => format!("({} IS {}NULL)", e!(one of Int, Text, Bool, Time), self.random.pick(&["", "NOT "])),
                5 => format!("({} IS {}DISTINCT FROM {})", e!(Int), self.random.pick(&["", "NOT "]), e!(Int)),
                6 => format!(
                    "({} {}LIKE {})",
                    e!(Text),
                    self.random.pick(&["", "NOT "]),
                    self.random.pick(&["'a%'", "'%/%'", "'_'", "'%ü%'", "'a\\%b' ESCAPE '\\'", "''"])
                ),
                7 => format!(
                    "({} {}IN ({}, 1, {}))",
                    e!(Int),
                    self.random.pick(&["", "NOT "]),
                    e!(Int),
                    self.random.pick(&["5", "NULL", "-2"])
                ),
                8 => format!("({} IN ('a', 'ü', 'b'))", e!(Text)),
                9 => format!("({} {}BETWEEN {} AND {})", e!(Int), self.random.pick(&["", "NOT "]), e!(Int), e!(Int)),
                10 => format!("({} AND {})", e!(Bool), e!(Bool)),
                11 => format!("({} OR {})", e!(Bool), e!(Bool)),
                _ => format!("({} IS {})", e!(Bool), self.random.pick(&["TRUE", "NOT TRUE", "FALSE", "UNKNOWN"])),
            },
            Time => match self.random.below(6) {
                5 => format!(
                    "(CAST({} AS DATE) {} INTERVAL {})",
                    e!(Time),
                    self.random.pick(&["+", "-"]),
                    self.random.pick(&["'24' HOUR", "'30' MINUTE"])
                ),
                0 => format!(
                    "({} + INTERVAL {})",
                    e!(Time),
                    self.random.pick(&["'90' MINUTE", "'1' MONTH", "'-1 02:03' DAY TO MINUTE"])
                ),
                1 => format!("({} - INTERVAL '1' SECOND)", e!(Time)),
                2 => format!("FLOOR({} TO {})", e!(Time), self.random.pick(&["HOUR", "MINUTE", "DAY", "MONTH"])),
                3 => format!("CEIL({} TO {})", e!(Time), self.random.pick(&["HOUR", "DAY", "YEAR"])),
                _ => {
                    format!("TIMESTAMPADD({}, {}, {})", self.random.pick(&["HOUR", "DAY", "MONTH"]), e!(Int), e!(Time))
                }
            },
        }
    }
}
