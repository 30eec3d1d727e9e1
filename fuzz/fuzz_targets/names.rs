#![no_main]

use xeks::fuzzing::{names, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("names"), |data: &[u8]| names(data));
