#![no_main]

use xeks::fuzzing::{evaluation, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("evaluation"), |data: &[u8]| evaluation(data));
