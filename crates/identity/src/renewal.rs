//! When an identity is renewed: a pure function of the certificate, the time, what peers said and what the bedside does.
//!
//! ```text
//! |-------------------------------|=====|--------------|
//! not before                     60 %  70 %  80 %      not after
//!                                 start       denser    for ever, by the birth identity
//! ```
//!
//! * The first attempt comes at 60 % of the life plus the device's own share of the next 10 %, so that a lot that was
//!   enrolled on one day does not come back on one day. The share comes from a secret ([`spread`]) and is the same after
//!   every start.
//! * What fails is tried again after a random time below a bound that doubles from one minute to a fiftieth of the life,
//!   in the last fifth to half of that (exponential backoff with full jitter).
//! * From the last fifth on every second attempt is made by the birth identity, as a registrar that has lost its faith in
//!   the local one would refuse it to the end.
//! * After expiry it goes on for ever, about once a day, by the birth identity: a device that comes out of its box after
//!   years is taken up like one that was never away.
//! * A registrar may move the start (`suggestedWindow` of RFC 9773 and its draft for EST), but not past the last fifth.
//! * While the device is used on a patient nothing starts. A [`Forecast`] says how long that can go on. An expired identity
//!   stops nothing at the bedside.
//! * A device that cannot tell the time renews each tenth of the life that it is powered, and when a peer turns its
//!   certificate down.

use crate::credential::{Credential, Origin};
use aseptic_certs::Certificate;
use aseptic_core::clinical::Use;
use aseptic_core::crypto::{HashAlg, Suite, random};
use aseptic_core::platform::Platform;
use aseptic_core::record::{self, Kind};
use aseptic_core::secret::Secret;
use aseptic_core::time::{Relation, Time, Trust};
use aseptic_core::{Reason, Result};

/// What is to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// The first second of the certificate's validity, since 1970.
    pub not_before: u64,
    /// The last one.
    pub not_after: u64,
}

/// All that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The local identity in use; none for a device that has none and enrols by its birth identity.
    pub life: Option<Life>,
    /// The device's share of whatever is spread over a lot; see [`spread`].
    pub spread: u64,
    /// The best statement about the time ([`Floor::now`](aseptic_core::time::Floor::now)).
    pub now: Time,
    /// What was tried.
    pub attempts: Attempts,
    /// What peers said.
    pub hint: Option<Hint>,
    /// What the bedside does.
    pub clinical: Use,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many attempts have failed since the last one that succeeded. Counting from 0 after a restart is fine.
    pub failed: u32,
    /// Seconds since the last attempt ended, or since the start of the device if there was none.
    pub since: u64,
}

/// What peers said about the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The registrar wants it renewed between these two instants, in seconds since 1970.
    Window {
        /// From here on.
        start: u64,
        /// Up to here.
        end: u64,
    },
    /// A server of the owner turned it down as expired, revoked or unknown (a TLS alert).
    TurnedDown,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing for so many seconds; asking earlier does no harm.
    Wait(u64),
    /// Enrol or renew now, showing this identity.
    Renew(Origin),
    /// It is due, but the device is in use: ask again when that ends ([`Reason::RenewalDeferred`] is its name in a log).
    Deferred(Forecast),
}

/// How long a renewal can still be put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Seconds until the identity expires: 0 once it has, none if that cannot be told.
    pub expires_in: Option<u64>,
    /// How many times the device will rest until then, if it rests once in [`WINDOW`] seconds.
    pub windows_left: Option<u64>,
}

impl Forecast {
    /// Whole days until the identity expires.
    #[must_use]
    pub const fn days(&self) -> Option<u64> {
        match self.expires_in {
            Some(seconds) => Some(seconds.wrapping_div(DAY)),
            None => None,
        }
    }
}

impl Life {
    /// That of a credential's own certificate.
    pub fn of(credential: &Credential<'_>) -> Result<Self> {
        let leaf = Certificate::parse(credential.chain().first().ok_or(Reason::NotProvisioned)?)?;
        Ok(Self { not_before: leaf.not_before, not_after: leaf.not_after })
    }

    /// When the first attempt of a device with this share is due, without any hint.
    #[must_use]
    pub fn start(&self, spread: u64) -> u64 {
        self.share(60).saturating_add(part(self.length().wrapping_div(10), spread))
    }

    const fn length(&self) -> u64 {
        self.not_after.saturating_sub(self.not_before)
    }

    /// The instant at which so many hundredths of the life are over.
    const fn share(&self, hundredths: u64) -> u64 {
        self.not_before.saturating_add(self.length().wrapping_div(100).saturating_mul(hundredths))
    }
}

/// Decides. Pure: the same situation gives the same decision, on any thread, and nothing is stored.
#[must_use]
pub fn next(situation: &Situation) -> Decision {
    let Situation { life, attempts, clinical, .. } = *situation;
    let due = match life.map_or(Ok(Due { after: 0, cap: DAY, origin: Origin::Birth }), |life| due(&life, situation)) {
        Ok(due) => due,
        Err(seconds) => return Decision::Wait(seconds.max(1)),
    };
    let wait = due.pause(situation);
    if attempts.since < wait {
        Decision::Wait(wait.saturating_sub(attempts.since))
    } else if clinical.allows_disruption() {
        Decision::Renew(due.origin)
    } else {
        Decision::Deferred(forecast(situation))
    }
}

/// The device's share of whatever is spread over a lot, for one key: HMAC-SHA-256 with a secret of the device (RFC 2104).
///
/// The secret is made and stored the first time; after power loss it is there or is made again.
pub fn spread(platform: &Platform<'_>, suite: &Suite<'_>, thumbprint: &[u8; 32]) -> Result<u64> {
    let mut frame = Secret::<{ record::frame(SECRET) }>::zeroed();
    let mut secret = Secret::<SECRET>::zeroed();
    match record::load(platform.store, Kind::RenewalSecret, frame.expose_mut())? {
        Some(stored) => *secret.expose_mut() = *stored.first_chunk().ok_or(Reason::RecordCorrupt)?,
        None => {
            random(platform.entropy, secret.expose_mut())?;
            record::save(platform.store, Kind::RenewalSecret, secret.expose(), frame.expose_mut())?;
        }
    }
    let mut share = [0; 8];
    suite.kdf(HashAlg::Sha256)?.derive(thumbprint, secret.expose(), &[b"aseptic renewal"], &mut share)?;
    Ok(u64::from_be_bytes(share))
}

/// A renewal whose time has come, but for the pause since the last attempt.
struct Due {
    /// Seconds since the last success, or the start of the device, before which it does not begin.
    after: u64,
    /// The longest pause between attempts.
    cap: u64,
    origin: Origin,
}

impl Due {
    /// Seconds to let pass since the last attempt.
    fn pause(&self, situation: &Situation) -> u64 {
        let Attempts { failed, .. } = situation.attempts;
        let draw = mix(situation.spread, failed);
        if failed == 0 {
            // A ward whose power comes back does not come to the registrar as one.
            return part(AFTER_START.min(self.cap), draw).max(self.after);
        }
        let bound = MINUTE.saturating_mul(1_u64.wrapping_shl(failed.saturating_sub(1).min(32))).min(self.cap);
        part(bound, draw).max(1)
    }
}

/// What is due, or for how many seconds nothing is.
fn due(life: &Life, situation: &Situation) -> core::result::Result<Due, u64> {
    let Situation { spread, now, attempts, hint, .. } = *situation;
    let late = life.share(80);
    let fiftieth = life.length().wrapping_div(50).max(MINUTE);
    let by_turns = if attempts.failed.is_multiple_of(2) { Origin::Local } else { Origin::Birth };
    if now.relation(life.not_after.saturating_add(1)) == Relation::After {
        return Ok(Due { after: 0, cap: DAY, origin: Origin::Birth });
    }
    if hint == Some(Hint::TurnedDown) {
        // Whoever turned it down will do so again; the birth identity is beyond that judgement.
        return Ok(Due { after: 0, cap: fiftieth.min(DAY), origin: Origin::Birth });
    }
    if now.relation(late) == Relation::After {
        return Ok(Due { after: 0, cap: fiftieth.wrapping_div(2).max(MINUTE), origin: by_turns });
    }
    let start = match hint {
        Some(Hint::Window { start, end }) => start.saturating_add(part(end.saturating_sub(start), spread)).min(late),
        _ => life.start(spread),
    };
    match now.relation(start) {
        Relation::Before => Err(start.saturating_sub(now.seconds)),
        Relation::After => Ok(Due { after: 0, cap: fiftieth, origin: Origin::Local }),
        Relation::CannotTell => Ok(Due { after: life.length().wrapping_div(10), cap: fiftieth, origin: by_turns }),
    }
}

fn forecast(situation: &Situation) -> Forecast {
    let now = situation.now;
    let left = situation.life.and_then(|life| match now.trust {
        Trust::Trusted => Some(life.not_after.saturating_sub(now.seconds)),
        // It is this late at least, hence so much is left at most; only that nothing is left is certain.
        Trust::AtLeast if now.seconds > life.not_after => Some(0),
        Trust::AtLeast | Trust::Unknown => None,
    });
    Forecast { expires_in: left, windows_left: left.map(|left| left.wrapping_div(WINDOW)) }
}

/// The part of `whole` that `share` is of all numbers.
fn part(whole: u64, share: u64) -> u64 {
    // The upper half of the product, which is below `whole`.
    let product = u128::from(whole).saturating_mul(u128::from(share));
    u64::try_from(product >> 64).unwrap_or(whole)
}

/// Another number for each attempt (splitmix64). The secret is in `spread`; attempts need not be hard to guess.
const fn mix(spread: u64, attempt: u32) -> u64 {
    let mixed = spread.wrapping_add((attempt as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;
/// How often a device is taken to rest: once a day. What a hospital knows better, the application turns into days.
pub const WINDOW: u64 = DAY;
/// Seconds after the start of a device within which its first attempt comes.
const AFTER_START: u64 = 600;
const SECRET: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u64 = 365 * DAY;
    const BORN: u64 = 1_767_225_600;
    const LIFE: Life = Life { not_before: BORN, not_after: BORN + YEAR };

    fn at(seconds: u64) -> Situation {
        Situation {
            life: Some(LIFE),
            spread: 1 << 63,
            now: Time::trusted(BORN.saturating_add(seconds)),
            attempts: Attempts { failed: 0, since: YEAR },
            hint: None,
            clinical: Use::Idle,
        }
    }

    #[test]
    fn each_part_of_a_life_has_its_answer() {
        use Decision::{Renew, Wait};
        let start = YEAR * 65 / 100;
        assert_eq!(LIFE.start(1 << 63), BORN + start);
        assert_eq!((LIFE.start(0), LIFE.start(u64::MAX)), (BORN + YEAR * 6 / 10, BORN + YEAR * 7 / 10 - 1));
        for (seconds, expected) in [
            (0, Wait(start)),
            (start - 1, Wait(1)),
            (start, Renew(Origin::Local)),
            (YEAR * 8 / 10, Renew(Origin::Local)),
            (YEAR, Renew(Origin::Local)),
            (YEAR + 1, Renew(Origin::Birth)),
            (30 * YEAR, Renew(Origin::Birth)),
        ] {
            assert_eq!(next(&at(seconds)), expected, "{seconds}");
        }
        // A device without a local identity enrols; with one that is turned down it comes back by its birth.
        assert_eq!(next(&Situation { life: None, ..at(0) }), Renew(Origin::Birth));
        assert_eq!(next(&Situation { hint: Some(Hint::TurnedDown), ..at(0) }), Renew(Origin::Birth));
    }

    #[test]
    fn a_registrar_moves_the_start_but_not_past_the_last_fifth() {
        let window = |start, end| Situation {
            hint: Some(Hint::Window { start: BORN + start, end: BORN + end }),
            ..at(YEAR / 10)
        };
        assert_eq!(next(&window(0, 10)), Decision::Renew(Origin::Local));
        assert_eq!(next(&window(YEAR / 10, YEAR / 10 + 100)), Decision::Wait(50));
        assert_eq!(next(&window(YEAR * 2, YEAR * 3)), Decision::Wait(YEAR * 7 / 10));
        assert_eq!(next(&window(YEAR / 2, 0)), Decision::Wait(YEAR * 4 / 10), "one that ends before it begins");
    }

    /// Of every pause: never longer than its bound, and over many devices about half of it.
    #[test]
    fn pauses_double_up_to_their_bound_and_fill_it() {
        let fiftieth = YEAR / 50;
        for (seconds, most) in [(YEAR * 7 / 10, fiftieth), (YEAR * 9 / 10, fiftieth / 2), (YEAR * 2, DAY)] {
            for failed in 1..40_u32 {
                let bound = (60 << (failed - 1).min(30)).min(most);
                let mut sum = 0;
                for device in 0..1000_u64 {
                    let spread = device << 54;
                    let attempts = Attempts { failed, since: 0 };
                    let Decision::Wait(pause) = next(&Situation { attempts, spread, ..at(seconds) }) else { panic!() };
                    assert!((1..=bound).contains(&pause), "{pause} of {bound}");
                    let tried = Situation { attempts: Attempts { failed, since: pause }, spread, ..at(seconds) };
                    assert!(matches!(next(&tried), Decision::Renew(_)));
                    sum += pause;
                }
                assert!((400..600).contains(&(sum / bound)), "{failed}: {sum} of {bound}");
            }
        }
        // In the last fifth both identities have their turn.
        let turn = |failed| next(&Situation { attempts: Attempts { failed, since: YEAR }, ..at(YEAR * 9 / 10) });
        assert_eq!((turn(1), turn(2)), (Decision::Renew(Origin::Birth), Decision::Renew(Origin::Local)));
    }

    #[test]
    fn nothing_starts_while_the_device_is_in_use_and_the_forecast_says_how_long_that_can_go_on() {
        for clinical in [Use::InUse, Use::Alarm, Use::Emergency] {
            let told = |seconds| next(&Situation { clinical, ..at(seconds) });
            let forecast = |left| Forecast { expires_in: Some(left), windows_left: Some(left / DAY) };
            assert_eq!(told(YEAR * 9 / 10), Decision::Deferred(forecast(YEAR / 10)));
            assert_eq!(told(YEAR * 2), Decision::Deferred(forecast(0)));
            assert!(matches!(told(0), Decision::Wait(_)), "nothing is due");
            let Decision::Deferred(forecast) = told(YEAR - 10 * DAY - 5) else { panic!() };
            assert_eq!((forecast.days(), forecast.windows_left), (Some(10), Some(10)));
        }
        let now = Time::at_least(BORN + YEAR * 9 / 10);
        let Decision::Deferred(forecast) = next(&Situation { clinical: Use::InUse, now, ..at(0) }) else { panic!() };
        assert_eq!((forecast.days(), forecast.windows_left), (None, None), "a bound from below forecasts nothing");
    }

    /// The clocks that devices are found with, and what each comes to for a certificate of a year.
    #[test]
    fn whatever_the_clock_shows_there_is_an_answer() {
        use Decision::{Renew, Wait};
        let fresh = |now| next(&Situation { now, attempts: Attempts { failed: 0, since: DAY }, ..at(0) });
        for (what, now, expected) in [
            ("no clock", Time::UNKNOWN, Wait(YEAR / 10 - DAY)),
            ("1970, behind every floor", Time::at_least(0), Wait(YEAR / 10 - DAY)),
            ("build date", Time::at_least(BORN - 40 * DAY), Wait(YEAR / 10 - DAY)),
            ("a floor after the start", Time::at_least(BORN + YEAR * 7 / 10), Renew(Origin::Local)),
            ("a floor after the end", Time::at_least(BORN + 2 * YEAR), Renew(Origin::Birth)),
            ("a day behind", Time::trusted(BORN - DAY), Wait(YEAR * 65 / 100 + DAY)),
            ("right", Time::trusted(BORN), Wait(YEAR * 65 / 100)),
            ("a day ahead", Time::trusted(BORN + DAY), Wait(YEAR * 65 / 100 - DAY)),
            ("ten years ahead", Time::trusted(BORN + 10 * YEAR), Renew(Origin::Birth)),
            ("2038", Time::trusted(1 << 31), Renew(Origin::Birth)),
            ("2106", Time::trusted(1 << 32), Renew(Origin::Birth)),
            ("the end of time", Time::trusted(u64::MAX), Renew(Origin::Birth)),
        ] {
            assert_eq!(fresh(now), expected, "{what}");
        }
        // Without a clock it is the time in use that counts, and what peers say.
        let powered =
            |since, failed| next(&Situation { now: Time::UNKNOWN, attempts: Attempts { failed, since }, ..at(0) });
        assert_eq!(powered(YEAR / 10, 0), Renew(Origin::Local));
        assert_eq!(powered(YEAR / 10, 1), Renew(Origin::Birth));
        assert!(matches!(powered(0, 1), Wait(1..=60)));
        let turned = Situation { now: Time::UNKNOWN, hint: Some(Hint::TurnedDown), ..at(0) };
        assert_eq!(next(&turned), Renew(Origin::Birth));
    }

    /// No situation panics, and none waits longer than its certificate lives, but for dates that lie ahead of the clock.
    #[test]
    fn odd_lives_have_answers_too() {
        let odd = [0, 1, BORN, BORN + 1, BORN + YEAR, u64::MAX - 1, u64::MAX];
        for not_before in odd {
            for not_after in odd {
                for now in odd {
                    for spread in odd {
                        for failed in [0, 1, 31, 32, 33, u32::MAX] {
                            let life = Some(Life { not_before, not_after });
                            let attempts = Attempts { failed, since: 0 };
                            let now = Time::trusted(now);
                            let decision = next(&Situation { life, spread, now, attempts, ..at(0) });
                            assert!(!matches!(decision, Decision::Wait(0) | Decision::Deferred(_)));
                        }
                    }
                }
            }
        }
    }
}
