//! A job's I/O: what the machines ask for, carried out. Every call blocks; they are made one at a time on one thread, in the
//! order in which they were asked for.
//!
//! Owns the decision log, the committers and the enumerators. Decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidemill_checkpoint::manifest::{ObjectRef, operator_id};
use tidemill_checkpoint::{
    AppendError, CheckpointContent, Claim, Decision, DecisionLog, JobDirectory, JobIdentity, Resolution,
    ResolveOptions, Verification, collect, collect_ended, resolve, write_checkpoint,
};
use tidemill_core::key_group::KeyGroups;
use tidemill_core::storage::Storage;
use tidemill_core::{CheckpointId, CheckpointKind, Env, Failure, JobId, OperatorId, Result};
use tidemill_dataflow::job_options::{BATCH_ROWS_MAX, BUFFER_TIMEOUT, CHECKPOINTS_RETAINED, REWRITE_ROWS};
use tidemill_dataflow::plan::Plan;
use tidemill_dataflow::{Committer, Enumerator, JobGraph, Registry, Role, output_id};

use crate::base::Base;
use crate::broken;
use crate::content::{Content, TableChains, counters_of};
use crate::coordinator::Discovered;
use crate::fixed;
use crate::homes::Homes;
use crate::job::JobSpec;
use crate::key_groups;
use crate::mutants::Mutant;
use crate::opened::Opened;
use crate::restore::{self, WrittenSavepoint};
use crate::worker::{OwnedDelta, OwnedRun};

/// How often a start is tried when another process decides something in between.
const START_ATTEMPTS: usize = 3;

/// The I/O of one job.
pub struct JobIo {
    spec: JobSpec,
    registry: Registry,
    storage: Arc<dyn Storage>,
    env: Arc<dyn Env>,
    mutant: Option<Mutant>,
    directory: JobDirectory,
    log: Option<DecisionLog>,
    previous: Option<ObjectRef>,
    committers: BTreeMap<OperatorId, Box<dyn Committer>>,
    enumerators: BTreeMap<OperatorId, Box<dyn Enumerator>>,
    files_written: u32,
    key_groups: Option<KeyGroups>,
    /// The job is to start over; false once it has.
    is_fresh: bool,
    /// Nobody had begun the job when this process first read its log; none before that.
    begins: Option<bool>,
    job: JobId,
    /// A run file has turned out to be damaged.
    damaged: Arc<AtomicBool>,
    /// Where savepoints are; none: where their URLs say.
    places: Option<Places>,
    /// Somebody has chosen the directory, who may have taken a savepoint's.
    is_chosen: bool,
    /// The savepoint with which the job stops, until its output is committed.
    savepoint: Option<WrittenSavepoint>,
}

/// The stores of savepoints, by URL.
pub type Places = Arc<dyn Fn(&str) -> Result<Arc<dyn Storage>> + Send + Sync>;

impl JobIo {
    /// The I/O of a job whose directory is the root of `storage`.
    pub fn new(
        spec: JobSpec,
        registry: Registry,
        storage: Arc<dyn Storage>,
        env: Arc<dyn Env>,
        mutant: Option<Mutant>,
    ) -> JobIo {
        let is_fresh = spec.fresh;
        JobIo {
            spec,
            registry,
            directory: JobDirectory::new(Arc::clone(&storage)),
            storage,
            env,
            mutant,
            log: None,
            previous: None,
            committers: BTreeMap::new(),
            enumerators: BTreeMap::new(),
            files_written: 0,
            key_groups: None,
            is_fresh,
            begins: None,
            job: JobId::default(),
            damaged: Arc::default(),
            savepoint: None,
            places: None,
            is_chosen: false,
        }
    }

    /// The same with a directory that somebody has chosen: that of a savepoint is refused. The simulator makes its own.
    pub fn with_chosen_directory(mut self) -> JobIo {
        self.is_chosen = true;
        self
    }

    /// The same with savepoints in other places than their URLs say: for the simulator.
    pub fn with_places(mut self, places: Places) -> JobIo {
        self.places = Some(places);
        self
    }

    fn savepoint_at(&self, url: &str) -> Result<Arc<dyn Storage>> {
        match &self.places {
            Some(places) => places(url),
            None => tidemill_checkpoint::open_existing(url),
        }
    }

    /// Claims the directory, starts a generation, commits again what the last one left, and reads the state.
    pub fn open(&mut self) -> Result<Opened> {
        if let Some(deposed) = self.log.as_ref().map_or(Ok(None), DecisionLog::deposed)? {
            // It is the other one's turn, not this one's once more.
            return Err(deposed.into());
        }
        self.look_at_savepoint()?;
        if let Err(failure) = key_groups::choose(&self.spec.options, self.spec.parallelism, None)
            && (self.is_fresh || self.directory.identity()?.is_none())
        {
            return Err(failure);
        }
        if self.is_chosen && self.log.is_none() {
            self.directory.refuse_savepoint()?;
        }
        self.claim()?;
        let (log, resolution, base) = self.start_generation()?;
        if resolution.finished {
            return Ok(finished(&resolution));
        }
        let generation = log.generation();
        self.log = Some(log);
        self.files_written = 0;
        if self.is_fresh {
            self.directory.rename(&JobIdentity::new(&self.spec.name, &self.spec.fingerprint, self.job))?;
            (self.is_fresh, self.begins) = (false, Some(true));
        }
        let graph = match &base.plan {
            Some(stored) => self.with_own_options(stored.clone()),
            None => self.spec.graph.clone(),
        };
        if let (Some(url), true) = (&base.url, base.is_savepoint) {
            self.check_statements(&graph, url)?;
        }
        self.open_sinks(&graph, &resolution, base.savepoint_content(), generation)?;
        self.restore(base, graph, &resolution, generation)
    }

    /// Decides what this start goes on from; earlier ones are deposed.
    fn start_generation(&mut self) -> Result<(DecisionLog, Resolution, Base)> {
        for _ in 0..START_ATTEMPTS {
            let mut log = DecisionLog::open(&self.directory, self.env.random_u64())?;
            let begins = self.begins(&log)?;
            let mut resolution = match self.resolve(&log) {
                Ok(resolution) => resolution,
                // Another process runs the job, and may have deleted what it needs no more.
                Err(_) if log.is_overtaken()? => continue,
                Err(failure) => return Err(failure),
            };
            if resolution.finished {
                return Ok((log, resolution, Base::nothing(&self.storage)));
            }
            if self.mutant == Some(Mutant::NewestManifest) {
                broken::newest_manifest(&self.directory, &mut resolution)?;
            }
            let base = self.base(&resolution)?;
            if let Some(stored) = &base.plan {
                fixed::check_time_zone(stored, &self.spec.graph, base.url.as_deref().unwrap_or_default())?;
            }
            let stored = base.key_groups();
            self.key_groups = Some(key_groups::choose(&self.spec.options, self.spec.parallelism, stored.as_ref())?);
            let restored_from = resolution.restore.as_ref().map_or(0, |restore| restore.completed.checkpoint);
            let savepoint = match self.is_fresh || begins && log.history().checkpoints.is_empty() {
                true => self.spec.from_savepoint.clone(),
                false => resolution.savepoint_url.clone(),
            };
            match log.start_generation(self.spec.parallelism, restored_from, &savepoint.unwrap_or_default()) {
                Ok(_) => return Ok((log, resolution, base)),
                Err(AppendError::Fenced { .. }) => {}
                Err(error) => {
                    // It may have been made: whoever looks for who has deposed this process must not find itself.
                    self.log = Some(log);
                    return Err(error.into());
                }
            }
        }
        let text = format!(
            "another process runs the job in {} and decides faster than this one can take it over: stop one of them",
            self.directory.url()
        );
        Err(Failure::retryable("job.overtaken", text))
    }

    fn resolve(&self, log: &DecisionLog) -> Result<Resolution> {
        if self.is_fresh {
            // Earlier checkpoints are given up with the entry that starts the generation.
            let next_checkpoint = log.history().checkpoint_max + 1;
            return Ok(Resolution { next_checkpoint, ..Resolution::default() });
        }
        // Run files are checked as they are read, unless one has turned out to be damaged.
        let verification = match self.damaged.load(Ordering::Relaxed) {
            true => Verification::Everything,
            false => Verification::Manifest,
        };
        resolve(&self.directory, log.history(), &ResolveOptions { verification, ..ResolveOptions::default() })
    }

    /// True if nobody had begun the job when this process first read its log. A job that has begun is not begun again with a
    /// savepoint.
    fn begins(&mut self, log: &DecisionLog) -> Result<bool> {
        let begins = *self.begins.get_or_insert(log.history().generation == 0);
        if begins || self.is_fresh || self.spec.from_savepoint.is_none() {
            return Ok(begins);
        }
        let text = format!(
            "{} holds the job already; to go on from a savepoint instead, add --fresh, or leave --from-savepoint out to go \
             on from its last checkpoint",
            self.directory.url()
        );
        Err(Failure::refused("job.savepoint-and-checkpoint", text))
    }

    /// Makes the directory the job's.
    fn claim(&mut self) -> Result<()> {
        if self.is_fresh {
            // Where there is a log the job starts over in it: whoever runs the job now is deposed.
            if let Some(found) = self.directory.to_start_over(self.env.random_u64())? {
                self.job = found;
                return Ok(());
            }
        }
        let id = JobId(u128::from(self.env.random_u64()) << 64 | u128::from(self.env.random_u64()));
        let identity = JobIdentity::new(&self.spec.name, &self.spec.fingerprint, id);
        let (directory, claim) = JobDirectory::claim(Arc::clone(&self.storage), &identity)?;
        self.directory = directory;
        let (Claim::Created(own) | Claim::Resumed(own)) = &claim;
        self.job = own.id();
        Ok(())
    }

    /// Refuses a savepoint that cannot be gone on from, before anything is changed.
    fn look_at_savepoint(&self) -> Result<()> {
        let Some(url) = self.spec.from_savepoint.as_ref().filter(|_| self.log.is_none()) else { return Ok(()) };
        let base = self.base_of_savepoint(url)?;
        if let (Some(stored), Some(url)) = (&base.plan, &base.url) {
            self.check_statements(stored, url)?;
            fixed::check_time_zone(stored, &self.spec.graph, url)?;
        }
        key_groups::choose(&self.spec.options, self.spec.parallelism, base.key_groups().as_ref()).map(drop)
    }

    /// Opens the committers; they commit what the last start or the savepoint's job was not known to have committed.
    fn open_sinks(
        &mut self,
        graph: &JobGraph,
        resolution: &Resolution,
        savepoint: Option<&CheckpointContent>,
        generation: u64,
    ) -> Result<()> {
        self.committers.clear();
        for node in graph.nodes.iter().filter(|node| node.role() == Role::Sink) {
            if let Some(committer) =
                self.registry.sink(&node.kind, &node.config)?.committer(output_id(self.job, node.operator_id()))?
            {
                self.committers.insert(node.operator_id(), committer);
            }
        }
        if self.mutant != Some(Mutant::SkipRecommit) {
            for again in &resolution.commit_again {
                self.commit_items(&again.committables)?;
                self.append(Decision::committed(again.checkpoint))?;
            }
        }
        if let Some(savepoint) = savepoint {
            self.commit_items(&savepoint.committables())?;
        }
        self.committers.values_mut().try_for_each(|committer| committer.clean(generation))
    }

    /// The stored graph with what may be another at every start: how rows are put together.
    fn with_own_options(&self, mut stored: JobGraph) -> JobGraph {
        for key in [BATCH_ROWS_MAX.key, BUFFER_TIMEOUT.key, REWRITE_ROWS.key] {
            stored.options.remove(key);
            stored.options.extend(self.spec.graph.options.get(key).map(|value| (key.to_string(), value.clone())));
        }
        stored
    }

    /// What this start goes on from: a checkpoint, else a savepoint, else nothing.
    fn base(&self, resolution: &Resolution) -> Result<Base> {
        let savepoint = resolution.savepoint_url.clone().or_else(|| self.spec.from_savepoint.clone());
        match (&resolution.restore, savepoint) {
            (Some(restore), _) => {
                Base::of(restore.content.clone(), Arc::clone(&self.storage), restore.url.clone(), false)
            }
            (None, Some(url)) => self.base_of_savepoint(&url),
            (None, None) => Ok(Base::nothing(&self.storage)),
        }
    }

    fn base_of_savepoint(&self, url: &str) -> Result<Base> {
        let storage = self.savepoint_at(url)?;
        let savepoint = tidemill_checkpoint::savepoint::read_savepoint(storage.as_ref())?;
        let url = storage.url("");
        Base::of(savepoint.content, storage, url, true)
    }

    /// Refuses a savepoint of other statements: operators have ids that follow from the text, so none would be the same.
    fn check_statements(&self, stored: &JobGraph, url: &str) -> Result<()> {
        let known = |id: OperatorId| stored.nodes.iter().any(|node| node.operator_id() == id);
        if self.spec.graph.nodes.iter().any(|node| known(node.operator_id())) {
            return Ok(());
        }
        let text = format!(
            "the savepoint {url} is of the job '{}' with other statements than these: run the statements it was taken from",
            stored.name
        );
        Err(Failure::refused("job.changed", text))
    }

    fn restore(&mut self, base: Base, graph: JobGraph, resolution: &Resolution, generation: u64) -> Result<Opened> {
        let Base { content, plan: _, storage, url, is_savepoint } = base;
        let key_groups = self.key_groups.ok_or_else(not_open)?;
        let discovered = self.open_enumerators(&graph, content.as_ref())?;
        self.previous = resolution.restore.as_ref().map(|restore| restore.completed.root.clone());
        let tables = match (&content, is_savepoint) {
            (Some(content), false) => TableChains::of_manifest(content),
            (Some(content), true) => self.adopt_savepoint(storage.as_ref(), content)?,
            (None, _) => TableChains::default(),
        };
        let (mut restored, splits) = match &content {
            Some(content) => restore::load(content, &tables)?,
            None => Default::default(),
        };
        let parallelism = self.spec.parallelism;
        if self.mutant == Some(Mutant::FiredForAll) {
            broken::fired_for_all(&mut restored);
        }
        let seen = broken::chains_as_read(self.mutant, &tables);
        let new = |_: &CheckpointContent| Homes::new(&self.storage, &seen, key_groups, parallelism, &self.damaged);
        let homes = content.as_ref().map(new);
        let damaged = resolution.passed_over.iter().map(|(id, why)| format!("checkpoint {id} is damaged: {why}"));
        let notices = damaged.chain(fixed::notices(&graph, &self.spec.graph)).collect();
        Ok(Opened {
            finished: false,
            job: self.job,
            generation,
            graph_bytes: Arc::new(graph.encode_bytes()),
            key_groups: key_groups.count(),
            plan: Plan::new(&graph, self.spec.parallelism),
            hashes_results: fixed::hashes_results(&graph),
            graph: Arc::new(graph),
            next_checkpoint: resolution.next_checkpoint,
            restored,
            splits,
            discovered,
            tables,
            homes: homes.map(Arc::new),
            counters: content.as_ref().map(|content| counters_of(&content.counters())).unwrap_or_default(),
            checkpoints_completed: content.as_ref().map_or(0, |content| content.header.checkpoints_completed),
            restored_from: url,
            notices,
        })
    }

    fn open_enumerators(&mut self, graph: &JobGraph, content: Option<&CheckpointContent>) -> Result<Vec<Discovered>> {
        self.enumerators.clear();
        let mut found = Vec::new();
        for node in graph.nodes.iter().filter(|node| node.role() == Role::Source) {
            let id = node.operator_id();
            let mut enumerator = self.registry.source(&node.kind, &node.config)?.enumerator()?;
            let states = content.into_iter().flat_map(|content| &content.header.enumerators);
            if let Some(state) = states.into_iter().find(|state| state.operator == id.to_string()) {
                enumerator.restore(&state.state)?;
            }
            self.enumerators.insert(id, enumerator);
            found.push(self.discover(id).map_err(|failure| failure.at_operator(node.name.clone()))?);
        }
        Ok(found)
    }

    /// Asks an enumerator for new splits.
    pub fn discover(&mut self, source: OperatorId) -> Result<Discovered> {
        let Some(enumerator) = self.enumerators.get_mut(&source) else {
            return Err(Failure::fatal("source.unknown", format!("there is no source {source}")));
        };
        let found = enumerator.discover()?;
        Ok(Discovered { source, splits: found.splits, state: enumerator.snapshot(), again_in_ms: found.again_in_ms })
    }

    /// Writes deltas as runs of one object.
    pub fn upload(&mut self, checkpoint: CheckpointId, deltas: &[OwnedDelta]) -> Result<Vec<OwnedRun>> {
        self.files_written += 1;
        let generation = self.generation();
        let path = match self.mutant {
            Some(Mutant::ReuseFileName) => JobDirectory::run_file(0, checkpoint, 0, 0),
            _ => JobDirectory::run_file(generation, checkpoint, 0, self.files_written),
        };
        let key_groups = self.key_groups.unwrap_or(KeyGroups::for_parallelism(1));
        let (object, runs) = restore::encode_object(&path, deltas, key_groups, self.spec.parallelism)?;
        if !object.is_empty() {
            match self.mutant {
                Some(Mutant::ReuseFileName) => self.storage.put(&path, &object)?,
                Some(Mutant::AckTooEarly) => drop(self.storage.create(&path, &object)),
                _ => self.storage.create(&path, &object)?,
            }
        }
        Ok(runs)
    }

    /// Copies the tables of a savepoint into the job's directory, so that the job does not depend on it any longer.
    fn adopt_savepoint(&mut self, storage: &dyn Storage, content: &CheckpointContent) -> Result<TableChains> {
        let deltas = restore::savepoint_deltas(storage, content)?;
        let runs = self.upload(0, &deltas)?;
        Ok(TableChains::default().extended(0, &runs))
    }

    /// Writes a checkpoint's manifest and decides that it is complete; returns the manifest's URL.
    pub fn complete(&mut self, checkpoint: CheckpointId, kind: CheckpointKind, content: &Content) -> Result<String> {
        let mut manifest = content.manifest.clone();
        manifest.previous.clone_from(&self.previous);
        let root = write_checkpoint(&self.directory, &manifest)?;
        let url = self.storage.url(&root.path);
        let committables = manifest.committables();
        if self.mutant == Some(Mutant::CommitBeforeDecision) {
            self.commit_items(&committables)?;
        }
        let count: usize = committables.iter().map(|(_, items)| items.len()).sum();
        self.append(Decision::checkpoint_completed(checkpoint, root.clone(), kind.into(), count as u64))?;
        self.previous = Some(root);
        Ok(url)
    }

    /// Makes the prepared output of a completed checkpoint visible, says so in the log, and deletes what is not needed now.
    pub fn commit(&mut self, checkpoint: CheckpointId, content: &Content) -> Result<()> {
        let prepared = content.prepared();
        let is_early = self.mutant == Some(Mutant::CommittedTooEarly);
        if !prepared.is_empty() {
            if !is_early {
                self.commit_items(&prepared).map_err(|failure| self.saved_anyway(failure))?;
            }
            self.append(Decision::committed(checkpoint))?;
            if is_early {
                self.commit_items(&prepared)?;
            }
        }
        if let Some(savepoint) = self.savepoint.take() {
            savepoint.settle();
        }
        let retained = self.retained()?;
        let log = self.log.as_mut().ok_or_else(not_open)?;
        match self.mutant {
            Some(Mutant::DeleteReferenced) => broken::delete_referenced(&self.directory, checkpoint)?,
            Some(Mutant::CollectTooMuch) => broken::collect_too_much(&self.directory, log)?,
            _ => {}
        }
        // Files that could not be deleted now go the next time.
        let _ = collect(&self.directory, log, retained);
        Ok(())
    }

    fn commit_items(&mut self, prepared: &[(String, Vec<Vec<u8>>)]) -> Result<()> {
        for (operator, items) in prepared {
            let id = operator_id(operator)?;
            let committer = self.committers.get_mut(&id).ok_or_else(|| {
                Failure::fatal(
                    "sink.no-committer",
                    format!("sink {operator} has prepared output and nobody to commit it"),
                )
            })?;
            committer.commit(items)?;
        }
        Ok(())
    }

    /// How many completed checkpoints are kept.
    fn retained(&self) -> Result<usize> {
        Ok(self.spec.options.integer(&CHECKPOINTS_RETAINED)?.unwrap_or(2).max(1) as usize)
    }

    /// Says where output that could not be committed is not lost.
    fn saved_anyway(&self, failure: Failure) -> Failure {
        let Some(savepoint) = &self.savepoint else { return failure };
        let text = format!(
            "{}; the savepoint {} is complete, and a job that goes on from it commits this output",
            failure.message(),
            savepoint.url()
        );
        Failure::new(failure.class(), failure.code(), text)
    }

    /// Removes what this start has written and not committed, unless a savepoint names it.
    pub fn discard(&mut self) -> Result<()> {
        if self.savepoint.is_some() {
            return Ok(());
        }
        let behind = self.generation() + 1;
        self.committers.values_mut().try_for_each(|committer| committer.clean(behind))
    }

    /// Decides that the job has ended, finishes its sinks, and deletes what no checkpoint that is kept needs.
    pub fn end(&mut self) -> Result<()> {
        // A deposed process may have left something since this one started.
        let generation = self.generation();
        self.committers.values_mut().try_for_each(|committer| committer.clean(generation))?;
        self.committers.values_mut().try_for_each(|committer| committer.finish())?;
        let retained = self.retained()?;
        collect_ended(&self.directory, self.log.as_mut().ok_or_else(not_open)?, retained)?;
        self.append(Decision::ended(tidemill_checkpoint::history::EndState::Finished, ""))
    }

    /// Writes a savepoint of a completed checkpoint under a URL. It holds the checkpoint's output until that is committed.
    pub fn write_savepoint(&mut self, url: &str, content: &Content) -> Result<String> {
        let target = match &self.places {
            Some(places) => places(url)?,
            None => tidemill_checkpoint::open(url)?,
        };
        let savepoint = restore::write_savepoint(self.storage.as_ref(), &self.spec.name, target, &content.manifest)?;
        let url = savepoint.url();
        self.savepoint = Some(savepoint);
        Ok(url)
    }

    /// What a failure comes to: whoever has deposed this process may delete what it reads.
    pub fn explain(&self, failure: Failure) -> Failure {
        let is_missing = failure.code() == "storage.not-found";
        match self.log.as_ref().filter(|_| is_missing).map(DecisionLog::deposed) {
            Some(Ok(Some(deposed))) => deposed.into(),
            _ => failure,
        }
    }

    fn generation(&self) -> u64 {
        self.log.as_ref().map_or(0, DecisionLog::generation)
    }

    fn append(&mut self, decision: Decision) -> Result<()> {
        let log = self.log.as_mut().ok_or_else(not_open)?;
        match log.append(decision.clone()) {
            Err(AppendError::Fenced { .. }) if self.mutant == Some(Mutant::AppendWithoutFence) => {
                let mut log = DecisionLog::open(&self.directory, self.env.random_u64())?;
                log.start_generation(self.spec.parallelism, 0, "")?;
                log.append(decision)?;
                self.log = Some(log);
                Ok(())
            }
            Err(AppendError::Unknown(failure)) => Err(in_doubt(&failure)),
            other => Ok(other.map(|_| ())?),
        }
    }
}

/// The code of a failure after which it is not known what the log says: the job has to be opened anew.
pub const IN_DOUBT: &str = "job.decision-in-doubt";

fn in_doubt(failure: &Failure) -> Failure {
    Failure::retryable(IN_DOUBT, format!("it is not known whether a decision was made: {}", failure.message()))
}

fn not_open() -> Failure {
    Failure::fatal("job.not-open", "the job was used before it was opened")
}

fn finished(resolution: &Resolution) -> Opened {
    let content = resolution.restore.as_ref().map(|restore| &restore.content);
    let plan = fixed::plan_of(content).ok().flatten();
    Opened {
        finished: true,
        hashes_results: plan.as_ref().is_some_and(fixed::hashes_results),
        counters: content.map(|content| counters_of(&content.counters())).unwrap_or_default(),
        checkpoints_completed: content.map_or(0, |content| content.header.checkpoints_completed),
        restored_from: resolution.restore.as_ref().map(|restore| restore.url.clone()),
        ..Opened::default()
    }
}
