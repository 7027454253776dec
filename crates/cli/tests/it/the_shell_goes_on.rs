//! `tidemill sql` without -f or -e, at the end of a pipe.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::Folder;

#[test]
fn a_mistake_does_not_end_it() {
    let run = Folder::new()
        .typed("SELECT 1 AS a;\nSELEC 2;\nSELECT\n  3 AS b;\nQUIT;\nSELECT 4 AS c;\n", &["--output", "csv"]);
    assert_eq!(run.out, "op,a\n+I,1\nop,b\n+I,3\n");
    run.code(1).says(&["SELEC", "^"]);
}

#[test]
fn without_mistakes_the_end_is_0() {
    let folder = Folder::new();
    let text =
        "CREATE VIEW v AS SELECT 7 AS a; SELECT a FROM v;\nSET 'execution.runtime-mode' = 'batch';\nSELECT a FROM v";
    assert_eq!(folder.typed(text, &["--output", "csv"]).code(0).out, "op,a\n+I,7\na\n7\n");
    assert!(folder.typed("HELP;\nEXIT\n", &[]).code(0).out.contains("SELECT"));
    assert_eq!(folder.typed("", &[]).code(0).out, "");
}

#[test]
fn mistakes_have_the_numbers_of_their_lines() {
    let text = "SELECT 1 AS a;\n\nSELECT\n  nope;\nSELEC 3;\n";
    let run = Folder::new().typed(text, &["--output", "csv"]);
    run.code(1).says(&["line 4, column 3", "4 |   nope", "line 5, column 1", "5 | SELEC 3;"]);
}

#[test]
fn a_signal_ends_it_while_it_waits() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let folder = Folder::new();
        let mut command = folder.command(&["sql", "-p", "1", "--output", "csv", "--report", "report"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"SELECT 1 AS a;\n").unwrap();
        let mut answer = [0; 10];
        child.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"op,a\n+I,1\n");
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        // Its input is still open.
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        assert_eq!(folder.report()["jobs"].as_array().map(Vec::len), Some(1));
        drop(input);
    }
}

#[test]
fn a_terminal_that_goes_away_ends_it() {
    let folder = Folder::new();
    let terminal = openpty(None, None).unwrap();
    // Clones are not passed on to other processes, as the originals are.
    let slave = terminal.slave.try_clone().unwrap();
    let (mut screen, mut shown) = (File::from(terminal.master.try_clone().unwrap()), Vec::new());
    drop(terminal);
    let end = || Stdio::from(slave.try_clone().unwrap());
    let mut command = folder.command(&["sql", "-p", "1", "--report", "report"]);
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    drop((command, slave));
    while !String::from_utf8_lossy(&shown).contains("tidemill> ") {
        let mut bytes = [0; 256];
        let read = screen.read(&mut bytes).unwrap();
        shown.extend_from_slice(&bytes[..read]);
    }
    drop(screen);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(folder.report(), serde_json::json!({ "jobs": [] }));
}
