//! Enrolment over the network: runs an [`Enroller`] against a registrar, by HTTP/1.1 on a [`Channel`](crate::channel::Channel).
//!
//! The enroller decides everything; this carries its requests. The registrar is authenticated before a byte of EST passes,
//! as [`Purpose::Enrolment`](aseptic_core::trust::Purpose::Enrolment) and by its name, with the owner's anchors alone (RFC 7030 section 3.6.1, explicit trust
//! anchors). A redirect to another server takes a new connection with the same checks under the name of that server. HTTP
//! authentication is not answered: it ends as [`EstRefused`](aseptic_core::Reason::EstRefused).
//!
//! [`enrol`] blocks; `enrol_async` (feature `tokio`) does the same on tokio. Both only move bytes and wait.

mod errand;
mod http;
#[cfg(feature = "tokio")]
mod on_tokio;

#[cfg(feature = "tokio")]
pub use on_tokio::enrol_async;

use crate::Result;
use crate::channel::{Remote, dial};
use aseptic_core::Reason;
use aseptic_core::platform::Keys;
use aseptic_identity::{Credential, Enroller};
use errand::{Errand, PIECE, Want};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Where the registrar is, and who.
#[derive(Clone, Copy, Debug)]
pub struct Registrar<'a> {
    /// Host and port to connect to.
    pub address: &'a str,
    /// The DNS name that its certificate must bear.
    pub name: &'a str,
    /// How long each connection attempt, read and write may take; an enrolment ends after nine times as long.
    pub limit: Duration,
}

/// How far an enrolment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new identity is stored, on probation until it has worked.
    Done,
    /// The registrar wants time, perhaps for a person to approve: try again after this long. The enroller may be dropped
    /// meanwhile and started anew; the request stays the same.
    Wait(Duration),
}

/// Runs `enroller` until it is done or has to wait, presenting `credential` from `keys`: the identity that its
/// [`Terms::origin`](aseptic_identity::Terms) names.
///
/// A registrar that is accepted only with a flag, such as one whose certificate ran out, is an event. On any error nothing
/// that is stored has changed, and the same call may be made again. Of `remote` the purposes are not
/// looked at: whom this talks to is the registrar, also where it redirects to another server.
pub fn enrol(
    enroller: &mut Enroller<'_>,
    registrar: &Registrar<'_>,
    keys: &dyn Keys,
    credential: &Credential<'_>,
    remote: &Remote<'_>,
) -> Result<Outcome> {
    let mut errand = Errand::new(enroller, registrar, keys, credential, remote);
    let mut connection: Option<TcpStream> = None;
    loop {
        let want = errand.next();
        let leaving = errand.leaving();
        if let Some(stream) = connection.as_mut().filter(|_| !leaving.is_empty()) {
            let sent = in_time(&errand).and_then(|()| stream.write_all(&leaving));
            // Of an alert it does not matter.
            if let (Ok(_), Err(error)) = (&want, sent) {
                errand.broken(error)?;
                continue;
            }
        }
        match want? {
            Want::Connection(address) => connection = Some(dial(address, registrar.limit)?),
            Want::Bytes => {
                let mut piece = [0; PIECE];
                let stream = connection.as_mut().ok_or(Reason::Internal)?;
                match in_time(&errand).and_then(|()| stream.read(&mut piece)) {
                    Ok(length) => errand.arrived(piece.get(..length).unwrap_or_default()),
                    Err(error) => errand.broken(error)?,
                }
            }
            Want::Pause(time) => std::thread::sleep(time),
            Want::End(outcome) => return Ok(outcome),
        }
    }
}

/// A peer that sends a byte now and then passes the time limits of a socket for ever.
fn in_time(errand: &Errand<'_, '_>) -> io::Result<()> {
    match errand.deadline() {
        Some(end) if Instant::now() >= end => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
