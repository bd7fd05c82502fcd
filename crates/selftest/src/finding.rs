//! Everything that can be found, in one numbered table.

macro_rules! findings {
    ($($name:ident = $number:literal, $problem:literal, $remedy:literal;)*) => {
        /// One thing that is wrong with a port. Numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Finding {
            $(#[doc = $problem] $name = $number,)*
        }

        impl Finding {
            /// Every finding, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number.
            #[must_use]
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The finding with this number, if there is one.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// What is wrong, in one sentence.
            #[cfg(feature = "text")]
            #[must_use]
            pub const fn problem(self) -> &'static str {
                match self { $(Self::$name => $problem,)* }
            }

            /// What to do about it, in one sentence.
            #[cfg(feature = "text")]
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

findings! {
    // 1xx  entropy
    EntropyFails = 101, "The entropy source fails.", "Wait for the generator to be ready, and clear its error flags, inside fill.";
    EntropyShort = 102, "Some bytes were not filled.", "Fill every byte that is asked for, also where the length is no multiple of a word.";
    EntropyBeyond = 103, "Bytes beyond the room were written.", "Write no more bytes than are asked for.";
    EntropyStuck = 104, "The same bytes came twice.", "Read the generator anew for every word; check that its clock runs.";
    EntropyBiased = 105, "Ones and zeros are not alike in number.", "Use the conditioned output of the generator, not its raw bits.";
    // 2xx  clock
    UptimeBack = 201, "The uptime stepped back.", "Read both halves of a counter until the upper one is the same twice.";
    UptimeStands = 202, "The uptime did not move during the whole test.", "Start the timer that counts milliseconds.";
    ClockBack = 203, "The wall clock stepped back.", "Do not mix two sources of time.";
    ClockImplausible = 204, "A time is called trusted that lies before 2024 or after 2150.", "Answer unknown until the clock has been set; count seconds since 1970.";
    // 3xx  store
    StoreFails = 301, "A store call failed.", "The detail is the step; see the fault that the medium reports.";
    StoreContent = 302, "A blob does not read back as it was saved.", "Keep all bytes and the exact length, up to 8192 bytes.";
    StoreBeyond = 303, "Load wrote beyond the blob.", "Copy only as many bytes as the blob has.";
    StoreNotFound = 304, "Load of an erased slot does not answer that nothing is there.", "Answer NOT_FOUND for a slot without a blob.";
    StoreTooSmall = 305, "Load into too little room does not answer that it is full.", "Answer FULL, and copy nothing, when the blob is larger than the room.";
    StoreMixed = 306, "A call on one slot changed another.", "Keep slots apart by their whole 16-bit number.";
    StoreEraseAbsent = 307, "Erasing a slot without a blob fails.", "Answer OK when there is nothing to remove.";
    StoreTorn = 308, "After a power cut a slot held neither the old blob nor the new one.", "Write the new blob elsewhere, then switch with one last write.";
    StoreLost = 309, "A blob was saved, by the answer, and gone after a power cut.", "Answer only after the last write has reached the medium.";
    // 4xx  counters
    CounterFails = 401, "A counter call failed.", "The detail is the step; counter 7 is for this test and must work.";
    CounterValue = 402, "A counter does not read what it was advanced to.", "Keep all 64 bits.";
    CounterBack = 403, "A counter stepped back.", "Let a lower value change nothing, and answer OK.";
    CounterMixed = 404, "Advancing one counter changed another.", "Keep counters apart by their number.";
    CounterTorn = 405, "After a power cut a counter held neither the old value nor the new one.", "Write the new value elsewhere and take the higher valid one.";
    CounterLost = 406, "A counter was advanced, by the answer, and was not after a power cut.", "Answer only after the last write has reached the medium.";
    // 5xx  keys
    KeyFails = 501, "A key call failed.", "The detail is the step; P-256 to sign and P-256 to agree must work.";
    KeyTaken = 502, "A key was made over another one.", "Answer DENIED when the id is taken.";
    KeyPublic = 503, "The public key is not 65 bytes of an uncompressed point, or its policy is wrong.", "Write 0x04, x and y; keep algorithm and use with the key.";
    KeySignature = 504, "A signature does not verify.", "Sign the digest as it is; write r and s, 32 bytes each, big endian, no DER.";
    KeyAgreement = 505, "Two keys do not agree on one secret.", "Write the x coordinate of the shared point, 32 bytes big endian.";
    KeyPolicy = 506, "A key did what it was not made for.", "Answer DENIED for another use than the one fixed at creation.";
    KeyPeer = 507, "A point that is not on the curve was taken for a peer.", "Check that the peer's point is on the curve; answer DENIED.";
    KeyWalk = 508, "The walk over the keys misses one or does not rise.", "Give the lowest id above the one passed, and none after the last.";
    KeyRemains = 509, "A destroyed key is still there.", "Remove the key, and answer NOT_FOUND and OK afterwards.";
    KeySame = 510, "Two keys that were made are the same.", "Draw each private key from the entropy source.";
    // 6xx  raw flash
    FlashGeometry = 601, "The geometry of the flash is not one that is supported.", "Powers of two, units of erasing of 256 bytes or more, two or more of them.";
    FlashFails = 602, "A flash call failed, or what lies there is no log of this shape.", "The detail is the step; erase the whole area once when the device is made.";
    FlashErase = 603, "An erased unit does not read 0xFF throughout.", "Wait for the end of the erasure, erase all of it, and read past any cache.";
    FlashEraseWide = 604, "Erasing one unit changed another one.", "Erase only the unit that begins at the address; check the geometry.";
    FlashProgram = 605, "Programmed bytes do not read back.", "Wait for the end of the operation; check write protection and byte order.";
    FlashProgramWide = 606, "Programming changed bytes beside the range.", "Program exactly the bytes that are given.";
    // 7xx  program slots
    ImageGeometry = 701, "The geometry of a program slot is not one that is supported.", "Powers of two, at most 32 to write, the size a multiple of the erase size.";
    ImageRunning = 702, "The running slot cannot be told, or changes.", "Answer from where this program was started.";
    ImageFails = 703, "A call on the slot that is not running failed.", "The detail is the step; check write protection and bank mapping.";
    ImageErase = 704, "Erased bytes of a slot are not all alike.", "Wait for the end of the erasure, and read past any cache.";
    ImageWrite = 705, "Bytes written to a slot do not read back.", "Keep the last bytes also where the length is no multiple of the write size.";
    ImageWide = 706, "Writing to the other slot changed the one that runs, or bytes beside the range.", "Check the base addresses and the mapping of the banks.";
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(Finding::ALL.is_sorted_by(|first, second| first.number() < second.number()));
        for finding in Finding::ALL {
            assert_eq!(Finding::from_number(finding.number()), Some(*finding));
            assert!(finding.problem().ends_with('.') && finding.remedy().ends_with('.'));
            assert!(finding.problem().len() <= 90 && finding.remedy().len() <= 90, "{finding:?}");
        }
        assert_eq!(Finding::from_number(0), None);
    }
}
