//! An EST client made of rustls and nothing of ours, one connection a request: what registrars are asked with in tests.

use aseptic_certs::{base64, cms};
use aseptic_hosted::channel;
use aseptic_infra::AuthorityKey;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
const PREFIX: &str = "/.well-known/est/";

/// A client of one registrar.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    name: String,
    config: Arc<ClientConfig>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Status line and header, in lower case.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client of the registrar `name` at `address`, below `root` (DER), that shows `identity`: chain and key.
    ///
    /// # Panics
    /// If rustls takes none of it.
    #[must_use]
    pub fn new(address: SocketAddr, name: &str, root: &[u8], identity: Option<(&[Vec<u8>], &AuthorityKey)>) -> Self {
        Self::speaking(&rustls::version::TLS13, address, name, root, identity)
    }

    /// As [`Client::new`], with another version of TLS.
    ///
    /// # Panics
    /// If rustls takes none of it.
    #[must_use]
    pub fn speaking(
        version: &'static SupportedProtocolVersion,
        address: SocketAddr,
        name: &str,
        root: &[u8],
        identity: Option<(&[Vec<u8>], &AuthorityKey)>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root.to_vec().into()).unwrap();
        let provider = Arc::new(channel::danger_legacy_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some((chain, key)) => {
                // Unlike rustls' shorter ways this does not ask whether key and certificate belong together.
                let key = PrivatePkcs8KeyDer::from(key.expose_pkcs8().to_vec());
                let key = provider.key_provider.load_private_key(key.into()).unwrap();
                let certified = CertifiedKey::new(chain.iter().map(|der| der.clone().into()).collect(), key);
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
            None => config.with_no_client_auth(),
        };
        Self { address, name: name.to_owned(), config: Arc::new(config) }
    }

    /// Shakes hands.
    ///
    /// # Panics
    /// If the name is none.
    pub fn connect(&self) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from(self.name.clone()).unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        tls.complete_io(&mut stream)?;
        Ok(StreamOwned::new(tls, stream))
    }

    /// Gets what the operation answers.
    pub fn get(&self, operation: &str) -> io::Result<Reply> {
        exchange(&mut self.connect()?, "GET", operation, &self.name, b"")
    }

    /// Sends a request (DER) to the operation.
    pub fn post(&self, operation: &str, request: &[u8]) -> io::Result<Reply> {
        exchange(&mut self.connect()?, "POST", operation, &self.name, &wrapped(request))
    }

    /// As [`Client::post`], with a request that knows the binding of its channel (RFC 9266).
    pub fn post_bound(&self, operation: &str, request: impl FnOnce([u8; 32]) -> Vec<u8>) -> io::Result<Reply> {
        let mut stream = self.connect()?;
        let binding = stream.conn.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
        let request = request(binding.map_err(io::Error::other)?);
        exchange(&mut stream, "POST", operation, &self.name, &wrapped(&request))
    }
}

impl Reply {
    /// The certificates in it, which must be one line of base64 and a line feed.
    ///
    /// # Panics
    /// If it is no bundle.
    #[must_use]
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        let der = self.der();
        cms::certificates(&der).unwrap().iter().map(<[u8]>::to_vec).collect()
    }

    /// The one certificate in it.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        let [one] = <[Vec<u8>; 1]>::try_from(self.certificates()).unwrap();
        one
    }

    /// The DER in it, which must be one line of base64 and a line feed.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        let end = self.body.iter().position(|byte| *byte == b'\n');
        assert_eq!(
            end,
            self.body.len().checked_sub(1),
            "one line and its end: {}",
            String::from_utf8_lossy(&self.body)
        );
        let mut der = vec![0; self.body.len()];
        let length = base64::decode(&self.body, &mut der).unwrap();
        der.truncate(length);
        der
    }
}

/// Base64 in lines of 64 characters.
fn wrapped(der: &[u8]) -> Vec<u8> {
    let mut out = vec![0; base64::encoded_len(der.len())];
    let length = base64::encode(der, &mut out).unwrap();
    out.truncate(length);
    out
}

fn exchange(
    stream: &mut (impl Read + Write),
    method: &str,
    operation: &str,
    host: &str,
    body: &[u8],
) -> io::Result<Reply> {
    let content_type = if body.is_empty() { "" } else { "Content-Type: application/pkcs10\r\n" };
    let head = format!(
        "{method} {PREFIX}{operation} HTTP/1.1\r\nHost: {host}\r\n{content_type}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if bytes.is_empty() => return Err(error),
        _ => {}
    }
    let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(short)?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(short)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|text| text.parse().ok());
    let body = bytes[end + 4..].to_vec();
    if length.is_some_and(|length: usize| length != body.len()) {
        return Err(short());
    }
    Ok(Reply { status, head, body })
}
