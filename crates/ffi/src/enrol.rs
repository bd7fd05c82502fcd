//! Enrolment with the owner by EST (RFC 7030), over a TLS of the program's own.

use crate::abi::{
    Context, Held, Place, apart, aseptic_buf, aseptic_slice, aseptic_status, call, input, make, output_apart, state,
    wipe,
};
use crate::device::aseptic_device;
use crate::identity::{ASEPTIC_IDENTITY_BIRTH, ASEPTIC_IDENTITY_FALLBACK, same_hardware};
use crate::peer::aseptic_peer;
use crate::time;
use crate::workspace::{aseptic_workspace, workspace};
use ::aseptic_identity::{Action, Enroller, Event, Origin, Progress, Response, Terms, Workspace};
use aseptic_certs::Engine;
use aseptic_core::trust::Purpose;
use aseptic_core::{Reason, Result};

/// Send the request of the action, then step with its answer; or with NULL, if none came, for the same request again.
pub const ASEPTIC_ENROL_REQUEST: u8 = 1;
/// The registrar wants time, perhaps for a person to approve: step with NULL after `wait_seconds`, or begin anew after a
/// restart.
pub const ASEPTIC_ENROL_WAIT: u8 = 2;
/// The new identity is stored, on probation until `aseptic_identity_confirm`.
pub const ASEPTIC_ENROL_DONE: u8 = 3;

/// An enrolment under way. Opaque.
#[repr(C)]
pub struct aseptic_enroller {
    _opaque: [u64; 16],
}

impl Context for aseptic_enroller {
    type State = Progress;
    type Room = ();
    const MARK: u64 = 0x6473_6574_7069_6306;
}

/// What the registrar answered.
#[repr(C)]
pub struct aseptic_est_answer {
    /// The HTTP status.
    pub status: u32,
    /// 0.
    pub reserved: u32,
    /// Content-Type with its parameters; empty if absent.
    pub content_type: aseptic_slice,
    /// Retry-After; empty if absent.
    pub retry_after: aseptic_slice,
    /// Location; empty if absent.
    pub location: aseptic_slice,
    /// The body: `len` bytes, at most 65,536. It is decoded in place, so its bytes are others afterwards.
    pub body: aseptic_buf,
}

/// What to do next.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_enrol_action {
    /// One of `ASEPTIC_ENROL_...`; 0 with an error.
    pub kind: u8,
    /// 0.
    pub reserved: [u8; 3],
    /// Seconds to wait, 1 to 86,400.
    pub wait_seconds: u32,
    /// `GET` or `POST`.
    pub method: aseptic_slice,
    /// Where to, as `host` or `host:port`, if the registrar redirected the request; empty for the registrar itself. Another
    /// place than the one connected to takes a new connection with all checks, under this name.
    pub authority: aseptic_slice,
    /// The path of the request.
    pub path: aseptic_slice,
    /// Its Content-Type; empty where it has no body.
    pub content_type: aseptic_slice,
    /// Its body, in the workspace: send it before the workspace is used again.
    pub body: aseptic_slice,
}

/// How one registrar is spoken to.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_est_terms {
    /// The identity that the device shows in the connection: `ASEPTIC_IDENTITY_BIRTH` enrols, `ASEPTIC_IDENTITY_FALLBACK`, the
    /// one in use, renews itself. `aseptic_renewal_next` says which.
    pub identity: u8,
    /// 1 to ask first what the registrar wants in a request (csrattrs), 0 not to.
    pub attributes: u8,
    /// 1 to put the channel binding of the connection into each request (RFC 9266), 0 not to; only for a registrar that is known
    /// to want it. Then each new connection is told by `aseptic_enroller_connected`.
    pub proof_of_possession: u8,
    /// 0.
    pub reserved: [u8; 5],
}

/// Begins an enrolment with the owner by the birth identity, or goes on with the one that a power loss, a restart or a refusal
/// interrupted. Makes a key beside the identity in use. The registrar is asked what it wants in a request.
///
/// Ownership: `workspace` is used during the call and goes into each step; `enroller` must not move until
/// `aseptic_enroller_wipe`. Errors: OWNER_ROOT_MISSING without the owner's trust store or if it names no registrar,
/// NOT_PROVISIONED without a birth certificate, those of the platform; `enroller` is zeroed then. Threads:
/// as for all calls on a device. Power loss: begin again; key and request stay the same.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_enroller_begin(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    enroller: *mut aseptic_enroller,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    unsafe { begin(device, workspace, Place::of::<()>(core::ptr::null()), || Ok(Terms::ENROL), enroller) }
}

/// Begins an enrolment or a renewal on these terms; otherwise like `aseptic_enroller_begin`.
///
/// Ownership: `terms` is read during the call; the rest as there. Errors: as there, and MISUSE for other numbers than `terms` may
/// hold, and to renew where no local identity is in use. Threads: as for all
/// calls on a device. Power loss: as there.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_enroller_begin_with(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    terms: *const aseptic_est_terms,
    enroller: *mut aseptic_enroller,
) -> aseptic_status {
    // SAFETY: as the caller promises.
    let read = || unsafe { input(terms) }.and_then(|terms| terms.read());
    // SAFETY: as the caller promises.
    unsafe { begin(device, workspace, Place::of(terms), read, enroller) }
}

/// Tells that a new connection to the registrar stands, and its channel binding: the 32 bytes of the exporter with the label
/// `EXPORTER-Channel-Binding` and an empty context. For registrars that want possession proven; `action` is then the request to
/// send over this connection.
///
/// Ownership: as for `aseptic_enroller_step`. Errors: MISUSE for another length, those of `aseptic_enroller_step`. Threads: as for
/// all calls on a device. Power loss: as there.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_enroller_connected(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    enroller: *mut aseptic_enroller,
    binding: aseptic_slice,
    action: *mut aseptic_enrol_action,
) -> aseptic_status {
    call(|| {
        let contexts = [Place::of(device), Place::of(workspace), Place::of(enroller), binding.place()];
        // SAFETY: as the caller promises.
        let action = unsafe { output_apart(action, &contexts)? };
        *action = NOTHING;
        apart(&contexts)?;
        // SAFETY: as the caller promises, and apart.
        let (mut device, mut enroller) = unsafe { (state(device)?, state(enroller)?) };
        // SAFETY: as above.
        let (memory, binding) = unsafe { (self::workspace(workspace)?, binding.bytes()?) };
        let event = Event::Connected(binding.try_into().map_err(|_| Reason::Misuse)?);
        *action = advance(&mut device, memory, &mut enroller, event)?;
        Ok(())
    })
}

/// Tells what happened and learns what to do. First with NULL; then with each answer and the verdict about the one who gave
/// it, found for `ASEPTIC_PURPOSE_ENROLMENT`; with NULL for both after a wait, and where no answer came. The connection is made
/// with the birth identity.
///
/// Ownership: the slices of `action` lie in the library and in `workspace`, valid until that is used again; the body of `answer`
/// is decoded in place. Errors: NO_PURPOSE unless `registrar` is one, EST_TRANSFER, CMS_MALFORMED, TOO_LARGE, EST_REFUSED,
/// EST_PENDING, EST_NO_MATCH, IDENTITY_NAME_MISMATCH, those of `aseptic_peer_verify`; nothing that is stored changes then, and a
/// step with NULL gives the same request again. KEY_BUSY: call again, with the same answer or with NULL; an answer counts once. MISUSE
/// after the end. Threads: as for all calls on a device. Power loss: the new identity is stored on probation, or the enrolment goes
/// on where it was.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_enroller_step(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    enroller: *mut aseptic_enroller,
    answer: *mut aseptic_est_answer,
    registrar: *mut aseptic_peer,
    action: *mut aseptic_enrol_action,
) -> aseptic_status {
    call(|| {
        let contexts = [Place::of(device), Place::of(workspace), Place::of(enroller), Place::of(registrar)];
        let ours = [contexts.as_slice(), &[Place::of(action)]];
        // SAFETY: as the caller promises.
        let action = unsafe { output_apart(action, &contexts)? };
        *action = NOTHING;
        apart(&contexts)?;
        // SAFETY: as the caller promises.
        let (mut device, mut enroller) = unsafe { (state(device)?, state(enroller)?) };
        // SAFETY: as the caller promises, and apart.
        let memory = unsafe { self::workspace(workspace)? };
        let event = if answer.is_null() {
            if !registrar.is_null() {
                return Err(Reason::Misuse);
            }
            Event::Ready
        } else {
            // SAFETY: as the caller promises.
            unsafe { state(registrar)? }.require(Purpose::Enrolment)?;
            // SAFETY: as the caller promises, and apart from everything else that is written here.
            Event::Response(unsafe { response(answer, &ours)? })
        };
        *action = advance(&mut device, memory, &mut enroller, event)?;
        Ok(())
    })
}

/// Ends `enroller` and wipes its memory; what is stored of it stays and can be gone on with. Does nothing to NULL or to memory
/// that holds none; may be called twice.
///
/// Ownership: the memory stays the caller's. Errors: none. Threads: as for all calls on a device. Power loss: what is stored
/// stays stored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_enroller_wipe(enroller: *mut aseptic_enroller) {
    // SAFETY: as the caller promises.
    unsafe { wipe(enroller) }
}

impl aseptic_est_terms {
    pub(crate) fn read(&self) -> Result<Terms> {
        let flag = |value| match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Reason::Misuse),
        };
        let origin = match self.identity {
            ASEPTIC_IDENTITY_BIRTH => Origin::Birth,
            ASEPTIC_IDENTITY_FALLBACK => Origin::Local,
            _ => return Err(Reason::Misuse),
        };
        if self.reserved != [0; 5] {
            return Err(Reason::Misuse);
        }
        let (attributes, proof_of_possession) = (flag(self.attributes)?, flag(self.proof_of_possession)?);
        Ok(Terms { origin, attributes, proof_of_possession })
    }
}

/// # Safety
/// As for [`aseptic_enroller_begin_with`]; `terms` must be where `read` reads.
unsafe fn begin(
    device: *mut aseptic_device,
    workspace: *mut aseptic_workspace,
    terms: Place,
    read: impl Fn() -> Result<Terms>,
    enroller: *mut aseptic_enroller,
) -> aseptic_status {
    if let Err(reason) = apart(&[Place::of(device), Place::of(workspace), Place::of(enroller), terms]) {
        return reason.number();
    }
    // SAFETY: NULL or writable memory of the type, and the rest as the caller promises, apart.
    unsafe {
        make(enroller, &[], || {
            let terms = read()?;
            let (mut device, memory) = (state(device)?, self::workspace(workspace)?);
            same_hardware(&device)?;
            device.with(|parts| {
                let (platform, suite, trust) = parts.load_trust()?;
                Enroller::start_with(&platform, &suite, &trust, &Engine, memory, terms)
                    .map(|enroller| enroller.progress())
            })
        })
    }
}

/// One step, whose progress is kept also where it fails: a request may have been made meanwhile.
fn advance(
    device: &mut Held<'_, aseptic_device>,
    memory: &mut Workspace,
    progress: &mut Progress,
    event: Event<'_>,
) -> Result<aseptic_enrol_action> {
    device.with(|parts| {
        let now = time::now(&parts.platform)?;
        let (platform, suite, trust) = parts.load_trust()?;
        let mut running = Enroller::resume(&platform, &suite, &trust, &Engine, memory, *progress);
        let action = running.step(event, now).and_then(described);
        *progress = running.progress();
        action
    })
}

/// # Safety
/// `answer` must be NULL or misaligned or readable, its slices readable and its body writable as long as the result is used.
unsafe fn response<'a>(answer: *const aseptic_est_answer, ours: &[&[Place]]) -> Result<Response<'a>> {
    // SAFETY: as the caller promises.
    let answer = unsafe { input(answer)? };
    let body = Place::of_buffer(&answer.body);
    let [kind, wait, place] = [answer.content_type, answer.retry_after, answer.location].map(aseptic_slice::place);
    let read = [Place::of(answer), kind, wait, place];
    let written = ours.iter().copied().flatten().chain([&body]);
    if answer.reserved != 0 || written.into_iter().any(|other| read.iter().any(|read| read.overlaps(*other))) {
        return Err(Reason::Misuse);
    }
    if ours.iter().copied().flatten().any(|other| other.overlaps(body)) {
        return Err(Reason::Misuse);
    }
    // SAFETY: as the caller promises.
    let (content_type, retry_after) = unsafe { (answer.content_type.bytes()?, answer.retry_after.bytes()?) };
    // SAFETY: as the caller promises.
    let location = unsafe { answer.location.bytes()? };
    Ok(Response {
        status: u16::try_from(answer.status).map_err(|_| Reason::EstTransfer)?,
        // Header fields are ASCII where they mean anything here.
        content_type: core::str::from_utf8(content_type).unwrap_or_default(),
        retry_after: core::str::from_utf8(retry_after).unwrap_or_default(),
        location: core::str::from_utf8(location).unwrap_or_default(),
        // SAFETY: writable as the caller promises, and apart from all else.
        body: unsafe { answer.body.content()? },
    })
}

fn described(action: Action<'_>) -> Result<aseptic_enrol_action> {
    match action {
        Action::Request(request) => Ok(aseptic_enrol_action {
            kind: ASEPTIC_ENROL_REQUEST,
            method: aseptic_slice::of(request.method.as_bytes()),
            authority: aseptic_slice::of(request.authority.as_bytes()),
            path: aseptic_slice::of(request.path.as_bytes()),
            content_type: aseptic_slice::of(request.content_type.as_bytes()),
            body: aseptic_slice::of(request.body),
            ..NOTHING
        }),
        Action::Wait(seconds) => {
            Ok(aseptic_enrol_action { kind: ASEPTIC_ENROL_WAIT, wait_seconds: seconds, ..NOTHING })
        }
        Action::Done => Ok(aseptic_enrol_action { kind: ASEPTIC_ENROL_DONE, ..NOTHING }),
        _ => Err(Reason::Internal),
    }
}

const NOTHING: aseptic_enrol_action = aseptic_enrol_action {
    kind: 0,
    reserved: [0; 3],
    wait_seconds: 0,
    method: aseptic_slice::EMPTY,
    authority: aseptic_slice::EMPTY,
    path: aseptic_slice::EMPTY,
    content_type: aseptic_slice::EMPTY,
    body: aseptic_slice::EMPTY,
};
