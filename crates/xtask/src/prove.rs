//! The proofs, which live in the testbed.

use crate::shell;
use anyhow::Result;

/// Runs them: in short with what the tests have built already, whole with all optimizations.
pub(crate) fn run(quick: bool, accept: bool) -> Result<()> {
    let mut command = shell::cargo();
    command.args(["run", "--quiet", "-p", "aseptic-testbed", "--bin", "prove"]);
    match (quick, accept) {
        (_, true) => command.args(["--", "--accept"]),
        (true, false) => command.args(["--", "--quick"]),
        (false, false) => command.arg("--release"),
    };
    shell::run(&mut command)
}
