#![no_main]

use xeks::fuzzing::{policies, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("policies"), |data: &[u8]| policies(data));
