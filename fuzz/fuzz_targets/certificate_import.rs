#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aseptic_testbed::fuzzing::certificate_import(data));
