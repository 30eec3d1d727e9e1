//! The provider's executable: a plugin process that serves the provider.

use std::process::ExitCode;

use xeks::{plugin, protocol};

fn main() -> ExitCode {
    let about = plugin::About {
        name: env!("CARGO_BIN_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        description: env!("CARGO_PKG_DESCRIPTION"),
        homepage: "https://registry.terraform.io/providers/xeks/xeks/latest/docs",
        addresses: &["registry.terraform.io/xeks/xeks", "registry.opentofu.org/xeks/xeks"],
        protocol_versions: &[6],
    };
    plugin::run(&about, std::env::args_os().skip(1), protocol::service)
}
