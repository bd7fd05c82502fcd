//! Revocation lists, read from wherever the firmware keeps them, step by step.

use crate::abi::{
    Context, Held, Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, make, output_apart, result,
    state, wipe,
};
use crate::device::aseptic_device;
use crate::peer::Links;
use crate::time;
use aseptic_certs::crl::{Age, Evidence, Number, Numbers, Scanner};
use aseptic_certs::{Certificate, Lists, der, import, inventory};
use aseptic_core::crypto::{Message, Suite};
use aseptic_core::{Reason, Result, limits};
use core::ffi::c_void;

/// A newer list is not due yet, as far as the device can tell.
pub const ASEPTIC_LIST_FRESH: u8 = 0;
/// A newer list was due within the last thirty days.
pub const ASEPTIC_LIST_AGEING: u8 = 1;
/// A newer list was due before that.
pub const ASEPTIC_LIST_STALE: u8 = 2;

/// The revocation lists that the firmware keeps, in flash or files; the library reads them piece by piece and holds none.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_lists {
    /// `sizeof(aseptic_lists)`.
    pub size: u32,
    /// How many there are, at most 16.
    pub count: u32,
    /// Handed to the function.
    pub ctx: *mut c_void,
    /// Reads list number `list` (DER) from `offset` on: at most `cap` bytes, 0 only at its end.
    pub read: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            list: u32,
            offset: u32,
            out: *mut u8,
            cap: usize,
            len: *mut usize,
        ) -> aseptic_status,
    >,
}

/// What was read of one list. Nothing of it is believed before its signature was verified. Opaque.
#[repr(C)]
pub struct aseptic_list {
    _opaque: [u64; 480],
}

impl Context for aseptic_list {
    type State = List;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6309;
}

/// One list under way.
pub(crate) struct List {
    kept: Kept,
    number: u32,
    offset: u32,
    stage: Stage,
    scanner: Scanner<WINDOW>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Reading,
    Whole,
    Over,
}

/// What a list says of itself. Set `size` before the call; the rest is written.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_list_info {
    /// `sizeof(aseptic_list_info)`.
    pub size: u32,
    /// How many certificates it lists.
    pub entries: u32,
    /// When it was made, in seconds since 1970.
    pub this_update: u64,
    /// When the next one is due.
    pub next_update: u64,
    /// Its number, big endian.
    pub number: [u8; 20],
    /// One of `ASEPTIC_LIST_...`, by the device's idea of now.
    pub age: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// SHA-256 of the SubjectPublicKeyInfo of its issuer.
    pub key: [u8; 32],
}

/// Begins to read list number `number` of `lists`. While it is read, the `count` certificates of `chain` (DER) are looked for, which
/// `aseptic_peer_verify_listed` will judge; none are needed for `aseptic_list_accept`. Call `aseptic_list_step` until nothing
/// is left to do.
///
/// Ownership: `lists` is copied and `chain` read during the call; what the function of `lists` reads, and its `ctx`, must stay as
/// they are until `aseptic_list_wipe`, and `list` must not move until then. Errors: MISUSE, CERTIFICATE_MALFORMED, PATH_TOO_LONG
/// for more than 4 certificates, TOO_LARGE for a serial number of more than 21 bytes; `list` is zeroed then. Threads: any, one list
/// by one thread at a time. Power loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_list_begin(
    lists: *const aseptic_lists,
    number: u32,
    chain: *const aseptic_slice,
    count: usize,
    list: *mut aseptic_list,
) -> aseptic_status {
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises.
    unsafe {
        make(list, &[Place::of(lists), Place::row(chain, count)], || {
            let (kept, links) = (Kept::read(lists)?, Links::read(chain, count)?);
            if number >= kept.0.count {
                return Err(Reason::Misuse);
            }
            let mut serials: [&[u8]; limits::CHAIN] = [&[]; limits::CHAIN];
            for (serial, link) in serials.iter_mut().zip(links.as_slice()) {
                *serial = Certificate::parse(link)?.serial;
            }
            let scanner = Scanner::new(serials.get(..count).unwrap_or_default())?;
            Ok(List { kept, number, offset: 0, stage: Stage::Reading, scanner })
        })
    }
}

/// Does a bounded part of the reading: takes in at most 512 bytes of the list. `more` becomes 1 while something is left, else 0.
///
/// Ownership: `more` is the caller's. Errors: those of the function that reads: the same step may be tried again. CRL_MALFORMED,
/// CRL_UNSUPPORTED for delta and indirect lists and those of some reasons only, TOO_LARGE over 8 MiB or 200,000 entries or for an
/// entry or a signature of over 1,024 bytes, MISUSE for a list that is over: begin again. `more` is 0 then. Threads: as for
/// all calls on a device. Power loss: nothing is stored; begin again.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_list_step(
    device: *mut aseptic_device,
    list: *mut aseptic_list,
    more: *mut u8,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let more = unsafe { output_apart(more, &[Place::of(device), Place::of(list)])? };
        *more = 0;
        // SAFETY: as the caller promises.
        let (mut device, mut list) = unsafe { (state(device)?, state(list)?) };
        *more = u8::from(device.with(|parts| list.step(&parts.suite))?);
        Ok(())
    })
}

/// Verifies that `issuer` (a certificate in DER) signed the list, which was read to its end, and keeps its number: no older one
/// counts from then on. Store the list for good before this call. It may be asked again, also with another issuer.
///
/// Ownership: `issuer` is read during the call; `info` is the caller's. Errors: MISUSE before the list was read to its end,
/// CRL_ROLLBACK, SIGNATURE_INVALID, PATH_KEY_USAGE, REVOCATION_UNKNOWN for a list of the future, PLATFORM_FULL where 16 rows of
/// lists are known, CERTIFICATE_MALFORMED, those of the platform; what is stored is as it was and `info` zeroed but for its size
/// then. Threads: as for all calls on a device; a list that Ed25519 signed, which signs no hash, is read once more in this call.
/// Power loss: the old number or the new one.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_list_accept(
    device: *mut aseptic_device,
    list: *mut aseptic_list,
    issuer: aseptic_slice,
    info: *mut aseptic_list_info,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let out = unsafe { output_apart(info, &[Place::of(device), Place::of(list), issuer.place()])? };
        if usize::try_from(out.size) != Ok(size_of::<aseptic_list_info>()) {
            return Err(Reason::Misuse);
        }
        *out = aseptic_list_info { size: out.size, ..EMPTY };
        // SAFETY: as the caller promises.
        let (mut device, list, issuer) = unsafe { (state(device)?, state(list)?, issuer.bytes()?) };
        list.whole()?;
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            let issuer = Certificate::parse(issuer)?;
            let evidence = list.evidence(&parts.suite, &issuer)?;
            let age = evidence.age(now)?;
            let mut buffer = [0; Numbers::BUFFER];
            let mut numbers = Numbers::load(&parts.platform, &mut buffer)?;
            numbers.accept(&parts.platform, &parts.suite, &evidence, &mut buffer)?;
            *out = aseptic_list_info {
                entries: evidence.entries,
                this_update: evidence.this_update,
                next_update: evidence.next_update,
                number: *evidence.number.bytes(),
                age: match age {
                    Age::Fresh => ASEPTIC_LIST_FRESH,
                    Age::Ageing => ASEPTIC_LIST_AGEING,
                    Age::Stale => ASEPTIC_LIST_STALE,
                },
                key: evidence.key,
                ..*out
            };
            Ok(())
        })
    })
}

/// Ends `list` and wipes its memory; the number that was accepted stays stored. Does nothing to NULL or to memory that holds none;
/// may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: any, one list by one thread at a time. Power loss: nothing is
/// stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_list_wipe(list: *mut aseptic_list) {
    // SAFETY: as the caller promises.
    unsafe { wipe(list) }
}

/// Writes the certificate number `index` (DER) of `file`: a certificate or a certs-only bundle (PKCS#7), as it is or in PEM; at
/// most 16 a file. After the last one `out.len` is 0 and the call succeeds. Nothing of it is proven.
///
/// Ownership: `file` is read during the call; `out` is the caller's, and room of the length of `file` is always enough. Errors:
/// CERTIFICATE_MALFORMED, CMS_MALFORMED, EST_TRANSFER for bad Base64, TOO_LARGE, BUFFER_TOO_SMALL, MISUSE. Threads: any. Power
/// loss: nothing is stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_certificate_import(
    file: aseptic_slice,
    index: u32,
    out: *mut aseptic_buf,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe {
        fill(out, &[file.place()], |room, needed| {
            let file = file.bytes()?;
            *needed = file.len();
            let place = usize::try_from(index).map_err(|_| Reason::TooLarge)?;
            Ok(import::certificate(file, place, room)?.unwrap_or(0))
        })
    }
}

/// Lists that were read to their ends, and the numbers below which none is believed.
pub(crate) struct Listed<'a> {
    pub(crate) read: &'a Whole<'a>,
    pub(crate) numbers: &'a Numbers,
}

impl Lists for Listed<'_> {
    fn about(
        &self,
        suite: &Suite<'_>,
        _: &Certificate<'_>,
        issuer: &Certificate<'_>,
        take: &mut dyn FnMut(&Evidence),
    ) -> Result<()> {
        for list in self.read.0.iter().flatten() {
            if let Ok(evidence) = list.evidence(suite, issuer)
                && self.numbers.check(suite, &evidence).is_ok()
            {
                take(&evidence);
            }
        }
        Ok(())
    }
}

/// Lists of the caller, each read to its end.
pub(crate) struct Whole<'a>([Option<Held<'a, aseptic_list>>; limits::CRL_ROWS]);

impl Whole<'_> {
    /// [`Reason::Misuse`] for more than [`limits::CRL_ROWS`] of them, and for one that was not read to its end.
    ///
    /// # Safety
    /// `lists` must be NULL, misaligned or `count` lists, each readable and writable memory of the type that nobody else uses
    /// while the answer lives.
    pub(crate) unsafe fn read(lists: *mut aseptic_list, count: usize) -> Result<Self> {
        let mut whole = [const { None }; limits::CRL_ROWS];
        if count > whole.len() {
            return Err(Reason::Misuse);
        }
        for (at, place) in whole.iter_mut().enumerate().take(count) {
            // SAFETY: within the lists that the caller promises.
            let list = unsafe { state(lists.wrapping_add(at))? };
            list.whole()?;
            *place = Some(list);
        }
        Ok(Self(whole))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }
}

/// What the program was told about its lists, for an inventory.
pub(crate) struct Told([inventory::List; limits::CRL_ROWS], usize);

impl Told {
    pub(crate) const NOTHING: Self = Self(
        [inventory::List { key: [0; 32], number: Number::ZERO, this_update: 0, next_update: 0 }; limits::CRL_ROWS],
        0,
    );

    /// # Safety
    /// `lists` must be NULL, misaligned or readable for `count` of them.
    #[inline(never)]
    pub(crate) unsafe fn read(&mut self, lists: *const aseptic_list_info, count: usize) -> Result<()> {
        if count > self.0.len() {
            return Err(Reason::Misuse);
        }
        for (at, place) in self.0.iter_mut().enumerate().take(count) {
            // SAFETY: within what the caller promises.
            let info = unsafe { input(lists.wrapping_add(at))? };
            if usize::try_from(info.size) != Ok(size_of::<aseptic_list_info>()) {
                return Err(Reason::Misuse);
            }
            let (number, this_update) = (Number::new(&info.number)?, info.this_update);
            *place = inventory::List { key: info.key, number, this_update, next_update: info.next_update };
        }
        self.1 = count;
        Ok(())
    }

    pub(crate) fn as_slice(&self) -> &[inventory::List] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

impl List {
    /// Whether there is more to read.
    fn step(&mut self, suite: &Suite<'_>) -> Result<bool> {
        match self.stage {
            Stage::Reading => {}
            Stage::Whole => return Ok(false),
            Stage::Over => return Err(Reason::Misuse),
        }
        let mut buffer = [0; STEP];
        let length = self.kept.piece(self.number, self.offset, &mut buffer)?;
        self.stage = Stage::Over;
        let piece = buffer.get(..length).ok_or(Reason::Internal)?;
        self.scanner.feed(suite, piece)?;
        self.offset =
            u32::try_from(length).ok().and_then(|length| self.offset.checked_add(length)).ok_or(Reason::TooLarge)?;
        if piece.is_empty() {
            self.scanner.scanned()?;
        }
        self.stage = if piece.is_empty() { Stage::Whole } else { Stage::Reading };
        Ok(self.stage == Stage::Reading)
    }

    fn whole(&self) -> Result<()> {
        if self.stage == Stage::Whole { Ok(()) } else { Err(Reason::Misuse) }
    }

    fn evidence(&self, suite: &Suite<'_>, issuer: &Certificate<'_>) -> Result<Evidence> {
        let mut again = Signed { kept: self.kept, list: self.number };
        self.scanner.scanned()?.verify(suite, issuer, Some(&mut again))
    }
}

/// A table that was checked.
#[derive(Clone, Copy)]
pub(crate) struct Kept(aseptic_lists);

impl Kept {
    /// # Safety
    /// `lists` must be NULL, misaligned or readable as far as its first field says, and its function fit for its `ctx`.
    pub(crate) unsafe fn read(lists: *const aseptic_lists) -> Result<Self> {
        // SAFETY: the size is the first field, so it is readable in a table of any size.
        let size = *unsafe { input(lists.cast::<u32>()) }?;
        if usize::try_from(size) != Ok(size_of::<aseptic_lists>()) {
            return Err(Reason::Misuse);
        }
        // SAFETY: the table is as large as the type, so it is readable as such.
        let table = *unsafe { input(lists) }?;
        let bounded = usize::try_from(table.count).is_ok_and(|count| count <= limits::CRL_ROWS);
        if table.read.is_none() || !bounded { Err(Reason::Misuse) } else { Ok(Self(table)) }
    }

    /// Hands the bytes from `offset` up to `end` to `take`, or as many as there are.
    fn pieces(&self, list: u32, mut offset: u32, end: u32, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = [0; STEP];
        while offset < end {
            let wanted = usize::try_from(end.saturating_sub(offset)).unwrap_or(STEP).min(STEP);
            let room = buffer.get_mut(..wanted).ok_or(Reason::Internal)?;
            let length = self.piece(list, offset, room)?;
            if length == 0 {
                break;
            }
            take(room.get(..length).ok_or(Reason::Misuse)?)?;
            let length = u32::try_from(length).map_err(|_| Reason::TooLarge)?;
            offset = offset.checked_add(length).ok_or(Reason::TooLarge)?;
        }
        Ok(())
    }

    fn piece(&self, list: u32, offset: u32, room: &mut [u8]) -> Result<usize> {
        let read = self.0.read.ok_or(Reason::Misuse)?;
        let mut length = 0;
        // SAFETY: the function is fit for its `ctx`, as the caller of `read` promised, and the room is writable.
        result(unsafe { read(self.0.ctx, list, offset, room.as_mut_ptr(), room.len(), &raw mut length) })?;
        if length > room.len() { Err(Reason::Misuse) } else { Ok(length) }
    }
}

/// The signed part of a list, read once more for algorithms that sign the message itself.
struct Signed {
    kept: Kept,
    list: u32,
}

impl Message for Signed {
    fn read(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut head = [0; 16];
        let length = self.kept.piece(self.list, 0, &mut head)?;
        let head = head.get(..length).ok_or(Reason::Internal)?;
        let (_, _, outer) = der::head(head)?;
        let (_, content, inner) = der::head(head.get(outer..).ok_or(Reason::CrlMalformed)?)?;
        let number = |value: usize| u32::try_from(value).map_err(|_| Reason::TooLarge);
        let (start, length) = (number(outer)?, number(inner.saturating_add(content))?);
        self.kept.pieces(self.list, start, start.saturating_add(length), take)
    }
}

const EMPTY: aseptic_list_info = aseptic_list_info {
    size: 0,
    entries: 0,
    this_update: 0,
    next_update: 0,
    number: [0; 20],
    age: 0,
    reserved: [0; 3],
    key: [0; 32],
};

/// Bytes of a list that one step takes in.
const STEP: usize = 512;
/// Signatures of RSA-8192 fit, and entries with all extensions that are known.
const WINDOW: usize = 1024;
