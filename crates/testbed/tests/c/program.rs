//! The C programs, compiled by the compiler of the machine and started.
//!
//! | variable | names | default |
//! | --- | --- | --- |
//! | `ASEPTIC_CC` | compiler and flags | `cc` |
//! | `ASEPTIC_LINK` | what is linked | the static library beside this test, and the system's libraries |
//! | `ASEPTIC_SHARED` | the shared library whose symbols are read | the one beside this test |
//! | `ASEPTIC_RUNNER` | what starts a program | nothing |

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::{env, fs};

pub(crate) const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// What `rustc --print native-static-libs` names for the static library.
pub(crate) const SYSTEM: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) said: String,
    pub(crate) complained: String,
}

/// Runs the pump to its end.
pub(crate) fn pump(folder: &Path, words: &[&str]) -> Outcome {
    finish(pump_command(folder, words))
}

/// Starts the pump.
pub(crate) fn start(folder: &Path, words: &[&str]) -> Child {
    pump_command(folder, words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Runs the enrolment over OpenSSL to its end.
pub(crate) fn enrol(folder: &Path, words: &[&str]) -> Outcome {
    let mut command = started("enrol", &["examples/c/enrol.c", "examples/c/platform_posix.c", "-lssl", "-lcrypto"]);
    command.arg(folder).args(words);
    finish(command)
}

/// Whether C programs can use OpenSSL here; a cross compiler has no headers of it.
pub(crate) fn openssl() -> bool {
    env::var("ASEPTIC_CC").is_err() && Path::new("/usr/include/openssl/ssl.h").exists()
}

/// Runs another program of `examples/c` to its end.
pub(crate) fn example(name: &str, folder: &Path, words: &[&str]) -> Outcome {
    finish(example_started(name, folder, words))
}

/// Another program of `examples/c`, to be started.
pub(crate) fn example_started(name: &str, folder: &Path, words: &[&str]) -> Command {
    let source = format!("examples/c/{name}.c");
    let mut command = started(name, &[&source, "examples/c/platform_posix.c"]);
    command.arg(folder).args(words);
    command
}

/// Runs a program of `tests/c` to its end.
pub(crate) fn run(name: &str, words: &[&Path]) -> Outcome {
    let mut command = test(name);
    command.args(words);
    finish(command)
}

/// Starts a program of `tests/c` that is spoken with over its standard input and output.
pub(crate) fn spawn(name: &str, folder: &Path) -> Child {
    let mut command = test(name);
    command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

fn test(name: &str) -> Command {
    let source = format!("tests/c/{name}.c");
    started(name, &[&source, "tests/c/ram.c", "examples/c/platform_posix.c", "examples/c/platform_template.c"])
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The compiler, with its flags.
pub(crate) fn compiler() -> Command {
    words(&env::var("ASEPTIC_CC").unwrap_or_else(|_| "cc".to_owned()))
}

/// Whether the library that is linked has the functions of hosts; the one in `dist/` has not.
pub(crate) fn hosted() -> bool {
    env::var("ASEPTIC_LINK").is_err()
}

/// What cargo built of the library as a dependency of this test.
pub(crate) fn beside(name: &str) -> PathBuf {
    let library = env::current_exe().unwrap().with_file_name(name);
    assert!(library.exists(), "{} is missing", library.display());
    library
}

/// A program and its arguments from one line.
pub(crate) fn words(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

fn pump_command(folder: &Path, words: &[&str]) -> Command {
    let mut command = started("pump", &["examples/c/pump.c", "examples/c/platform_posix.c"]);
    command.arg(folder).args(words);
    command
}

fn started(name: &str, sources: &[&str]) -> Command {
    let program = built(name, sources);
    match env::var("ASEPTIC_RUNNER") {
        Ok(runner) if !runner.is_empty() => {
            let mut command = words(&runner);
            command.arg(program);
            command
        }
        _ => Command::new(program),
    }
}

fn finish(mut command: Command) -> Outcome {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { status: status.code(), said: text(stdout), complained: text(stderr) }
}

/// Compiles a program once in each run of the tests.
fn built(name: &str, sources: &[&str]) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let built = built.get_or_insert_default();
    built.entry(name.to_owned()).or_insert_with(|| build(name, sources)).clone()
}

fn build(name: &str, sources: &[&str]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("c");
    fs::create_dir_all(&folder).unwrap();
    // Renamed when it is whole, so that another run of the tests never starts half a program.
    let (program, fresh) = (folder.join(name), folder.join(format!("{name}-{}", std::process::id())));
    let link =
        env::var("ASEPTIC_LINK").unwrap_or_else(|_| format!("{} {SYSTEM}", beside("libaseptic_ffi.a").display()));
    let mut command = compiler();
    command.current_dir(root()).arg("-std=c99").args(STRICT);
    command.args(["-I", "include", "-I", "examples/c", "-I", "tests/c"]).args(sources);
    command.args(link.split_whitespace()).arg("-o").arg(&fresh);
    let output = command.output().unwrap_or_else(|error| panic!("the C compiler does not start: {error}"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&fresh, &program).unwrap();
    program
}
