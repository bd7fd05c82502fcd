//! The steps about what others say to a device: sessions, reports, heartbeats, hops.

use super::{Bench, Script, output, slice, step};
use crate::*;

impl Bench {
    /// # Safety
    /// As for the calls themselves: the bench keeps its contexts in place.
    pub(super) unsafe fn listening(&mut self, op: u8, script: &mut Script<'_>) -> aseptic_status {
        let (device, identity, opener) = (&raw mut *self.device, &raw mut *self.identity, &raw mut *self.opener);
        let (sessions, link) = (&raw mut *self.sessions, &raw mut *self.link);
        let (peer, ticket) = (&raw mut *self.peer, &raw mut *self.ticket);
        // SAFETY: live memory, valid contexts or zeros, slices of live bytes, and buffers apart from all of them.
        unsafe {
            match op {
                step::SESSIONS_INIT => aseptic_sessions_init(sessions),
                step::SESSIONS_ACCEPT => {
                    let (signed, none) = (slice(script.blob()), core::ptr::null_mut());
                    let mut accepted: aseptic_accepted = core::mem::zeroed();
                    accepted.earlier = 7;
                    let told = &raw mut accepted;
                    let status =
                        aseptic_sessions_accept(device, identity, opener, sessions, none, signed, ticket, told);
                    assert!((1..=3).contains(&accepted.earlier) == (status == ASEPTIC_OK));
                    status
                }
                step::SESSIONS_OPEN => {
                    let sender = if script.small() == 0 { core::ptr::null_mut() } else { peer };
                    let (message, room) = (slice(script.blob()), script.room());
                    let mut opened: aseptic_opened = core::mem::zeroed();
                    opened.stream = 7;
                    let status = output(room, |out| {
                        aseptic_sessions_open(device, sessions, sender, message, out, &raw mut opened, ticket)
                    });
                    assert!(status == ASEPTIC_OK || (opened.stream == 0 && opened.body.len == 0));
                    status
                }
                step::SESSIONS_COMMIT => aseptic_sessions_commit(sessions, ticket),
                step::SESSIONS_END => aseptic_sessions_end(sessions, slice(script.blob())),
                step::REPORT_VERIFY => {
                    let (signer, report) = (slice(script.blob()), slice(script.blob()));
                    let mut found: aseptic_report = core::mem::zeroed();
                    (found.receipt_count, found.lost_session) = (7, 7);
                    let status = aseptic_report_verify(device, identity, signer, report, &raw mut found);
                    assert!(found.receipt_count <= 16 && found.stream_count <= 4);
                    assert!(status == ASEPTIC_OK || (found.receipt_count, found.lost_session) == (0, 0));
                    status
                }
                step::OPENER_REPORT => {
                    let (sender, outcome) = (slice(script.blob()), aseptic_status::from(script.small()));
                    let (said, room) = (aseptic_outcome { ticket, outcome, reserved: 0 }, script.room());
                    output(room, |out| {
                        aseptic_report_sign(device, identity, opener, sessions, sender, &raw const said, 1, out)
                    })
                }
                step::LINK_INIT => aseptic_link_init(device, slice(script.blob()), link),
                step::LINK_BEAT => output(usize::from(script.small()), |out| aseptic_link_beat(device, link, out)),
                step::LINK_ANSWERED => {
                    let (status, mut until) = (aseptic_link_answered(link, ticket), 7);
                    let told = aseptic_link_silent_until(link, &raw mut until);
                    assert!(told == ASEPTIC_OK || until == 0);
                    status
                }
                step::CARRIED => {
                    let (name, message, mut seconds) = (slice(script.blob()), slice(script.blob()), 7);
                    let relay = core::ptr::null_mut();
                    let status = aseptic_countersignature_verify(device, relay, name, message, &raw mut seconds);
                    assert!(status == ASEPTIC_OK || seconds == 0);
                    status
                }
                _ => {
                    let message = slice(script.blob());
                    output(script.room(), |out| aseptic_countersignature_add(device, identity, message, out))
                }
            }
        }
    }
}
