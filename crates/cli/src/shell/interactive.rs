//! The shell on a terminal.

use nix::errno::Errno;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor};

use super::helper::SqlHelper;
use super::history;
use crate::exit::Exit;
use crate::script::{Script, Statements};

const PROMPT: &str = "tidemill> ";
const HISTORY_ENTRIES_MAX: usize = 10_000;

/// Reads and runs statements until the end of the input or `QUIT`.
pub fn run(script: &mut Script) -> Exit {
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(false).build();
    let mut editor: Editor<SqlHelper, DefaultHistory> = match Editor::with_config(config) {
        Ok(editor) => editor,
        Err(error) => {
            script.console().error(&format!("the terminal cannot be used: {error}; give the statements with -e or -f"));
            return Exit::Failed;
        }
    };
    // A history that cannot be kept is no reason not to work.
    let _ = editor.set_max_history_size(HISTORY_ENTRIES_MAX);
    let history = history::path();
    if let Some(path) = &history {
        let _ = editor.load_history(path);
    }
    script.console().info("Tidemill SQL. HELP shows what there is, QUIT ends.");
    loop {
        editor.set_helper(Some(SqlHelper { names: script.names() }));
        script.set_idle(true);
        if script.is_terminated() {
            return Exit::Interrupted;
        }
        let read = editor.readline(PROMPT);
        script.set_idle(false);
        match read {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => {
                let _ = editor.add_history_entry(text.trim());
                if let Some(path) = &history {
                    let _ = editor.append_history(path);
                }
                match script.run_typed(&text) {
                    Statements::Quit => return Exit::Done,
                    Statements::Ends(exit) if script.is_terminated() => return exit,
                    // Ctrl-C stops the query, not the shell.
                    Statements::Done | Statements::Failed | Statements::Ends(_) => {}
                }
            }
            // Ctrl-C drops the line.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Exit::Done,
            // The terminal is gone: SIGHUP says so too, if not as soon.
            Err(ReadlineError::Errno(Errno::EIO)) => return Exit::Interrupted,
            Err(error) => {
                script.console().error(&format!("the terminal cannot be read: {error}"));
                return Exit::Failed;
            }
        }
    }
}
