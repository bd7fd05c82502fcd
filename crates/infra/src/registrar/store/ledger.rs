//! The tables of the store, and the changes that are made to them.

use super::{Issued, Issuer, State, Waiting, fault};
use crate::error::While;
use crate::registrar::audit::{self, GENESIS};
use crate::{Error, Result};
use aseptic_core::Reason;
use redb::{Key, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, Value, WriteTransaction};
use std::cell::RefCell;

/// Device, issuer of its birth certificate, SHA-256 of the request, time of issue, certificate.
type IssuedRow<'r> = (&'r str, IssuerRow<'r>, &'r [u8; 32], u64, &'r [u8]);
/// State, SHA-256 of the request, SHA-256 of its key, since when, issuer of the birth certificate.
type QueueRow<'r> = (u8, &'r [u8; 32], &'r [u8; 32], u64, IssuerRow<'r>);
/// Its name, and SHA-256 of its key.
type IssuerRow<'r> = (&'r str, &'r [u8; 32]);

/// By serial number of the certificate.
pub(super) const ISSUED: TableDefinition<'_, &[u8], IssuedRow<'_>> = TableDefinition::new("issued");
/// By SHA-256 of the request: the serial number of the certificate that answers it.
const ANSWERS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("answers");
/// By device: the serial number of its newest certificate.
pub(super) const CURRENT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("current");
/// By device: its one request that waits.
pub(super) const QUEUE: TableDefinition<'_, &str, QueueRow<'_>> = TableDefinition::new("queue");
/// By number, from 1: the hash of the line and all before it, and the line.
pub(super) const AUDIT: TableDefinition<'_, u64, (&[u8; 32], &str)> = TableDefinition::new("audit");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The format of these tables.
const FORMAT: u64 = 1;
/// Requests that wait at most: more than a person looks through, and a few megabytes.
const QUEUE_MOST: u64 = 4096;

/// A certificate that is about to be recorded.
#[derive(Debug)]
pub(crate) struct New {
    pub(crate) serial: Vec<u8>,
    pub(crate) device: String,
    pub(crate) issuer: Issuer,
    pub(crate) request: [u8; 32],
    pub(crate) at: u64,
    pub(crate) certificate: Vec<u8>,
}

/// A request that is about to wait.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) device: String,
    pub(crate) issuer: Issuer,
    pub(crate) request: [u8; 32],
    pub(crate) thumbprint: [u8; 32],
    pub(crate) since: u64,
}

/// What is known of a request and of its device.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The certificate that answered this very request, and whether it is the newest of its device.
    pub(crate) answered: Option<(Vec<u8>, bool)>,
    /// What was said of this very request.
    pub(crate) state: Option<State>,
    /// The newest certificate of the device, and the issuer of its birth certificate.
    pub(crate) current: Option<(Vec<u8>, Issuer)>,
}

impl Standing {
    /// Looks up the request with the SHA-256 `request` of `device`.
    pub(crate) fn of(
        reading: &ReadTransaction,
        device: &str,
        request: &[u8; 32],
    ) -> std::result::Result<Self, redb::Error> {
        let (issued, answers) = (reading.open_table(ISSUED)?, reading.open_table(ANSWERS)?);
        let newest = reading.open_table(CURRENT)?.get(device)?.map(|serial| serial.value().to_vec());
        let mut standing = Self::default();
        if let Some(serial) = answers.get(request)? {
            let certificate = issued.get(serial.value())?.map(|row| row.value().4.to_vec());
            standing.answered = certificate.map(|certificate| (certificate, newest.as_deref() == Some(serial.value())));
        }
        if let Some(serial) = &newest {
            standing.current =
                issued.get(serial.as_slice())?.map(|row| (row.value().4.to_vec(), Issuer::of(row.value().1)));
        }
        if let Some(row) = reading.open_table(QUEUE)?.get(device)? {
            let (said, of, ..) = row.value();
            standing.state = (of == request).then(|| state(said));
        }
        Ok(standing)
    }
}

impl Issuer {
    fn of((name, key): IssuerRow<'_>) -> Self {
        Self { name: name.to_owned(), key: *key }
    }

    fn row(&self) -> IssuerRow<'_> {
        (&self.name, &self.key)
    }

    /// Whether both are known, and differ: serial numbers are unique for one maker alone.
    fn is_other(&self, than: &Self) -> bool {
        self.key != than.key && ![self.key, than.key].contains(&Self::default().key)
    }
}

/// The tables while they are changed. What fails here spoils all that is committed together.
pub(crate) struct Ledger<'t> {
    transaction: &'t WriteTransaction,
    broken: RefCell<Option<Error>>,
}

impl<'t> Ledger<'t> {
    pub(super) const fn new(transaction: &'t WriteTransaction) -> Self {
        Self { transaction, broken: RefCell::new(None) }
    }

    pub(super) fn broken(self) -> Option<Error> {
        self.broken.into_inner()
    }

    /// Makes the tables, or checks that they are of the format that we know.
    pub(super) fn prepare(&self) -> Result<()> {
        let format = self.checked(|transaction| {
            transaction.open_table(ISSUED)?;
            transaction.open_table(ANSWERS)?;
            transaction.open_table(CURRENT)?;
            transaction.open_table(QUEUE)?;
            transaction.open_table(AUDIT)?;
            let mut meta = transaction.open_table(META)?;
            let found = meta.get("format")?.map(|format| format.value());
            if found.is_none() {
                meta.insert("format", FORMAT)?;
            }
            Ok(found.unwrap_or(FORMAT))
        })?;
        if format == FORMAT { Ok(()) } else { Err(Error::new(Reason::RecordVersion, "opening the registrar's store")) }
    }

    /// Records a certificate. If its request was answered meanwhile, nothing is recorded and that answer is given.
    /// [`Reason::IdentityNameMismatch`] where a device of another maker is enrolled under this serial number.
    pub(crate) fn issue(&self, new: &New) -> Result<Option<Vec<u8>>> {
        let (known, taken, other) = self.checked(|transaction| {
            let other = enrolled_by_other(transaction, &new.device, &new.issuer)?;
            let (issued, answers) = (transaction.open_table(ISSUED)?, transaction.open_table(ANSWERS)?);
            let known = match answers.get(&new.request)? {
                Some(serial) => issued.get(serial.value())?.map(|row| row.value().4.to_vec()),
                None => None,
            };
            Ok((known, issued.get(new.serial.as_slice())?.is_some(), other))
        })?;
        if known.is_some() {
            return Ok(known);
        }
        if other {
            return Err(other_device());
        }
        if taken {
            return Err(Error::new(Reason::EntropyFailed, "drawing a serial number that was never used"));
        }
        self.checked(|transaction| {
            let (serial, device) = (new.serial.as_slice(), new.device.as_str());
            let row = (device, new.issuer.row(), &new.request, new.at, new.certificate.as_slice());
            transaction.open_table(ISSUED)?.insert(serial, row)?;
            transaction.open_table(ANSWERS)?.insert(&new.request, serial)?;
            transaction.open_table(CURRENT)?.insert(device, serial)?;
            transaction.open_table(QUEUE)?.remove(device)?;
            Ok(None)
        })
    }

    /// Puts a request into the queue, in the place of an older one of the same device; one that is there stays as it is.
    /// [`Reason::PlatformFull`] if too many wait, [`Reason::IdentityNameMismatch`] where a device of another maker is enrolled
    /// or waits under this serial number.
    pub(crate) fn queue(&self, new: &Wait) -> Result<()> {
        self.checked(|transaction| {
            let other = enrolled_by_other(transaction, &new.device, &new.issuer)?;
            let mut queue = transaction.open_table(QUEUE)?;
            let found = queue.get(new.device.as_str())?.map(|row| {
                let (said, request, .., issuer) = row.value();
                (*request, state(said) != State::Rejected && Issuer::of(issuer).is_other(&new.issuer))
            });
            match found {
                Some((request, _)) if request == new.request => return Ok(Ok(())),
                Some((_, true)) => return Ok(Err(other_device())),
                None if queue.len()? >= QUEUE_MOST => {
                    return Ok(Err(Error::new(Reason::PlatformFull, "queueing a request")));
                }
                _ if other => return Ok(Err(other_device())),
                _ => {}
            }
            let row = (0, &new.request, &new.thumbprint, new.since, new.issuer.row());
            queue.insert(new.device.as_str(), row)?;
            Ok(Ok(()))
        })?
    }

    /// Forgets who is enrolled, and who waits, under a serial number. Whether there was anybody.
    pub(super) fn release(&self, device: &str) -> Result<bool> {
        self.checked(|transaction| {
            let enrolled = transaction.open_table(CURRENT)?.remove(device)?.is_some();
            let waits = transaction.open_table(QUEUE)?.remove(device)?.is_some();
            Ok(enrolled || waits)
        })
    }

    /// Writes down what was said of a request; gives its device.
    pub(super) fn decide(&self, id: &str, approve: bool) -> Result<String> {
        let device = self.checked(|transaction| {
            let mut queue = transaction.open_table(QUEUE)?;
            let mut found = None;
            for row in queue.iter()? {
                let (device, row) = row?;
                let (_, request, thumbprint, since, issuer) = row.value();
                if name(request) == id {
                    found = Some((device.value().to_owned(), *request, *thumbprint, since, Issuer::of(issuer)));
                }
            }
            let Some((device, request, thumbprint, since, issuer)) = found else { return Ok(None) };
            let said = if approve { 1 } else { 2 };
            queue.insert(device.as_str(), (said, &request, &thumbprint, since, issuer.row()))?;
            Ok(Some(device))
        })?;
        device.ok_or_else(|| Error::new(Reason::PlatformNotFound, format!("looking for the waiting request {id}")))
    }

    /// Appends a line to the audit log.
    pub(crate) fn tell(&self, line: &str) -> Result<()> {
        let (number, last) = self.checked(|transaction| {
            let table = transaction.open_table(AUDIT)?;
            Ok(table.last()?.map_or((0, GENESIS), |(number, row)| (number.value(), *row.value().0)))
        })?;
        let hash = audit::chain(&last, line).during("chaining a line of the audit log")?;
        self.checked(|transaction| {
            transaction.open_table(AUDIT)?.insert(number.saturating_add(1), (&hash, line))?;
            Ok(())
        })
    }

    fn checked<T>(&self, work: impl FnOnce(&WriteTransaction) -> std::result::Result<T, redb::Error>) -> Result<T> {
        work(self.transaction).map_err(|error| {
            let error = fault(&error, "writing to the registrar's store");
            self.broken.borrow_mut().get_or_insert_with(|| error.clone());
            error
        })
    }
}

/// Whether the newest certificate under a serial number is that of a device of another maker.
fn enrolled_by_other(
    transaction: &WriteTransaction,
    device: &str,
    issuer: &Issuer,
) -> std::result::Result<bool, redb::Error> {
    let current = transaction.open_table(CURRENT)?;
    let Some(serial) = current.get(device)? else { return Ok(false) };
    let row = transaction.open_table(ISSUED)?;
    let row = row.get(serial.value())?;
    Ok(row.is_some_and(|row| Issuer::of(row.value().1).is_other(issuer)))
}

fn other_device() -> Error {
    Error::new(Reason::IdentityNameMismatch, "recording a device under the serial number of another maker's")
}

/// Copies what one transaction sees into an empty store.
pub(super) fn copy(from: &ReadTransaction, to: &WriteTransaction) -> std::result::Result<(), redb::Error> {
    copy_table(from, to, ISSUED)?;
    copy_table(from, to, ANSWERS)?;
    copy_table(from, to, CURRENT)?;
    copy_table(from, to, QUEUE)?;
    copy_table(from, to, AUDIT)?;
    copy_table(from, to, META)
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> std::result::Result<(), redb::Error> {
    let (source, mut copied) = (from.open_table(table)?, to.open_table(table)?);
    for row in source.iter()? {
        let (key, value) = row?;
        copied.insert(key.value(), value.value())?;
    }
    Ok(())
}

pub(super) fn issued(serial: &[u8], row: IssuedRow<'_>) -> Issued {
    let (device, issuer, _, at, certificate) = row;
    let (serial, device, issuer) = (serial.to_vec(), device.to_owned(), Issuer::of(issuer));
    Issued { serial, device, issuer, at, newest: false, certificate: certificate.to_vec() }
}

pub(super) fn waiting(device: &str, row: QueueRow<'_>) -> Waiting {
    let (said, request, thumbprint, since, issuer) = row;
    Waiting {
        id: name(request),
        device: device.to_owned(),
        issuer: Issuer::of(issuer),
        thumbprint: *thumbprint,
        since,
        state: state(said),
    }
}

/// What a person calls a request by.
fn name(request: &[u8; 32]) -> String {
    audit::hex(request).chars().take(16).collect()
}

const fn state(said: u8) -> State {
    match said {
        0 => State::Waiting,
        1 => State::Approved,
        _ => State::Rejected,
    }
}
