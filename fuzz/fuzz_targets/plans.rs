#![no_main]

use xeks::fuzzing::{plans, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("plans"), |data: &[u8]| plans(data));
