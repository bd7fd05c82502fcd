//! An enrolment without a socket: what to do on the network next, given what came. The drivers do it.
//!
//! The enroller decides what is asked; here its requests become HTTP on a channel in memory, and the answers become its
//! events.

use super::http::{self, Answer};
use super::{Outcome, Registrar};
use crate::channel::{Channel, Handshake, Local, Remote, TIME};
use crate::{Error, Result};
use aseptic_core::platform::Keys;
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, limits};
use aseptic_identity::{Action, Credential, Enroller, Event, Response};
use std::borrow::Cow;
use std::io::{self, IoSlice, Read, Write};
use std::time::{Duration, Instant};

/// What the driver does next. Before it does, it sends what [`Errand::leaving`] gives.
#[derive(Debug)]
pub(super) enum Want {
    /// Connect to this host and port, in the place of the connection before.
    Connection(String),
    /// Receive, and tell by [`Errand::arrived`] or [`Errand::broken`].
    Bytes,
    /// Leave a slow key store alone for so long.
    Pause(Duration),
    /// Nothing more.
    End(Outcome),
}

/// One run of an enroller.
pub(super) struct Errand<'a, 'e> {
    enroller: &'a mut Enroller<'e>,
    registrar: &'a Registrar<'a>,
    local: Local<'a>,
    remote: Remote<'a>,
    /// When the registrar has had time enough, however it answers; none beyond what the clock can name.
    end: Option<Instant>,
    steps: u32,
    happened: Happened,
    line: Line,
}

/// The connection, which is kept as long as the registrar keeps it.
enum Line {
    Closed,
    /// The driver connects to this authority.
    Dialled(String),
    Shaking {
        authority: String,
        handshake: Box<Handshake>,
        pipe: Pipe,
        end: Option<Instant>,
    },
    Open(Open),
    /// A request is out, and so much of its answer has come.
    Asked(Open, Vec<u8>),
}

struct Open {
    /// As in the requests that go over it.
    authority: String,
    channel: Channel<Pipe>,
    /// Whether an exchange went over it before.
    used: bool,
}

/// What there is to tell the enroller.
enum Happened {
    Nothing,
    Connected([u8; 32]),
    Answered(Answer),
}

impl<'a, 'e> Errand<'a, 'e> {
    pub(super) fn new(
        enroller: &'a mut Enroller<'e>,
        registrar: &'a Registrar<'a>,
        keys: &'a dyn Keys,
        credential: &'a Credential<'_>,
        remote: &Remote<'a>,
    ) -> Self {
        Self {
            enroller,
            registrar,
            local: Local { keys, key: credential.key_id(), chain: credential.chain() },
            remote: Remote { purposes: &[Purpose::Enrolment], ..*remote },
            end: Instant::now().checked_add(registrar.limit.saturating_mul(WHOLE)),
            steps: STEPS,
            happened: Happened::Nothing,
            line: Line::Closed,
        }
    }

    /// Goes on as far as it can without the network. After an error there may still be something [leaving](Self::leaving).
    pub(super) fn next(&mut self) -> Result<Want> {
        loop {
            let want = match std::mem::replace(&mut self.line, Line::Closed) {
                Line::Dialled(authority) => {
                    let (_, name) = self.registrar.whereabouts(&authority);
                    let handshake = Box::new(Handshake::client(name, &[b"http/1.1"], &self.local)?);
                    let end = Instant::now().checked_add(TIME);
                    self.line = Line::Shaking { authority, handshake, pipe: Pipe::default(), end };
                    None
                }
                Line::Shaking { authority, handshake, pipe, end } => self.shake(authority, handshake, pipe, end)?,
                Line::Asked(open, received) => self.receive(open, received)?,
                line @ (Line::Closed | Line::Open(_)) => {
                    self.line = line;
                    self.step()?
                }
            };
            if let Some(want) = want {
                return Ok(want);
            }
        }
    }

    /// What goes to the other side now.
    pub(super) fn leaving(&mut self) -> Vec<u8> {
        self.pipe().map(|pipe| std::mem::take(&mut pipe.leaving)).unwrap_or_default()
    }

    /// What came from the other side; nothing, if it has closed the connection.
    pub(super) fn arrived(&mut self, bytes: &[u8]) {
        if let Some(pipe) = self.pipe() {
            pipe.arrived.extend_from_slice(bytes);
            pipe.closed = bytes.is_empty();
        }
    }

    /// The connection broke. The error, unless it can be made good.
    pub(super) fn broken(&mut self, error: io::Error) -> Result<()> {
        let used = matches!(&self.line, Line::Asked(Open { used: true, .. }, _));
        self.failed(used, error.into())
    }

    /// Until when the driver may wait for the network.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.line {
            Line::Shaking { end, .. } => end.into_iter().chain(self.end).min(),
            _ => self.end,
        }
    }

    fn pipe(&mut self) -> Option<&mut Pipe> {
        match &mut self.line {
            Line::Closed | Line::Dialled(_) => None,
            Line::Shaking { pipe, .. } => Some(pipe),
            Line::Open(open) | Line::Asked(open, _) => Some(open.channel.stream()),
        }
    }

    fn step(&mut self) -> Result<Option<Want>> {
        self.steps = self.steps.checked_sub(1).ok_or(Reason::EstTransfer)?;
        let action = match self.enroller.step(self.happened.event(), self.remote.now) {
            Err(Reason::KeyBusy) if self.end.is_none_or(|end| Instant::now() < end) => {
                self.happened = Happened::Nothing;
                return Ok(Some(Want::Pause(PAUSE)));
            }
            action => action?,
        };
        match action {
            Action::Request(request) => match std::mem::replace(&mut self.line, Line::Closed) {
                Line::Open(mut open) if self.registrar.same(&open.authority, request.authority) => {
                    let host = if request.authority.is_empty() { self.registrar.name } else { request.authority };
                    open.channel.write_all(&http::request(host, &request))?;
                    self.line = Line::Asked(open, Vec::new());
                    Ok(None)
                }
                _ => {
                    let authority = request.authority.to_owned();
                    let address = self.registrar.whereabouts(&authority).0.into_owned();
                    self.line = Line::Dialled(authority);
                    Ok(Some(Want::Connection(address)))
                }
            },
            Action::Wait(seconds) => Ok(Some(Want::End(Outcome::Wait(Duration::from_secs(seconds.into()))))),
            Action::Done => Ok(Some(Want::End(Outcome::Done))),
            _ => Err(Reason::EstTransfer.into()),
        }
    }

    fn shake(
        &mut self,
        authority: String,
        mut handshake: Box<Handshake>,
        mut pipe: Pipe,
        end: Option<Instant>,
    ) -> Result<Option<Want>> {
        let outcome = handshake.advance(&mut pipe, &self.local, &self.remote);
        if let Err(error) = outcome {
            self.line = Line::Shaking { authority, handshake, pipe, end };
            return if would_block(&error) { Ok(Some(Want::Bytes)) } else { Err(error) };
        }
        let channel = handshake.finish(pipe)?;
        if let Some(reason) = channel.peer().degraded() {
            self.enroller.flagged(reason);
        }
        self.happened = Happened::Connected(*channel.exporter());
        self.line = Line::Open(Open { authority, channel, used: false });
        Ok(None)
    }

    fn receive(&mut self, mut open: Open, mut received: Vec<u8>) -> Result<Option<Want>> {
        let mut piece = [0; PIECE];
        loop {
            let came = match open.channel.read(&mut piece) {
                Ok(came) => came,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.line = Line::Asked(open, received);
                    return Ok(Some(Want::Bytes));
                }
                Err(error) => return self.failed(open.used, error.into()).map(|()| None),
            };
            received.extend_from_slice(piece.get(..came).unwrap_or_default());
            match http::answer(&received, came == 0) {
                Ok(None) => {}
                Ok(Some(answer)) => {
                    if answer.keep_alive {
                        self.line = Line::Open(Open { used: true, ..open });
                    }
                    self.happened = Happened::Answered(answer);
                    return Ok(None);
                }
                Err(error) => return self.failed(open.used, error).map(|()| None),
            }
        }
    }

    /// An exchange failed, over a connection that may have served before. Then the registrar may have closed it since (RFC
    /// 9112 section 9.3.1), and the same bytes again do no harm.
    fn failed(&mut self, used: bool, error: Error) -> Result<()> {
        self.line = Line::Closed;
        if !used || error.reason() != Reason::NetworkFailed {
            return Err(error);
        }
        self.happened = Happened::Nothing;
        Ok(())
    }
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

/// A stream in memory: reading would block where nothing more has arrived.
#[derive(Debug, Default)]
struct Pipe {
    arrived: Vec<u8>,
    leaving: Vec<u8>,
    closed: bool,
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.arrived.is_empty() && !self.closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = self.arrived.as_slice().read(out)?;
        self.arrived.drain(..length);
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.leaving.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// rustls writes all that is left, an alert after a refusal among it, with one such call.
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        parts.iter().for_each(|part| self.leaving.extend_from_slice(part));
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Network { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
}

/// Steps of one run: three requests, each redirected as often as is allowed, over a connection each that may be lost once.
const STEPS: u32 = 3 * (1 + limits::EST_REDIRECTS as u32) * 4;
/// How many times [`Registrar::limit`] a registrar has: it answers three requests, perhaps on a connection each.
const WHOLE: u32 = 8;
/// How long a slow key store is left alone.
const PAUSE: Duration = Duration::from_millis(20);
/// The port of https.
const HTTPS: &str = "443";
/// Bytes that are read at once.
pub(super) const PIECE: usize = 16_384;
