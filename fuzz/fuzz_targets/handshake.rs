#![no_main]

use xeks::fuzzing::{handshake, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("handshake"), |data: &[u8]| handshake(data));
