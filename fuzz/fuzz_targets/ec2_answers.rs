#![no_main]

use xeks::fuzzing::{ec2_answers, seeds};

libfuzzer_sys::fuzz_target!(init: seeds::write("ec2_answers"), |data: &[u8]| ec2_answers(data));
