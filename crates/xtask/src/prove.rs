//! The proofs, which live in the testbed.

use crate::shell;
use anyhow::Result;

/// Runs them: in short as one of the tests, whole with all optimizations.
pub(crate) fn run(quick: bool, accept: bool) -> Result<()> {
    let mut command = shell::cargo();
    if quick && !accept {
        // Of the whole workspace: another choice of packages would write over libraries that tests of C programs link.
        command.args(["test", "--quiet", "--workspace", "--test", "prove", "--", "some_of_everything", "--nocapture"]);
    } else {
        command.args(["run", "--quiet", "--release", "-p", "aseptic-testbed", "--bin", "prove"]);
        command.args(accept.then_some(["--", "--accept"]).into_iter().flatten());
    }
    shell::run(&mut command)
}
