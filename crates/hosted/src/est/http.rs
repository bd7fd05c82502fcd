//! One HTTP/1.1 exchange (RFC 9112), as a client.
//!
//! httparse reads the heads; what is left to do for the four requests that a device ever makes is less than the glue
//! between a blocking channel and an asynchronous client would be, and every length is bounded here. What could be read in
//! two ways, such as two lengths, is refused.

use crate::{Error, Result};
use aseptic_core::{Reason, limits};
use aseptic_identity::Request;
use httparse::{Header, Status};
use std::io::{self, BufRead, Read};

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) retry_after: String,
    pub(super) location: String,
    pub(super) body: Vec<u8>,
    /// Whether the connection can serve another exchange.
    pub(super) keep_alive: bool,
}

/// A request as it goes over the wire.
pub(super) fn request(host: &str, request: &Request<'_>) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n", request.method, request.path);
    if !request.content_type.is_empty() {
        head += &format!("Content-Type: {}\r\nContent-Length: {}\r\n", request.content_type, request.body.len());
    }
    head += "\r\n";
    // One piece, so that it leaves in one record.
    [head.as_bytes(), request.body].concat()
}

/// The answer in what has come so far; none if more has to come, which it never does if the connection is `closed`.
///
/// [`Reason::HttpMalformed`] for one out of form, [`Reason::TooLarge`] for a body of over [`limits::EST_ANSWER`] bytes.
pub(super) fn answer(received: &[u8], closed: bool) -> Result<Option<Answer>> {
    match receive(&mut Arrived { bytes: received, closed }) {
        Err(Error::Network { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => {
            if received.len() > WIRE {
                Err(Reason::TooLarge.into())
            } else {
                Ok(None)
            }
        }
        answer => answer.map(Some),
    }
}

/// What has come of a stream that goes on.
struct Arrived<'b> {
    bytes: &'b [u8],
    closed: bool,
}

impl Read for Arrived<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(out)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Arrived<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() && !self.closed { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(self.bytes) }
    }

    fn consume(&mut self, length: usize) {
        self.bytes.consume(length);
    }
}

fn receive(stream: &mut impl BufRead) -> Result<Answer> {
    for _ in 0..=INTERIM {
        let head = lines(stream)?;
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut parsed = httparse::Response::new(&mut fields);
        match parsed.parse(&head) {
            Ok(Status::Complete(length)) if length == head.len() => {}
            _ => return Err(MALFORMED),
        }
        let status = parsed.code.ok_or(MALFORMED)?;
        // RFC 9110 section 15.2: interim answers come before the final one.
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        return body_of(status, parsed.version == Some(1), parsed.headers, stream);
    }
    Err(MALFORMED)
}

fn body_of(status: u16, persistent: bool, fields: &[Header<'_>], stream: &mut impl BufRead) -> Result<Answer> {
    let field = |name| single(fields, name);
    let (body, delimited) = match (field("transfer-encoding")?, field("content-length")?) {
        _ if matches!(status, 101 | 204 | 304) => (Vec::new(), true),
        (None, None) => (all(stream, limits::EST_ANSWER)?, false),
        (None, Some(length)) => (exactly(stream, number(length)?)?, true),
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => (chunks(stream)?, true),
        // RFC 9112 section 6.3: both at once may be an attempt at smuggling.
        (Some(_), _) => return Err(MALFORMED),
    };
    let closing = fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("connection"))
        .any(|field| text(field.value).map_or(true, |value| value.to_ascii_lowercase().contains("close")));
    Ok(Answer {
        status,
        content_type: field("content-type")?.unwrap_or_default().to_owned(),
        retry_after: field("retry-after")?.unwrap_or_default().to_owned(),
        location: field("location")?.unwrap_or_default().to_owned(),
        body,
        keep_alive: delimited && persistent && !closing,
    })
}

/// The value of a field that may come once.
fn single<'h>(fields: &[Header<'h>], name: &str) -> Result<Option<&'h str>> {
    let mut values = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(field), None) => text(field.value).map(Some),
        (Some(_), Some(_)) => Err(MALFORMED),
    }
}

fn text(value: &[u8]) -> Result<&str> {
    std::str::from_utf8(value).map(str::trim).map_err(|_| MALFORMED)
}

fn number(text: &str) -> Result<usize> {
    // Digits alone: the parser of Rust would take a sign as well.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().map_err(|_| Reason::TooLarge.into()) } else { Err(MALFORMED) }
}

/// Memory is taken as bytes arrive, never for a length that was only announced.
fn exactly(stream: &mut impl BufRead, length: usize) -> Result<Vec<u8>> {
    if length > limits::EST_ANSWER {
        return Err(Reason::TooLarge.into());
    }
    let mut body = Vec::new();
    stream.take(length as u64).read_to_end(&mut body)?;
    if body.len() == length { Ok(body) } else { Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()) }
}

/// A body that ends with the connection; the channel tells a proper end from a cut.
fn all(stream: &mut impl BufRead, most: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    stream.take(most as u64 + 1).read_to_end(&mut body)?;
    if body.len() > most { Err(Reason::TooLarge.into()) } else { Ok(body) }
}

/// RFC 9112 section 7.1; extensions of chunks and trailers are read over.
fn chunks(stream: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    // Chunks that carry a byte each are the most there can be.
    for _ in 0..=limits::EST_ANSWER {
        let head = line(stream, CHUNK_HEAD)?;
        let size = match httparse::parse_chunk_size(&head) {
            // httparse takes an empty line for 0.
            Ok(Status::Complete((length, size))) if length == head.len() && head[0].is_ascii_hexdigit() => size,
            _ => return Err(MALFORMED),
        };
        if size == 0 {
            return trailers(stream).map(|()| body);
        }
        let size = usize::try_from(size).map_err(|_| Reason::TooLarge)?;
        if size > limits::EST_ANSWER - body.len() {
            return Err(Reason::TooLarge.into());
        }
        body.extend(exactly(stream, size)?);
        if exactly(stream, 2)? != b"\r\n" {
            return Err(MALFORMED);
        }
    }
    Err(MALFORMED)
}

fn trailers(stream: &mut impl BufRead) -> Result<()> {
    for _ in 0..=FIELDS {
        if line(stream, HEAD)? == b"\r\n" {
            return Ok(());
        }
    }
    Err(MALFORMED)
}

/// All lines of a head, the empty one at its end among them.
fn lines(stream: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let line = line(stream, HEAD - head.len())?;
        head.extend_from_slice(&line);
        if line == b"\r\n" || line == b"\n" {
            return Ok(head);
        }
    }
}

fn line(stream: &mut impl BufRead, most: usize) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.take(most as u64).read_until(b'\n', &mut line)?;
    match line.last() {
        Some(b'\n') => Ok(line),
        _ if line.len() >= most => Err(MALFORMED),
        _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

const MALFORMED: Error = Error::Reason(Reason::HttpMalformed);
/// Bytes of a head; servers of EST send under 1 KiB.
const HEAD: usize = 16_384;
/// Fields of a head.
const FIELDS: usize = 64;
/// Bytes of the line before a chunk.
const CHUNK_HEAD: usize = 256;
/// Bytes of an answer with all that frames it: a few heads, and a body in small chunks.
const WIRE: usize = 4 * limits::EST_ANSWER;
/// Interim answers before the final one.
const INTERIM: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &[u8]) -> Result<Answer> {
        answer(wire, true).map(|answer| answer.expect("nothing comes after the end"))
    }

    #[track_caller]
    fn refused(wire: &[u8], reason: Reason) {
        let text = String::from_utf8_lossy(wire);
        let told = read(wire).err().unwrap_or_else(|| panic!("taken: {text}")).reason();
        assert_eq!(told, reason, "{text}");
    }

    #[test]
    fn bodies_are_read_in_every_framing() {
        let cases: [(&[u8], u16, &[u8], bool); 8] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP", 200, b"abc", true),
            (b"HTTP/1.1 200 OK\r\ncontent-length:3\r\nConnection: Close\r\n\r\nabc", 200, b"abc", false),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", false),
            (b"HTTP/1.1 200 OK\r\n\r\nabc", 200, b"abc", false),
            (
                b"HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: x\r\n\r\n",
                200,
                b"abc",
                true,
            ),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 202, b"", true),
            (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", true),
            (b"HTTP/1.1 404 Not Found\nContent-Length: 1\n\nx", 404, b"x", true),
        ];
        for (wire, status, body, keep_alive) in cases {
            let answer = read(wire).unwrap();
            assert_eq!((answer.status, &answer.body[..], answer.keep_alive), (status, body, keep_alive));
        }
    }

    #[test]
    fn fields_are_found_whatever_their_case() {
        let answer =
            read(b"HTTP/1.1 202 x\r\nRETRY-AFTER:  9 \r\ncontent-Type: a/b;c=d\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_eq!((answer.retry_after.as_str(), answer.content_type.as_str()), ("9", "a/b;c=d"));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for fields in [
            "Content-Length: 3\r\nContent-Length: 3",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Content-Length: +3",
            "Content-Length: 3, 3",
            "Content-Length: 0x3",
            "Content-Length:",
            "Content-Length: 0\r\nRetry-After: 1\r\nRetry-After: 2",
            "Content-Length : 3",
            "Content-Length: 3\r\n folded: x",
        ] {
            refused(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nabc").as_bytes(), Reason::HttpMalformed);
        }
        for body in ["x\r\nabc\r\n0\r\n\r\n", "\r\n", "3\r\nabcd\r\n0\r\n\r\n", "-1\r\n", "10000000000000000\r\n"] {
            refused(
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}").as_bytes(),
                Reason::HttpMalformed,
            );
        }
        refused(b"HTTP/2 200 OK\r\n\r\n", Reason::HttpMalformed);
        refused(b"220 mail\r\n\r\n", Reason::HttpMalformed);
    }

    #[test]
    fn sizes_are_bounded() {
        for length in ["65537", "99999999999999999999999"] {
            refused(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes(), Reason::TooLarge);
        }
        refused(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n", Reason::TooLarge);
        refused(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\nfff9\r\n", Reason::TooLarge);
        refused(&[b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 65_537][..]].concat(), Reason::TooLarge);
        refused(&[b'H'; 20_000], Reason::HttpMalformed);
        refused(&[b"HTTP/1.1 200 OK\r\n", &b"a: b\r\n".repeat(65)[..], b"\r\n"].concat(), Reason::HttpMalformed);
        refused(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(6), Reason::HttpMalformed);
        let trailers = b"x: y\r\n".repeat(66);
        refused(
            &[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", &trailers[..]].concat(),
            Reason::HttpMalformed,
        );
    }

    #[test]
    fn an_answer_that_goes_on_is_given_up() {
        let mut wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        while wire.len() <= WIRE {
            assert_eq!(answer(&wire, false).unwrap(), None);
            wire.extend_from_slice(format!("1;{}\r\nx\r\n", "-".repeat(200)).as_bytes());
        }
        assert_eq!(answer(&wire, false).unwrap_err().reason(), Reason::TooLarge);
    }

    #[test]
    fn every_truncation_is_told() {
        for wire in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        ] {
            read(wire).unwrap();
            for end in 0..wire.len() {
                refused(&wire[..end], Reason::NetworkFailed);
                assert_eq!(answer(&wire[..end], false).unwrap(), None, "more may come");
            }
            assert!(answer(wire, false).unwrap().is_some());
        }
    }
}
