//! The objects against the two-account AWS of tests/aws_emulator: made, changed, drifted, adopted, replaced, imported and removed for real.

mod connection;
mod ec2_client;
mod emulator;
mod life;
mod others;
mod peering;
mod providers;
mod sweep;
