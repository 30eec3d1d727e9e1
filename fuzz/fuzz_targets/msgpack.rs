#![no_main]

use xeks::fuzzing::{msgpack, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("msgpack"), |data: &[u8]| msgpack(data));
