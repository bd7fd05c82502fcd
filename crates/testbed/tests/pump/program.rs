//! The C program under test: the one that `ASEPTIC_PUMP` names, or one built here with the C compiler of the machine.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

const STRICT: [&str; 5] = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// What `rustc --print native-static-libs` names for the static library.
const SYSTEM: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];

/// What a run of the pump came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) said: String,
    pub(crate) complained: String,
}

/// Runs the pump to its end.
pub(crate) fn pump(folder: &Path, words: &[&str]) -> Outcome {
    let Output { status, stdout, stderr } = command(folder, words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { status: status.code(), said: text(stdout), complained: text(stderr) }
}

/// Starts the pump.
pub(crate) fn start(folder: &Path, words: &[&str]) -> Child {
    command(folder, words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn command(folder: &Path, words: &[&str]) -> Command {
    static PUMP: OnceLock<Vec<String>> = OnceLock::new();
    let pump = PUMP.get_or_init(|| match env::var("ASEPTIC_PUMP") {
        Ok(command) => command.split_whitespace().map(str::to_owned).collect(),
        Err(_) => vec![build().display().to_string()],
    });
    let (program, arguments) = pump.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).arg(folder).args(words);
    command
}

/// Compiles the example against the static library, which cargo has built as a dependency of this test: it lies beside us.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let library = env::current_exe().unwrap().with_file_name("libaseptic_ffi.a");
    assert!(library.exists(), "{} is missing", library.display());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pump");
    fs::create_dir_all(&folder).unwrap();
    let pump = folder.join("pump");
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(&compiler)
        .args(STRICT)
        .arg("-I")
        .arg(root.join("include"))
        .args([root.join("examples/c/pump.c"), root.join("examples/c/platform_posix.c")])
        .arg(library)
        .args(SYSTEM)
        .arg("-o")
        .arg(&pump)
        .output()
        .unwrap_or_else(|error| panic!("the C compiler {compiler} does not start: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    pump
}
