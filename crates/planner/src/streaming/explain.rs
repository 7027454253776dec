//! A job graph as an indented tree from each sink down; what was shown once is referred to.

use std::fmt::Write;

use tidemill_core::map::Map;
use tidemill_dataflow::{Edge, Partitioning};

use super::StreamPlan;

/// The tree of a streaming plan; with `changelog` each operator says which kinds of rows it emits.
pub(crate) fn explain_graph(plan: &StreamPlan, changelog: bool) -> String {
    let nodes = plan.graph.nodes.len();
    let mut readers = vec![0usize; nodes];
    for edge in &plan.graph.edges {
        if let Some(count) = readers.get_mut(edge.from as usize) {
            *count += 1;
        }
    }
    let mut printer = Printer { plan, changelog, readers, references: Map::default(), out: String::new() };
    for node in 0..nodes {
        if printer.readers[node] == 0 {
            printer.node(node, "", "");
        }
    }
    printer.out
}

struct Printer<'p> {
    plan: &'p StreamPlan,
    changelog: bool,
    /// How many edges lead from each node.
    readers: Vec<usize>,
    /// Numbers of nodes with several readers that were shown.
    references: Map<usize, usize>,
    out: String,
}

impl Printer<'_> {
    // Writing to a string cannot fail.
    fn node(&mut self, node: usize, lead: &str, below: &str) {
        if let Some(reference) = self.references.get(&node) {
            let _ = writeln!(self.out, "{lead}Reused(reference_id=[{reference}])");
            return;
        }
        let Some(shown) = self.plan.texts.get(node) else { return };
        let mut text = shown.text.clone();
        if let Some(mode) = shown.changelog.filter(|_| self.changelog) {
            // Within the parentheses, as Flink has it.
            let body = text.strip_suffix(')').map(str::to_string).unwrap_or(text);
            text = format!("{body}, changelogMode=[{}])", mode.to_string().trim_matches(['[', ']']));
        }
        if self.readers[node] > 1 {
            let reference = self.references.len() + 1;
            self.references.insert(node, reference);
            text.push_str(&format!("(reuse_id=[{reference}])"));
        }
        let _ = writeln!(self.out, "{lead}{text}");
        let edges: Vec<Edge> = self.plan.graph.edges.iter().filter(|edge| edge.to as usize == node).cloned().collect();
        for (i, edge) in edges.iter().enumerate() {
            let last = i + 1 == edges.len();
            let (branch, next) = if last { ("+- ", "   ") } else { (":- ", ":  ") };
            let (lead, inner) = (format!("{below}{branch}"), format!("{below}{next}"));
            match exchange(edge) {
                None => self.node(edge.from as usize, &lead, &inner),
                Some(text) => {
                    let _ = writeln!(self.out, "{lead}{text}");
                    self.node(edge.from as usize, &format!("{inner}+- "), &format!("{inner}   "));
                }
            }
        }
    }
}

/// An edge that moves rows between subtasks.
fn exchange(edge: &Edge) -> Option<String> {
    match edge.partitioning() {
        Partitioning::Forward => None,
        Partitioning::Hash if edge.key.is_empty() => Some("Exchange(distribution=[single])".to_string()),
        Partitioning::Hash => {
            let key: Vec<String> = edge.key.iter().map(|position| format!("${position}")).collect();
            Some(format!("Exchange(distribution=[hash[{}]])", key.join(", ")))
        }
        Partitioning::Rebalance => Some("Exchange(distribution=[rebalance])".to_string()),
        Partitioning::Broadcast => Some("Exchange(distribution=[broadcast])".to_string()),
    }
}
