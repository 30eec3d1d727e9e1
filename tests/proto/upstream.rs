//! The published definitions, out of the Go modules that carry them.

use std::path::{Path, PathBuf};
use std::process::Command;

use prost::Message;
use prost_types::FileDescriptorProto;

/// Compiles what the pinned modules hold.
///
/// # Errors
/// Why the modules can't be had: there is no Go, or no network.
pub fn definitions(pins: &Path) -> Result<Vec<FileDescriptorProto>, String> {
    let framework = folder(pins, "github.com/hashicorp/terraform-plugin-go")?;
    let plugin = folder(pins, "github.com/hashicorp/go-plugin")?;
    let grpc = folder(pins, "google.golang.org/grpc")?;

    let mut files = compile(&["tfplugin6.proto"], &framework.join("tfprotov6/internal/tfplugin6"));
    files.extend(compile(&["grpc_broker.proto", "grpc_controller.proto", "grpc_stdio.proto"], &plugin.join("internal/plugin")));
    files.push(embedded(&grpc.join("health/grpc_health_v1/health.pb.go")));
    Ok(files)
}

fn compile(names: &[&str], folder: &Path) -> Vec<FileDescriptorProto> {
    protox::compile(names, [folder]).unwrap_or_else(|e| panic!("{}: {e}", folder.display())).file
}

/// Downloads one module, checked against go.sum, and says where it lies.
fn folder(pins: &Path, module: &str) -> Result<PathBuf, String> {
    let go = Command::new("go").args(["mod", "download", "-json", module]).env("GOFLAGS", "-mod=mod").current_dir(pins).output();
    let output = go.map_err(|e| format!("the command go, which fetches them, doesn't start: {e}"))?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("go mod download {module} fails: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
    match (answer["Dir"].as_str(), answer["Error"].as_str()) {
        (Some(folder), None) => Ok(folder.into()),
        (_, error) => Err(format!("go mod download {module} fails: {}", error.unwrap_or_default())),
    }
}

/// Go's gRPC carries the health service only as generated code, with the definition's descriptor in a string constant.
fn embedded(generated: &Path) -> FileDescriptorProto {
    let source = std::fs::read_to_string(generated).unwrap();
    let constant = source.lines().skip_while(|line| !line.contains("_rawDesc = ")).take_while(|line| !line.trim().is_empty());
    let literals = constant.filter_map(|line| Some(&line[line.find('"')? + 1..line.rfind('"')?]));
    let bytes: Vec<u8> = literals.flat_map(unescaped).collect();
    FileDescriptorProto::decode(bytes.as_slice()).unwrap_or_else(|e| panic!("{}: {e}", generated.display()))
}

/// The bytes of a Go string literal, of the escapes that Go's generator writes.
fn unescaped(literal: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = literal.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'a') => 0x07,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 0x0b,
            Some(b'x') => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap()
            }
            Some(plain @ (b'"' | b'\\')) => plain,
            other => panic!("an escape that this doesn't know: {other:?} in {literal}"),
        });
    }
    bytes
}
