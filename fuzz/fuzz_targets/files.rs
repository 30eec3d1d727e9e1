#![no_main]

use xeks::fuzzing::{files, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("files"), |data: &[u8]| files(data));
