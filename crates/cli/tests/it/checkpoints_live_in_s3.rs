//! Checkpoints and savepoints under `s3://`, in an S3 server of its own (moto).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::Folder;

/// An S3 server with the bucket `tidemill`.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts one; none where it is not installed, which fails where CI wants everything run.
    #[allow(clippy::disallowed_methods, reason = "somebody has to read what the server says")]
    fn start() -> Option<Server> {
        let program = std::env::var("TIDEMILL_MOTO_SERVER").unwrap_or_else(|_| "moto_server".to_string());
        let mut command = Command::new(&program);
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdin(Stdio::null()).stdout(Stdio::null());
        let Ok(mut child) = command.stderr(Stdio::piped()).spawn() else {
            assert!(std::env::var_os("CI").is_none(), "{program} is missing: run scripts/setup.sh --tests");
            eprintln!("not run: {program} is missing (scripts/setup.sh --tests installs it)");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| Some(line.unwrap().split_once("http://")?.1.trim().to_string())).unwrap();
        // What it says later has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        let server = Server { child, address };
        server.make_bucket();
        Some(server)
    }

    #[allow(clippy::disallowed_methods, reason = "a request by hand, to a server of this test")]
    fn make_bucket(&self) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(stream, "PUT /tidemill HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// What the `s3` store of a process goes by.
    fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_string()),
            ("AWS_ACCESS_KEY_ID", "any".to_string()),
            ("AWS_SECRET_ACCESS_KEY", "any".to_string()),
            ("AWS_REGION", "us-east-1".to_string()),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Counts 6,000 numbers by their last digit and keeps them all; prints each, so that a test sees it run.
const JOB: &str = "CREATE TABLE s (k INT) WITH ('connector' = 'datagen', 'number-of-rows' = '6000', \
     'rows-per-second' = '3000', 'fields.k.kind' = 'sequence', 'fields.k.start' = '1', 'fields.k.end' = '6000'); \
     CREATE TABLE o (k INT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'csv'); \
     CREATE TABLE p (k INT, n BIGINT) WITH ('connector' = 'print'); \
     EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT k FROM s; \
     INSERT INTO p SELECT MOD(k, 10), COUNT(*) FROM s GROUP BY MOD(k, 10); END";

fn numbers() -> Vec<String> {
    let mut numbers: Vec<String> = (1..=6000).map(|number| number.to_string()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_killed_job_goes_on_from_them() {
    let Some(server) = Server::start() else { return };
    let folder = Folder::new().with(server.environment());
    let place = ["--checkpoint-dir", "s3://tidemill/jobs/one"];
    let interval = ["-D", "execution.checkpointing.interval=50 ms"];
    let mut running = folder.start(&[&["sql", "-p", "2", "-e", JOB], &place[..], &interval[..]].concat());
    while folder.committed("out").is_empty() {
        running.line();
    }
    running.signal(Signal::SIGKILL);
    running.finish();
    assert!(folder.committed("out").len() < 6000);
    folder.run(&[&["sql", "-p", "3", "-e", JOB, "--report", "report"], &place[..]].concat()).code(0);
    assert_eq!(folder.committed("out"), numbers());
    let from = folder.report()["jobs"][0]["restored_from"].as_str().unwrap_or_default().to_string();
    assert!(from.starts_with("s3://tidemill/jobs/one"), "restored from '{from}'");
    folder.run(&[&["sql", "-p", "1", "-e", JOB], &place[..]].concat()).code(0).says(&["finished"]);
    assert_eq!(folder.committed("out"), numbers());
}

#[test]
fn a_savepoint_is_written_there_verified_and_gone_on_from() {
    let Some(server) = Server::start() else { return };
    let folder = Folder::new().with(server.environment());
    let savepoint = "s3://tidemill/savepoints/one";
    let mut running = folder.start(&["sql", "-p", "2", "-e", JOB, "--stop-with-savepoint", savepoint]);
    running.line();
    running.signal(Signal::SIGTERM);
    running.finish().code(0).says(&[savepoint]);
    folder.run(&["savepoint", "verify", savepoint]).code(0);
    folder.run(&["sql", "-p", "1", "-e", JOB, "--from-savepoint", savepoint]).code(0);
    assert_eq!(folder.committed("out"), numbers());
}
