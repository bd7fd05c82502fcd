//! The therapy interlock: three permissions, asked one by one, and an account of how often the bedside came first.
//!
//! | permission | what it covers | asked before |
//! | --- | --- | --- |
//! | Download | bytes into the slot that does not run | each [`Session::feed`](crate::Session::feed) |
//! | Install | giving up what was in that slot, erasing it, staging what came | [`Session::begin`](crate::Session::begin), [`Session::finish`](crate::Session::finish) and its steps |
//! | Activate | the selection of the new image, and the restart into it | [`Staged::activate`](crate::Staged::activate), the reset |
//!
//! | use | Download | Install | Activate | reading, hashing, planning |
//! | --- | --- | --- | --- | --- |
//! | Idle | if granted | if granted | if granted | yes |
//! | InUse, Alarm, Emergency | no | no | no | yes |
//!
//! No grant, no deadline and no power cut opens a row but the first. The grants are the application's own restriction on
//! top, such as a maintenance window. What is put off is counted, reported to the event hook in bounded number, and once
//! it has lasted longer than the application wants, called overdue; that is all that happens then.

use aseptic_core::clinical::Use;
use aseptic_core::platform::Platform;
use aseptic_core::{Reason, Result};

/// What an update wants to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Permission {
    /// Take in bytes.
    Download = 1,
    /// Erase and stage.
    Install = 2,
    /// Select and restart.
    Activate = 3,
}

impl Permission {
    const fn bit(self) -> u8 {
        1_u8.wrapping_shl(self as u32)
    }
}

/// How long an update has been put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferral {
    /// What it waits for.
    pub permission: Permission,
    /// What the device was used for when it last asked.
    pub clinical: Use,
    /// How often it has asked in vain.
    pub count: u32,
    /// Milliseconds of uptime since it first did.
    pub waited: u64,
}

/// Stands between an update and the bedside. One for each device, kept by the application as long as it runs.
///
/// It is not stored: after a restart the device counts as in use until the application says otherwise, and the account
/// starts anew. Nothing is written while a patient depends on the device.
#[derive(Clone, Debug)]
pub struct Interlock {
    granted: u8,
    bound: u64,
    deferral: Option<(Deferral, u64)>,
    /// Of all deferrals that have ended.
    total: u32,
    /// Those of them that no report has counted yet, and how long they lasted.
    unreported: (u32, u64),
}

impl Interlock {
    /// An interlock with all three permissions granted, which calls an update overdue once it has been put off for
    /// `bound` milliseconds.
    #[must_use]
    pub const fn new(bound: u64) -> Self {
        let all = Permission::Download.bit() | Permission::Install.bit() | Permission::Activate.bit();
        Self { granted: all, bound, deferral: None, total: 0, unreported: (0, 0) }
    }

    /// Gives or takes away one permission, for as long as the device is idle.
    pub const fn grant(&mut self, permission: Permission, granted: bool) {
        self.granted = if granted { self.granted | permission.bit() } else { self.granted & !permission.bit() };
    }

    /// Asks for a permission; the answer is what the next step wants to be handed.
    ///
    /// [`Reason::ClinicalUse`] unless the device is idle, [`Reason::PermissionWithheld`] unless the permission is granted,
    /// [`Reason::UpdateOverdue`] in place of both once the bound is reached. Each is also an event, with the count, at the
    /// first time and then whenever the count has doubled: thirty-two at most, however often it is asked.
    pub fn ask(&mut self, platform: &Platform<'_>, permission: Permission, clinical: Use) -> Result<Use> {
        let granted = self.granted & permission.bit() != 0;
        if clinical.allows_disruption() && granted {
            if let Some((deferral, _)) = self.deferral.take() {
                self.total = self.total.saturating_add(1);
                let (count, waited) = self.unreported;
                self.unreported = (count.saturating_add(1), waited.saturating_add(deferral.waited));
                platform.event(Reason::UpdateResumed, deferral.waited);
            }
            return Ok(clinical);
        }
        let now = platform.clock.uptime();
        let (last, since) = self.deferral.map_or((0, now), |(deferral, since)| (deferral.count, since));
        let (count, waited) = (last.saturating_add(1), now.saturating_sub(since));
        self.deferral = Some((Deferral { permission, clinical, count, waited }, since));
        let reason = match clinical.allows_disruption() {
            _ if waited >= self.bound => Reason::UpdateOverdue,
            true => Reason::PermissionWithheld,
            false => Reason::ClinicalUse,
        };
        if count.is_power_of_two() && count > last {
            platform.event(reason, u64::from(count));
        }
        Err(reason)
    }

    /// What is being put off now.
    #[must_use]
    pub fn deferral(&self) -> Option<Deferral> {
        self.deferral.map(|(deferral, _)| deferral)
    }

    /// How many deferrals have come to an end since the application started.
    #[must_use]
    pub const fn ended(&self) -> u32 {
        self.total
    }

    pub(crate) const fn unreported(&self) -> (u32, u64) {
        self.unreported
    }

    pub(crate) const fn reported(&mut self) {
        self.unreported = (0, 0);
    }
}
