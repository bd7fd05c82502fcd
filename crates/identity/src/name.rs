//! How a device is called.

use crate::udi::Udi;
use aseptic_certs::der;
use aseptic_core::{Reason, Result, limits};

/// What a birth certificate is to say about the device (IEEE 802.1AR, RFC 4108 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceName<'a> {
    /// The serial number, unique among all devices of the maker; it becomes the subject's serialNumber and the name of
    /// the device in every message. 1 to [`limits::NAME`] characters of PrintableString (letters, digits, space and
    /// `'()+,-./:=?`).
    pub serial: &'a str,
    /// The type of the hardware: the content bytes of an object identifier below the maker's own arc.
    pub hardware_type: &'a [u8],
    /// The serial number of the hardware module, unique for its type; 1 to [`limits::NAME`] bytes.
    pub hardware_serial: &'a [u8],
    /// The unique device identifier on the label. If it carries a serial number, then `serial` ends with it, so that label
    /// and certificate name the same unit; before it, `serial` may hold what makes it unique over all models.
    pub udi: Option<Udi<'a>>,
}

impl DeviceName<'_> {
    /// [`Reason::NameInvalid`] or [`Reason::UdiInvalid`] unless the rules of the fields hold.
    pub fn check(&self) -> Result<()> {
        let serial = (1..=limits::NAME).contains(&self.serial.len()) && self.serial.bytes().all(printable);
        let hardware_type = self.hardware_type.len() <= limits::OID && der::check_oid(self.hardware_type).is_ok();
        let hardware_serial = (1..=limits::NAME).contains(&self.hardware_serial.len());
        if !(serial && hardware_type && hardware_serial) {
            return Err(Reason::NameInvalid);
        }
        match self.udi.and_then(|udi| udi.serial()) {
            Some(labelled) if !self.serial.ends_with(labelled) => Err(Reason::UdiInvalid),
            _ => Ok(()),
        }
    }
}

/// The characters of PrintableString (X.680 section 41.4).
const fn printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'\'' | b'('..=b')' | b'+'..=b'/' | b':' | b'=' | b'?')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: DeviceName<'static> = DeviceName {
        serial: "PUMP-0042",
        hardware_type: &[0x2B, 0x06, 0x01, 0x04, 0x01, 0x83, 0xBD, 0x1F, 0x01],
        hardware_serial: b"\x00\x01HW",
        udi: None,
    };

    #[test]
    fn fields_are_held_to_their_rules() {
        let long = "x".repeat(limits::NAME + 1);
        assert_eq!(NAME.check(), Ok(()));
        for serial in ["", "a_b", "a*b", "a&b", "Gerät", &long] {
            assert_eq!(DeviceName { serial, ..NAME }.check(), Err(Reason::NameInvalid), "{serial}");
        }
        for hardware_type in [&[][..], &[0x80, 0x01], &[0x2B, 0x83], &[0x2B; limits::OID + 1]] {
            assert_eq!(DeviceName { hardware_type, ..NAME }.check(), Err(Reason::NameInvalid));
        }
        for hardware_serial in [&[][..], &[0; limits::NAME + 1]] {
            assert_eq!(DeviceName { hardware_serial, ..NAME }.check(), Err(Reason::NameInvalid));
        }
    }

    #[test]
    fn the_serial_number_of_the_label_ends_the_one_of_the_certificate() {
        for (label, expected) in [
            ("(01)09521234543213", Ok(())),
            ("(01)09521234543213(21)0042", Ok(())),
            ("(01)09521234543213(21)PUMP-0042", Ok(())),
            ("(01)09521234543213(21)0043", Err(Reason::UdiInvalid)),
            ("(01)09521234543213(21)PUMP", Err(Reason::UdiInvalid)),
        ] {
            assert_eq!(DeviceName { udi: Some(Udi::parse(label).unwrap()), ..NAME }.check(), expected, "{label}");
        }
    }
}
