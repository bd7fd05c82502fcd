//! Enrolment on tokio.

use super::errand::{Errand, PIECE, Want};
use super::{Outcome, Registrar};
use crate::Result;
use crate::channel::{Remote, dial};
use aseptic_core::Reason;
use aseptic_core::platform::Keys;
use aseptic_identity::{Credential, Enroller};
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// As [`enrol`](super::enrol), on tokio with its timers.
///
/// A future that is dropped leaves stored state as an error does. Key store and trust are asked on the task's own thread,
/// which a slow key store holds up; they need be neither shareable nor long-lived, so the future stays on the thread where it
/// began (`Runtime::block_on`, `LocalSet`). Only the look-up of names and the connecting leave it.
pub async fn enrol_async(
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
        let (leaving, time) = (errand.leaving(), left(&errand, registrar.limit));
        if let Some(stream) = connection.as_mut().filter(|_| !leaving.is_empty()) {
            let sent = timed(time, stream.write_all(&leaving)).await;
            // Of an alert it does not matter.
            if let (Ok(_), Err(error)) = (&want, sent) {
                errand.broken(error)?;
                continue;
            }
        }
        match want? {
            Want::Connection(address) => connection = Some(connect(address, registrar.limit).await?),
            Want::Bytes => {
                let mut piece = vec![0; PIECE];
                let stream = connection.as_mut().ok_or(Reason::Internal)?;
                match timed(time, stream.read(&mut piece)).await {
                    Ok(length) => errand.arrived(piece.get(..length).unwrap_or_default()),
                    Err(error) => errand.broken(error)?,
                }
            }
            Want::Pause(time) => sleep(time).await,
            Want::End(outcome) => return Ok(outcome),
        }
    }
}

/// How long the next read or write may take.
fn left(errand: &Errand<'_, '_>, limit: Duration) -> Duration {
    errand.deadline().map_or(limit, |end| limit.min(end.saturating_duration_since(Instant::now())))
}

async fn timed<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(time, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn connect(address: String, limit: Duration) -> Result<TcpStream> {
    let stream = spawn_blocking(move || dial(address, limit)).await.map_err(|_| Reason::Internal)??;
    stream.set_nonblocking(true)?;
    Ok(TcpStream::from_std(stream)?)
}

/// For the tests of the other driver, which are those of this one too.
#[cfg(test)]
fn enrol(
    enroller: &mut Enroller<'_>,
    registrar: &Registrar<'_>,
    keys: &dyn Keys,
    credential: &Credential<'_>,
    remote: &Remote<'_>,
) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(enrol_async(enroller, registrar, keys, credential, remote))
}

#[cfg(test)]
#[expect(clippy::duplicate_mod, reason = "both drivers keep the same promises")]
#[path = "tests.rs"]
mod tests;
