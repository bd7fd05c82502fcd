//! What the bedside is doing, and what may therefore happen: the response matrix as data.
//!
//! Local therapy and local alarms are not in the table. They never ask.

use crate::Result;
use crate::reason::Reason;

/// What the device is being used for, told by the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Use {
    /// No patient depends on the device now.
    Idle = 0,
    /// Therapy or monitoring runs.
    InUse = 1,
    /// An alarm is active.
    Alarm = 2,
    /// Emergency operation.
    Emergency = 3,
}

impl Use {
    /// Reads the number of the C interface; an unknown number means the most careful state.
    #[must_use]
    pub const fn from_u8(value: u8) -> Self {
        match value {
            0 => Self::Idle,
            1 => Self::InUse,
            2 => Self::Alarm,
            _ => Self::Emergency,
        }
    }

    /// Whether anything that erases, reboots or renews may start now.
    #[must_use]
    pub const fn allows_disruption(self) -> bool {
        matches!(self, Self::Idle)
    }
}

/// What a peer or the device wants to do; the rows of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Path {
    /// Observations on their way out.
    ObservationOut = 0,
    /// Alarms on their way out.
    AlarmOut = 1,
    /// Commands that change therapy.
    CommandIn = 2,
    /// Configuration and drug libraries.
    ConfigurationIn = 3,
    /// Software.
    UpdateIn = 4,
    /// First enrolment and renewal.
    Enrol = 5,
}

/// What is wrong; the columns of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The peer's certificate ran out less than the grace time ago.
    PeerExpired = 0,
    /// The peer's certificate ran out longer ago than the grace time.
    PeerLongExpired = 1,
    /// The peer's certificate was revoked.
    PeerRevoked = 2,
    /// The device's own certificate ran out.
    OwnExpired = 3,
    /// A signature does not verify, or a message was seen before.
    Forged = 4,
    /// A list that says the peer is not revoked is past its next update, by less than the grace time.
    ListAgeing = 5,
    /// Whether the peer was revoked is not known.
    PeerUnknown = 6,
}

/// What to do about it, the strictest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Response {
    /// Go on and mark the result as degraded.
    Flag = 0,
    /// Keep it and tell a person.
    Hold = 1,
    /// Do not do it.
    Refuse = 2,
}

/// Another response than the default, as the owner of a device has signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override<'a> {
    /// The numbers of [`Path`], [`Failure`] and [`Response`].
    pub cell: [u8; 3],
    /// Why, for whoever reads it later; not empty.
    pub justification: &'a str,
}

impl Override<'_> {
    /// What to do, if this is about `failure` on `path`.
    #[must_use]
    pub fn response(&self, path: Path, failure: Failure) -> Option<Response> {
        let [row, column, response] = self.cell;
        let here = row == path as u8 && column == failure as u8;
        [Flag, Hold, Refuse].get(usize::from(response)).copied().filter(|_| here)
    }

    /// [`Reason::TrustPurpose`] for one that loosens a response where only tightening is allowed: what changes the device
    /// (commands, configuration, software), and anything that is forged. [`Reason::TrustMalformed`] for a row, a column or a
    /// response that does not exist, and for one without a justification.
    pub fn check(&self) -> Result<()> {
        let [path, failure, response] = self.cell;
        let row = MATRIX.get(usize::from(path)).ok_or(Reason::TrustMalformed)?;
        let default = *row.get(usize::from(failure)).ok_or(Reason::TrustMalformed)?;
        if response > Refuse as u8 || self.justification.bytes().all(|byte| byte == b' ') {
            return Err(Reason::TrustMalformed);
        }
        let tightens = matches!(path, 2..=4) || failure == Failure::Forged as u8;
        if tightens && response < default as u8 { Err(Reason::TrustPurpose) } else { Ok(()) }
    }
}

const PATHS: usize = 6;
const FAILURES: usize = 7;

use Response::{Flag, Hold, Refuse};

/// Defaults: fail secure on all that can change the device, fail operational on all that keeps the patient safe.
#[rustfmt::skip]
const MATRIX: [[Response; FAILURES]; PATHS] = [
    //                   expired  long expired  revoked  own expired  forged   list ageing  unknown
    /* observation  */ [ Flag,    Flag,         Hold,    Flag,        Refuse,  Flag,        Flag   ],
    /* alarm        */ [ Flag,    Flag,         Flag,    Flag,        Refuse,  Flag,        Flag   ],
    /* command      */ [ Refuse,  Refuse,       Refuse,  Refuse,      Refuse,  Flag,        Refuse ],
    /* configuration*/ [ Refuse,  Refuse,       Refuse,  Refuse,      Refuse,  Flag,        Refuse ],
    /* update       */ [ Flag,    Flag,         Refuse,  Flag,        Refuse,  Flag,        Flag   ],
    /* enrol        */ [ Flag,    Flag,         Refuse,  Flag,        Refuse,  Flag,        Flag   ],
];

/// The default response to `failure` on `path`.
#[must_use]
pub fn response(path: Path, failure: Failure) -> Response {
    MATRIX.get(path as usize).and_then(|row| row.get(failure as usize)).copied().unwrap_or(Refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_device_is_refused_and_what_serves_the_patient_goes_on() {
        for failure in
            [Failure::PeerExpired, Failure::PeerLongExpired, Failure::PeerRevoked, Failure::OwnExpired, Failure::Forged]
        {
            assert_eq!(response(Path::CommandIn, failure), Refuse);
            assert_eq!(response(Path::ConfigurationIn, failure), Refuse);
            if failure != Failure::Forged {
                assert_eq!(response(Path::AlarmOut, failure), Flag);
            }
        }
        assert_eq!(response(Path::ObservationOut, Failure::Forged), Refuse);
        assert_eq!(response(Path::UpdateIn, Failure::PeerRevoked), Refuse);
    }

    #[test]
    fn an_unknown_use_is_the_most_careful_one() {
        assert_eq!(Use::from_u8(77), Use::Emergency);
        assert!(Use::Idle.allows_disruption());
        for busy in [Use::InUse, Use::Alarm, Use::Emergency] {
            assert!(!busy.allows_disruption());
        }
    }
}
