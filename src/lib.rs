//! xeks: a Terraform and OpenTofu provider that makes each connection to an EKS cluster of another AWS account one resource.
//!
//! The modules, in the order in which a request passes them; the last four serve all. `tests/layering` holds what may use what.

// Stdout carries the handshake and nothing else ever; a panic costs a user an apply. Tests may do both.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::unwrap_used))]

pub mod plugin;

pub mod protocol;

pub mod registry;

pub mod data_sources;
pub mod resources;

pub mod provider;

pub mod objects;

pub mod engine;

pub mod evaluate;

pub mod aws;

pub mod schema;

pub mod diagnostics;
pub mod secrets;
pub mod terminal;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
