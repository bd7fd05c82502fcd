//! The writer: one ORU^R01 after IHE PCD-01 (HL7 v2.6).

use super::PCD_01;
use crate::{Error, Result};
use aseptic_core::{Reason, limits};
use std::fmt::Write;

/// Metrics of one message.
const METRICS: usize = 256;

/// A term of the nomenclature ISO/IEEE 11073-10101.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code<'a> {
    /// Its number.
    pub number: u32,
    /// Its reference identifier, such as `MDC_PULS_OXIM_SAT_O2`.
    pub name: &'a str,
}

/// Whom the observation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patient<'a> {
    /// The identifier.
    pub id: &'a str,
    /// Who assigned it.
    pub authority: &'a str,
    /// Family name.
    pub family: &'a str,
    /// Given name.
    pub given: &'a str,
}

/// What was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A decimal number, as written: digits, at most one point, perhaps a sign before. No float ever rounds it.
    Number(&'a str),
    /// A text.
    Text(&'a str),
}

/// One metric of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric<'a> {
    /// What is measured.
    pub code: Code<'a>,
    /// Its place in the containment tree of the device: medical device system, virtual device, channel, metric.
    pub containment: [u16; 4],
    /// The value.
    pub value: Value<'a>,
    /// The unit.
    pub unit: Code<'a>,
}

/// What one message reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation<'a> {
    /// The control id (MSH-10), unique for the sender; acknowledgements name it.
    pub id: &'a str,
    /// The sending application.
    pub application: &'a str,
    /// The sending facility.
    pub facility: &'a str,
    /// The EUI-64 of the device.
    pub device: [u8; 8],
    /// What kind of device it is.
    pub kind: Code<'a>,
    /// The patient; devices in the field often do not know.
    pub patient: Option<Patient<'a>>,
    /// When it was observed, in seconds since 1970.
    pub time: u64,
    /// What was observed, at most 256 metrics.
    pub metrics: &'a [Metric<'a>],
}

impl Observation<'_> {
    /// Writes the message; segments end with a carriage return.
    ///
    /// Delimiters in texts are escaped. [`Reason::Hl7Malformed`] for control characters, for a number that is none, and for
    /// empty identifiers; [`Reason::TooLarge`] for more metrics or bytes than a message carries.
    pub fn encode(&self) -> Result<Vec<u8>> {
        if self.metrics.len() > METRICS {
            return Err(Error::new(Reason::TooLarge, "writing an observation"));
        }
        let (time, device) = (timestamp(self.time), eui64(self.device));
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "MSH|^~\\&|{}^{device}^EUI-64|{}|||{time}||ORU^R01^ORU_R01|{}|P|2.6|||AL|NE||UNICODE UTF-8|||{PCD_01}\r",
            text(self.application)?,
            text(self.facility)?,
            identifier(self.id)?,
        );
        match self.patient {
            Some(patient) => {
                let (id, authority) = (identifier(patient.id)?, text(patient.authority)?);
                let (family, given) = (text(patient.family)?, text(patient.given)?);
                let _ = write!(out, "PID|||{id}^^^{authority}^MR||{family}^{given}^^^^^L\r");
            }
            None => out.push_str("PID\r"),
        }
        let id = identifier(self.id)?;
        let _ = write!(out, "OBR|1|{id}^{device}^EUI-64|{id}^{device}^EUI-64|{}|||{time}\r", code(self.kind)?);
        for (at, metric) in (1_u32..).zip(self.metrics) {
            let (kind, value) = match metric.value {
                Value::Number(number) => ("NM", decimal(number)?),
                Value::Text(value) => ("ST", text(value)?),
            };
            let [mds, vmd, channel, leaf] = metric.containment;
            let _ = write!(
                out,
                "OBX|{at}|{kind}|{}|{mds}.{vmd}.{channel}.{leaf}|{value}|{}|||||R|||{time}||||{device}^^{device}^EUI-64\r",
                code(metric.code)?,
                code(metric.unit)?,
            );
        }
        if out.len() > limits::MESSAGE {
            return Err(Error::new(Reason::TooLarge, "writing an observation"));
        }
        Ok(out.into_bytes())
    }
}

fn code(code: Code<'_>) -> Result<String> {
    Ok(format!("{}^{}^MDC", code.number, identifier(code.name)?))
}

fn identifier(value: &str) -> Result<String> {
    if value.is_empty() { Err(malformed("an identifier is empty")) } else { text(value) }
}

/// HL7 v2 chapter 2, 2.7: delimiters in a text are escaped.
fn text(value: &str) -> Result<String> {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '&' => out.push_str("\\T\\"),
            control if control.is_control() => return Err(malformed("a text holds a control character")),
            other => out.push(other),
        }
    }
    Ok(out)
}

/// HL7 v2 chapter 2A, NM: a sign, digits, a point, digits.
fn decimal(value: &str) -> Result<String> {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits =
        |part: &str| !part.is_empty() && part.len() <= 32 && part.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits(whole) && all_digits(fraction) { Ok(value.to_owned()) } else { Err(malformed("a number is none")) }
}

fn eui64(device: [u8; 8]) -> String {
    device.iter().fold(String::with_capacity(16), |mut out, byte| {
        let _ = write!(out, "{byte:02X}");
        out
    })
}

/// YYYYMMDDHHMMSS in UTC, with its offset. The calendar counts from March, so that the leap day ends a year.
fn timestamp(seconds: u64) -> String {
    const DAYS_OF_ERA: u64 = 146_097;
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + later;
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}+0000", second / 3600, second / 60 % 60, second % 60)
}

fn malformed(what: &'static str) -> Error {
    Error::new(Reason::Hl7Malformed, what)
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    const SATURATION: Metric<'_> = Metric {
        code: Code { number: 150_456, name: "MDC_PULS_OXIM_SAT_O2" },
        containment: [1, 1, 1, 1],
        value: Value::Number("97"),
        unit: Code { number: 262_688, name: "MDC_DIM_PERCENT" },
    };

    fn observation<'a>(metrics: &'a [Metric<'a>]) -> Observation<'a> {
        Observation {
            id: "MSG1",
            application: "Bedside & Co",
            facility: "Ward 3",
            device: [0xAC, 0xDE, 0x48, 0x23, 0x45, 0x67, 0x01, 0x9F],
            kind: Code { number: 69_642, name: "MDC_DEV_ANALY_SAT_O2_MDS" },
            patient: Some(Patient { id: "4711", authority: "HOSP", family: "Doe|^", given: "Jane" }),
            time: 1_790_000_000,
            metrics,
        }
    }

    #[test]
    fn an_observation_has_the_fields_of_pcd_01_in_their_places() {
        let bytes = observation(&[SATURATION]).encode().unwrap();
        let message = Message::parse(&bytes).unwrap();
        for (segment, field, value) in [
            ("MSH", 1, "|"),
            ("MSH", 2, "^~\\&"),
            ("MSH", 3, "Bedside \\T\\ Co^ACDE48234567019F^EUI-64"),
            ("MSH", 7, "20260921141320+0000"),
            ("MSH", 9, "ORU^R01^ORU_R01"),
            ("MSH", 10, "MSG1"),
            ("MSH", 12, "2.6"),
            ("MSH", 15, "AL"),
            ("MSH", 16, "NE"),
            ("MSH", 18, "UNICODE UTF-8"),
            ("MSH", 21, PCD_01),
            ("PID", 3, "4711^^^HOSP^MR"),
            ("PID", 5, "Doe\\F\\\\S\\^Jane^^^^^L"),
            ("OBR", 4, "69642^MDC_DEV_ANALY_SAT_O2_MDS^MDC"),
            ("OBX", 2, "NM"),
            ("OBX", 3, "150456^MDC_PULS_OXIM_SAT_O2^MDC"),
            ("OBX", 4, "1.1.1.1"),
            ("OBX", 5, "97"),
            ("OBX", 6, "262688^MDC_DIM_PERCENT^MDC"),
            ("OBX", 11, "R"),
            ("OBX", 14, "20260921141320+0000"),
            ("OBX", 18, "ACDE48234567019F^^ACDE48234567019F^EUI-64"),
        ] {
            assert_eq!(message.field(segment, field), Some(value), "{segment}-{field}");
        }
        assert_eq!(message.segments().count(), 4);
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (seconds, text) in [
            (0, "19700101000000+0000"),
            (951_782_399, "20000228235959+0000"),
            (951_782_400, "20000229000000+0000"),
            (951_868_800, "20000301000000+0000"),
            (4_107_542_400, "21000301000000+0000"),
            (4_107_542_399, "21000228235959+0000"),
            (253_402_300_799, "99991231235959+0000"),
        ] {
            assert_eq!(timestamp(seconds), text);
        }
    }

    #[test]
    fn what_would_break_the_message_is_refused() {
        let refuse = |observation: Observation<'_>| observation.encode().unwrap_err().reason();
        let whole = observation(&[]);
        assert_eq!(refuse(Observation { id: "", ..whole }), Reason::Hl7Malformed);
        assert_eq!(refuse(Observation { facility: "a\rOBX|1", ..whole }), Reason::Hl7Malformed);
        assert_eq!(refuse(Observation { application: "\u{85}", ..whole }), Reason::Hl7Malformed);
        for number in ["", "-", "1e5", "1.", ".5", "1.2.3", "NaN", "٣"] {
            let metric = Metric { value: Value::Number(number), ..SATURATION };
            assert_eq!(refuse(observation(&[metric])), Reason::Hl7Malformed, "{number}");
        }
        assert_eq!(refuse(observation(&[SATURATION; METRICS + 1])), Reason::TooLarge);
        let long = "x".repeat(limits::MESSAGE);
        assert_eq!(refuse(Observation { facility: &long, ..whole }), Reason::TooLarge);
        for number in ["97", "-0.5", "+12.25"] {
            assert!(observation(&[Metric { value: Value::Number(number), ..SATURATION }]).encode().is_ok());
        }
        assert!(Observation { patient: None, ..whole }.encode().is_ok());
    }
}
