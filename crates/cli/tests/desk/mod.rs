//! What the tests of the command run it on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with an author's keys, a description and an image.
pub struct Desk(pub TempDir);

#[allow(dead_code, reason = "not every test binary uses all of it")]
impl Desk {
    pub fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for name in ["author", "stranger"] {
            let public = desk.done(&["update", "key", "--out", &format!("{name}.key")]);
            desk.put(&format!("{name}.pub"), public.as_bytes());
        }
        desk.put("image.bin", b"firmware");
        desk.describe("https://pumps.example/7.bin");
        desk
    }

    /// A description of one component, the image.
    pub fn describe(&self, uri: &str) {
        let text = format!(
            "vendor = \"pumps.example\"\nclass = \"pump\"\nsequence = 7\n[[component]]\nuri = \"{uri}\"\nfile = \"image.bin\"\n"
        );
        self.put("7.toml", text.as_bytes());
    }

    /// The described envelope, signed by the author.
    pub fn create(&self) {
        self.done(&["update", "create", "7.toml", "--out", "7.unsigned", "--force"]);
        self.done(&["update", "sign", "7.unsigned", "--key", "author.key", "--out", "7.suit", "--force"]);
        fs::remove_file(self.path("7.unsigned")).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        run(self.0.path(), arguments)
    }

    /// Standard output of a command that must succeed and say nothing else.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.as_str()), (Some(0), ""), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command that must fail with this exit status, naming `subject` and this reason, and print nothing else.
    pub fn fails(&self, arguments: &[&str], exit: i32, subject: &str, reason: u32) {
        assert_eq!(self.refuses(arguments, exit, subject, reason), "", "{arguments:?}");
    }

    /// The same of a command that reports on standard output all the same; gives the report.
    pub fn refuses(&self, arguments: &[&str], exit: i32, subject: &str, reason: u32) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {error}");
        let lines: Vec<_> = error.lines().collect();
        let [cause, remedy] = lines.as_slice() else { panic!("{arguments:?}: {error}") };
        assert!(cause.contains(subject) && cause.ends_with(&format!(" (E{reason})")), "{arguments:?}: {cause}");
        assert!(remedy.ends_with('.'), "{arguments:?}: {remedy}");
        String::from_utf8(output.stdout).unwrap()
    }
}

pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aseptic")).current_dir(folder).args(arguments).output().unwrap()
}
