//! `proto/` against the published definitions: every message, field, number, type, label, enum value and call.
//!
//! `facts.tsv` holds the published side, so that the comparison needs nothing. Where Go is installed the facts are taken from
//! the published modules again (`upstream/go.mod` pins them) and compared too. A new protocol version begins with a new pin and
//! `XEKS_WRITE_PROTO_FACTS=1 cargo test --test proto`, whose diff says what to add to `proto/`.

mod upstream;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, ServiceDescriptorProto};

/// The packages that are ours to define; google's own come with the compiler.
const PACKAGES: [&str; 3] = ["tfplugin6", "plugin", "grpc.health.v1"];

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto")
}

#[test]
fn our_definitions_are_wire_compatible_with_the_published_ones() {
    let ours = protox::compile(["tfplugin6/provider.proto", "plugin/plugin.proto", "grpc/health/v1/health.proto"], ["proto"]).unwrap();
    let published = std::fs::read_to_string(here().join("facts.tsv")).unwrap();
    assert_same(&facts(&ours.file), "proto/", &published.lines().map(str::to_owned).collect(), "facts.tsv");
    let calls = published.lines().filter(|line| line.starts_with("call\ttfplugin6.Provider\t")).count();
    assert_eq!(calls, 36, "protocol 6.11 has 36 calls");
}

#[test]
fn the_kept_facts_are_those_of_the_published_definitions() {
    let file = here().join("facts.tsv");
    match upstream::definitions(&here().join("upstream")) {
        Ok(published) => {
            let published = facts(&published);
            if std::env::var_os("XEKS_WRITE_PROTO_FACTS").is_some() {
                std::fs::write(&file, published.iter().map(|fact| format!("{fact}\n")).collect::<String>()).unwrap();
            }
            let kept = std::fs::read_to_string(file).unwrap();
            assert_same(&kept.lines().map(str::to_owned).collect(), "facts.tsv", &published, "the published definitions");
        }
        Err(reason) => {
            // Past the test harness, which keeps what a passing test prints to itself.
            let text = format!("\n!!! NOT CHECKED: tests/proto/facts.tsv against the published definitions: {reason}\n\n");
            std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
        }
    }
}

fn assert_same(left: &BTreeSet<String>, left_name: &str, right: &BTreeSet<String>, right_name: &str) {
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).map(|fact| format!("  {fact}\n")).collect::<String>();
    assert!(
        left == right,
        "only in {left_name}:\n{}only in {right_name}:\n{}kind, owner, number, name, type, label\n",
        only(left, right),
        only(right, left)
    );
}

/// What decides about bytes on the wire and about method names, one fact a line.
fn facts(files: &[FileDescriptorProto]) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for file in files.iter().filter(|file| PACKAGES.contains(&file.package())) {
        file.message_type.iter().for_each(|message| message_facts(file.package(), message, &mut facts));
        file.enum_type.iter().for_each(|values| enum_facts(file.package(), values, &mut facts));
        file.service.iter().for_each(|service| service_facts(file.package(), service, &mut facts));
    }
    facts
}

fn message_facts(scope: &str, message: &DescriptorProto, facts: &mut BTreeSet<String>) {
    let owner = format!("{scope}.{}", message.name());
    facts.insert(format!("message\t{owner}"));
    for field in &message.field {
        let (number, name) = (field.number(), field.name());
        facts.insert(format!("field\t{owner}\t{number}\t{name}\t{}\t{}", type_name(field), label(message, field)));
    }
    message.nested_type.iter().for_each(|nested| message_facts(&owner, nested, facts));
    message.enum_type.iter().for_each(|values| enum_facts(&owner, values, facts));
}

fn enum_facts(scope: &str, values: &EnumDescriptorProto, facts: &mut BTreeSet<String>) {
    for value in &values.value {
        facts.insert(format!("value\t{scope}.{}\t{}\t{}", values.name(), value.number(), value.name()));
    }
}

fn service_facts(scope: &str, service: &ServiceDescriptorProto, facts: &mut BTreeSet<String>) {
    for call in &service.method {
        let stream = |streaming: bool| if streaming { "stream " } else { "" };
        facts.insert(format!(
            "call\t{scope}.{}\t{}\t{}{}\t{}{}",
            service.name(),
            call.name(),
            stream(call.client_streaming()),
            call.input_type(),
            stream(call.server_streaming()),
            call.output_type()
        ));
    }
}

fn type_name(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum | Type::Group => field.type_name().to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_ascii_lowercase(),
    }
}

fn label(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    match field.oneof_index {
        _ if field.label() == Label::Repeated => "repeated".to_owned(),
        _ if field.proto3_optional() => "optional".to_owned(),
        Some(index) => format!("oneof {}", message.oneof_decl[usize::try_from(index).unwrap()].name()),
        None => "single".to_owned(),
    }
}
