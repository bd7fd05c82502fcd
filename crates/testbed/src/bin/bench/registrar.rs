//! Enrolments a second over mutual TLS 1.3, at a hundred connections; beside the same stack (rustls, hyper, tokio on one thread)
//! that checks the same certificates with rustls' own verifier and answers a fixed body.
//!
//! Both take a new connection for each request, as devices do. Ours checks the request, issues, and has certificate and audit
//! line on the disk before it answers. Clients and servers share the machine; the two are asked in turn.

use aseptic_certs::csr::{self, CsrTemplate};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::trust::{Authority, Purpose};
use aseptic_hosted::{channel, crypto};
use aseptic_infra::ca::{Ca, Chain, Expected, Server, Validity};
use aseptic_infra::owner;
use aseptic_infra::registrar::{Limits, Store};
use aseptic_infra::{AuthorityKey, Registrar, ServerTrust};
use aseptic_testbed::est::Client;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_rustls::TlsAcceptor;

type Outcome<T> = Result<T, Box<dyn Error>>;

const NAME: &str = "registrar.example";
const CONNECTIONS: usize = 100;
/// Requests of a connection's thread in a round.
const EACH: usize = 10;
const ROUNDS: usize = 5;

/// Measures and prints.
pub fn run() -> Outcome<()> {
    let [ours, fixed] = measure(CONNECTIONS, EACH, ROUNDS)?;
    let part = ours.rate() / fixed.rate();
    println!("registrar: {CONNECTIONS} connections, {} requests, each with a handshake of its own", ours.times.len());
    ours.print("enrolments, in the store before the answer");
    fixed.print("same stack, fixed body");
    println!("registrar: {:.2} of the fixed body's rate, p99 {:.2} times as long", part, ours.p(99) / fixed.p(99));
    Ok(())
}

/// What was measured of one server.
#[derive(Debug, Default)]
pub struct Figures {
    /// How long each request took, in order of length.
    pub times: Vec<Duration>,
    /// How long all of them took together.
    pub whole: Duration,
}

impl Figures {
    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.whole.as_secs_f64()
    }

    /// Milliseconds that so many per cent of the requests kept within.
    #[must_use]
    pub fn p(&self, percent: usize) -> f64 {
        let at = self.times.len().saturating_sub(1) * percent / 100;
        self.times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    fn print(&self, what: &str) {
        println!("  {what}: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms", self.rate(), self.p(50), self.p(99));
    }
}

/// Enrolments at our registrar, then the fixed body.
pub fn measure(connections: usize, each: usize, rounds: usize) -> Outcome<[Figures; 2]> {
    let folder = std::env::temp_dir().join(format!("aseptic-bench-registrar-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let scene = Scene::new(Store::open(&folder.join("store"))?)?;
    let mut figures = [Figures::default(), Figures::default()];
    for _ in 0..rounds {
        for (figures, address) in figures.iter_mut().zip([scene.ours.address(), scene.fixed]) {
            let client = Client::new(address, NAME, &scene.root, Some((&scene.birth, &scene.key)));
            round(&client, connections, each, figures)?;
        }
    }
    figures.iter_mut().for_each(|figures| figures.times.sort_unstable());
    drop(scene);
    std::fs::remove_dir_all(&folder)?;
    Ok(figures)
}

/// All at once.
fn round(client: &Client, connections: usize, each: usize, figures: &mut Figures) -> Outcome<()> {
    let made = |_| (0..each).map(|_| request(&key()?)).collect();
    let requests: Vec<Vec<Vec<u8>>> = (0..connections).map(made).collect::<Outcome<_>>()?;
    let start = Instant::now();
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> = requests.iter().map(|requests| scope.spawn(|| timed(client, requests))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a client panicked")?).collect::<Result<Vec<_>, _>>()
    })?;
    figures.whole += start.elapsed();
    figures.times.extend(times.into_iter().flatten());
    Ok(())
}

fn timed(client: &Client, requests: &[Vec<u8>]) -> Result<Vec<Duration>, &'static str> {
    let time = |request: &Vec<u8>| {
        let start = Instant::now();
        match client.post("simpleenroll", request) {
            Ok(reply) if reply.status == 200 => Ok(start.elapsed()),
            _ => Err("a request was not answered"),
        }
    };
    requests.iter().map(time).collect()
}

struct Scene {
    ours: aseptic_infra::registrar::Handle,
    fixed: SocketAddr,
    root: Vec<u8>,
    key: AuthorityKey,
    birth: Chain,
}

impl Scene {
    fn new(store: Store) -> Outcome<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() - 3600;
        let years = Validity::years(now, 20)?;
        let (maker, hospital) = (Ca::new("Maker", years)?, Ca::new("Hospital", years)?);
        let (author, server, device) = (key()?, key()?, key()?);
        let makers = owner::Store::new(Authority::Manufacturer, now)
            .signer(author.public()?)
            .anchor("maker", &[Purpose::Birth], maker.anchor())
            .sign(&crypto::suite(), &[(author.public()?, &author)])?;
        let trust = ServerTrust::new(crypto::suite(), &[(Authority::Manufacturer, &makers)])?;
        let chain = hospital.issue_server(NAME, server.public()?, Server::Registrar, Validity::days(now, 90)?)?;
        let (serial, hardware_type, hardware_serial) = (SERIAL, &[0x2B, 0x06, 0x01][..], &b"1"[..]);
        let expected = Expected { serial, key: KeyAlg::P256, hardware_type, hardware_serial, udi: None };
        let birth = maker.issue_birth(&request(&device)?, &expected, now)?;
        let root = hospital.anchor().to_vec();
        let fixed = fixed_body(&chain, &server, maker.anchor())?;
        let all = u32::MAX / 4;
        let (connections, per_address, patience) = (CONNECTIONS, CONNECTIONS, Duration::from_secs(60));
        let limits = Limits { connections, per_address, handshakes: all, requests: all, patience };
        let ours = Registrar::new(hospital, Arc::new(trust), chain, server).store(store).limits(limits);
        Ok(Self { ours: ours.serve(TcpListener::bind("127.0.0.1:0")?)?, fixed, root, key: device, birth })
    }
}

/// A server that answers as many bytes as an enrolment has, on a thread that ends with the process.
fn fixed_body(chain: &Chain, key: &AuthorityKey, makers: &[u8]) -> Outcome<SocketAddr> {
    let mut roots = RootCertStore::empty();
    roots.add(makers.to_vec().into())?;
    let provider = Arc::new(channel::provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let key = PrivatePkcs8KeyDer::from(key.expose_pkcs8().to_vec());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.iter().map(|der| der.clone().into()).collect(), key.into())?;
    config.send_tls13_tickets = 0;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("fixed".into()).spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service_fn(fixed)).await;
                });
            }
        });
    })?;
    Ok(address)
}

async fn fixed(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    Ok(Response::new(Full::new(Bytes::from_static(&[b'A'; 900]))))
}

const SERIAL: &str = "PUMP-0001";

fn key() -> Outcome<AuthorityKey> {
    Ok(AuthorityKey::generate(KeyAlg::P256)?)
}

fn request(key: &AuthorityKey) -> Outcome<Vec<u8>> {
    let template = CsrTemplate { serial: SERIAL, common_name: None, hardware_module: None, uri: None };
    let mut out = vec![0; 1024];
    let length = csr::write(key, key.public()?, &template, &mut out).map_err(|reason| reason.to_string())?;
    out.truncate(length);
    Ok(out)
}
