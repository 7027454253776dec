//! The shell: `tidemill sql` without -f or -e.
//!
//! On a terminal it has history, completion and input over several lines; a mistake does not end it. What comes through a pipe
//! is run statement by statement as it arrives, without prompts; then the exit code says whether any statement failed.

mod helper;
mod history;
mod interactive;
mod piped;

use std::io::{IsTerminal, stdin};

use crate::exit::Exit;
use crate::script::Script;

/// Reads statements from stdin and runs them until it ends or `QUIT` comes.
pub fn run(script: &mut Script) -> Exit {
    if stdin().is_terminal() { interactive::run(script) } else { piped::run(script) }
}

/// What `HELP` shows.
pub const HELP: &str = "\
Statements end with ';' and may go over several lines.
  CREATE TABLE … WITH (…)     a source or sink          SHOW TABLES | FUNCTIONS | CREATE TABLE t
  CREATE VIEW v AS SELECT …   a query with a name       DESCRIBE t    the columns of a table
  SELECT …                    shows a result            EXPLAIN …     how a statement would run
  INSERT INTO t SELECT …      runs a job                EXECUTE STATEMENT SET BEGIN INSERT …; INSERT …; END
  SET 'key' = 'value'         sets an option            RESET 'key' | RESET
  HELP                        this text                 CLEAR         clears the screen
  QUIT, EXIT, Ctrl-D          ends the shell            Ctrl-C        stops the running query
Try:  SELECT 1;   SET 'execution.runtime-mode' = 'batch';   SET 'sql-client.execution.result-mode' = 'table';";
