//! What the owner and the manufacturer say about one update, and what the bedside says to it.

use crate::abi::{Held, Place, aseptic_slice, aseptic_status, call, output_apart, state};
use crate::device::{Parts, aseptic_device};
use crate::time;
use crate::trust::ASEPTIC_PRESENCE_CONFIRMED;
use crate::update::{Update, aseptic_component, aseptic_model};
use ::aseptic_update::freshness::{Policy, Source};
use ::aseptic_update::{Authentic, Component, Device, Downgrade, Envelope, Permission, Target, Waiver, boot, hold};
use aseptic_core::clinical::Use;
use aseptic_core::crypto::Suite;
use aseptic_core::platform::Platform;
use aseptic_core::time::Time;
use aseptic_core::trust::{PhysicalPresence, Trust};
use aseptic_core::{Reason, Result, limits};
#[cfg(feature = "device")]
use {
    ::aseptic_update::{Part, payload_key},
    aseptic_core::cose::{KeyAgree, RecipientKey},
    aseptic_core::crypto::KeyAlg,
    aseptic_core::platform::KeyId,
};

/// Bytes into the slot that does not run.
pub const ASEPTIC_PERMISSION_DOWNLOAD: u8 = 1;
/// Erasing that slot, and staging what came.
pub const ASEPTIC_PERMISSION_INSTALL: u8 = 2;
/// The selection of the new image.
pub const ASEPTIC_PERMISSION_ACTIVATE: u8 = 3;

/// The update was fetched from a server.
pub const ASEPTIC_SOURCE_NETWORK: u8 = 1;
/// The update was brought on a medium by a person.
pub const ASEPTIC_SOURCE_MEDIUM: u8 = 2;

/// What came beside an envelope. What is not there is an empty slice.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct aseptic_statements {
    /// The name of this device, as statements call it; empty only if there is neither a token nor a waiver.
    pub serial: aseptic_slice,
    /// A signature under the manifest that travelled apart, such as the owner's approval.
    pub approval: aseptic_slice,
    /// A token that lets this device go back to the release.
    pub downgrade: aseptic_slice,
    /// The manufacturer's waiver of an approval that nobody can give any more; it takes a person at the device.
    pub waiver: aseptic_slice,
    /// `ASEPTIC_PRESENCE_CONFIRMED` if a person stands at the device, else 0.
    pub presence: u32,
    /// Where the update came from: `ASEPTIC_SOURCE_...`.
    pub source: u8,
}

impl aseptic_statements {
    pub(crate) const NONE: Self = {
        let none = aseptic_slice { ptr: core::ptr::null(), len: 0 };
        let source = ASEPTIC_SOURCE_NETWORK;
        Self { serial: none, approval: none, downgrade: none, waiver: none, presence: 0, source }
    };
}

/// From the envelope to the transfer, or back into the one that a power loss interrupted.
///
/// # Safety
/// The slices must be readable.
#[inline(never)]
pub(crate) unsafe fn begin(
    update: &mut Update,
    mut device: Held<'_, aseptic_device>,
    envelope: &[u8],
    model: &aseptic_model,
    statements: &aseptic_statements,
) -> Result<()> {
    // SAFETY: as the caller promises.
    let (only, [serial, approval, downgrade, waiver]) = unsafe {
        let aseptic_statements { serial, approval, downgrade, waiver, .. } = statements;
        let statements = [serial.bytes()?, approval.bytes()?, downgrade.bytes()?, waiver.bytes()?];
        ([model.component.bytes()?], statements)
    };
    // SAFETY: as the caller promises.
    let (several, id, kek) =
        unsafe { (components(model)?, model.device_id.bytes()?, model.key_encryption_key.bytes()?) };
    let mut ids: [[&[u8]; 1]; limits::COMPONENTS] = [only; limits::COMPONENTS];
    for (room, component) in ids.iter_mut().zip(several) {
        // SAFETY: as the caller promises.
        *room = [unsafe { component.id.bytes()? }];
    }
    let [first, ..] = &ids;
    let mut known = [Component::whole(first); limits::COMPONENTS];
    for ((room, component), id) in known.iter_mut().zip(several).zip(&ids) {
        *room = Component { id, offset: component.offset, length: component.length };
    }
    let known = known.get(..several.len().max(1)).ok_or(Reason::TooLarge)?;
    let id = if id.is_empty() { None } else { Some(id.try_into().map_err(|_| Reason::Misuse)?) };
    let present = || {
        let there = statements.presence == ASEPTIC_PRESENCE_CONFIRMED;
        there.then(PhysicalPresence::confirmed_at_the_device)
    };
    let source = match statements.source {
        ASEPTIC_SOURCE_NETWORK => Source::Network,
        ASEPTIC_SOURCE_MEDIUM => Source::Medium,
        _ => return Err(Reason::Misuse),
    };
    let said = Said { serial, approval, downgrade, waiver, present: &present };
    device.with(|mut parts| {
        let permit = parts.permit(Permission::Install);
        let Parts { platform, suite, memory, .. } = &mut parts;
        let trust = Trust::load(platform, &mut memory.trust);
        let trust = trust.as_ref().map_err(|reason| *reason)?;
        let ours = Device { id, images: Some(platform.images), ..Device::new(model.vendor, model.device_class, known) };
        let now = time::now(platform)?;
        let room = &mut None;
        let authentic = authenticate(room, suite, trust, envelope, &said, now)?;
        let (floor, target) = (boot::floor(platform)?, Target::of(platform)?);
        let token = match said.downgrade {
            [] => None,
            token => Some(Downgrade::verify(platform, suite, trust, serial, token, now, (said.present)())?),
        };
        let asked = Asked { ours: &ours, floor, target, token: token.as_ref(), source, now, permit, model, kek };
        install(update, platform, suite, authentic, envelope, &asked)
    })
}

/// What came beside an envelope.
struct Said<'a> {
    serial: &'a [u8],
    approval: &'a [u8],
    downgrade: &'a [u8],
    waiver: &'a [u8],
    present: &'a dyn Fn() -> Option<PhysicalPresence>,
}

/// Proves who made the envelope.
// Each of these functions is apart from its caller: what the signature takes of the stack is free again for the plan.
#[inline(never)]
fn authenticate<'r, 'e>(
    room: &'r mut Option<Authentic<'e>>,
    suite: &Suite<'_>,
    trust: &Trust<'_>,
    envelope: &'e [u8],
    said: &Said<'e>,
    now: Time,
) -> Result<&'r Authentic<'e>> {
    let mut parsed = Envelope::parse(envelope)?;
    if !said.approval.is_empty() {
        parsed.add_block(said.approval)?;
    }
    let authentic = if said.waiver.is_empty() {
        parsed.authenticate(trust, suite)
    } else {
        let presence = (said.present)().ok_or(Reason::ApprovalMissing)?;
        let waiver = Waiver::verify(suite, trust, said.serial, said.waiver, now, presence)?;
        parsed.authenticate_waived(trust, suite, &waiver)
    };
    Ok(room.insert(authentic?))
}

/// What an authentic envelope is judged by.
struct Asked<'a> {
    ours: &'a Device<'a>,
    floor: u64,
    target: Target,
    token: Option<&'a Downgrade>,
    source: Source,
    now: Time,
    permit: Result<Use>,
    model: &'a aseptic_model,
    kek: &'a [u8],
}

/// From the authentic envelope to the transfer.
#[inline(never)]
fn install(
    update: &mut Update,
    platform: &Platform<'_>,
    suite: &Suite<'_>,
    authentic: &Authentic<'_>,
    envelope: &[u8],
    asked: &Asked<'_>,
) -> Result<()> {
    let mut plan = match asked.token {
        None => authentic.plan(suite, asked.ours, asked.floor, asked.target),
        Some(token) => authentic.plan_downgrade(suite, asked.ours, asked.floor, asked.target, token),
    };
    let plan = plan.as_mut().map_err(|reason| *reason)?;
    plan.require_fresh(&Policy::DEFAULT, asked.source, asked.now)?;
    let clinical = asked.permit?;
    update.keep(plan, envelope)?;
    #[cfg(feature = "device")]
    {
        let id = if plan.parts().any(Part::encrypted) { agreement_key(platform, asked.model)? } else { KeyId(0) };
        let stored = KeyAgree::new(platform.keys, id, KeyAlg::P256);
        let own = payload_key(&stored)?;
        let keys = [own, if asked.kek.is_empty() { own } else { RecipientKey::wrap(asked.kek)? }];
        plan.set_keys(&keys);
        update.transfer.open(platform, suite, plan, clinical)
    }
    #[cfg(not(feature = "device"))]
    {
        // A boot loader has no keys for payloads.
        let _ = (asked.model, asked.kek);
        update.transfer.open(platform, suite, plan, clinical)
    }
}

/// The components that share a slot; none where there is only one.
///
/// # Safety
/// As many as are said must be readable.
unsafe fn components(model: &aseptic_model) -> Result<&[aseptic_component]> {
    match model.component_count {
        0 => Ok(&[]),
        count if count > limits::COMPONENTS => Err(Reason::TooLarge),
        _ if model.components.is_null() || !model.components.is_aligned() => Err(Reason::Misuse),
        // SAFETY: neither NULL nor misaligned, and readable as the caller promises.
        count => Ok(unsafe { core::slice::from_raw_parts(model.components, count) }),
    }
}

/// The key of the key store that payloads are encrypted for; 0, which is no key, if there is none.
#[cfg(feature = "device")]
fn agreement_key(platform: &Platform<'_>, model: &aseptic_model) -> Result<KeyId> {
    match model.agreement_key {
        0 => Ok(::aseptic_identity::agreement::load(platform)?.unwrap_or(KeyId(0))),
        id => Ok(KeyId(id)),
    }
}

/// Takes the owner's signed word that an update is put off or vetoed, or that it may go on, for this device, called `serial`, or
/// for all. The update then neither begins nor is activated; an image that runs is not touched.
///
/// Ownership: the slices are read during the call. Errors: UNKNOWN_SIGNER, SIGNATURE_INVALID, STATEMENT_OTHER, STATEMENT_USED,
/// PLATFORM_FULL; nothing is stored then. Threads: as for all calls on a device. Power loss: taken or not.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_hold(
    device: *mut aseptic_device,
    serial: aseptic_slice,
    statement: aseptic_slice,
) -> aseptic_status {
    call(|| {
        // SAFETY: as the caller promises.
        let (mut device, serial, statement) = unsafe { (state(device)?, serial.bytes()?, statement.bytes()?) };
        device.with(|parts| {
            let (platform, suite, trust) = parts.load_trust()?;
            hold::take(&platform, &suite, &trust, serial, statement)
        })
    })
}

/// Gives (`granted` 1) or takes away (0) one permission (`ASEPTIC_PERMISSION_...`), such as outside of a maintenance window. All
/// are given after `aseptic_device_init`. None counts unless the device is idle.
///
/// Ownership: none. Errors: MISUSE for another number. Threads: as for all calls on a device. Power loss: not stored.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_grant(
    device: *mut aseptic_device,
    permission: u8,
    granted: u8,
) -> aseptic_status {
    call(|| {
        let permission = match permission {
            ASEPTIC_PERMISSION_DOWNLOAD => Permission::Download,
            ASEPTIC_PERMISSION_INSTALL => Permission::Install,
            ASEPTIC_PERMISSION_ACTIVATE => Permission::Activate,
            _ => return Err(Reason::Misuse),
        };
        // SAFETY: as the caller promises.
        unsafe { state(device)? }.interlock.grant(permission, granted == 1);
        Ok(())
    })
}

/// Writes how often an update has asked in vain since it was first put off, and for how many milliseconds it has waited; both
/// are 0 if none is put off.
///
/// Ownership: the outputs are the caller's. Errors: MISUSE. Threads: as for all calls on a device. Power loss: not stored; the
/// count starts over.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aseptic_update_deferral(
    device: *mut aseptic_device,
    count: *mut u32,
    waited: *mut u64,
) -> aseptic_status {
    call(|| {
        let ours = [Place::of(device), Place::of(count)];
        // SAFETY: as the caller promises, and apart.
        let (count, waited) = unsafe { (output_apart(count, &[Place::of(device)])?, output_apart(waited, &ours)?) };
        (*count, *waited) = (0, 0);
        // SAFETY: as the caller promises.
        if let Some(deferral) = unsafe { state(device)? }.interlock.deferral() {
            (*count, *waited) = (deferral.count, deferral.waited);
        }
        Ok(())
    })
}
