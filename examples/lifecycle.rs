//! The whole life of one infusion pump: born, owned, enrolled, connected, heard, updated, restarted.
//!
//! Real sockets on loopback, real files in a temporary folder, and every refusal that matters along the way.

use aseptic_core::clinical::Use::{Idle, InUse};
use aseptic_core::crypto::KeyAlg::P256;
use aseptic_core::trust::{self, Authority::*, PhysicalPresence, Purpose, Trust, TrustBuffers};
use aseptic_core::{Reason, limits, time::Time};
use aseptic_hosted::channel::{Local, Remote};
use aseptic_identity::{Enroller, Identity, Workspace, birth, confirm_handshake};
use aseptic_infra::{AuthorityKey, ca};
use aseptic_messaging::{Direction, Order, Sender};
use aseptic_testbed::{hostile, story::Failure, story::Story, ward};
use aseptic_update::boot;
use std::process::ExitCode;

fn main() -> ExitCode {
    Story::tell("The life of one infusion pump", life)
}

fn life(story: &mut Story) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(aseptic_hosted::Error::from)?;
    let (mut pump, suite) = (ward::open(folder.path(), "pump")?, aseptic_hosted::crypto::suite());
    let now = Time::trusted(pump.platform().clock.now().seconds);
    let factory = ward::Factory::new(suite, now)?;
    let hospital = ward::Hospital::new(folder.path(), suite, &factory, now)?;
    let (mut work, mut room, mut records) = (Workspace::new(), [0; limits::SLOT], [0; limits::SLOT]);
    let (engine, here) = (aseptic_certs::Engine, PhysicalPresence::confirmed_at_the_device);

    story.chapter("a. born", "the key never leaves the device; both sides check request and certificate");
    let platform = pump.platform();
    let plant = |authority, object: &[u8]| {
        trust::install(&platform, &suite, Some(&engine), authority, object, here(), &mut [0; limits::SLOT])?;
        Ok(object.len())
    };
    story.step("the maker's trust store goes in", "who authors", || plant(Manufacturer, &factory.trust));
    story.step("release 1 goes in", "the factory's part", || ward::provision(&platform, &suite));
    let csr = story.step("the pump makes its key and a PKCS#10 request", "the key store gives no key out", || {
        let length = birth::request(&platform, &suite, &ward::device_name()?, &mut work, &mut room)?;
        Ok(room[..length].to_vec())
    });
    let changed = hostile::flip(&csr, csr.len() * 8 - 9);
    story.refused("factory: a request changed on the way", Reason::CsrProof, || factory.birth(&changed));
    let chain = story.step("the factory issues the IDevID", "IEEE 802.1AR, UDI bound in", || factory.birth(&csr));
    let mut install = |chain: &ca::Chain| {
        let (mut buffers, links) = (TrustBuffers::new(), ca::links(chain));
        let trust = Trust::load(&platform, &mut buffers)?;
        birth::install(&platform, &suite, &trust, &engine, &links, now, &mut work)?;
        Ok(chain.concat().len())
    };
    let foreign = ward::Factory::new(suite, now)?.birth(&csr)?;
    story.refused("pump: a certificate of another factory", Reason::SignatureInvalid, || install(&foreign));
    story.step("the pump installs its IDevID", "chain, key, serial number and module are its own", || install(&chain));

    story.chapter("b. owned", "the owner's root goes in by a person at the device, or not at all");
    let mut buffers = TrustBuffers::new();
    story.refused("pump: enrol before it has an owner", Reason::OwnerRootMissing, || {
        let trust = Trust::load(&platform, &mut buffers)?;
        Ok(Enroller::start(&platform, &suite, &trust, &engine, &mut work).map(drop)?)
    });
    story.step("an operator installs the owner's signed record", "offline", || plant(Owner, &hospital.trust));
    let trust = Trust::load(&platform, &mut buffers)?;

    story.chapter("c. enrolled", "EST over mutual TLS 1.3; the switch is one atomic record");
    let ((relay_address, carried), (registrar, record)) = (hospital.relay()?, hospital.registrar()?);
    let remote = Remote { suite: &suite, trust: &trust, engine: &engine, purposes: &[Purpose::Network], now };
    let birth = Identity::load(&platform, &mut records)?.birth()?;
    let mut enroller = Enroller::start(&platform, &suite, &trust, &engine, &mut work)?;
    let mut enrol = || ward::enrol(&mut enroller, &registrar, platform.keys, &birth, &remote);
    story.step("the pump enrols with its IDevID", "cacerts, simpleenroll: new key, new LDevID", &mut enrol);
    registrar.shutdown();

    story.chapter("d. connected", "mutual TLS 1.3, hybrid key exchange, our path validation on both sides");
    let born = Local { keys: platform.keys, key: birth.key_id(), chain: birth.chain() };
    story.refused("relay: a birth identity", Reason::TlsFailed, || ward::call(relay_address, &born, &remote));
    let local = Identity::load(&platform, &mut records)?.credential()?.for_messages()?;
    let mut channel = story.step("the pump connects with its LDevID", "the relay let it in: probation ends", || {
        let channel = ward::call(relay_address, &Local::of(platform.keys, &local), &remote)?;
        Ok(confirm_handshake(&platform, local.key_id(), &mut work).map(|()| channel)?)
    });
    story.check("the key exchange is hybrid", channel.group(), channel.group() == "X25519MLKEM768");

    story.chapter("e. heard", "sealed for one reader, whose name is signed; the relay can only carry");
    let reader = |name: &str| Ok::<_, Reason>([trust.pinned(&suite, Purpose::Receive, name.as_bytes())?]);
    let (adapter_alone, pharmacy_alone) = (reader(ward::ADAPTER)?, reader(ward::PHARMACY)?);
    let (mut sender, bodies) = (Sender::load(&platform, Direction::FromDevice)?, ward::observations(5, now)?);
    let mut seal = |body: &[u8], to| ward::seal(&pump, &mut sender, &local, to, body, now);
    for body in &bodies[..3] {
        let sealed = story.step("the pump signs and seals an ORU^R01", "for its reader", || seal(body, &adapter_alone));
        story.check("the relay looks for a word of it", "finds none", !ward::leaks(&sealed, body));
        channel.send_frame(&sealed)?;
    }
    let to_pharmacy = channel.close().map(|_| seal(&bodies[3], &pharmacy_alone))??;
    let [first, second, third] = [(); 3].map(|()| carried.recv().expect("three messages"));
    let adapter_key = record.key();
    let (mut adapter, mut archive) = (record.adapter(&adapter_key, trust)?, Vec::new());
    adapter.register(local.chain(), now)?;
    for (message, what, order) in [
        (&first, "the adapter opens the first and hands HL7 on", Order::InOrder),
        (&third, "the relay delivers the third before the second", Order::Gap(1)),
        (&second, "and the second late: delivered, and marked", Order::Late),
    ] {
        let record = adapter.receive(message, now, &mut archive)?;
        story.check(what, &format!("marked {order:?}"), record.order == order);
    }
    story.quote(&archive[0].hl7()?);
    let relay = ward::HostileRelay::new(folder.path(), suite, &record, &adapter_alone[0])?;
    for (what, reason, message) in [
        ("adapter: a byte changed by the relay", Reason::DecryptFailed, hostile::flip(&first, first.len() * 4)),
        ("adapter: the first message once more", Reason::MessageReplayed, first.clone()),
        ("adapter: re-sealed to it by another reader", Reason::MessageNotForUs, relay.pass_on(&to_pharmacy)?),
        ("adapter: signed anew by the relay", Reason::UnknownSigner, relay.sign_anew(&bodies[0], now)?),
    ] {
        story.refused(what, reason, || Ok(adapter.receive(&message, now, &mut archive)?));
    }

    story.chapter("f. updated", "only authentic software, whole, newer, and never during therapy");
    let (image, stranger, ours) = (ward::image(1 << 20), AuthorityKey::generate(P256)?, [&factory.author]);
    let signed = |class, sequence, keys: &[&AuthorityKey]| factory.envelope(class, sequence, &image, keys);
    let good = signed(ward::CLASS, 7, &ours)?;
    let (changed, flipped) = (hostile::flip(&good, good.len() * 8 - 40), hostile::flip(&image, 4_000_000));
    for (what, reason, envelope, image, clinical) in [
        ("pump: a flipped bit in the manifest", Reason::ManifestDigest, &changed, &image, Idle),
        ("pump: signed by a stranger", Reason::UnknownSigner, &signed(ward::CLASS, 7, &[&stranger])?, &image, Idle),
        ("pump: not signed", Reason::ManifestUnsigned, &signed(ward::CLASS, 7, &[])?, &image, Idle),
        ("pump: for another class of devices", Reason::WrongClass, &signed("scale", 7, &ours)?, &image, Idle),
        ("pump: while a patient is treated", Reason::ClinicalUse, &good, &image, InUse),
        ("pump: a flipped bit in the image", Reason::ImageMismatch, &good, &flipped, Idle),
    ] {
        story.refused(what, reason, || ward::install(&pump, envelope, image, clinical));
    }
    let (half, old) = (&image[..image.len() / 2], signed(ward::CLASS, 6, &ours)?);
    story.step("half of 1 MiB streams in, then power fails", "in 4 KiB", || ward::install(&pump, &good, half, Idle));
    pump = ward::restart(pump, folder.path())?;
    story.step("after the restart the rest follows", "read back, staged", || ward::install(&pump, &good, &image, Idle));
    pump.reboot()?;
    let confirmed = boot::confirm(&pump.platform(), &suite, 0)?;
    story.check("the trial boot runs it and confirms", "the floor is 7 from now on", confirmed.image.sequence == 7);
    story.refused("pump: an older release", Reason::SequenceTooOld, || ward::install(&pump, &old, &image, Idle));

    story.chapter("g. restarted", "same identity, no sequence number twice, floor kept");
    pump = ward::restart(pump, folder.path())?;
    let (key, local, floor) = (local.key_id(), ward::identity(&pump, &mut records)?, boot::floor(&pump.platform())?);
    story.check("the pump knows who it is and what it runs", "same key, floor 7", (local.key_id(), floor) == (key, 7));
    let mut sender = Sender::load(&pump.platform(), Direction::FromDevice)?;
    let sealed = ward::seal(&pump, &mut sender, &local, &adapter_alone, &bodies[4], now)?;
    let record = adapter.receive(&sealed, now, &mut archive)?;
    story.check("it goes on sending", "no number twice", record.restarted && record.sequence > archive[1].sequence);
    Ok(())
}
