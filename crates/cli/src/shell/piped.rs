//! The shell at the end of a pipe: statements are run as soon as they are complete.

use std::io::{BufRead, stdin};

use tidemill_sql_parser::is_complete;

use crate::exit::Exit;
use crate::script::{Script, Statements};

/// Reads and runs statements until the end of the input or `QUIT`.
pub fn run(script: &mut Script) -> Exit {
    let mut text = String::new();
    // Where in the text the statement begins that is being read.
    let mut begin = 0;
    let mut input = stdin().lock();
    let mut exit = Exit::Done;
    loop {
        script.set_idle(true);
        if script.is_interrupted() {
            return Exit::Interrupted;
        }
        let read = input.read_line(&mut text);
        script.set_idle(false);
        let is_end = match read {
            Ok(bytes) => bytes == 0,
            Err(error) => {
                script.console().error(&format!("the input cannot be read: {error}"));
                return Exit::Failed;
            }
        };
        if !text[begin..].trim().is_empty() && (is_end || is_complete(&text[begin..])) {
            match script.run_from(&text, begin) {
                Statements::Done => {}
                Statements::Failed => exit = Exit::Failed,
                Statements::Quit => return exit,
                Statements::Ends(exit) => return exit,
            }
            begin = forget(&mut text, begin);
        }
        if is_end {
            return exit;
        }
    }
}

/// Leaves what was run as empty lines, so that mistakes behind it have the numbers of their lines; returns where it ends.
fn forget(text: &mut String, begin: usize) -> usize {
    let lines = text[begin..].bytes().filter(|byte| *byte == b'\n').count();
    text.truncate(begin);
    text.extend(std::iter::repeat_n('\n', lines));
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_were_run_still_count() {
        let mut text = "SELECT 1;\nSELECT\n  2;\n".to_string();
        let begin = forget(&mut text, 10);
        assert_eq!((text.as_str(), begin), ("SELECT 1;\n\n\n", 12));
    }
}
