#!/usr/bin/env python3
"""Runs real `tidemill` processes and holds what must not change.

    scripts/kill_and_metamorphic.py --bin DIR [--seed N] [--kills N] [--keep DIR]

Kill: the job of examples/flights is killed with SIGKILL again and again, goes on each time at another parallelism, and its
committed rows are those of one batch run; running it again once it has finished changes nothing.
Late: the rows that are late for a window are counted exactly, at three distances of the watermark.
Metamorphic: parallelism, batch size, checkpoint interval and execution mode change nothing in the result hash.

The moments of the kills follow from the seed and from what the job has decided so far (its decision log), so a slow
machine kills at the same stages as a fast one. The only sleep is that random moment after the awaited stage.
Prints one line a check and ends with `N passed, N failed`; exit 1 if any failed.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLIGHTS_SQL = ROOT / "examples/flights/flights.sql"
RUN_S_MAX = 240  # a run that takes longer hangs
POLL_S = 0.002

HOURLY_ROWS = 21_148
FLIGHTS = 336_776
LATE_ROWS = [(12, 0), (6, 819), (4, 30_982)]

# Slow enough that a job is killed many times before its 336,776 records are through.
KILLED_ROWS_PER_SECOND = 30_000
KILLED_CHECKPOINT_INTERVAL = "100 ms"

FLIGHTS_TABLE = """
CREATE TABLE flights (
  dep_time TIMESTAMP(3), carrier STRING, flight INT, tailnum STRING, origin STRING, dest STRING,
  dep_delay INT, air_time INT, distance INT,
  WATERMARK FOR dep_time AS dep_time - INTERVAL '{hours}' HOUR
) WITH ('connector' = 'filesystem', 'path' = 'examples/flights/flights.parquet', 'format' = 'parquet');
"""

# Appends and changelogs, windows of every kind, distinct values, retractions through two levels, a union.
METAMORPHIC_SQL = (
    "SET 'tidemill.sink.result-hash' = 'true';"
    + FLIGHTS_TABLE.format(hours=12)
    + """
CREATE TABLE hourly (origin STRING, w TIMESTAMP(3), n BIGINT, cancelled BIGINT, worst INT, dests BIGINT)
WITH ('connector' = 'blackhole');
CREATE TABLE hops (carrier STRING, s TIMESTAMP(3), e TIMESTAMP(3), n BIGINT, minutes BIGINT)
WITH ('connector' = 'blackhole');
CREATE TABLE sessions (tailnum STRING, s TIMESTAMP(3), e TIMESTAMP(3), n BIGINT, dests BIGINT)
WITH ('connector' = 'blackhole');
CREATE TABLE carriers (carrier STRING, n BIGINT, cancelled BIGINT, planes BIGINT, miles BIGINT)
WITH ('connector' = 'blackhole');
CREATE TABLE busy (n BIGINT, planes BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE far (flight INT, place STRING, distance INT) WITH ('connector' = 'blackhole');

EXECUTE STATEMENT SET BEGIN
INSERT INTO hourly
SELECT origin, window_start, COUNT(*), COUNT(*) FILTER (WHERE dep_delay IS NULL), MAX(dep_delay), COUNT(DISTINCT dest)
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(dep_time), INTERVAL '1' HOUR))
GROUP BY origin, window_start, window_end;
INSERT INTO hops
SELECT carrier, window_start, window_end, COUNT(*), SUM(CAST(air_time AS BIGINT))
FROM TABLE(HOP(TABLE flights, DESCRIPTOR(dep_time), INTERVAL '6' HOUR, INTERVAL '1' DAY))
GROUP BY carrier, window_start, window_end;
INSERT INTO sessions
SELECT tailnum, window_start, window_end, COUNT(*), COUNT(DISTINCT dest)
FROM TABLE(SESSION(TABLE flights PARTITION BY tailnum, DESCRIPTOR(dep_time), INTERVAL '12' HOUR))
GROUP BY tailnum, window_start, window_end;
INSERT INTO carriers
SELECT carrier, COUNT(*), COUNT(*) FILTER (WHERE dep_delay IS NULL), COUNT(DISTINCT tailnum), SUM(CAST(distance AS BIGINT))
FROM flights GROUP BY carrier;
INSERT INTO busy
SELECT n, COUNT(*) FROM (SELECT tailnum, COUNT(*) AS n FROM flights GROUP BY tailnum) GROUP BY n;
INSERT INTO far
SELECT flight, origin, distance FROM flights WHERE distance > 2500
UNION ALL
SELECT flight, dest, distance FROM flights WHERE distance > 2500;
END;
"""
)

# (what is different, options of the run)
METAMORPHIC_WAYS = [
    ("parallelism 2", ["-p", "2"]),
    ("parallelism 3", ["-p", "3"]),
    ("parallelism 7", ["-p", "7"]),
    ("batches of 1 row", ["-p", "2", "-D", "tidemill.batch.rows-max=1"]),
    ("batches of 7 rows", ["-p", "2", "-D", "tidemill.batch.rows-max=7"]),
    ("batches of 1024 rows", ["-p", "2", "-D", "tidemill.batch.rows-max=1024"]),
    ("a checkpoint every 10 ms", ["-p", "2", "-D", "execution.checkpointing.interval=10 ms", "--checkpoint-dir", "{dir}"]),
    ("batch mode", ["-p", "2", "-D", "execution.runtime-mode=batch"]),
]

NEXMARK_EVENTS = 100_000
NEXMARK_PARALLELISM = [1, 3]
NEXMARK_BY_PROCESSING_TIME = {"q12"}


class Failed(Exception):
    """A check does not hold; the message says why."""


class Checks:
    """Runs named checks, prints a line each, counts them."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, function, *args):
        """Runs one check and returns what it returns, or None where it fails."""
        began = time.monotonic()
        try:
            result = function(*args)
        except (Failed, OSError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as error:
            self.failed += 1
            print(f"  FAILS {name}: {error}", flush=True)
            return None
        self.passed += 1
        print(f"  ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)
        return result


class Engine:
    """The binaries, and a scratch folder for what their runs write."""

    def __init__(self, binaries, scratch):
        self.tidemill = binaries / "tidemill"
        self.bench = binaries / "tidemill-bench"
        self.scratch = scratch
        self.runs = 0

    def fresh(self, name):
        """A path below the scratch folder that nothing has used."""
        self.runs += 1
        return self.scratch / f"{self.runs:03}-{name}"

    def script(self, name, text):
        """Writes a SQL script and returns its path."""
        path = self.fresh(name + ".sql")
        path.write_text(text)
        return path

    def start(self, script, options, errors):
        """Starts `tidemill sql` on a script; results go nowhere, messages into the file `errors`."""
        command = [str(self.tidemill), "sql", "-f", str(script), *map(str, options)]
        return subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors.open("wb")
        )

    def run(self, script, options):
        """Runs a script to its end; it must succeed. Returns the first job of its report."""
        report = self.fresh("report.json")
        errors = self.fresh("stderr")
        process = self.start(script, [*options, "--report", report], errors)
        try:
            code = process.wait(RUN_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failed(f"no end after {RUN_S_MAX} s: {tail(errors)}") from None
        if code != 0:
            raise Failed(f"exit {code}: {tail(errors)}")
        return json.loads(report.read_text())["jobs"][0]


def tail(path):
    """The last lines of a file of messages, on one line."""
    text = path.read_text(errors="replace").strip() if path.exists() else ""
    return " | ".join(text.splitlines()[-3:]) or "no message"


def replaced(text, old, new):
    """Replaces a part of a script that must be there exactly once."""
    if text.count(old) != 1:
        raise Failed(f"{FLIGHTS_SQL.name} should contain {old!r} once, not {text.count(old)} times")
    return text.replace(old, new)


def flights_script(output, pace):
    """The script of the example, its files elsewhere, its pace another (None: full speed), its console silent."""
    text = FLIGHTS_SQL.read_text()
    text = replaced(text, "'path' = 'target/flights/hourly'", f"'path' = '{output}'")
    text = replaced(text, "'connector' = 'print',\n  'style' = 'table'", "'connector' = 'blackhole'")
    if pace is None:
        return replaced(text, "'format' = 'parquet',\n  'rows-per-second' = '55000'", "'format' = 'parquet'")
    return replaced(text, "'rows-per-second' = '55000'", f"'rows-per-second' = '{pace}'")


def committed_files(folder):
    """What is committed below a folder: path -> bytes. Names with a leading `.` or `_` are not data."""
    files = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "_")) for part in parts):
            files["/".join(parts)] = path.read_bytes()
    return files


def committed_rows(folder):
    """The committed rows as a multiset; the folder of the partition is part of a row, the file's name is not."""
    rows = collections.Counter()
    for name, data in committed_files(folder).items():
        partition = name.rsplit("/", 1)[0]
        for line in data.decode().splitlines():
            rows[f"{partition}/{line}"] += 1
    return rows


def same_rows(want, got):
    """Fails with a few of the rows that two multisets do not share."""
    missing, extra = want - got, got - want
    if missing or extra:
        some = [f"missing {row}" for row in list(missing)[:3]] + [f"extra {row}" for row in list(extra)[:3]]
        raise Failed(f"{missing.total()} rows missing, {extra.total()} too many: " + "; ".join(some))


def batch_answer(engine):
    """The rows of the example's files in batch mode, checked against what is known of them."""
    output = engine.fresh("batch")
    engine.run(engine.script("batch", flights_script(output, None)), ["-D", "execution.runtime-mode=batch"])
    rows = committed_rows(output)
    flights = sum(int(row.split(",")[2]) * count for row, count in rows.items())
    if (rows.total(), flights) != (HOURLY_ROWS, FLIGHTS):
        raise Failed(f"{rows.total()} rows, {flights} flights; should be {HOURLY_ROWS} and {FLIGHTS}")
    return rows


def stream_answer(engine, want):
    """The uninterrupted stream at full speed gives the batch rows."""
    output = engine.fresh("stream")
    options = ["-p", "2", "--checkpoint-dir", engine.fresh("checkpoints")]
    engine.run(engine.script("stream", flights_script(output, None)), options)
    same_rows(want, committed_rows(output))


def decisions(folder):
    """How many entries the decision log in a checkpoint folder has. Looks nowhere else: other files go while one looks."""
    log = folder / "decisions"
    return len(os.listdir(log)) if log.exists() else 0


def one_kill(engine, script, options, checkpoints, rng):
    """Starts the job and kills it at a random moment after a few more decisions. False: it had ended by itself."""
    awaited = decisions(checkpoints) + rng.randint(0, 6)
    moment_s = rng.uniform(0.0, 0.12)
    errors = engine.fresh("stderr")
    process = engine.start(script, options, errors)
    deadline = time.monotonic() + RUN_S_MAX
    while process.poll() is None and decisions(checkpoints) < awaited:
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise Failed(f"no decision {awaited} after {RUN_S_MAX} s: {tail(errors)}")
        time.sleep(POLL_S)
    time.sleep(moment_s)
    process.send_signal(signal.SIGKILL)
    code = process.wait()
    if code not in (0, -signal.SIGKILL):
        raise Failed(f"exit {code} by itself: {tail(errors)}")
    return code != 0


def killed_and_exact(engine, want, kills, rng):
    """Kills jobs `kills` times in all and compares the rows of each in the end. A job that ends before it has been killed often
    enough (how far one gets between two kills depends on the machine) is compared, and another one takes the rest.
    Returns what runs the last one once more."""
    left = kills
    while True:
        job = KilledJob(engine, rng)
        killed = job.kill(left)
        if killed == 0:
            raise Failed("the job ended before it could be killed once: give it a slower pace")
        left -= killed
        job.finish(want)
        if left == 0:
            return job


class KilledJob:
    """The job of the example with a directory of its own, killed and started again at another parallelism each time."""

    def __init__(self, engine, rng):
        self.engine = engine
        self.rng = rng
        self.output = engine.fresh("killed")
        self.checkpoints = engine.fresh("checkpoints")
        text = f"SET 'execution.checkpointing.interval' = '{KILLED_CHECKPOINT_INTERVAL}';\n"
        self.script = engine.script("killed", text + flights_script(self.output, KILLED_ROWS_PER_SECOND))
        self.shapes = []

    def options(self):
        """Another parallelism than the last time."""
        self.shapes.append(self.rng.choice([p for p in (1, 2, 3, 4) if self.shapes[-1:] != [p]]))
        return ["-p", self.shapes[-1], "--checkpoint-dir", self.checkpoints]

    def kill(self, kills_max):
        """Kills it up to `kills_max` times, fewer if it ends by itself; returns how often."""
        for done in range(kills_max):
            if not one_kill(self.engine, self.script, self.options(), self.checkpoints, self.rng):
                return done
        return kills_max

    def finish(self, want):
        """Lets it finish and compares its rows."""
        report = self.engine.run(self.script, self.options())
        same_rows(want, committed_rows(self.output))
        if report["restored_from"] is None:
            raise Failed("the last run did not go on from a checkpoint")


def again_changes_nothing(engine, job):
    """A finished job that is run again succeeds and leaves every file as it is."""
    before = committed_files(job.output)
    engine.run(job.script, ["-p", "2", "--checkpoint-dir", job.checkpoints])
    after = committed_files(job.output)
    if before != after:
        raise Failed(f"{len(before)} files before, {len(after)} after, or other bytes in them")


def late_rows(engine, hours, want):
    """Counts the rows that a watermark `hours` behind makes late for a one-hour window."""
    text = FLIGHTS_TABLE.format(hours=hours) + (
        "CREATE TABLE o (origin STRING, w TIMESTAMP(3), n BIGINT) WITH ('connector' = 'blackhole');\n"
        "INSERT INTO o SELECT origin, window_start, COUNT(*)\n"
        "FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(dep_time), INTERVAL '1' HOUR))\n"
        "GROUP BY origin, window_start, window_end;\n"
    )
    got = engine.run(engine.script("late", text), ["-p", "1"])["late_rows_dropped"]
    if got != want:
        raise Failed(f"{got} rows, should be {want}")


def result_hash(engine, script, options, want=None):
    """The result hash of one run, which must be `want` where that is given."""
    options = [str(engine.fresh("checkpoints")) if option == "{dir}" else option for option in options]
    got = engine.run(script, options)["result_hash"]
    if not got or want not in (None, got):
        raise Failed(f"hash {got}, should be {want or 'there'}")
    return got


def nexmark_queries():
    """The names of the benchmark's statements whose answer does not depend on when they run."""
    names = {path.stem for path in (ROOT / "bench/nexmark").glob("q*.sql")} - NEXMARK_BY_PROCESSING_TIME
    if not names:
        raise Failed("no q*.sql there")
    return sorted(names)


def nexmark_hash(engine, query):
    """One query of the benchmark has one result hash, whatever the parallelism."""
    hashes = {}
    for parallelism in NEXMARK_PARALLELISM:
        options = ["--query", query, "--events", str(NEXMARK_EVENTS), "-p", str(parallelism), "--json"]
        done = subprocess.run(
            [str(engine.bench), "nexmark", *options], cwd=ROOT, capture_output=True, timeout=RUN_S_MAX, check=False
        )
        if done.returncode != 0:
            raise Failed(f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}")
        hashes[parallelism] = json.loads(done.stdout)["result_hash"]
    if None in hashes.values() or len(set(hashes.values())) != 1:
        raise Failed(f"hashes by parallelism: {hashes}")


def run_checks(engine, seed, kills):
    """Every check in order; returns how many passed and failed."""
    checks = Checks()
    print(f"  seed {seed}", flush=True)
    want = checks.check(f"batch answer: {HOURLY_ROWS} rows, {FLIGHTS} flights", batch_answer, engine)
    if want is not None:
        checks.check("an uninterrupted stream gives the batch rows", stream_answer, engine, want)
        name = f"{kills} kills, another parallelism each time: the batch rows"
        finished = checks.check(name, killed_and_exact, engine, want, kills, random.Random(seed))
        if finished is not None:
            checks.check("running the finished job again changes nothing", again_changes_nothing, engine, finished)
    for hours, late in LATE_ROWS:
        checks.check(f"watermark {hours} h behind: {late} rows are late", late_rows, engine, hours, late)

    script = engine.script("metamorphic", METAMORPHIC_SQL)
    one = checks.check("result hash at parallelism 1", result_hash, engine, script, ["-p", "1"])
    if one is not None:
        for name, options in METAMORPHIC_WAYS:
            checks.check(f"same hash: {name}", result_hash, engine, script, options, one)

    for query in checks.check("bench/nexmark has statements", nexmark_queries) or []:
        checks.check(f"nexmark {query}: one hash at parallelism {NEXMARK_PARALLELISM}", nexmark_hash, engine, query)
    return checks


def main():
    parser = argparse.ArgumentParser(description="Kills and repeats real runs; what must not change is compared.")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="the folder of tidemill and tidemill-bench")
    parser.add_argument("--seed", type=int, default=20130101, help="draws the moments of the kills")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--keep", type=pathlib.Path, help="a new folder that keeps what the runs wrote")
    arguments = parser.parse_args()
    scratch = arguments.keep or pathlib.Path(tempfile.mkdtemp(prefix="tidemill-kill-"))
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        engine = Engine(arguments.bin.resolve(), scratch.resolve())
        checks = run_checks(engine, arguments.seed, arguments.kills)
    finally:
        if arguments.keep is None:
            shutil.rmtree(scratch, ignore_errors=True)
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
