//! Revocation lists, read from wherever the firmware keeps them.

use crate::abi::{Place, aseptic_buf, aseptic_slice, aseptic_status, call, fill, input, output_apart, result, state};
use crate::device::aseptic_device;
use crate::time;
use aseptic_certs::crl::{Age, Evidence, Numbers, Scanned, Scanner};
use aseptic_certs::{Certificate, Lists, der, import};
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

/// Verifies that `issuer` (a certificate in DER) signed list number `list`, and keeps its number: no older one counts from then
/// on. Store the list first and call this after it.
///
/// Ownership: all inputs are read during the call; `info` is the caller's. Errors: CRL_MALFORMED, CRL_UNSUPPORTED, CRL_ROLLBACK,
/// SIGNATURE_INVALID, PATH_KEY_USAGE, REVOCATION_UNKNOWN for a list of the future, PLATFORM_FULL where 16 rows of lists are known,
/// TOO_LARGE, MISUSE, those of the platform and of `read`; what is stored is as it was and `info` zeroed but for its size then.
/// Threads: as for all calls on a device; takes time in proportion to the list. Power loss: the old number or the new one.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_list_accept(
    device: *mut aseptic_device,
    lists: *const aseptic_lists,
    list: u32,
    issuer: aseptic_slice,
    info: *mut aseptic_list_info,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let out = unsafe { output_apart(info, &[Place::of(device), Place::of(lists), issuer.place()])? };
        if usize::try_from(out.size) != Ok(size_of::<aseptic_list_info>()) {
            return Err(Reason::Misuse);
        }
        *out = aseptic_list_info { size: out.size, ..EMPTY };
        // SAFETY: as the caller promises.
        let (mut device, lists, issuer) = unsafe { (state(device)?, Kept::read(lists)?, issuer.bytes()?) };
        device.with(|parts| {
            let now = time::now(&parts.platform)?;
            let issuer = Certificate::parse(issuer)?;
            let evidence = lists.evidence(&parts.suite, list, &issuer, &[])?;
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

/// The lists of the firmware, and the numbers below which none is believed.
pub(crate) struct Listed<'a> {
    pub(crate) kept: Kept,
    pub(crate) numbers: &'a Numbers,
}

impl Lists for Listed<'_> {
    fn about(
        &self,
        suite: &Suite<'_>,
        certificate: &Certificate<'_>,
        issuer: &Certificate<'_>,
        take: &mut dyn FnMut(&Evidence),
    ) -> Result<()> {
        for list in 0..self.kept.0.count {
            if let Ok(evidence) = self.kept.evidence(suite, list, issuer, &[certificate.serial])
                && self.numbers.check(suite, &evidence).is_ok()
            {
                take(&evidence);
            }
        }
        Ok(())
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

    /// Reads and verifies one list.
    fn evidence(&self, suite: &Suite<'_>, list: u32, issuer: &Certificate<'_>, wanted: &[&[u8]]) -> Result<Evidence> {
        let scanned = self.scan(suite, list, wanted)?;
        scanned.verify(suite, issuer, Some(&mut Signed { kept: *self, list }))
    }

    #[inline(never)]
    fn scan(&self, suite: &Suite<'_>, list: u32, wanted: &[&[u8]]) -> Result<Scanned> {
        if list >= self.0.count {
            return Err(Reason::Misuse);
        }
        let mut scanner = Scanner::<1024>::new(suite, wanted)?;
        self.pieces(list, 0, u32::MAX, &mut |piece| scanner.feed(piece))?;
        scanner.finish()
    }

    /// Hands the bytes from `offset` up to `end` to `take`, or as many as there are.
    fn pieces(&self, list: u32, mut offset: u32, end: u32, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = [0; PIECE];
        while offset < end {
            let wanted = usize::try_from(end.saturating_sub(offset)).unwrap_or(PIECE).min(PIECE);
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

/// What is read at once.
const PIECE: usize = 256;
