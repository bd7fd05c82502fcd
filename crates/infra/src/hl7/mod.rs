//! HL7 v2 as bedside devices speak it: observations written after IHE PCD-01, messages read for printing, MLLP blocks.
//!
//! What a device signs is the HL7 text itself, byte for byte. The record adapter hands exactly these bytes on, so that the
//! signed original stays the proof of what was handed on.

mod message;
pub mod mllp;
mod observation;

pub use message::{Message, Segment};
pub use observation::{Code, Metric, Observation, Patient, Value};

/// The content type of HL7 v2 in ER7 encoding.
pub const CONTENT_TYPE: &str = "x-application/hl7-v2+er7";

/// The profile in MSH-21 of a PCD-01 message.
pub const PCD_01: &str = "IHE_PCD_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.1.1^ISO";
