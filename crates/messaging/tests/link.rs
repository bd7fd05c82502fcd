//! Who alarms: two clocks, a network that loses, delays and doubles, restarts of either end. Never both silent.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

use aseptic_core::Reason;
use aseptic_messaging::{Centre, Heartbeat, LEASE, Link};
use aseptic_testbed::bench::Bench;

/// xorshift64: the same disconnects in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What is on its way: when it arrives, and whether it goes to the device.
struct Flight {
    due: u64,
    to_device: bool,
    beat: Heartbeat,
}

const STEP: u64 = 50;

#[derive(Default)]
struct Seen {
    disconnects: u32,
    partial: u32,
    centre_alone: u64,
    device_alone: u64,
    both: u64,
}

/// One hour of a device and a station. Time runs at `rates` thousandths for each of them.
fn hour(dice: &mut Dice, seen: &mut Seen) {
    let bench = Bench::new(dice.below(1 << 40));
    // Clocks within one part in 128 of the true time, so within one in 64 of one another.
    let mut rate = || 1_000_000 - 7_800 + dice.below(15_600);
    let (device_rate, centre_rate) = (rate(), rate());
    let (mut device_start, mut centre_start) = (0, 0);
    let local = |now: u64, start: u64, rate: u64| (now - start) * rate / 1_000_000;
    let (mut link, mut centre) = (Link::new(&bench.platform()).unwrap(), Centre::new(0));
    let (mut up, mut down) = (true, true);
    let mut flights: Vec<Flight> = Vec::new();
    for now in (0..3_600_000).step_by(usize::try_from(STEP).unwrap()) {
        if dice.below(1000) < 3 {
            let before = (up, down);
            (up, down) = (dice.below(3) > 0, dice.below(3) > 0);
            seen.disconnects += u32::from(before != (up, down) && !(up && down));
            seen.partial += u32::from(before != (up, down) && up != down);
        }
        if dice.below(20_000) == 0 {
            device_start = now;
            link = Link::new(&bench.platform()).unwrap();
        }
        let (at_device, at_centre) = (local(now, device_start, device_rate), local(now, centre_start, centre_rate));
        if now % (LEASE / 3 / STEP * STEP) == 0 {
            let beat = link.beat(at_device);
            send(dice, &mut flights, now, false, beat, up);
        }
        let (arrived, rest): (Vec<_>, Vec<_>) = flights.into_iter().partition(|flight| flight.due <= now);
        flights = rest;
        for flight in arrived {
            if flight.to_device {
                link.answered(flight.beat);
            } else {
                let answer = centre.answer(at_centre, flight.beat);
                send(dice, &mut flights, now, true, answer, down);
            }
        }
        if dice.below(20_000) == 0 {
            centre_start = now;
            centre = Centre::new(0);
        }
        let at_centre = local(now, centre_start, centre_rate);
        let alarms = (link.alarms(at_device), centre.alarms(at_centre));
        assert_ne!(alarms, (false, false), "both silent at {now}");
        assert_eq!(alarms.0, at_device >= link.silent_until(), "what the task that alarms compares");
        match alarms {
            (true, true) => seen.both += 1,
            (true, false) => seen.device_alone += 1,
            _ => seen.centre_alone += 1,
        }
    }
}

fn send(dice: &mut Dice, flights: &mut Vec<Flight>, now: u64, to_device: bool, beat: Heartbeat, carried: bool) {
    let copies = if !carried || dice.below(10) == 0 { 0 } else { 1 + dice.below(2) };
    for _ in 0..copies {
        let delay = match dice.below(20) {
            0 => dice.below(4 * LEASE),
            1..4 => dice.below(LEASE),
            _ => dice.below(300),
        };
        flights.push(Flight { due: now + delay, to_device, beat });
    }
}

#[test]
fn over_ten_thousand_disconnects_never_both_are_silent() {
    let (mut dice, mut seen) = (Dice(0x5EED), Seen::default());
    while seen.disconnects < 10_000 {
        hour(&mut dice, &mut seen);
    }
    let Seen { disconnects, partial, centre_alone, device_alone, both } = seen;
    println!(
        "{disconnects} disconnects, {partial} of them one way: station {centre_alone}, device {device_alone}, both {both}"
    );
    assert!(partial > 3000 && centre_alone > 100_000 && device_alone > 100_000 && both > 1000);
}

#[test]
fn the_device_alarms_unless_the_station_has_just_answered() {
    let mut link = Link::new(&Bench::new(1).platform()).unwrap();
    assert!(link.alarms(0));
    let beat = link.beat(100);
    let (mut centre, other) = (Centre::new(0), Link::new(&Bench::new(2).platform()).unwrap().beat(100));
    link.answered(other);
    assert!(link.alarms(101), "an answer to somebody else's heartbeat");
    link.answered(centre.answer(50, beat));
    assert!(!link.alarms(101) && !link.alarms(99 + LEASE) && link.alarms(100 + LEASE));
    link.answered(beat);
    assert!(link.alarms(100 + LEASE), "an answer counts from when its heartbeat was sent, and once");
    // Five heartbeats later the first one is forgotten.
    let old = link.beat(20_000);
    for now in 0..4 {
        link.beat(20_001 + now);
    }
    link.answered(old);
    assert!(link.alarms(20_010));
    assert_eq!(Heartbeat::decode(&old.encode()), Ok(old));
    assert_eq!(Heartbeat::decode(b"short"), Err(Reason::MessageMalformed));
}
