//! The relay: carries sealed messages and holds no key to any of them.
//!
//! A message travels as a [`frame`] of at most [`limits::FRAME`] bytes. The relay looks at nothing inside: what is wrong
//! with a message, the record adapter finds out. It knows which devices may connect, and that is all. With a key of its own
//! it can leave its mark on what it carried ([`Hop`]).

use crate::{Error, Result};
use aseptic_core::cose::{Headers, Signer};
use aseptic_core::{Reason, limits};
use aseptic_hosted::channel::{self, Local, Remote, frame};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The protocol name (ALPN) of connections between device and relay.
///
/// The relay speaks first, one empty frame: in TLS 1.3 a client has finished its handshake before the server has judged its
/// certificate, so only this tells the device that it was let in. After that only the device sends.
pub const PROTOCOL: &[u8] = b"aseptic-relay/1";

/// Where the messages of all devices come together. Cheap to clone; each connection has its own.
#[derive(Clone, Debug)]
pub struct Relay {
    queue: SyncSender<Vec<u8>>,
}

impl Relay {
    /// A relay that holds at most `depth` messages, and the end at which they come out in the order of arrival.
    ///
    /// When it is full, devices wait: nothing is thrown away, and what it holds is lost with the process. A device keeps a
    /// message until the record has it, not until the relay has.
    #[must_use]
    pub fn new(depth: usize) -> (Self, Receiver<Vec<u8>>) {
        let (queue, messages) = sync_channel(depth);
        (Self { queue }, messages)
    }

    /// Shakes hands with a device by mutually authenticated TLS, and carries what it sends; gives the number of messages.
    ///
    /// `remote` says as what the device may come, such as [`Telemetry`](aseptic_core::trust::Purpose::Telemetry). A device
    /// that is not believed gets no further than the handshake, and the reason is that of
    /// [`channel::accept`]. Put time limits on the stream first ([`channel::limited`]).
    pub fn accept<S: Read + Write + Send>(&self, device: S, local: &Local<'_>, remote: &Remote<'_>) -> Result<u64> {
        let mut channel = channel::accept(device, &[PROTOCOL], local, remote)
            .map_err(|error| because(&error, "shaking hands with a device"))?;
        channel.send_frame(&[]).map_err(|error| because(&error, "greeting a device"))?;
        self.serve(channel)
    }

    /// Carries what comes over a stream until the other side closes its end; gives the number of messages.
    ///
    /// [`Reason::TooLarge`] for a frame over the bound, [`Reason::NetworkFailed`] if the stream breaks inside a frame or
    /// nobody takes the messages any more. What came before the error is in the queue.
    pub fn serve(&self, mut device: impl Read) -> Result<u64> {
        let mut carried = 0;
        while let Some(message) = receive(&mut device)? {
            self.queue.send(message).map_err(|_| Error::new(Reason::NetworkFailed, "the record adapter is gone"))?;
            carried += 1;
        }
        Ok(carried)
    }
}

/// Passes messages on to a record adapter on another machine until the relay is gone; gives their number. The stream needs
/// no protection of its own.
pub fn forward(messages: &Receiver<Vec<u8>>, mut adapter: impl Write) -> Result<u64> {
    let mut carried = 0;
    for message in messages {
        send(&mut adapter, &message)?;
        carried += 1;
    }
    Ok(carried)
}

/// What a relay marks messages with.
#[derive(Clone, Copy)]
pub struct Hop<'a> {
    /// Its name in the hospital's trust store, for [`Network`](aseptic_core::trust::Purpose::Network).
    pub name: &'a [u8],
    /// Its key.
    pub signer: &'a dyn Signer,
}

impl Hop<'_> {
    /// The message with the relay's countersignature (RFC 9338), to be passed on in its place.
    ///
    /// A message that cannot be marked comes back as it was: what is no COSE message, what has its eight hops, what would
    /// not fit a frame any more, and all of them while the key cannot be used. The relay is not the one to stop it.
    #[must_use]
    pub fn mark(&self, message: Vec<u8>) -> Vec<u8> {
        let headers = Headers { kid: Some(self.name), ..Headers::default() };
        let mut marked = vec![0; limits::FRAME];
        match aseptic_messaging::countersign(self.signer, &headers, &message, &[], &mut marked) {
            Ok(length) => {
                marked.truncate(length);
                marked
            }
            Err(_) => message,
        }
    }
}

/// Writes one frame.
pub fn send(stream: &mut impl Write, message: &[u8]) -> Result<()> {
    frame::send(stream, message, limits::FRAME).map_err(|error| because(&error, "sending a message"))
}

/// Reads one frame; none when the stream has ended between two.
pub fn receive(stream: &mut impl Read) -> Result<Option<Vec<u8>>> {
    frame::receive(stream, limits::FRAME).map_err(|error| because(&error, "receiving a message"))
}

fn because(error: &aseptic_hosted::Error, context: &str) -> Error {
    Error::new(error.reason(), format!("{context}: {error}"))
}

const _: () = assert!(aseptic_messaging::SEALED <= limits::FRAME);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn messages_of_two_devices_arrive_whole_at_an_adapter_behind_two_hops() {
        let (relay, messages) = Relay::new(4);
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpListener::bind("127.0.0.1:0").unwrap();
        let (far_at, near_at) = (far.local_addr().unwrap(), near.local_addr().unwrap());
        let received = std::thread::scope(|scope| {
            for device in 0..2_u8 {
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(near_at).unwrap();
                    (0..10).for_each(|number| send(&mut stream, &[device, number].repeat(900)).unwrap());
                });
            }
            scope.spawn(move || {
                // The relay ends when its last connection does.
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        let (stream, relay) = (near.accept().unwrap().0, relay.clone());
                        scope.spawn(move || assert_eq!(relay.serve(stream).unwrap(), 10));
                    }
                });
                drop(relay);
            });
            scope.spawn(move || assert_eq!(forward(&messages, TcpStream::connect(far_at).unwrap()).unwrap(), 20));
            let mut adapter = far.accept().unwrap().0;
            std::iter::from_fn(|| receive(&mut adapter).unwrap()).collect::<Vec<_>>()
        });
        for device in 0..2_u8 {
            let of_one: Vec<_> = received.iter().filter(|message| message[0] == device).collect();
            let expected: Vec<_> = (0..10).map(|number| [device, number].repeat(900)).collect();
            assert!(of_one.into_iter().eq(&expected), "in order and unchanged");
        }
    }

    #[test]
    fn an_auditor_reads_the_hops_with_the_keys_of_the_hospital() {
        use aseptic_core::cose::sign1;
        use aseptic_core::crypto::KeyAlg;
        use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
        use aseptic_messaging::Countersigned;
        use aseptic_testbed::trust::KeyPair;
        let (suite, pump) = (aseptic_core::crypto::soft::suite(), KeyPair::new(KeyAlg::P256, 1));
        let relays = [(&b"ward-3"[..], KeyPair::new(KeyAlg::P256, 2)), (b"cellar", KeyPair::new(KeyAlg::Ed25519, 3))];
        let purposes = Purposes::of(&[Purpose::Network]);
        let entries =
            relays.each_ref().map(|(name, key)| Entry { purposes, name, material: Material::Key(key.public()) });
        let trust = danger::unsigned(Authority::Owner, &entries).unwrap();
        let mut message = vec![0; 512];
        let length = sign1(&pump.private, &Headers::default(), b"sealed", false, &[], &mut message).unwrap();
        message.truncate(length);
        let marked =
            relays.iter().fold(message, |message, (name, key)| Hop { name, signer: &key.private }.mark(message));
        let read = Countersigned::parse(&marked).unwrap();
        let hops: Vec<_> = read.countersignatures().map(|hop| (hop.header.kid.unwrap(), hop)).collect();
        assert_eq!(hops.len(), 2);
        for (number, (name, hop)) in hops.iter().enumerate() {
            assert_eq!(*name, relays[number].0);
            let relay = trust.pinned(&suite, Purpose::Network, name).unwrap();
            hop.verify(&suite, relay.key().unwrap(), &[]).unwrap();
        }
        let (name, key) = &relays[0];
        let hop = Hop { name, signer: &key.private };
        for plain in [&b"no COSE"[..], &[0; limits::FRAME]] {
            assert_eq!(hop.mark(plain.to_vec()), plain, "carried as it came");
        }
    }

    #[test]
    fn broken_and_oversized_frames_are_refused() {
        let mut wire = Vec::new();
        send(&mut wire, b"abc").unwrap();
        for cut in 1..wire.len() {
            let (relay, _messages) = Relay::new(1);
            assert_eq!(relay.serve(&wire[..cut]).unwrap_err().reason(), Reason::NetworkFailed);
        }
        for length in [u32::try_from(limits::FRAME + 1).unwrap(), u32::MAX] {
            let wire = [&length.to_be_bytes()[..], &[0; 64]].concat();
            assert_eq!(receive(&mut &wire[..]).unwrap_err().reason(), Reason::TooLarge);
        }
        assert_eq!(send(&mut Vec::new(), &vec![0; limits::FRAME + 1]).unwrap_err().reason(), Reason::TooLarge);
        let (relay, messages) = Relay::new(1);
        drop(messages);
        assert_eq!(relay.serve(&wire[..]).unwrap_err().reason(), Reason::NetworkFailed);
    }
}
