//! Speed, measured by the program `bench` of the testbed.

use crate::shell;
use anyhow::Result;

/// Measures these pillars, or all.
pub(crate) fn run(pillars: &[String]) -> Result<()> {
    let program =
        ["run", "--quiet", "--release", "-p", "aseptic-testbed", "--features", "bench", "--bin", "bench", "--"];
    shell::run(shell::cargo().args(program).args(pillars))
}
