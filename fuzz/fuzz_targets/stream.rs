#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roam_fuzz::stream(bytes));
