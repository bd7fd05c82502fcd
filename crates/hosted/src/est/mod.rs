//! Enrolment over the network: runs an [`Enroller`] against a registrar, by HTTP/1.1 on a [`Channel`].
//!
//! The enroller decides everything; this carries its requests. The registrar is authenticated before a byte of EST passes,
//! as [`Purpose::Enrolment`] and by its name, with the owner's anchors alone (RFC 7030 section 3.6.1, explicit trust
//! anchors). A redirect to another server takes a new connection with the same checks under the name of that server. HTTP
//! authentication is not answered: it ends as [`EstRefused`](aseptic_core::Reason::EstRefused).

mod http;

use crate::channel::{Channel, Hurried, Local, Remote, connect, dial};
use crate::{Error, Result};
use aseptic_core::platform::Keys;
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, limits};
use aseptic_identity::{Action, Credential, Enroller, Event, Request, Response};
use http::Answer;
use std::borrow::Cow;
use std::io::BufReader;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Where the registrar is, and who.
#[derive(Clone, Copy, Debug)]
pub struct Registrar<'a> {
    /// Host and port to connect to.
    pub address: &'a str,
    /// The DNS name that its certificate must bear.
    pub name: &'a str,
    /// How long each connection attempt, read and write may take; a call of [`enrol`] ends after nine times as long.
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
    let remote = Remote { purposes: &[Purpose::Enrolment], ..*remote };
    let local = Local { keys, key: credential.key_id(), chain: credential.chain() };
    let end = Instant::now().checked_add(registrar.limit.saturating_mul(WHOLE));
    let mut line = Line { registrar, local, remote, end, connection: None };
    let mut happened = Happened::Nothing;
    for _ in 0..STEPS {
        let action = match enroller.step(happened.event(), remote.now) {
            Err(Reason::KeyBusy) if end.is_none_or(|end| Instant::now() < end) => {
                std::thread::sleep(PAUSE);
                happened = Happened::Nothing;
                continue;
            }
            action => action?,
        };
        happened = match action {
            Action::Request(request) if line.leads_to(request.authority) => match line.exchange(&request) {
                Ok(answer) => Happened::Answered(answer),
                // The registrar may have closed it since (RFC 9112 section 9.3.1). The same bytes again do no harm.
                Err((true, error)) if error.reason() == Reason::NetworkFailed => Happened::Nothing,
                Err((_, error)) => return Err(error),
            },
            Action::Request(Request { authority, .. }) => {
                let authority = authority.to_owned();
                let (binding, flag) = line.connect(authority)?;
                if let Some(reason) = flag {
                    enroller.flagged(reason);
                }
                Happened::Connected(binding)
            }
            Action::Wait(seconds) => return Ok(Outcome::Wait(Duration::from_secs(seconds.into()))),
            Action::Done => return Ok(Outcome::Done),
            _ => break,
        };
    }
    Err(Reason::EstTransfer.into())
}

/// What there is to tell the enroller.
enum Happened {
    Nothing,
    Connected([u8; 32]),
    Answered(Answer),
}

impl Happened {
    fn event(&mut self) -> Event<'_> {
        match self {
            Self::Nothing => Event::Ready,
            Self::Connected(binding) => Event::Connected(binding),
            Self::Answered(answer) => Event::Response(Response {
                status: answer.status,
                content_type: &answer.content_type,
                retry_after: &answer.retry_after,
                location: &answer.location,
                body: &mut answer.body,
            }),
        }
    }
}

/// A connection that is opened when needed and kept as long as the registrar keeps it.
struct Line<'a> {
    registrar: &'a Registrar<'a>,
    local: Local<'a>,
    remote: Remote<'a>,
    /// When the registrar has had time enough, however it answers.
    end: Option<Instant>,
    connection: Option<Connection>,
}

struct Connection {
    /// As in the requests that go over it.
    authority: String,
    channel: BufReader<Channel<Hurried<TcpStream>>>,
    /// Whether an exchange went over it before.
    used: bool,
}

impl Line<'_> {
    fn leads_to(&self, authority: &str) -> bool {
        let registrar = self.registrar;
        self.connection.as_ref().is_some_and(|open| registrar.same(&open.authority, authority))
    }

    /// Opens a connection with all checks; its channel binding, and why its server was accepted only with a flag.
    fn connect(&mut self, authority: String) -> Result<([u8; 32], Option<Reason>)> {
        self.connection = None;
        let (address, name) = self.registrar.whereabouts(&authority);
        let stream = Hurried::until(dial(address.as_ref(), self.registrar.limit)?, self.end);
        let channel = connect(stream, name, &[b"http/1.1"], &self.local, &self.remote)?;
        let (binding, flag) = (*channel.exporter(), channel.peer().degraded());
        self.connection = Some(Connection { authority, channel: BufReader::new(channel), used: false });
        Ok((binding, flag))
    }

    /// One request and its answer; with a failure, whether the connection had served before.
    fn exchange(&mut self, request: &Request<'_>) -> std::result::Result<Answer, (bool, Error)> {
        let mut open = self.connection.take().ok_or((false, Reason::Internal.into()))?;
        let host = if request.authority.is_empty() { self.registrar.name } else { request.authority };
        let answer = http::exchange(&mut open.channel, host, request).map_err(|error| (open.used, error))?;
        if answer.keep_alive {
            self.connection = Some(Connection { used: true, ..open });
        }
        Ok(answer)
    }
}

impl Registrar<'_> {
    /// Where to connect to for `authority`, and the name that the server there must bear.
    fn whereabouts<'s>(&'s self, authority: &'s str) -> (Cow<'s, str>, &'s str) {
        if self.same(authority, "") {
            return (self.address.into(), self.name);
        }
        match authority.split_once(':') {
            Some((host, _)) => (authority.into(), host),
            None => (format!("{authority}:{HTTPS}").into(), authority),
        }
    }

    /// Whether both name one origin (RFC 6454 section 5); the empty one is the registrar.
    fn same(&self, one: &str, other: &str) -> bool {
        let full = |authority: &str| match authority {
            "" => format!("{}:{}", self.name, self.address.rsplit(':').next().unwrap_or(HTTPS)),
            bare if !bare.contains(':') => format!("{bare}:{HTTPS}"),
            whole => whole.to_owned(),
        };
        full(one).eq_ignore_ascii_case(&full(other))
    }
}

/// Steps of one run: three requests, each redirected as often as is allowed, over a connection each that may be lost once.
const STEPS: u32 = 3 * (1 + limits::EST_REDIRECTS as u32) * 4;
/// How many times [`Registrar::limit`] a registrar has: it answers three requests, perhaps on a connection each.
const WHOLE: u32 = 8;
/// How long a slow key store is left alone.
const PAUSE: Duration = Duration::from_millis(20);
/// The port of https.
const HTTPS: &str = "443";

#[cfg(test)]
mod tests;
