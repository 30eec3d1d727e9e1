//! The bounded run of `cargo test`: every target over its seeds, its corpus in `fuzz/corpus`, and changes of these that follow from
//! a fixed seed, so that two runs are the same run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fastrand::Rng;

use super::{TARGETS, seeds};

/// No longer inputs than these: what is long is looked for by the tests of limits.
const LONGEST: usize = 4096;

/// Runs the target of that name over its corpus and that many changes of it.
fn run(name: &str, changes: usize) {
    let Some((_, target)) = TARGETS.into_iter().find(|(known, _)| *known == name) else { panic!("there is no target {name}") };
    let corpus = corpus(name);
    assert!(corpus.len() > seeds::of(name).len(), "fuzz/corpus/{name} is not there");
    let mut dice = Rng::with_seed(0x5eed);
    let changed = (0..changes).map(|_| change(&mut dice, &corpus));
    for input in corpus.iter().cloned().chain(changed) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
            eprintln!("{name} fails with this input, to be kept in fuzz/corpus/{name}: {}", input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    seeds::of(name).into_iter().chain(files.into_iter().map(|file| std::fs::read(file).unwrap())).collect()
}

/// One input of the corpus with one to four changes.
fn change(dice: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[dice.usize(..corpus.len())].clone();
    for _ in 0..dice.usize(1..=4) {
        let other = &corpus[dice.usize(..corpus.len())];
        let (at, end) = span(dice, input.len());
        let (from, to) = span(dice, other.len());
        match dice.u8(..8) {
            0 if at < input.len() => input[at] ^= 1 << dice.u8(..8),
            1 if at < input.len() => input[at] = dice.u8(..),
            // Lengths and signs sit at the edges.
            2 if at < input.len() => input[at] = [0x00, 0x01, 0x7f, 0x80, 0xc0, 0xd4, 0xdd, 0xff][dice.usize(..8)],
            3 => drop(input.drain(at..end)),
            4 => drop(input.splice(at..end, other[from..to].iter().copied())),
            5 => drop(input.splice(at..at, other[from..to].iter().copied())),
            6 => drop(input.splice(at..at, input[at..end].to_vec())),
            _ => drop(input.splice(at..at, std::iter::repeat_n(dice.u8(..), dice.usize(1..64)))),
        }
    }
    input.truncate(LONGEST);
    input
}

fn span(dice: &mut Rng, length: usize) -> (usize, usize) {
    let (one, other) = (dice.usize(..=length), dice.usize(..=length.min(64)));
    (one, (one + other).min(length))
}

macro_rules! bounded {
    ($($name:ident: $changes:literal)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), $changes);
        })*
    };
}

bounded! {
    msgpack: 60_000
    json: 20_000
    plans: 4_000
    policies: 40_000
    evaluation: 6_000
    ec2_answers: 60_000
    handshake: 60_000
    names: 60_000
    files: 5_000
    chains: 30_000
}
