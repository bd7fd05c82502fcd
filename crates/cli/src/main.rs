//! The command `aseptic`.
//!
//! Results go to standard output. An error is two sentences on standard error: the cause, and what to do about it. The exit
//! status is 0 for done, 1 for a refusal, 2 for misuse.
#![forbid(unsafe_code)]

mod error;
mod inspect;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "aseptic", version, about = "Device security for medical devices")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what a file holds: certificate, request, revocation list, COSE message, SUIT envelope, stored record
    Inspect {
        /// PEM, DER or CBOR
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Inspect { file, json } => inspect::run(&file, json),
    };
    match outcome {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}\n{}", error.remedy());
            ExitCode::from(error.exit())
        }
    }
}
