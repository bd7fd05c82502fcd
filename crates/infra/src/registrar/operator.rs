//! What people do with a registrar's store: look at it, approve, reject, export; while the server runs or while it does not.
//!
//! A store belongs to one process. While the server runs, others of the same machine ask it, by a Unix socket that its owner
//! alone may use: one line with the words of the command, and the answer as text, `ok` or `error` first.

use super::audit::hex;
use super::store::{Issuer, State, Store};
use crate::error::While;
use crate::{Error, Result};
use aseptic_certs::Certificate;
use aseptic_core::Reason;
use aseptic_core::platform::Clock;
use aseptic_hosted::os::OsClock;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Bytes of a command.
const COMMAND: u64 = 1024;
/// For how long one side waits for the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// The requests that wait: id, what was said, since when, key, serial number of the device, name and key of
    /// whoever issued its birth certificate.
    List,
    /// The certificates that were issued: when, until when, serial number, whether it is the newest of its device, device.
    Issued,
    /// Approve the request with this id.
    Approve(String),
    /// Reject the request with this id.
    Reject(String),
    /// Forget who is enrolled under this serial number. See [`Store::release`].
    Release(String),
    /// The audit log: number, hash and text of each line.
    ExportAudit,
    /// A copy of the store, in a new file of this absolute name. See [`Store::backup`].
    Backup(PathBuf),
}

/// Does what an operator wants: through the running server behind `socket`, or in the store `file` if there is none.
///
/// The name of the operator in the audit log is the user of this process.
pub fn control(socket: &Path, file: &Path, command: &Control) -> Result<String> {
    match UnixStream::connect(socket) {
        Ok(stream) => ask(stream, command),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            if !file.exists() {
                return Err(Error::new(Reason::FileMissing, format!("opening {}", file.display())));
            }
            run(&Store::open(file)?, command, &myself())
        }
        Err(error) => Err(Error::io(&error, format!("connecting to {}", socket.display()))),
    }
}

/// As the other end of a socket would see us.
fn myself() -> String {
    std::fs::metadata("/proc/self").map_or_else(|_| "operator".into(), |own| format!("uid-{}", own.uid()))
}

fn ask(mut stream: UnixStream, command: &Control) -> Result<String> {
    let failed = |error: io::Error| Error::io(&error, "asking the running registrar");
    let line = format!("{command}\n");
    if line.lines().next().and_then(Control::parse).as_ref() != Some(command) || line.len() as u64 > COMMAND {
        return Err(Error::new(Reason::Misuse, "writing a command on one line"));
    }
    // A large store takes its time to be copied.
    let patience = if matches!(command, Control::Backup(_)) { None } else { Some(PATIENCE) };
    stream.set_read_timeout(patience).map_err(failed)?;
    stream.write_all(line.as_bytes()).map_err(failed)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(failed)?;
    match text.split_once('\n') {
        Some(("ok", answer)) => Ok(answer.to_owned()),
        Some((error, _)) => {
            let number = error.strip_prefix("error ").and_then(|number| number.parse().ok());
            let reason = number.and_then(Reason::from_number).unwrap_or(Reason::Internal);
            Err(Error::new(reason, "asking the running registrar"))
        }
        None => Err(Error::new(Reason::NetworkFailed, "asking the running registrar")),
    }
}

/// Listens on the socket, in the place of one that a former server left behind.
pub(super) fn listen(path: &Path) -> Result<UnixListener> {
    let failed = |error: io::Error| Error::io(&error, format!("listening on {}", path.display()));
    if UnixStream::connect(path).is_ok() {
        return Err(Error::new(Reason::FolderBusy, format!("listening on {}", path.display())));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Answers operators for as long as the server runs.
pub(super) async fn serve(store: Arc<Store>, listener: UnixListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // One whose copy takes long keeps nobody else waiting.
        tokio::spawn(serve_one(Arc::clone(&store), stream));
    }
}

async fn serve_one(store: Arc<Store>, mut stream: tokio::net::UnixStream) -> io::Result<()> {
    let by = stream.peer_cred().map(|peer| format!("uid-{}", peer.uid()))?;
    let mut line = String::new();
    timeout(PATIENCE, BufReader::new((&mut stream).take(COMMAND)).read_line(&mut line)).await??;
    let done = spawn_blocking(move || match Control::parse(line.trim_end()) {
        Some(command) => run(&store, &command, &by),
        None => Err(Error::new(Reason::Misuse, "reading a command")),
    });
    let text = match done.await {
        Ok(Ok(text)) => format!("ok\n{text}"),
        Ok(Err(error)) => format!("error {}\n", error.reason().number()),
        Err(_) => format!("error {}\n", Reason::Internal.number()),
    };
    timeout(PATIENCE, stream.write_all(text.as_bytes())).await??;
    stream.shutdown().await
}

fn run(store: &Store, command: &Control, by: &str) -> Result<String> {
    let mut out = String::new();
    let now = OsClock::trusted().now().seconds;
    match command {
        Control::List => {
            for one in store.waiting()? {
                let state = match one.state {
                    State::Waiting => "waiting",
                    State::Approved => "approved",
                    State::Rejected => "rejected",
                };
                let key: String = hex(&one.thumbprint).chars().take(16).collect();
                let (device, Issuer { name, key: authority }) = (one.device, one.issuer);
                let _ =
                    writeln!(out, "{} {state} {} {key} {device} {name} {}", one.id, date(one.since), hex(&authority));
            }
        }
        Control::Issued => {
            for one in store.issued()? {
                let until = Certificate::parse(&one.certificate).during("reading an issued certificate")?.not_after;
                let newest = if one.newest { "newest" } else { "former" };
                let _ = writeln!(out, "{} {} {} {newest} {}", date(one.at), date(until), hex(&one.serial), one.device);
            }
        }
        Control::Approve(id) => {
            store.decide(id, true, by, now)?;
            out.push_str("approved\n");
        }
        Control::Reject(id) => {
            store.decide(id, false, by, now)?;
            out.push_str("rejected\n");
        }
        Control::Release(device) => {
            store.release(device, by, now)?;
            out.push_str("released\n");
        }
        Control::ExportAudit => {
            store.audit(&mut |number, hash, line| {
                let _ = writeln!(out, "{number} {} {line}", hex(hash));
            })?;
        }
        Control::Backup(path) => {
            store.backup(path, by, now)?;
            let _ = writeln!(out, "{} is written", path.display());
        }
    }
    Ok(out)
}

/// A time as people write it (RFC 3339), in UTC.
fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.map_or_else(
        || seconds.to_string(),
        |time| {
            let (month, day) = (u8::from(time.month()), time.day());
            format!(
                "{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
                time.year(),
                time.hour(),
                time.minute(),
                time.second()
            )
        },
    )
}

impl std::fmt::Display for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::List => f.write_str("list"),
            Self::Issued => f.write_str("issued"),
            Self::Approve(id) => write!(f, "approve {id}"),
            Self::Reject(id) => write!(f, "reject {id}"),
            Self::Release(device) => write!(f, "release {device}"),
            Self::ExportAudit => f.write_str("export-audit"),
            Self::Backup(path) => write!(f, "backup {}", path.display()),
        }
    }
}

impl Control {
    /// The reverse of [`std::fmt::Display`].
    fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(' ').unwrap_or((text, "")) {
            ("list", "") => Self::List,
            ("issued", "") => Self::Issued,
            ("approve", id) if !id.is_empty() => Self::Approve(id.to_owned()),
            ("reject", id) if !id.is_empty() => Self::Reject(id.to_owned()),
            ("release", device) if !device.is_empty() => Self::Release(device.to_owned()),
            ("export-audit", "") => Self::ExportAudit,
            ("backup", path) if Path::new(path).is_absolute() => Self::Backup(path.into()),
            _ => return None,
        })
    }
}
