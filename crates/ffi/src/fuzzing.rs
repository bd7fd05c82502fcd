//! The C functions, called in any order with any bytes over a platform that may lie. For fuzzers and tests alone.
//!
//! What is promised in C and cannot be checked from Rust without it is checked here: no call ends the program, every status
//! has its text, an error leaves zeros in its outputs, a refusal changes nothing that is stored.

use crate::*;
use aseptic_core::Reason;
use core::ffi::c_void;
use std::boxed::Box;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::vec::Vec;

/// Reads `data` as a program: each byte a call, the bytes after it its arguments. Gives what each call answered.
pub fn calls(data: &[u8]) -> Vec<aseptic_status> {
    let machine = Box::new(RefCell::new(Machine::default()));
    let mut bench = Bench::new(&machine);
    let (mut script, mut answers) = (Script(data), Vec::new());
    for _ in 0..MOST_CALLS {
        let Some(op) = script.byte() else { break };
        answers.push(bench.step(op, &mut script));
    }
    bench.wipe();
    answers
}

mod listening;
pub mod step;

/// The model that the envelopes of the seeds are for.
pub const VENDOR: [u8; 16] = [0xA1; 16];
/// See [`VENDOR`].
pub const CLASS: [u8; 16] = [0xB2; 16];

struct Bench {
    platform: aseptic_platform,
    device: Box<aseptic_device>,
    identity: Box<aseptic_identity>,
    sender: Box<aseptic_sender>,
    update: Box<aseptic_update>,
    workspace: Box<aseptic_workspace>,
    peer: Box<aseptic_peer>,
    enroller: Box<aseptic_enroller>,
    opener: Box<aseptic_opener>,
    ticket: Box<aseptic_ticket>,
    sessions: Box<aseptic_sessions>,
    link: Box<aseptic_link>,
    list: Box<aseptic_list>,
    info: Box<aseptic_list_info>,
    machine: *const RefCell<Machine>,
}

impl Bench {
    fn new(machine: &RefCell<Machine>) -> Self {
        let machine = core::ptr::from_ref(machine);
        // SAFETY: zeros are what the header asks of a context before its first use.
        let mut bench = unsafe {
            Self {
                platform: table(machine.cast_mut().cast()),
                device: zeroed(),
                identity: zeroed(),
                sender: zeroed(),
                update: zeroed(),
                workspace: zeroed(),
                peer: zeroed(),
                enroller: zeroed(),
                opener: zeroed(),
                ticket: zeroed(),
                sessions: zeroed(),
                link: zeroed(),
                list: zeroed(),
                info: zeroed(),
                machine,
            }
        };
        bench.start();
        bench
    }

    fn start(&mut self) {
        // SAFETY: live memory, and a table whose context outlives it.
        let status = unsafe { aseptic_device_init(&raw mut *self.device, &raw const self.platform, core::ptr::null()) };
        assert_eq!(status, ASEPTIC_OK);
    }

    fn wipe(&mut self) {
        // SAFETY: live memory, valid contexts or none.
        unsafe {
            aseptic_list_wipe(&raw mut *self.list);
            aseptic_link_wipe(&raw mut *self.link);
            aseptic_sessions_wipe(&raw mut *self.sessions);
            aseptic_ticket_wipe(&raw mut *self.ticket);
            aseptic_opener_wipe(&raw mut *self.opener);
            aseptic_enroller_wipe(&raw mut *self.enroller);
            aseptic_peer_wipe(&raw mut *self.peer);
            aseptic_update_wipe(&raw mut *self.update);
            aseptic_sender_wipe(&raw mut *self.sender);
            aseptic_identity_wipe(&raw mut *self.identity);
            aseptic_device_wipe(&raw mut *self.device);
        }
    }

    fn machine(&self) -> &RefCell<Machine> {
        // SAFETY: the machine outlives the bench, and a `RefCell` keeps readers and writers apart.
        unsafe { &*self.machine }
    }

    fn step(&mut self, op: u8, script: &mut Script<'_>) -> aseptic_status {
        let before = self.machine().borrow().stored();
        let (device, identity) = (&raw mut *self.device, &raw mut *self.identity);
        let (sender, update) = (&raw mut *self.sender, &raw mut *self.update);
        // SAFETY: live memory, valid contexts or zeros, slices of live bytes, and buffers apart from all of them.
        let status = unsafe {
            match op % step::COUNT {
                step::SET_USE => aseptic_device_set_use(device, script.small()),
                step::TRUST_INSTALL => {
                    let (authority, object) = (script.small(), script.blob());
                    aseptic_trust_install(device, authority, slice(object), ASEPTIC_PRESENCE_CONFIRMED)
                }
                step::TRUST_UPDATE => {
                    let (authority, object) = (script.small(), script.blob());
                    aseptic_trust_update(device, authority, slice(object))
                }
                step::IDENTITY_LOAD => aseptic_identity_load(device, ASEPTIC_IDENTITY_LOCAL, identity),
                step::IDENTITY_NAME => {
                    let room = usize::from(script.small());
                    output(room, |out| aseptic_identity_name(identity, out))
                }
                step::SENDER_INIT => aseptic_sender_init(device, sender),
                step::SEAL => {
                    let (message_class, stream, recipient, body) =
                        (script.small(), script.small(), script.blob(), script.blob());
                    let message = aseptic_message {
                        message_class,
                        stream,
                        reserved: [0; 6],
                        recipient: slice(recipient),
                        content_type: slice(b"text/plain"),
                        body: slice(body),
                    };
                    let room = usize::from(u16::from_be_bytes([script.small(), script.small()]));
                    output(room, |out| aseptic_message_seal(device, identity, sender, &raw const message, out))
                }
                step::BEGIN => {
                    let model = aseptic_model {
                        vendor: VENDOR,
                        device_class: CLASS,
                        component: slice(b"main"),
                        components: core::ptr::null(),
                        component_count: 0,
                        device_id: slice(b""),
                        key_encryption_key: slice(b""),
                        agreement_key: 0,
                    };
                    aseptic_update_begin(device, slice(script.blob()), &raw const model, update)
                }
                step::OFFSET => {
                    let (mut offset, mut missing) = (7, 7);
                    let status = aseptic_update_offset(update, &raw mut offset, &raw mut missing);
                    assert!(status == ASEPTIC_OK || (offset, missing) == (0, 0));
                    status
                }
                step::FEED => aseptic_update_feed(device, update, slice(script.blob())),
                step::STEP => {
                    let mut more = 7;
                    let status = aseptic_update_step(device, update, &raw mut more);
                    assert!(more == 0 || (status == ASEPTIC_OK && more == 1));
                    status
                }
                step::FINISH => aseptic_update_finish(device, update),
                step::ACTIVATE => aseptic_update_activate(device, update),
                step::ABANDON => aseptic_update_abandon(device),
                step::BOOT => {
                    let mut boot = 7;
                    let status = aseptic_boot_state(device, &raw mut boot);
                    assert_eq!(status == ASEPTIC_OK, (1..=5).contains(&boot));
                    status
                }
                step::CONFIRM => aseptic_boot_confirm(device, u64::from(script.small())),
                step::POKE => {
                    let (slot, blob) = (u16::from(script.small()), script.blob().to_vec());
                    let mut machine = self.machine().borrow_mut();
                    machine.slots.insert(slot, blob);
                    machine.doubtful = true;
                    return ASEPTIC_OK;
                }
                step::LIE => {
                    let mut machine = self.machine().borrow_mut();
                    machine.lie = script.small();
                    machine.doubtful = true;
                    return ASEPTIC_OK;
                }
                step::RESTART => {
                    self.wipe();
                    self.start();
                    return ASEPTIC_OK;
                }
                seldom => self.seldom(seldom, script),
            }
        };
        if status != ASEPTIC_OK {
            assert!(Reason::from_number(status).is_some(), "{status}");
            assert!(aseptic_status_cause(status).len != 0 && aseptic_status_blame(status) != 0);
            let machine = self.machine().borrow();
            // On a machine that never lied nothing is mended; a transfer of other bytes than were signed is given up.
            let kept = machine.stored() == before || machine.doubtful || op % step::COUNT == step::FINISH;
            assert!(kept, "{status} changed what is stored");
        }
        status
    }
}

impl Bench {
    /// The steps of tier Device, and those of tier Boot that only ask.
    ///
    /// # Safety
    /// As for the calls themselves: the bench keeps its contexts in place.
    unsafe fn seldom(&mut self, op: u8, script: &mut Script<'_>) -> aseptic_status {
        let (device, workspace) = (&raw mut *self.device, &raw mut *self.workspace);
        let (identity, peer) = (&raw mut *self.identity, &raw mut *self.peer);
        let (enroller, opener, ticket) = (&raw mut *self.enroller, &raw mut *self.opener, &raw mut *self.ticket);
        // SAFETY: live memory, valid contexts or zeros, slices of live bytes, and buffers apart from all of them.
        unsafe {
            match op {
                step::TRUST_VERSION => {
                    let mut version = 7;
                    let status = aseptic_trust_version(device, script.small(), &raw mut version);
                    assert!(status == ASEPTIC_OK || version == 0);
                    status
                }
                step::TIME_NOW => {
                    let (mut seconds, mut trust) = (7, 7);
                    let status = aseptic_time_now(device, &raw mut seconds, &raw mut trust);
                    assert!(trust <= ASEPTIC_TIME_TRUSTED && (status == ASEPTIC_OK || (seconds, trust) == (0, 0)));
                    status
                }
                step::PROVISION => {
                    let digest = slice(script.blob());
                    aseptic_boot_provision(device, digest, u64::from(script.small()), u64::from(script.small()))
                }
                step::UDI => {
                    let text = slice(script.blob());
                    output(usize::from(script.small()), |out| aseptic_udi_check(text, out))
                }
                step::BIRTH_REQUEST => {
                    let name = aseptic_device_name {
                        serial: slice(script.blob()),
                        hardware_type: slice(&[0x2B, 6, 1, 4, 1, 0x83, 0xBD, 0x1F, 1]),
                        hardware_serial: slice(b"board"),
                        udi: slice(script.blob()),
                    };
                    output(script.room(), |out| aseptic_birth_request(device, workspace, &raw const name, out))
                }
                step::BIRTH_INSTALL => {
                    let chain = script.chain();
                    aseptic_birth_install(device, workspace, chain.as_ptr(), chain.len())
                }
                step::PEER_VERIFY => {
                    let (purpose, name, chain) = (script.small(), slice(script.blob()), script.chain());
                    aseptic_peer_verify(device, purpose, name, chain.as_ptr(), chain.len(), peer)
                }
                step::PEER_NAME => {
                    let mut flag = ASEPTIC_OK;
                    let told = aseptic_peer_degraded(peer, &raw mut flag);
                    assert!(told == ASEPTIC_OK || flag == ASEPTIC_MISUSE);
                    output(usize::from(script.small()), |out| aseptic_peer_name(peer, out))
                }
                step::TIDY => {
                    let mut destroyed = 7;
                    let status = aseptic_identity_tidy(device, workspace, &raw mut destroyed);
                    assert!(status == ASEPTIC_OK || destroyed == 0);
                    status
                }
                step::STAGE => {
                    let mut stage = 7;
                    let status = aseptic_identity_stage(device, script.small(), &raw mut stage);
                    assert!(stage <= ASEPTIC_STAGE_ACTIVE && (status == ASEPTIC_OK || stage == 0));
                    status
                }
                step::LOAD => aseptic_identity_load(device, script.small(), identity),
                step::CERTIFICATE => {
                    let index = u32::from(script.small());
                    output(script.room(), |out| aseptic_identity_certificate(device, identity, index, out))
                }
                step::SIGN => {
                    let digest = slice(script.blob());
                    let room = usize::from(script.small());
                    output(room, |out| aseptic_identity_sign(device, identity, peer, digest, out))
                }
                step::IDENTITY_CONFIRM => aseptic_identity_confirm(device, workspace, identity, peer),
                step::ENROL_BEGIN => aseptic_enroller_begin(device, workspace, enroller),
                step::ENROL_STEP => self.enrol(script),
                step::AGREEMENT => {
                    output(usize::from(script.small()), |out| aseptic_agreement_public(device, workspace, out))
                }
                step::AGREEMENT_RENEW => aseptic_agreement_renew(device, workspace),
                step::OPENER_INIT => {
                    let classes = u32::from(u16::from_be_bytes([script.small(), script.small()]));
                    aseptic_opener_init(device, classes, opener)
                }
                step::OPEN => {
                    let sender = if script.small() == 0 { core::ptr::null_mut() } else { peer };
                    let (sealed, room) = (slice(script.blob()), script.room());
                    let mut opened: aseptic_opened = core::mem::zeroed();
                    opened.stream = 7;
                    let status = output(room, |out| {
                        aseptic_message_open(device, identity, opener, sender, sealed, out, &raw mut opened, ticket)
                    });
                    assert!(status == ASEPTIC_OK || (opened.stream == 0 && opened.body.len == 0));
                    status
                }
                step::COMMIT => aseptic_message_commit(device, opener, ticket),
                step::FORGET => aseptic_opener_forget(device, opener, slice(script.blob())),
                step::IMPORT => {
                    let (file, index) = (slice(script.blob()), u32::from(script.small()));
                    output(script.room(), |out| aseptic_certificate_import(file, index, out))
                }
                step::INVENTORY => self.inventory(),
                step::SESSIONS_INIT.. => self.listening(op, script),
                listed => self.listed(listed, script),
            }
        }
    }

    /// # Safety
    /// As for the calls themselves.
    unsafe fn listed(&mut self, op: u8, script: &mut Script<'_>) -> aseptic_status {
        let (device, peer) = (&raw mut *self.device, &raw mut *self.peer);
        let (list, info) = (&raw mut *self.list, &raw mut *self.info);
        // SAFETY: live memory, valid contexts or zeros, and slices of live bytes.
        unsafe {
            match op {
                step::LIST_BEGIN => {
                    self.machine().borrow_mut().list = script.blob().to_vec();
                    let size = u32::try_from(size_of::<aseptic_lists>()).unwrap_or(0);
                    let ctx = self.machine.cast_mut().cast();
                    let (chain, lists) = (script.chain(), aseptic_lists { size, count: 1, ctx, read: Some(list_read) });
                    aseptic_list_begin(&raw const lists, 0, chain.as_ptr(), chain.len(), list)
                }
                step::LIST_STEP => {
                    let mut more = 7;
                    let status = aseptic_list_step(device, list, &raw mut more);
                    assert!(more == 0 || (status == ASEPTIC_OK && more == 1));
                    status
                }
                step::LIST_ACCEPT => {
                    (*info).size = u32::try_from(size_of::<aseptic_list_info>()).unwrap_or(0);
                    (*info).entries = 7;
                    let status = aseptic_list_accept(device, list, slice(script.blob()), info);
                    assert!(status == ASEPTIC_OK || ((*info).entries == 0 && (*info).next_update == 0));
                    status
                }
                _ => {
                    let (purpose, name, chain) = (script.small(), slice(script.blob()), script.chain());
                    let (lists, count) = (list, usize::from(script.small() & 1));
                    let chain = (chain.as_ptr(), chain.len());
                    if op == step::PEER_LISTED {
                        return aseptic_peer_verify_listed(device, purpose, name, chain.0, chain.1, lists, count, peer);
                    }
                    let mut finding: aseptic_finding = core::mem::zeroed();
                    finding.size = u32::try_from(size_of::<aseptic_finding>()).unwrap_or(0);
                    finding.reason = 7;
                    let index = u32::from(script.small());
                    let out = &raw mut finding;
                    let status =
                        aseptic_peer_finding(device, purpose, name, chain.0, chain.1, lists, count, index, out);
                    assert!(status == ASEPTIC_OK || finding.reason == ASEPTIC_OK);
                    assert_eq!(finding.reason == ASEPTIC_OK, finding.field.len == 0);
                    status
                }
            }
        }
    }

    /// # Safety
    /// As for the calls themselves.
    unsafe fn inventory(&mut self) -> aseptic_status {
        let (device, workspace, info) = (&raw mut *self.device, &raw mut *self.workspace, &raw const *self.info);
        let (mut place, mut since) = (0, 0);
        // SAFETY: zeros are numbers.
        let mut item: aseptic_inventory_item = unsafe { core::mem::zeroed() };
        item.size = u32::try_from(size_of::<aseptic_inventory_item>()).unwrap_or(0);
        loop {
            let before = place;
            // SAFETY: live memory, valid contexts or zeros.
            let status = unsafe { aseptic_inventory_next(device, workspace, info, 1, &raw mut place, &raw mut item) };
            if status != ASEPTIC_OK && place == before {
                return status;
            }
            assert!(place <= 64 && (status == ASEPTIC_OK || item.kind == ASEPTIC_INVENTORY_END));
            if place == before {
                break;
            }
        }
        // SAFETY: as above.
        unsafe { aseptic_inventory_warn(device, workspace, info, 1, &raw mut since) }
    }

    /// # Safety
    /// As for the calls themselves.
    unsafe fn enrol(&mut self, script: &mut Script<'_>) -> aseptic_status {
        let (device, workspace) = (&raw mut *self.device, &raw mut *self.workspace);
        let (enroller, peer) = (&raw mut *self.enroller, &raw mut *self.peer);
        // SAFETY: zeros are numbers and slices of nothing.
        let mut action: aseptic_enrol_action = unsafe { core::mem::zeroed() };
        action.kind = 7;
        let answered = script.small() != 0;
        let status = u32::from(u16::from_be_bytes([script.small(), script.small()]));
        let (content_type, retry_after) = (slice(script.blob()), slice(script.blob()));
        let mut body = script.blob().to_vec();
        let len = body.len();
        let body = aseptic_buf { ptr: body.as_mut_ptr(), cap: len, len };
        let mut answer =
            aseptic_est_answer { status, reserved: 0, content_type, retry_after, location: retry_after, body };
        let (answer, registrar) =
            if answered { (&raw mut answer, peer) } else { (core::ptr::null_mut(), core::ptr::null_mut()) };
        // SAFETY: live memory, valid contexts or zeros, and slices of live bytes.
        let told = unsafe { aseptic_enroller_step(device, workspace, enroller, answer, registrar, &raw mut action) };
        assert_eq!(told == ASEPTIC_OK, (1..=3).contains(&action.kind));
        told
    }
}

/// Calls with a buffer of this room, and checks what an error leaves there.
fn output(room: usize, call: impl FnOnce(*mut aseptic_buf) -> aseptic_status) -> aseptic_status {
    let mut bytes = std::vec![0xEE_u8; room.saturating_add(8)];
    let mut out = aseptic_buf { ptr: bytes.as_mut_ptr(), cap: room, len: 7 };
    let status = call(&raw mut out);
    let len = out.len;
    let (inside, beyond) = bytes.split_at(room);
    assert!(beyond.iter().all(|byte| *byte == 0xEE), "written beyond the room");
    match status {
        ASEPTIC_OK => assert!(len <= room),
        ASEPTIC_BUFFER_TOO_SMALL => assert!(len > room && inside.iter().all(|byte| *byte == 0)),
        _ => assert!(len == 0 && inside.iter().all(|byte| *byte == 0)),
    }
    status
}

/// The program, read from the front; missing bytes are zeros.
struct Script<'d>(&'d [u8]);

impl<'d> Script<'d> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn small(&mut self) -> u8 {
        self.byte().unwrap_or(0)
    }

    fn room(&mut self) -> usize {
        usize::from(u16::from_be_bytes([self.small(), self.small()]))
    }

    fn chain(&mut self) -> Vec<aseptic_slice> {
        (0..self.small() % 6).map(|_| slice(self.blob())).collect()
    }

    fn blob(&mut self) -> &'d [u8] {
        let length = usize::from(u16::from_be_bytes([self.small(), self.small()]));
        let (blob, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        blob
    }
}

/// What the platform keeps.
#[derive(Default)]
struct Machine {
    slots: BTreeMap<u16, Vec<u8>>,
    counters: BTreeMap<u8, u64>,
    images: [BTreeMap<u64, u8>; 2],
    drawn: u8,
    lie: u8,
    /// The revocation list at hand.
    list: Vec<u8>,
    /// What is stored, or was answered once, may not be what the library wrote.
    doubtful: bool,
}

impl Machine {
    fn stored(&self) -> BTreeMap<u16, Vec<u8>> {
        self.slots.clone()
    }
}

fn slice(bytes: &[u8]) -> aseptic_slice {
    aseptic_slice { ptr: bytes.as_ptr(), len: bytes.len() }
}

/// # Safety
/// Zeros must be a value of `T`.
unsafe fn zeroed<T>() -> Box<T> {
    // SAFETY: as the caller promises.
    Box::new(unsafe { core::mem::zeroed() })
}

/// # Safety
/// `ctx` must be the machine of a bench.
unsafe fn machine<'a>(ctx: *mut c_void) -> core::cell::RefMut<'a, Machine> {
    // SAFETY: as the caller promises.
    unsafe { &*ctx.cast::<RefCell<Machine>>() }.borrow_mut()
}

fn table(ctx: *mut c_void) -> aseptic_platform {
    aseptic_platform {
        size: u32::try_from(size_of::<aseptic_platform>()).unwrap_or(0),
        reserved: 0,
        ctx,
        entropy_fill: Some(entropy_fill),
        clock_now: Some(clock_now),
        clock_uptime: Some(clock_uptime),
        store_load: Some(store_load),
        store_save: Some(store_save),
        store_erase: Some(store_erase),
        counter_read: Some(counter_read),
        counter_advance: Some(counter_advance),
        counter_hardware: None,
        key_generate: None,
        key_public: None,
        key_sign_digest: None,
        key_agree: None,
        key_next: None,
        key_destroy: None,
        image_geometry: Some(image_geometry),
        image_erase: Some(image_erase),
        image_write: Some(image_write),
        image_read: Some(image_read),
        image_running: Some(image_running),
        image_select: Some(image_select),
        on_event: None,
        flash_geometry: None,
        flash_read: None,
        flash_program: None,
        flash_erase: None,
    }
}

// SAFETY of all functions below: the library passes the context of its table and pointers with their lengths.

unsafe extern "C" fn entropy_fill(ctx: *mut c_void, out: *mut u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    let (mut machine, out) = unsafe { (machine(ctx), core::slice::from_raw_parts_mut(out, len)) };
    for byte in out {
        machine.drawn = machine.drawn.wrapping_mul(5).wrapping_add(1);
        *byte = machine.drawn;
    }
    if machine.lie & LIE_FAULT == 0 { ASEPTIC_OK } else { ASEPTIC_PLATFORM_UNAVAILABLE }
}

unsafe extern "C" fn clock_now(ctx: *mut c_void, seconds: *mut u64, trust: *mut u8) -> aseptic_status {
    // SAFETY: see above.
    let wild = unsafe { machine(ctx) }.lie & LIE_VALUE != 0;
    // SAFETY: see above.
    unsafe { (*seconds, *trust) = if wild { (u64::MAX, 200) } else { (1_800_000_000, 2) } };
    ASEPTIC_OK
}

unsafe extern "C" fn clock_uptime(_: *mut c_void) -> u64 {
    0
}

unsafe extern "C" fn store_load(
    ctx: *mut c_void,
    slot: u16,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
) -> aseptic_status {
    // SAFETY: see above.
    let machine = unsafe { machine(ctx) };
    if machine.lie & LIE_LENGTH != 0 {
        // SAFETY: see above.
        unsafe { *len = cap.wrapping_add(usize::from(slot)).wrapping_sub(1) };
        return ASEPTIC_OK;
    }
    let Some(blob) = machine.slots.get(&slot) else { return ASEPTIC_PLATFORM_NOT_FOUND };
    if blob.len() > cap {
        return ASEPTIC_PLATFORM_FULL;
    }
    // SAFETY: see above; the blob fits.
    unsafe {
        core::ptr::copy_nonoverlapping(blob.as_ptr(), out, blob.len());
        *len = blob.len();
    }
    ASEPTIC_OK
}

unsafe extern "C" fn list_read(
    ctx: *mut c_void,
    _: u32,
    offset: u32,
    out: *mut u8,
    cap: usize,
    len: *mut usize,
) -> aseptic_status {
    // SAFETY: see above.
    let machine = unsafe { machine(ctx) };
    if machine.lie & LIE_FAULT != 0 {
        return ASEPTIC_PLATFORM_IO;
    }
    let rest = usize::try_from(offset).ok().and_then(|offset| machine.list.get(offset..)).unwrap_or_default();
    let piece = rest.get(..rest.len().min(cap)).unwrap_or_default();
    // SAFETY: see above; the piece fits.
    unsafe {
        core::ptr::copy_nonoverlapping(piece.as_ptr(), out, piece.len());
        *len = if machine.lie & LIE_LENGTH == 0 { piece.len() } else { cap.wrapping_add(1) };
    }
    ASEPTIC_OK
}

unsafe extern "C" fn store_save(ctx: *mut c_void, slot: u16, bytes: *const u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    let (mut machine, bytes) = unsafe { (machine(ctx), core::slice::from_raw_parts(bytes, len)) };
    if machine.lie & LIE_FAULT != 0 {
        return ASEPTIC_PLATFORM_FULL;
    }
    machine.slots.insert(slot, bytes.to_vec());
    ASEPTIC_OK
}

unsafe extern "C" fn store_erase(ctx: *mut c_void, slot: u16) -> aseptic_status {
    // SAFETY: see above.
    unsafe { machine(ctx) }.slots.remove(&slot);
    ASEPTIC_OK
}

unsafe extern "C" fn counter_read(ctx: *mut c_void, counter: u8, value: *mut u64) -> aseptic_status {
    // SAFETY: see above.
    let machine = unsafe { machine(ctx) };
    let wild = machine.lie & LIE_VALUE != 0;
    // SAFETY: see above.
    unsafe { *value = if wild { u64::MAX } else { machine.counters.get(&counter).copied().unwrap_or(0) } };
    ASEPTIC_OK
}

unsafe extern "C" fn counter_advance(ctx: *mut c_void, counter: u8, value: u64) -> aseptic_status {
    // SAFETY: see above.
    let mut machine = unsafe { machine(ctx) };
    let held = machine.counters.entry(counter).or_default();
    *held = value.max(*held);
    ASEPTIC_OK
}

unsafe extern "C" fn image_geometry(
    ctx: *mut c_void,
    _: u8,
    size: *mut u64,
    erase: *mut u32,
    write: *mut u32,
) -> aseptic_status {
    // SAFETY: see above.
    let wild = unsafe { machine(ctx) }.lie & LIE_VALUE != 0;
    // SAFETY: see above.
    unsafe { (*size, *erase, *write) = if wild { (u64::MAX, 3, 1 << 31) } else { (16_384, 1024, 8) } };
    ASEPTIC_OK
}

unsafe extern "C" fn image_erase(ctx: *mut c_void, slot: u8, offset: u64, len: u64) -> aseptic_status {
    // SAFETY: see above.
    let mut machine = unsafe { machine(ctx) };
    let end = offset.saturating_add(len);
    if let Some(image) = machine.images.get_mut(usize::from(slot)) {
        image.retain(|at, _| !(offset..end).contains(at));
    }
    ASEPTIC_OK
}

unsafe extern "C" fn image_write(
    ctx: *mut c_void,
    slot: u8,
    offset: u64,
    bytes: *const u8,
    len: usize,
) -> aseptic_status {
    // SAFETY: see above.
    let (mut machine, bytes) = unsafe { (machine(ctx), core::slice::from_raw_parts(bytes, len)) };
    if machine.lie & LIE_FAULT != 0 {
        return ASEPTIC_PLATFORM_IO;
    }
    if let Some(image) = machine.images.get_mut(usize::from(slot)) {
        image.extend((offset..).zip(bytes.iter().copied()));
    }
    ASEPTIC_OK
}

unsafe extern "C" fn image_read(ctx: *mut c_void, slot: u8, offset: u64, out: *mut u8, len: usize) -> aseptic_status {
    // SAFETY: see above.
    let (machine, out) = unsafe { (machine(ctx), core::slice::from_raw_parts_mut(out, len)) };
    for (at, byte) in (offset..).zip(out) {
        *byte = machine.images.get(usize::from(slot)).and_then(|image| image.get(&at)).copied().unwrap_or(0xFF);
    }
    ASEPTIC_OK
}

unsafe extern "C" fn image_running(ctx: *mut c_void, slot: *mut u8) -> aseptic_status {
    // SAFETY: see above.
    let wild = unsafe { machine(ctx) }.lie & LIE_VALUE != 0;
    // SAFETY: see above.
    unsafe { *slot = if wild { 9 } else { 0 } };
    ASEPTIC_OK
}

unsafe extern "C" fn image_select(_: *mut c_void, _: u8, _: u8) -> aseptic_status {
    ASEPTIC_OK
}

const MOST_CALLS: u32 = 64;
const LIE_FAULT: u8 = 1;
const LIE_LENGTH: u8 = 2;
const LIE_VALUE: u8 = 4;
