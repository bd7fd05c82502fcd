//! What a registrar must not forget: issued certificates, requests that wait, and the audit log, in one file.
//!
//! All changes go through one thread, which commits those that have come meanwhile together. A change is on the medium when
//! the call returns, whole or not at all, whatever happens to the process or to the power; [`redb`] sees to that.

mod ledger;

pub(super) use ledger::{Ledger, New, Standing, Wait};

use super::audit::{self, GENESIS};
use crate::files::sync_folder;
use crate::{Error, Result};
use aseptic_core::Reason;
use ledger::{AUDIT, CURRENT, ISSUED, QUEUE};
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable};
use std::fmt;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Changes that are committed together at most: as many as there are connections.
const TOGETHER: usize = 128;
/// Bytes of the database that are kept in memory.
const CACHE: usize = 16 << 20;

/// What a person has said of a request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Waiting,
    /// It is to be answered with a certificate when the device asks again.
    Approved,
    /// It is to be refused.
    Rejected,
}

/// Who issued a birth certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issuer {
    /// Its commonName, for people: anybody may call himself so. Empty if it has none.
    pub name: String,
    /// SHA-256 of the SubjectPublicKeyInfo of the key that signed the certificate.
    pub key: [u8; 32],
}

/// A request that waits, or waited until its device asks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What it is approved or rejected by: the first 16 hexadecimal digits of the SHA-256 of the request.
    pub id: String,
    /// The serial number of the device.
    pub device: String,
    /// Who issued its birth certificate.
    pub issuer: Issuer,
    /// SHA-256 of the key that the certificate would be for.
    pub thumbprint: [u8; 32],
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// What was said.
    pub state: State,
}

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its serial number.
    pub serial: Vec<u8>,
    /// The serial number of the device.
    pub device: String,
    /// Who issued the device's birth certificate.
    pub issuer: Issuer,
    /// When, in seconds since 1970.
    pub at: u64,
    /// Whether it is the newest of its device.
    pub newest: bool,
    /// The certificate (DER).
    pub certificate: Vec<u8>,
}

type Finish = Box<dyn FnOnce(Result<()>) + Send>;
type Job = Box<dyn FnOnce(&Ledger<'_>) -> Finish + Send>;

/// The store of a registrar. It may be used from several threads at once, but a file by one process.
pub struct Store {
    database: Arc<Database>,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    /// Copies are made one after the other: two of one name would share what is half written.
    copying: Mutex<()>,
}

impl Store {
    /// Opens the store in the file `path`, mode 0600, which is made if it is not there.
    ///
    /// [`Reason::FolderBusy`] while another process works on it, [`Reason::RecordVersion`] if newer software wrote it,
    /// [`Reason::FileCorrupt`] if it is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        Self::start(database(path, OpenOptions::new().create(true))?)
    }

    /// A store that is gone when the value is: for tests, and for gateways that forget on purpose.
    pub fn in_memory() -> Result<Self> {
        let database = Builder::new().create_with_backend(InMemoryBackend::new());
        Self::start(database.map_err(|error| fault(&error.into(), "making a store in memory"))?)
    }

    fn start(database: Database) -> Result<Self> {
        let database = Arc::new(database);
        let (jobs, receiver) = mpsc::channel();
        let served = Arc::clone(&database);
        let writer =
            std::thread::Builder::new().name("registrar-store".into()).spawn(move || serve(&served, &receiver));
        let writer = writer.map_err(|error| Error::io(&error, "starting the registrar's store"))?;
        let store = Self { database, jobs: Some(jobs), writer: Some(writer), copying: Mutex::default() };
        store.write(|ledger| ledger.prepare())?;
        Ok(store)
    }

    /// The requests that wait, or waited until their devices ask again; by device.
    pub fn waiting(&self) -> Result<Vec<Waiting>> {
        self.read(|reading| {
            let queue = reading.open_table(QUEUE)?;
            let all = queue.iter()?.map(|row| row.map(|(device, row)| ledger::waiting(device.value(), row.value())));
            Ok(all.collect::<std::result::Result<_, _>>()?)
        })
    }

    /// All certificates that were issued, by serial number.
    pub fn issued(&self) -> Result<Vec<Issued>> {
        self.read(|reading| {
            let (issued, current) = (reading.open_table(ISSUED)?, reading.open_table(CURRENT)?);
            let mut all = Vec::new();
            for row in issued.iter()? {
                let (serial, row) = row?;
                let mut one = ledger::issued(serial.value(), row.value());
                one.newest = current.get(one.device.as_str())?.is_some_and(|newest| newest.value() == one.serial);
                all.push(one);
            }
            Ok(all)
        })
    }

    /// Approves or rejects the request `id`, as [`Waiting::id`] has it, and tells the audit log who did it.
    /// [`Reason::PlatformNotFound`] if no such request waits.
    pub fn decide(&self, id: &str, approve: bool, by: &str, at: u64) -> Result<()> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.write(move |ledger| {
            let device = ledger.decide(&id, approve)?;
            ledger.tell(&audit::decision(at, &by, &device, &id, approve))
        })
    }

    /// Forgets who is enrolled, and who waits, under the serial number `device`, so that a device of another maker may enrol
    /// under it, and tells the audit log who did it. Certificates that were issued stay valid.
    /// [`Reason::PlatformNotFound`] where there is nobody.
    pub fn release(&self, device: &str, by: &str, at: u64) -> Result<()> {
        let (device, line) = (device.to_owned(), audit::release(at, by, device));
        self.write(move |ledger| match ledger.release(&device)? {
            true => ledger.tell(&line),
            false => Err(Error::new(Reason::PlatformNotFound, format!("looking for the device {device}"))),
        })
    }

    /// Hands each line of the audit log to `each`, oldest first: its number, the hash that it makes with all before it, and
    /// its text. Gives how many there are. [`Reason::FileCorrupt`] where the log was changed.
    pub fn audit(&self, each: &mut dyn FnMut(u64, &[u8; 32], &str)) -> Result<u64> {
        let sound = self.read(|reading| {
            let table = reading.open_table(AUDIT)?;
            let (mut last, mut count) = (GENESIS, 0_u64);
            for row in table.iter()? {
                let (number, row) = row?;
                let (hash, line) = row.value();
                count = count.saturating_add(1);
                if number.value() != count || audit::chain(&last, line).ok() != Some(*hash) {
                    return Ok(Err(count));
                }
                last = *hash;
                each(count, hash, line);
            }
            Ok(Ok(count))
        })?;
        sound.map_err(|line| Error::new(Reason::FileCorrupt, format!("following the audit log to line {line}")))
    }

    /// Writes a copy of the store into the new file `path`, mode 0600: all that is recorded when this begins, its own line in the
    /// audit log among it. Devices are served meanwhile. It is opened as any store.
    ///
    /// [`Reason::FileExists`] if the file is there. After power loss the copy is whole or not there; a file `path` with the
    /// ending `.new` may be left, which the next attempt replaces.
    pub fn backup(&self, path: &Path, by: &str, at: u64) -> Result<()> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::new(Reason::FileExists, format!("writing {}", path.display())),
            _ => Error::io(&error, format!("writing {}", path.display())),
        };
        let _in_turn = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        if path.exists() {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        let line = audit::backup(at, by);
        self.write(move |ledger| ledger.tell(&line))?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let copied = {
            let copy = database(&beside, OpenOptions::new().create_new(true))?;
            self.read(|reading| {
                let writing = copy.begin_write()?;
                ledger::copy(reading, &writing)?;
                Ok(writing.commit()?)
            })
        };
        // A link, unlike a rename, replaces nothing that has appeared under the name meanwhile.
        let named =
            copied.and_then(|()| std::fs::hard_link(&beside, path).and_then(|()| sync_folder(path)).map_err(failed));
        let removed = std::fs::remove_file(&beside).map_err(failed);
        named.and(removed)
    }

    /// Makes a change, on the thread of changes. It is on the medium when this returns. A change that fails must have
    /// written nothing before.
    pub(super) fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Ledger<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::new(Reason::PlatformIo, "writing to the registrar's store");
        let (tell, told) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |ledger| {
            let made = change(ledger);
            // Whoever asked may have gone.
            Box::new(move |committed| drop(tell.send(committed.and(made))))
        });
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        told.recv().map_err(|_| gone())?
    }

    /// Looks something up, in the state that was last committed.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> std::result::Result<T, redb::Error>,
    ) -> Result<T> {
        let reading = self.database.begin_read().map_err(redb::Error::from);
        reading.and_then(|reading| look(&reading)).map_err(|error| fault(&error, "reading the registrar's store"))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// The database in a file, mode 0600, opened with these options.
fn database(path: &Path, options: &mut OpenOptions) -> Result<Database> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.read(true).write(true).truncate(false).open(path);
    let file = file.and_then(|file| sync_folder(path).map(|()| file));
    let file = file.map_err(|error| Error::io(&error, format!("opening {}", path.display())))?;
    let database =
        FileBackend::new(file).and_then(|file| Builder::new().set_cache_size(CACHE).create_with_backend(file));
    database.map_err(|error| fault(&error.into(), "opening the registrar's store"))
}

/// Commits what has come, until nobody is left to come.
fn serve(database: &Database, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let jobs = std::iter::once(first).chain(jobs.try_iter()).take(TOGETHER);
        let transaction = match database.begin_write() {
            Ok(transaction) => transaction,
            // Dropped jobs tell their askers.
            Err(_) => continue,
        };
        let ledger = Ledger::new(&transaction);
        let finished: Vec<Finish> = jobs.map(|job| job(&ledger)).collect();
        let committed = match ledger.broken() {
            Some(error) => Err(error),
            None => transaction.commit().map_err(|error| fault(&error.into(), "writing to the registrar's store")),
        };
        finished.into_iter().for_each(|finish| finish(committed.clone()));
    }
}

/// The reason behind a fault of the database.
fn fault(error: &redb::Error, context: &'static str) -> Error {
    let reason = match error {
        redb::Error::Io(error) => return Error::io(error, context),
        redb::Error::DatabaseAlreadyOpen => Reason::FolderBusy,
        redb::Error::Corrupted(_) => Reason::FileCorrupt,
        redb::Error::UpgradeRequired(_) => Reason::RecordVersion,
        _ => Reason::PlatformIo,
    };
    Error::new(reason, format!("{context}: {error}"))
}
