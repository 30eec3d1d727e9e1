//! The objects against the two-account AWS of tests/aws_emulator: made, changed, drifted, adopted, replaced, imported and removed for real.

mod adoption;
mod by_hand;
mod connection;
mod drift;
mod ec2_client;
mod emulator;
mod failing_calls;
mod life;
mod managed;
mod others;
mod peering;
mod providers;
mod snapshot;
mod sweep;
