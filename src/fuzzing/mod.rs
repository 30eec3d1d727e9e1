//! Fuzz targets: each takes any bytes, hands them to what reads what others send, and asserts what must hold of the outcome.
//!
//! In one place for both who run them: `cargo test` on a stable toolchain, over the corpus and seeded changes of it (`runs`), and
//! libFuzzer, guided by coverage (`make fuzz`, `fuzz/`). In no product build. Bodies that need a module's private parts stand there.

pub mod names;
pub mod policies;
#[cfg(test)]
mod runs;
pub mod seeds;
pub mod values;

pub use crate::aws::ec2::fuzzing::ec2_answers;
pub use crate::data_sources::hops::fuzzing::chains;
pub use crate::plugin::fuzzing::handshake;
pub use crate::protocol::fuzzing::plans;
pub use crate::resources::fuzzing::files;
pub use names::names;
pub use policies::{evaluation, policies};
pub use values::{json, msgpack};

/// A target: its name, which is its corpus's and its binary's too, and its body.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 10] = [
    ("msgpack", msgpack),
    ("json", json),
    ("plans", plans),
    ("policies", policies),
    ("evaluation", evaluation),
    ("ec2_answers", ec2_answers),
    ("handshake", handshake),
    ("names", names),
    ("files", files),
    ("chains", chains),
];
