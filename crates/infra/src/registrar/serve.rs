//! The server's thread: connections, their limits, and an orderly end.

use super::est::{self, Answer};
use super::visitors::{Entry, Visitors};
use super::{Audit, Device, Registrar, tls};
use crate::{Error, Result};
use aseptic_core::Reason;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Connections at once; more wait in the listener's queue.
const CONNECTIONS: usize = 64;
/// Connections at once from one address, so that whoever opens many and says nothing keeps only himself out. Devices
/// behind one address translator are closed and try again.
const PER_ADDRESS: usize = 8;
/// A handshake takes two flights.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A request head, or a pause between two requests.
const HEAD: Duration = Duration::from_secs(10);
/// A whole connection: two requests, on the slowest ward network.
const CONNECTION: Duration = Duration::from_secs(60);
/// Requests under way when the end is called for.
const FAREWELL: Duration = Duration::from_secs(5);
/// Bytes of a request head.
const HEAD_BYTES: usize = 8 * 1024;

/// A running registrar. Dropping it shuts it down as well.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
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
    let config =
        tls::server(&registrar.chain, &registrar.key, Arc::clone(&registrar.trust), Arc::clone(&registrar.clock))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(failed)?
    };
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("registrar".into())
        .spawn(move || runtime.block_on(run(Arc::new(registrar), listener, TlsAcceptor::from(config), stopped)))
        .map_err(failed)?;
    Ok(Handle { address, stop: Some(stop), thread: Some(thread) })
}

async fn run(
    registrar: Arc<Registrar>,
    listener: tokio::net::TcpListener,
    acceptor: TlsAcceptor,
    mut stopped: oneshot::Receiver<()>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let visitors = Visitors::new(PER_ADDRESS);
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
        let place = match visitors.enter(from.ip()) {
            Entry::Place(place) => place,
            Entry::Full { first } => {
                if first {
                    // A task of its own: this loop must not end with a sink that panics.
                    let registrar = Arc::clone(&registrar);
                    tokio::spawn(async move { refused(&registrar, from, "connection", Reason::TooLarge) });
                }
                continue;
            }
        };
        let (registrar, acceptor, stopping) = (Arc::clone(&registrar), acceptor.clone(), stopping.clone());
        tokio::spawn(async move {
            let _ = timeout(CONNECTION, connection(registrar, stream, from, acceptor, stopping)).await;
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
    registrar: Arc<Registrar>,
    stream: TcpStream,
    from: SocketAddr,
    acceptor: TlsAcceptor,
    mut stopping: watch::Receiver<()>,
) {
    let handshake = tokio::select! {
        _ = stopping.changed() => return,
        handshake = timeout(HANDSHAKE, acceptor.accept(stream)) => handshake,
    };
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return refused(&registrar, from, "handshake", tls::reason(&error)),
        Err(_) => return refused(&registrar, from, "handshake", Reason::NetworkFailed),
    };
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let device = match tls::device(&registrar.trust, &*registrar.clock, shown) {
        Ok((peer, udi)) => Arc::new(Device { from, peer, udi }),
        Err(reason) => return refused(&registrar, from, "handshake", reason),
    };
    let (serving, asking) = (Arc::clone(&registrar), Arc::clone(&device));
    let service = service_fn(move |request| answer(Arc::clone(&serving), Arc::clone(&asking), request));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
    // A connection that breaks has been answered as far as it came.
    let ended = tokio::select! {
        ended = &mut served => ended,
        _ = stopping.changed() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if ended.is_err_and(|error| error.is_parse()) {
        est::malformed(&registrar, &device);
    }
}

fn refused(registrar: &Registrar, from: SocketAddr, operation: &str, reason: Reason) {
    registrar.tell(&Audit {
        at: registrar.clock.now().seconds,
        from,
        device: None,
        operation: operation.into(),
        status: None,
        reason: Some(reason),
        thumbprint: None,
    });
}

async fn answer(
    registrar: Arc<Registrar>,
    device: Arc<Device>,
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, est::BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Reason::TooLarge),
        Err(_) => Err(Reason::NetworkFailed),
    };
    let request = est::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        content_type: head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()),
        body: body.as_deref().map_err(|reason| *reason),
    };
    Ok(response(est::answer(&registrar, &device, &request)))
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
