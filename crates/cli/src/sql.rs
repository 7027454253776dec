//! `tidemill sql`: puts the session together, runs what was asked for, and says in the exit code how it went.

use std::io::{IsTerminal, Read, stdin};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tidemill_checkpoint::savepoint::ensure_empty;
use tidemill_connectors::Outside;
use tidemill_core::{Env, Failure, Result};
use tidemill_expr::Registry as Functions;
use tidemill_planner::Session;
use tidemill_planner::session_options::{CHECKPOINT_DIR, PARALLELISM};
use tidemill_runtime::SystemEnv;

use crate::args::SqlArgs;
use crate::config;
use crate::console::Console;
use crate::exit::Exit;
use crate::jobs::Workshop;
use crate::report::Reporter;
use crate::script::{Script, ScriptOptions, Statements};
use crate::shell;
use crate::signals::{Business, Signals};
use crate::stdout::Stdout;

/// Runs the command and writes the report, whatever happens.
pub fn run(arguments: SqlArgs, console: Console, signals: Result<Signals>) -> Exit {
    let console = Arc::new(console);
    let reporter = match Reporter::new(arguments.report.clone()) {
        Ok(reporter) => Arc::new(reporter),
        Err(failure) => return usage(&console, &failure),
    };
    let body = AssertUnwindSafe(|| session(&arguments, &console, &reporter, signals));
    let exit = catch_unwind(body).unwrap_or_else(|_| {
        console.error("this is a defect of Tidemill; what the system printed above says where");
        Exit::Failed
    });
    match reporter.write() {
        Ok(()) => exit,
        Err(failure) => {
            console.error(&failure.to_string());
            if exit == Exit::Done { Exit::Failed } else { exit }
        }
    }
}

fn usage(console: &Console, failure: &Failure) -> Exit {
    console.error(&failure.to_string());
    Exit::Usage
}

fn session(arguments: &SqlArgs, console: &Arc<Console>, reporter: &Arc<Reporter>, signals: Result<Signals>) -> Exit {
    let signals = match signals {
        Ok(signals) => signals,
        Err(failure) => {
            console.error(&failure.to_string());
            return Exit::Failed;
        }
    };
    let end = {
        let reporter = Arc::clone(reporter);
        move || {
            // The process ends here: there is nobody to tell that the report could not be written.
            let _ = reporter.write();
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    };
    if !signals.may_end(end) {
        return Exit::Interrupted;
    }
    let texts = match texts(arguments) {
        Ok(texts) => texts,
        Err(failure) => return usage(console, &failure),
    };
    let functions = Arc::new(tidemill_functions::registry());
    let mut session = Session::new(tidemill_connectors::connectors(), Arc::clone(&functions));
    if let Err(failure) = configure(&mut session, arguments, console) {
        return usage(console, &failure);
    }
    let workshop = match workshop(arguments, console, reporter, functions, &signals) {
        Ok(workshop) => workshop,
        Err(failure) => {
            console.error(&failure.to_string());
            return Exit::Failed;
        }
    };
    let options = ScriptOptions {
        output: arguments.output,
        from_savepoint: arguments.from_savepoint.clone(),
        fresh: arguments.fresh,
        is_interactive: is_interactive(arguments),
    };
    let mut script = Script::new(session, workshop, options);
    signals.set_business(Business::Watched);
    for text in texts {
        match script.run(&text) {
            Statements::Done => {}
            Statements::Failed => return Exit::Failed,
            Statements::Quit => return Exit::Done,
            Statements::Ends(exit) => return exit,
        }
    }
    if is_shell(arguments) { shell::run(&mut script) } else { Exit::Done }
}

/// True where statements come from stdin, one by one.
fn is_shell(arguments: &SqlArgs) -> bool {
    arguments.file.is_none() && arguments.execute.is_none()
}

/// True where someone types them.
fn is_interactive(arguments: &SqlArgs) -> bool {
    is_shell(arguments) && stdin().is_terminal()
}

/// The scripts of -i, then of -f or -e.
fn texts(arguments: &SqlArgs) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for path in arguments.init.iter().chain(&arguments.file) {
        texts.push(read(path)?);
    }
    texts.extend(arguments.execute.clone());
    Ok(texts)
}

/// A script's text; `-` is stdin.
fn read(path: &Path) -> Result<String> {
    let read = if path == Path::new("-") {
        let mut text = String::new();
        stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|error| Failure::user("script", format!("the script {} cannot be read: {error}", path.display())))
}

/// File, then -D, then the options of their own.
fn configure(session: &mut Session, arguments: &SqlArgs, console: &Console) -> Result<()> {
    if let Some(directory) = config::directory() {
        for (key, value) in config::read(&directory)? {
            match session.configure(&key, &value) {
                // A file may be shared with other programs.
                Err(error) if error.code() == "option.unknown" => {
                    console.warn(&format!("{}: {}", directory.join(config::FILE).display(), error.message()));
                }
                other => other?,
            }
        }
    }
    for (key, value) in &arguments.define {
        session.configure(key, value)?;
    }
    if let Some(parallelism) = arguments.parallelism {
        session.configure(PARALLELISM.key, &parallelism.to_string())?;
    }
    if let Some(url) = &arguments.checkpoint_dir {
        session.configure(CHECKPOINT_DIR.key, url)?;
    }
    Ok(())
}

fn workshop(
    arguments: &SqlArgs,
    console: &Arc<Console>,
    reporter: &Arc<Reporter>,
    functions: Arc<Functions>,
    signals: &Signals,
) -> Result<Workshop> {
    if let Some(url) = &arguments.stop_with_savepoint {
        ensure_empty(tidemill_checkpoint::open(url)?.as_ref())?;
    }
    let env = Arc::new(SystemEnv::new());
    let has_lost_stdout = Arc::new(AtomicBool::new(false));
    let stdout = Stdout::new(Arc::clone(console), Arc::clone(&has_lost_stdout));
    let outside = Outside { stdout: Arc::new(Mutex::new(stdout)), ..Outside::standard(env.random_u64()) };
    Ok(Workshop {
        console: Arc::clone(console),
        signals: signals.clone(),
        reporter: Arc::clone(reporter),
        stop_with_savepoint: arguments.stop_with_savepoint.clone(),
        functions,
        outside,
        env,
        has_lost_stdout,
    })
}
