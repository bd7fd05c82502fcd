//! The command `aseptic`.
//!
//! Results go to standard output. An error is two sentences on standard error: the cause, and what to do about it. The exit
//! status is 0 for done, 1 for a refusal, 2 for misuse.
#![forbid(unsafe_code)]

mod certs;
mod error;
mod file;
mod inspect;
mod registrar;
mod tree;
mod trust;
mod update;

use clap::{Parser, Subcommand};
use error::{Error, Report, Result};
use std::io::{self, Write};
use std::process::ExitCode;

/// Device security for medical devices: look into files, make and check updates, run a registrar.
///
/// Results go to standard output. An error is two lines on standard error: the cause, with the number of the reason, and
/// what to do about it. The exit status is 0 for done, 1 for a refusal, 2 for misuse: wrong arguments, or a file that
/// cannot be read or written.
#[derive(Parser)]
#[command(name = "aseptic", version, verbatim_doc_comment)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(inspect::Arguments),
    #[command(subcommand)]
    Certs(certs::Command),
    #[command(subcommand)]
    Registrar(registrar::Command),
    #[command(subcommand)]
    Trust(trust::Command),
    #[command(subcommand)]
    Update(update::Command),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return misuse(&error),
        Err(help) => return finish(Ok(help.to_string().trim_end().to_owned())),
    };
    finish(match arguments.command {
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Certs(command) => certs::run(&command).and_then(report),
        Command::Registrar(command) => registrar::run(&command),
        Command::Trust(command) => trust::run(&command),
        Command::Update(command) => update::run(&command).and_then(report),
    })
}

fn finish(outcome: Result<String>) -> ExitCode {
    match outcome.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}\n{}", tree::printable(&error.to_string()), error.remedy());
            ExitCode::from(error.exit())
        }
    }
}

/// A refusal comes with all that was found.
fn report(report: Report) -> Result<String> {
    print(&report.text)?;
    report.refused.map_or(Ok(String::new()), Err)
}

/// A reader that has seen enough, as `head` does, is no error.
fn print(text: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::output(&error)),
        _ => Ok(()),
    }
}

/// The first paragraph of what the parser has to say is the cause.
fn misuse(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let cause = text.split("\n\n").next().unwrap_or_default();
    let cause: Vec<_> = cause.strip_prefix("error: ").unwrap_or(cause).split_whitespace().collect();
    eprintln!("{}.\nSee `aseptic --help`, or --help behind the name of a command.", tree::printable(&cause.join(" ")));
    ExitCode::from(2)
}
