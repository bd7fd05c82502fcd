//! Sets of components: the device that has them, and manifests that bring them.

use super::*;
use aseptic_core::cose::{CoseAlg, RecipientKey};
use aseptic_core::crypto::{Aead, Ctr, KeyWrap};
use aseptic_core::platform::Platform;
use aseptic_core::{Reason, clinical::Use};
use aseptic_update::boot::{self, BootState};
use aseptic_update::{ReadBack, Session, Staged};

/// Three regions of a slot of 32 KiB, with room between them and behind.
pub const PARTS: &[Component<'static>] = &[
    Component { id: &[b"main"], offset: 0, length: 0x3000 },
    Component { id: &[b"radio"], offset: 0x3000, length: 0x2000 },
    Component { id: &[b"font"], offset: 0x6000, length: 0x1000 },
];
pub const SET: Device<'static> = Device::new(VENDOR, CLASS, PARTS);
pub const KEK: [u8; 16] = [0x4B; 16];
pub const CEK: [u8; 16] = [0xCE; 16];

/// How a component comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Fetch,
    /// The envelope carries it.
    Inside,
    /// The manifest carries it.
    Write,
    WriteSealed(i64),
    /// As it runs, from the component of this index.
    Copy(u64),
    Passage,
    PassageSealed(i64),
}

/// One component of a manifest.
#[derive(Clone)]
pub struct Piece {
    pub id: &'static [u8],
    pub bytes: Vec<u8>,
    pub how: How,
}

pub fn piece(id: &'static [u8], bytes: &[u8], how: How) -> Piece {
    Piece { id, bytes: bytes.to_vec(), how }
}

impl Piece {
    pub fn uri(&self) -> String {
        let mark = if self.how == How::Inside { "#" } else { "https://updates.example/" };
        format!("{mark}{}", String::from_utf8_lossy(self.id))
    }

    /// What travels.
    pub fn payload(&self) -> Vec<u8> {
        match self.how {
            How::WriteSealed(alg) | How::PassageSealed(alg) => seal(alg, &self.bytes),
            _ => self.bytes.clone(),
        }
    }
}

pub const GCM: i64 = 1;
pub const CTR: i64 = -65_534;

/// The content as AES-GCM or AES-CTR seals it under [`CEK`].
pub fn seal(alg: i64, plain: &[u8]) -> Vec<u8> {
    let mut data = plain.to_vec();
    if alg == CTR {
        soft::AesCtr.apply(&CEK, &[0x1F; 16], 0, &mut data).unwrap();
        return data;
    }
    let protected = cbor(|w| {
        w.map(1).int(1).int(alg);
    });
    let aad = cbor(|w| {
        w.array(3).text("Encrypt").bytes(&protected).bytes(&[]);
    });
    let mut tag = [0; 16];
    soft::Aes128Gcm.seal(&CEK, &[0x1F; 12], &aad, &mut data, &mut tag).unwrap();
    [data, tag.to_vec()].concat()
}

/// Encryption info with [`CEK`] wrapped for [`KEK`].
pub fn info(alg: i64) -> Vec<u8> {
    let mut wrapped = [0; 24];
    soft::AesKw.wrap(&KEK, &CEK, &mut wrapped).unwrap();
    info_of(alg, |w| {
        w.array(3).bytes(&[]).map(1).int(1).int(CoseAlg::A128KW.0).bytes(&wrapped);
    })
}

pub fn info_of(alg: i64, recipient: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    cbor(|w| {
        w.tag(96).array(4);
        if alg == CTR {
            w.bytes(&[]).map(2).int(1).int(alg).int(5).bytes(&[0x1F; 16]);
        } else {
            let protected = cbor(|w| {
                w.map(1).int(1).int(alg);
            });
            w.bytes(&protected).map(1).int(5).bytes(&[0x1F; 12]);
        }
        w.null().array(1);
        recipient(w);
    })
}

pub fn select(index: u64) -> (i64, Vec<u8>) {
    (12, uint(index))
}

/// The whole manifest of a set; passages stand behind the components.
pub fn manifest(pieces: &[Piece], sequence: u64) -> Spec {
    let passages: Vec<_> =
        pieces.iter().filter(|piece| matches!(piece.how, How::Passage | How::PassageSealed(_))).collect();
    let components = cbor(|w| {
        w.array(pieces.len() + passages.len());
        for piece in pieces {
            w.array(1).bytes(piece.id);
        }
        for piece in &passages {
            w.array(2).bytes(piece.id).bytes(b"on its way");
        }
    });
    let all = (12, encoded_true());
    let mut shared = vec![all, parameters(&identity(VENDOR, CLASS)), (1, policy()), (2, policy())];
    let (mut install, mut validate) = (vec![], vec![]);
    let mut passage = pieces.len() as u64;
    for (at, piece) in (0..).zip(pieces) {
        shared.extend([select(at), parameters(&image(&piece.bytes))]);
        validate.extend([select(at), (3, policy())]);
        let uri = (21, text(&piece.uri()));
        match piece.how {
            How::Fetch | How::Inside => install.extend([select(at), parameters(&[uri]), (21, policy())]),
            How::Write => install.extend([select(at), parameters(&[(18, wrap(&piece.bytes))]), (18, policy())]),
            How::WriteSealed(alg) => {
                let given = parameters(&[(18, wrap(&piece.payload())), (19, wrap(&info(alg)))]);
                install.extend([select(at), given, (18, policy())]);
            }
            How::Copy(source) => {
                install.extend([select(at), parameters(&[(22, uint(source))]), (22, policy())]);
            }
            How::Passage | How::PassageSealed(_) => {
                let size = (14, uint(piece.payload().len() as u64));
                install.extend([select(passage), parameters(&[size, uri]), (21, policy()), select(at)]);
                let mut given = vec![(22, uint(passage))];
                if let How::PassageSealed(alg) = piece.how {
                    given.insert(0, (19, wrap(&info(alg))));
                }
                install.extend([parameters(&given), (22, policy())]);
                passage += 1;
            }
        }
        install.push((3, policy()));
    }
    Spec { components, ..Spec::new(&[], sequence) }.shared(&shared).install(&install).validate(&validate)
}

pub fn inside(pieces: &[Piece]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let carried = pieces.iter().filter(|piece| piece.how == How::Inside);
    carried.map(|piece| payload(&piece.uri(), &piece.bytes)).collect()
}

pub fn set_plan<'a>(author: &Author, bench: &Bench, bytes: &'a [u8]) -> Result<Plan<'a>> {
    plan_of(author, &bench.platform(), PARTS, bytes)
}

/// The plan of a device with these components.
pub fn plan_of<'a>(
    author: &Author,
    platform: &Platform<'_>,
    parts: &[Component<'_>],
    bytes: &'a [u8],
) -> Result<Plan<'a>> {
    let suite = soft::suite();
    let device = Device { images: Some(platform.images), ..Device::new(VENDOR, CLASS, parts) };
    let (floor, target) = (boot::floor(platform)?, Target::of(platform)?);
    Envelope::parse(bytes)?.authenticate(&author.trust(), &suite)?.plan(&suite, &device, floor, target)
}

/// A device that is to go from one set to another, whatever happens on the way.
pub struct Change {
    pub parts: &'static [Component<'static>],
    pub old: Vec<Vec<u8>>,
    pub pieces: Vec<Piece>,
    author: Author,
    envelope: Vec<u8>,
}

/// Three small regions of a slot of 2 KiB, on blocks of 256 bytes.
const SMALL: &[Component<'static>] = &[
    Component { id: &[b"main"], offset: 0, length: 0x200 },
    Component { id: &[b"radio"], offset: 0x200, length: 0x100 },
    Component { id: &[b"font"], offset: 0x400, length: 0x100 },
];

impl Change {
    pub const OLD: u64 = 5;
    pub const NEW: u64 = 6;
    /// Sizes of slot and block for the small regions.
    pub const SHAPE: Geometry = Geometry { size: 0x800, erase_size: 0x100, write_size: 32 };

    /// One component stays as it is, one comes encrypted in pieces, one is in the manifest.
    pub fn small() -> Self {
        let old = vec![program(333, 1), program(99, 2), program(77, 3)];
        let pieces = vec![
            piece(b"main", &old[0], How::Copy(0)),
            piece(b"radio", &program(170, 8), How::PassageSealed(GCM)),
            piece(b"font", &program(40, 9), How::Write),
        ];
        let author = Author::new(1);
        let envelope = author.envelope(&manifest(&pieces, Self::NEW).encode(), &[]);
        Self { parts: SMALL, old, pieces, author, envelope }
    }

    /// What a slot holds from 0 to the end of the last component.
    fn slot<'b>(&self, bytes: impl Iterator<Item = &'b Vec<u8>>, erased: u8) -> Vec<u8> {
        let mut slot = Vec::new();
        for (component, bytes) in self.parts.iter().zip(bytes) {
            slot.resize(component.offset as usize, erased);
            slot.extend(bytes);
        }
        slot
    }

    pub fn old_slot(&self, erased: u8) -> Vec<u8> {
        self.slot(self.old.iter(), erased)
    }

    pub fn new_slot(&self, erased: u8) -> Vec<u8> {
        self.slot(self.pieces.iter().map(|piece| &piece.bytes), erased)
    }

    /// What an application does at each start, wherever it was interrupted, up to the confirmation of the new set.
    pub fn drive(&self, platform: &Platform<'_>, mut reboot: impl FnMut()) -> Result<()> {
        let suite = soft::suite();
        let keys = [RecipientKey::wrap(&KEK)?];
        for _ in 0..4 {
            match boot::load(platform, &suite)? {
                BootState::Trial(_) => return boot::confirm(platform, &suite, 0).map(drop),
                BootState::Confirmed(Some(confirmed)) if confirmed.image.sequence == Self::NEW => return Ok(()),
                BootState::RestartNeeded(_) => {
                    reboot();
                    continue;
                }
                BootState::Fallback(_) => return Err(Reason::SlotMismatch),
                BootState::Confirmed(_) | BootState::Reverted(_) => {}
            }
            let plan = plan_of(&self.author, platform, self.parts, &self.envelope)?.unlock(&keys);
            let staged = match Staged::load(platform, &suite) {
                Err(Reason::NoUpdate | Reason::SlotMismatch) => {
                    bring(platform, &plan, &self.pieces, 100, open(platform, &plan)?)?
                }
                staged => staged?,
            };
            staged.activate(platform, Use::Idle)?;
            reboot();
        }
        Err(Reason::Internal)
    }
}

/// Brings what the plan wants, in chunks of `chunk` bytes, up to the read back.
pub fn bring(
    platform: &Platform<'_>,
    plan: &Plan<'_>,
    pieces: &[Piece],
    chunk: usize,
    session: Session,
) -> Result<Staged> {
    let suite = soft::suite();
    let mut session = session;
    while session.missing() > 0 {
        if session.copy(platform, &suite, Use::Idle)? {
            continue;
        }
        let part = plan.parts().nth(session.part()).unwrap();
        let id = pieces.iter().find(|piece| part.id == component(piece.id)).unwrap();
        let payload = part.payload.map_or_else(|| id.payload(), <[u8]>::to_vec);
        let from = &payload[session.offset() as usize..];
        assert_eq!(from.len() as u64, session.missing());
        session.feed(platform, &suite, &from[..chunk.min(from.len())], Use::Idle)?;
    }
    let mut check = ReadBack::new(session, platform, &suite, Use::Idle)?;
    loop {
        check = match check.step(platform, &suite, Use::Idle)? {
            aseptic_update::Next::More(check) => check,
            aseptic_update::Next::Done(staged) => return Ok(staged),
        };
    }
}

/// Goes on where the journal is, or begins.
pub fn open(platform: &Platform<'_>, plan: &Plan<'_>) -> Result<Session> {
    match Session::resume(platform, &soft::suite(), plan) {
        Err(Reason::NoUpdate) => Session::begin(platform, &soft::suite(), plan, Use::Idle),
        session => session,
    }
}

fn encoded_true() -> Vec<u8> {
    cbor(|w| {
        w.bool(true);
    })
}

fn component(id: &[u8]) -> Vec<u8> {
    cbor(|w| {
        w.array(1).bytes(id);
    })
}
