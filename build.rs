//! Compiles `proto/` to Rust, in pure Rust: no protoc on the machine.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(["tfplugin6/provider.proto", "plugin/plugin.proto", "grpc/health/v1/health.proto"], ["proto"])?;
    // Clients too: the tests speak to the binary with them. `emit_rerun_if_changed` would name files that do not exist.
    tonic_prost_build::configure().emit_rerun_if_changed(false).compile_fds(descriptors)?;
    Ok(())
}
