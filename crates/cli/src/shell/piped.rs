//! The shell at the end of a pipe: statements are run as soon as they are complete.

use std::io::{BufRead, stdin};

use tidemill_sql_parser::is_complete;

use crate::exit::Exit;
use crate::script::{Script, Statements};

/// Reads and runs statements until the end of the input or `QUIT`.
pub fn run(script: &mut Script) -> Exit {
    let mut text = String::new();
    let mut input = stdin().lock();
    let mut exit = Exit::Done;
    loop {
        script.set_idle(true);
        let read = input.read_line(&mut text);
        script.set_idle(false);
        let is_end = match read {
            Ok(bytes) => bytes == 0,
            Err(error) => {
                script.console().error(&format!("the input cannot be read: {error}"));
                return Exit::Failed;
            }
        };
        if !text.trim().is_empty() && (is_end || is_complete(&text)) {
            match script.run_typed(&text) {
                Statements::Done => {}
                Statements::Failed => exit = Exit::Failed,
                Statements::Quit => return exit,
                Statements::Ends(exit) => return exit,
            }
            text.clear();
        }
        if is_end {
            return exit;
        }
    }
}
