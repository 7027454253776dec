//! From a job graph to tasks: nodes joined by forward edges become one chain.

use crate::graph::{Edge, JobGraph, Partitioning};

/// A task: the chain of nodes that every parallel instance runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Positions in the graph, the head first, inputs before those that read them.
    pub nodes: Vec<usize>,
}

/// A job graph cut into tasks.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tasks, inputs before those that read them.
    pub tasks: Vec<Task>,
    /// For every node, its task.
    pub task_of: Vec<usize>,
}

/// True if the two ends of an edge run in one chain: rows go straight on and nothing else arrives there.
fn is_chained(graph: &JobGraph, edge: &Edge) -> bool {
    let arriving = graph.edges.iter().filter(|other| other.to == edge.to).count();
    edge.partitioning() == Partitioning::Forward && arriving == 1
}

impl Plan {
    /// Cuts a checked graph.
    pub fn new(graph: &JobGraph) -> Plan {
        let mut tasks: Vec<Task> = Vec::new();
        let mut task_of = Vec::new();
        for node in 0..graph.nodes.len() {
            let chained = graph.edges.iter().find(|edge| edge.to as usize == node && is_chained(graph, edge));
            let task = match chained {
                Some(edge) => task_of[edge.from as usize],
                None => {
                    tasks.push(Task { nodes: Vec::new() });
                    tasks.len() - 1
                }
            };
            tasks[task].nodes.push(node);
            task_of.push(task);
        }
        Plan { tasks, task_of }
    }

    /// True if the edge lies within a task.
    pub fn is_inside(&self, graph: &JobGraph, edge: &Edge) -> bool {
        is_chained(graph, edge)
    }

    /// Edges that leave a node for other tasks, with their positions in the graph.
    pub fn edges_out<'a>(&'a self, graph: &'a JobGraph, node: usize) -> impl Iterator<Item = (usize, &'a Edge)> {
        let leaving = graph.edges.iter().enumerate().filter(move |(_, edge)| edge.from as usize == node);
        leaving.filter(|(_, edge)| !self.is_inside(graph, edge))
    }
}
