//! From a job graph to tasks, and from tasks to threads: nodes joined by forward edges become one chain; a slot's thread runs one
//! subtask of every task, but for those that may block, which get a thread each.

use crate::graph::{Edge, JobGraph, Partitioning};

/// A task: the chain of nodes that every parallel instance runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Positions in the graph, the head first, inputs before those that read them.
    pub nodes: Vec<usize>,
    /// How many instances it has.
    pub parallelism: u32,
    /// True if its node may block.
    pub may_block: bool,
}

/// A job graph cut into tasks.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The tasks, inputs before those that read them.
    pub tasks: Vec<Task>,
    /// For every node, its task.
    pub task_of: Vec<usize>,
}

/// What one thread runs: a subtask of each of its tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadPlan {
    /// Which instance of each task.
    pub index: u32,
    /// Positions of the tasks in the plan, inputs before those that read them.
    pub tasks: Vec<usize>,
    /// What it is called.
    pub name: String,
    /// True if it has one task only, which may block.
    pub may_block: bool,
}

impl ThreadPlan {
    /// True if it runs instance `index` (none: any instance) of a task.
    pub fn runs(&self, index: Option<u32>, task: usize) -> bool {
        index.is_none_or(|index| index == self.index) && self.tasks.contains(&task)
    }
}

/// True if the two ends of an edge run in one chain: rows go straight on, nothing else arrives there, and neither may block.
fn is_chained(graph: &JobGraph, edge: &Edge) -> bool {
    let arriving = graph.edges.iter().filter(|other| other.to == edge.to).count();
    let may_block = |node: u32| graph.nodes[node as usize].may_block;
    edge.partitioning() == Partitioning::Forward && arriving == 1 && !may_block(edge.from) && !may_block(edge.to)
}

impl Plan {
    /// Cuts a checked graph for a job with that many slots.
    pub fn new(graph: &JobGraph, slots: u32) -> Plan {
        let mut tasks: Vec<Task> = Vec::new();
        let mut task_of = Vec::new();
        for (node, described) in graph.nodes.iter().enumerate() {
            let chained = graph.edges.iter().find(|edge| edge.to as usize == node && is_chained(graph, edge));
            let task = match chained {
                Some(edge) => task_of[edge.from as usize],
                None => {
                    let parallelism = described.instances(slots);
                    tasks.push(Task { nodes: Vec::new(), parallelism, may_block: described.may_block });
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

    /// Subtasks of all tasks together.
    pub fn subtasks(&self) -> usize {
        self.tasks.iter().map(|task| task.parallelism as usize).sum()
    }

    /// The threads that run the tasks: one a slot, then one for every subtask that may block.
    pub fn threads(&self) -> Vec<ThreadPlan> {
        let numbered = || self.tasks.iter().enumerate();
        let slots = numbered().filter(|(_, task)| !task.may_block).map(|(_, task)| task.parallelism).max().unwrap_or(0);
        let mut threads: Vec<ThreadPlan> = (0..slots)
            .map(|index| {
                let here = numbered().filter(|(_, task)| !task.may_block && index < task.parallelism);
                let tasks = here.map(|(position, _)| position).collect();
                ThreadPlan { index, tasks, name: format!("slot-{index}"), may_block: false }
            })
            .collect();
        for (position, task) in numbered().filter(|(_, task)| task.may_block) {
            threads.extend((0..task.parallelism).map(|index| ThreadPlan {
                index,
                tasks: vec![position],
                name: format!("task-{position}-{index}"),
                may_block: true,
            }));
        }
        threads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Node, Role};
    use tidemill_core::OperatorId;

    fn graph() -> JobGraph {
        let node = |name: &str, role| Node::new(OperatorId::from_name(name), name, role, "none", Vec::new());
        let mut nodes = vec![node("source", Role::Source), node("calc", Role::Operator), node("sink", Role::Sink)];
        nodes[2].may_block = true;
        let forward = |from, to| Edge::new(from, to, Partitioning::Forward, &[]);
        JobGraph { nodes, edges: vec![forward(0, 1), forward(1, 2)], ..JobGraph::default() }
    }

    #[test]
    fn what_may_block_is_not_chained_and_gets_threads_of_its_own() {
        let plan = Plan::new(&graph(), 2);
        let nodes: Vec<&[usize]> = plan.tasks.iter().map(|task| task.nodes.as_slice()).collect();
        assert_eq!(nodes, [&[0, 1][..], &[2]]);
        let threads: Vec<(String, Vec<usize>)> =
            plan.threads().into_iter().map(|thread| (thread.name, thread.tasks)).collect();
        let name = |name: &str, task| (name.to_string(), vec![task]);
        assert_eq!(threads, [name("slot-0", 0), name("slot-1", 0), name("task-1-0", 1), name("task-1-1", 1)]);
        assert_eq!(plan.subtasks(), 4);
    }

    #[test]
    fn a_source_with_fewer_instances_is_in_the_first_slots() {
        let mut graph = graph();
        graph.nodes[2].may_block = false;
        graph.nodes[0].parallelism = 1;
        graph.edges[0] = Edge::new(0, 1, Partitioning::Rebalance, &[]);
        graph.check().unwrap_or_else(|failure| unreachable!("{failure}"));
        let tasks: Vec<Vec<usize>> = Plan::new(&graph, 3).threads().into_iter().map(|thread| thread.tasks).collect();
        assert_eq!(tasks, [vec![0, 1], vec![1], vec![1]]);
        graph.edges[0] = Edge::new(0, 1, Partitioning::Forward, &[]);
        assert!(graph.check().is_err(), "rows of one instance cannot go straight on to three");
    }
}
