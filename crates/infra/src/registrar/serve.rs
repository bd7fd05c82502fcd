//! The server's threads: one for all sockets, others for the answers; connections, their limits, and an orderly end.

use super::attributes::{BINDING, BINDING_LABEL};
use super::est::{self, Answer, Client};
use super::rates::Rate;
use super::tls::{self, Device, Door};
use super::visitors::{Entry, Visitors};
use super::{Audit, Office, Registrar, Store, operator, panicked};
use crate::{Error, Result};
use aseptic_core::Reason;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Requests under way when the end is called for.
const FAREWELL: Duration = Duration::from_secs(5);
/// Bytes of a request head.
const HEAD_BYTES: usize = 8 * 1024;

/// A running registrar. Dropping it shuts it down as well.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    store: Arc<Store>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it keeps: for who looks through the queue.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Serves until the process gets SIGTERM or SIGINT, then shuts down as [`Handle::shutdown`] does.
    pub fn wait(self) -> Result<()> {
        let failed = |error: std::io::Error| Error::io(&error, "waiting for a signal");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        runtime
            .block_on(async {
                let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                Ok(())
            })
            .map_err(failed)?;
        self.shutdown();
        Ok(())
    }

    /// Takes no more connections, lets requests under way finish (at most five seconds), and returns when all is done.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself; then there is nobody to tell.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

pub(super) fn start(registrar: Registrar, listener: TcpListener) -> Result<Handle> {
    let failed = |error: std::io::Error| Error::io(&error, "starting the registrar");
    let address = listener.local_addr().map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let office = Arc::new(Office::open(registrar)?);
    let door = Door::new(&office)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (listener, control) = {
        let _inside = runtime.enter();
        let control = office.registrar.control.as_deref().map(operator::listen).transpose()?;
        (tokio::net::TcpListener::from_std(listener).map_err(failed)?, control)
    };
    let store = Arc::clone(&office.store);
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("registrar".into())
        .spawn(move || {
            runtime.block_on(async {
                if let Some(control) = control {
                    tokio::spawn(operator::serve(Arc::clone(&office.store), control));
                }
                run(&office, listener, Arc::new(door), stopped).await;
            });
        })
        .map_err(failed)?;
    Ok(Handle { address, store, stop: Some(stop), thread: Some(thread) })
}

async fn run(
    office: &Arc<Office>,
    listener: tokio::net::TcpListener,
    door: Arc<Door>,
    mut stopped: oneshot::Receiver<()>,
) {
    let room = Arc::new(Semaphore::new(office.registrar.limits.connections));
    let visitors = Visitors::new(office.registrar.limits.per_address);
    // Every connection holds a receiver; when the last is gone, all is done.
    let (farewell, stopping) = watch::channel(());
    loop {
        let next = async {
            // The semaphore is never closed; a permit without one would only mean no limit.
            let permit = Arc::clone(&room).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            // A dropped sender ends the server as well.
            _ = &mut stopped => break,
            next = next => next,
        };
        let Ok((stream, from)) = accepted else {
            // Out of file descriptors, or a peer that left at once: give others time to finish.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (place, refusal) = match (visitors.enter(from.ip()), office.rates.handshake(from.ip())) {
            (Entry::Place(place), Rate::Within) => (Some(place), None),
            (Entry::Full { first: true }, _) => (None, Some(Reason::TooLarge)),
            (Entry::Place(_), Rate::First) => (None, Some(Reason::EstLimited)),
            (Entry::Full { first: false }, _) | (Entry::Place(_), Rate::Beyond) => (None, None),
        };
        let Some(place) = place else {
            if let Some(reason) = refusal {
                tokio::spawn(refused(Arc::clone(office), from, "connection", reason));
            }
            continue;
        };
        let (office, door, stopping) = (Arc::clone(office), Arc::clone(&door), stopping.clone());
        tokio::spawn(async move {
            let whole = office.registrar.limits.patience.saturating_mul(6);
            let served = connection(Arc::clone(&office), stream, from, &door, stopping);
            if timeout(whole, served).await.is_err() {
                refused(office, from, "connection", Reason::NetworkFailed).await;
            }
            drop((permit, place));
        });
    }
    drop(listener);
    drop(stopping);
    // Nobody may be left to hear it.
    let _ = farewell.send(());
    let _ = timeout(FAREWELL, farewell.closed()).await;
}

async fn connection(
    office: Arc<Office>,
    stream: TcpStream,
    from: SocketAddr,
    door: &Door,
    mut stopping: watch::Receiver<()>,
) {
    let patience = office.registrar.limits.patience;
    let (acceptor, doorman) = match door.open() {
        Ok(opened) => opened,
        Err(error) => return refused(office, from, "handshake", error.reason()).await,
    };
    let handshake = tokio::select! {
        _ = stopping.changed() => return,
        handshake = timeout(patience, acceptor.accept(stream)) => handshake,
    };
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return refused(office, from, "handshake", tls::reason(&error)).await,
        Err(_) => return refused(office, from, "handshake", Reason::NetworkFailed).await,
    };
    let client = Arc::new(client(from, stream.get_ref().1, doorman.verdict()));
    let (serving, asking) = (Arc::clone(&office), Arc::clone(&client));
    let service = service_fn(move |request| answer(Arc::clone(&serving), Arc::clone(&asking), request));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HEAD_BYTES);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
    // A connection that breaks has been answered as far as it came.
    let ended = tokio::select! {
        ended = &mut served => ended,
        _ = stopping.changed() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    let reason = match ended {
        Err(error) if error.is_parse() => Reason::HttpMalformed,
        // Who has been answered and then says nothing has only not hung up.
        Err(error) if error.is_timeout() && !client.answered.load(Ordering::Relaxed) => Reason::NetworkFailed,
        _ => return,
    };
    let _ = spawn_blocking(move || est::broken(&office, &client, reason)).await;
}

/// Who has shaken hands.
fn client(from: SocketAddr, tls: &rustls::ServerConnection, device: Option<Arc<Device>>) -> Client {
    // RFC 9266 section 4: over TLS 1.2 only with an extended master secret, and nobody needs it there.
    let modern = tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);
    let binding = tls.export_keying_material([0; BINDING], BINDING_LABEL, Some(&[])).ok().filter(|_| modern);
    Client { from, device, binding, answered: AtomicBool::new(false) }
}

async fn refused(office: Arc<Office>, from: SocketAddr, operation: &'static str, reason: Reason) {
    let (device, status, thumbprint, certificate) = (None, None, None, None);
    let (at, operation, reason) = (office.now(), operation.into(), Some(reason));
    let audit = Audit { at, from, device, operation, status, reason, thumbprint, certificate };
    // A thread of its own: nothing here must end with a sink that panics.
    let _ = spawn_blocking(move || office.tell(&audit)).await;
}

async fn answer(office: Arc<Office>, client: Arc<Client>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, est::BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Reason::TooLarge),
        Err(_) => Err(Reason::NetworkFailed),
    };
    client.answered.store(true, Ordering::Relaxed);
    let answer = spawn_blocking(move || {
        let request = est::Request {
            method: head.method.as_str(),
            path: head.uri.path(),
            content_type: head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()),
            body: body.as_deref().map_err(|reason| *reason),
        };
        est::answer(&office, &client, &request)
    });
    // An error closes the connection.
    answer.await.map(response).map_err(|_| panicked())
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Some(seconds) = answer.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(methods) = answer.allow {
        headers.insert(ALLOW, HeaderValue::from_static(methods));
    }
    response
}
