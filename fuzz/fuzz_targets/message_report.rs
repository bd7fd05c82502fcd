#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aseptic_testbed::fuzzing::message_report(data));
