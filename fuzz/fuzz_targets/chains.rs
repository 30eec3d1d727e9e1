#![no_main]

use xeks::fuzzing::{chains, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("chains"), |data: &[u8]| chains(data));
