//! Enrolment over the network: runs an [`Enroller`] against a registrar, by HTTP/1.1 on a [`Channel`].
//!
//! The enroller decides everything; this carries its requests. The registrar is authenticated before a byte of EST passes,
//! as [`Purpose::Enrolment`] and by its name, with the owner's anchors alone (RFC 7030 section 3.6.1, explicit trust
//! anchors). HTTP authentication and redirects to other servers are not answered: they end as
//! [`EstRefused`](aseptic_core::Reason::EstRefused).

mod http;

use crate::Result;
use crate::channel::{Channel, Hurried, Local, Remote, connect, dial};
use aseptic_core::Reason;
use aseptic_core::platform::Keys;
use aseptic_core::trust::Purpose;
use aseptic_identity::{Action, Credential, Enroller, Event, Request, Response};
use http::Answer;
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

/// Runs `enroller` until it is done or has to wait, presenting `credential` from `keys`.
///
/// A registrar that is accepted only with a flag, such as one whose certificate ran out, is an event. On any error nothing
/// that is stored has changed, and the same call may be made again. Of `remote` the purposes are not
/// looked at: whom this talks to is the registrar.
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
    let mut line = Line { registrar, local, remote, end, channel: None, flag: None };
    let mut answer: Option<Answer> = None;
    // Each request is answered or ends the loop: there are two, and one more for each answer that repeats one.
    for _ in 0..EXCHANGES {
        let event = match &mut answer {
            None => Event::Ready,
            Some(answer) => Event::Response(Response {
                status: answer.status,
                content_type: &answer.content_type,
                retry_after: &answer.retry_after,
                body: &mut answer.body,
            }),
        };
        match enroller.step(event, remote.now)? {
            Action::Request(request) => {
                let exchanged = line.exchange(&request);
                if let Some(reason) = line.flag.take() {
                    enroller.flagged(reason);
                }
                answer = Some(exchanged?);
            }
            Action::Wait(seconds) => return Ok(Outcome::Wait(Duration::from_secs(seconds.into()))),
            Action::Done => return Ok(Outcome::Done),
            _ => break,
        }
    }
    Err(Reason::EstTransfer.into())
}

/// A connection that is opened when needed and kept as long as the registrar keeps it.
struct Line<'a> {
    registrar: &'a Registrar<'a>,
    local: Local<'a>,
    remote: Remote<'a>,
    /// When the registrar has had time enough, however it answers.
    end: Option<Instant>,
    channel: Option<BufReader<Channel<Hurried<TcpStream>>>>,
    /// Why the registrar was accepted only with a flag, if it was connected to since this was taken.
    flag: Option<Reason>,
}

impl Line<'_> {
    fn exchange(&mut self, request: &Request<'_>) -> Result<Answer> {
        if let Some(mut channel) = self.channel.take() {
            match http::exchange(&mut channel, self.registrar.name, request) {
                // The registrar may have closed it since (RFC 9112 section 9.3.1). The same bytes again do no harm.
                Err(error) if error.reason() == Reason::NetworkFailed => {}
                answer => return Ok(self.keep(channel, answer?)),
            }
        }
        let stream = Hurried::until(dial(self.registrar.address, self.registrar.limit)?, self.end);
        let channel = connect(stream, self.registrar.name, &[b"http/1.1"], &self.local, &self.remote)?;
        self.flag = channel.peer().degraded();
        let mut channel = BufReader::new(channel);
        let answer = http::exchange(&mut channel, self.registrar.name, request)?;
        Ok(self.keep(channel, answer))
    }

    fn keep(&mut self, channel: BufReader<Channel<Hurried<TcpStream>>>, answer: Answer) -> Answer {
        if answer.keep_alive {
            self.channel = Some(channel);
        }
        answer
    }
}

const EXCHANGES: usize = 4;
/// How many times [`Registrar::limit`] a registrar has: it answers two requests, perhaps on a connection each.
const WHOLE: u32 = 8;

#[cfg(test)]
mod tests;
