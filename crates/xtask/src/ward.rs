//! The hostile ward, which lives in the testbed. Its exit status is ours.

use crate::shell;
use anyhow::Result;

/// Runs 10^5 messages through it.
pub(crate) fn run() -> Result<()> {
    shell::run(shell::cargo().args(["run", "--quiet", "--release", "-p", "aseptic-testbed", "--bin", "hostile_ward"]))
}
