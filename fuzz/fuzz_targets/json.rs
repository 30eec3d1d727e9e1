#![no_main]

use xeks::fuzzing::{json, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("json"), |data: &[u8]| json(data));
