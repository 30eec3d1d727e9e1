//! The layers of `src/`: a module uses what is below it, never what is above it, and no two files import each other.
//!
//! What is compiled for tests and fuzzing alone is exempt: it may use anything, and nothing else can use it.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use source::Source;

/// The top-level modules from top to bottom, and what of the modules below each may use.
const LAYERS: [(&str, &[&str]); 15] = [
    ("main", &["plugin", "protocol"]),
    // plugin: the bound of a message's size, and a panic in a call becomes that call's diagnostic.
    ("protocol", &["plugin", "registry", "provider", "schema", "diagnostics", "secrets", "terminal"]),
    ("plugin", &["secrets", "terminal"]),
    ("registry", &["resources", "data_sources", "provider"]),
    ("resources", &["provider", "objects", "engine", "aws", "schema", "diagnostics", "secrets", "terminal"]),
    // No engine: a data source changes nothing.
    ("data_sources", &["provider", "objects", "evaluate", "aws", "schema", "diagnostics", "secrets", "terminal"]),
    ("provider", &["aws", "schema", "diagnostics", "secrets"]),
    ("objects", &["engine", "aws", "schema", "diagnostics", "secrets", "terminal"]),
    // aws::side: which of the two accounts an object lives in is all that the engine knows of AWS.
    ("engine", &["aws::side", "schema", "diagnostics"]),
    ("evaluate", &["aws"]),
    // No schema and no diagnostics: it knows no Terraform.
    ("aws", &["secrets", "terminal"]),
    ("schema", &["diagnostics"]),
    ("diagnostics", &[]),
    ("secrets", &[]),
    ("terminal", &[]),
];

/// Crates whose types stay in some of them: the beginning of the crate's name.
const CRATES: [(&str, &[&str]); 8] = [
    ("aws_config", &["aws", "objects"]),
    ("aws_credential_types", &["aws", "objects"]),
    ("aws_sdk_", &["aws", "objects"]),
    ("aws_smithy_", &["aws", "objects"]),
    ("aws_types", &["aws", "objects"]),
    ("quick_xml", &["aws"]),
    // The messages of Terraform's protocol in one, those of go-plugin's own services in the other.
    ("prost", &["protocol", "plugin"]),
    ("tonic", &["protocol", "plugin"]),
];

#[test]
fn a_module_uses_only_what_the_table_allows() {
    let source = source();
    let layers = BTreeMap::from(LAYERS);
    let found: BTreeSet<&str> = source.files.keys().map(|file| layer(file)).filter(|layer| *layer != "lib").collect();
    assert_eq!(found, layers.keys().copied().collect(), "LAYERS names each top-level module");
    let allowed = |user: &str, used: &str| layers[layer(user)].iter().any(|below| source.is_within(used, below));
    let wrong: Vec<_> = source.uses().into_iter().filter(|(user, used)| layer(user) != layer(used) && !allowed(user, used)).collect();
    assert!(wrong.is_empty(), "LAYERS does not allow the first to use the second: {wrong:#?}");
}

#[test]
fn the_table_allows_only_what_is_below() {
    for (place, (user, allowed)) in LAYERS.iter().enumerate() {
        for used in *allowed {
            let below = LAYERS[place + 1..].iter().any(|(below, _)| used.split("::").next() == Some(below));
            assert!(below, "{used} is not below {user}");
        }
    }
}

#[test]
fn the_types_of_a_crate_stay_where_the_table_says() {
    let source = source();
    for (name, layers) in CRATES {
        let users = source.files.iter().filter(|(_, file)| file.outside.iter().any(|first| first.starts_with(name)));
        let wrong: Vec<_> = users.map(|(path, _)| path).filter(|path| !layers.contains(&layer(path))).collect();
        assert!(wrong.is_empty(), "{name} is only for {layers:?}: {wrong:#?}");
    }
}

#[test]
fn no_two_files_import_each_other() {
    let source = source();
    let found = pairs(&uses_of_others(&source));
    assert!(found.is_empty(), "these import each other: {found:#?}");
}

#[test]
fn no_files_import_each_other_in_a_ring() {
    let source = source();
    let ring = ring(&uses_of_others(&source));
    assert!(ring.is_empty(), "in a ring, or between two rings: {ring:#?}");
}

#[test]
fn pairs_and_rings_are_found_and_a_module_and_its_children_are_neither() {
    let source = Source::of([
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::a::A; use crate::c::C;"),
        ("c.rs", "use crate::d::D;"),
        ("d.rs", "use super::e;"),
        ("e/mod.rs", "mod f; use f::F; use crate::c;"),
        ("e/f.rs", "use super::E;"),
    ]);
    let uses = uses_of_others(&source);
    assert_eq!(pairs(&uses), [("a.rs", "b.rs")].into());
    assert_eq!(ring(&uses), [("c.rs", "d.rs"), ("d.rs", "e/mod.rs"), ("e/mod.rs", "c.rs")].into());
}

/// A kind outside of the table compiles, and an object of it would be created and never deleted.
#[test]
fn every_kind_of_object_is_in_the_table() {
    let texts = source::texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/objects"));
    let (_, table) = texts["kinds.rs"].split_once("KINDS").expect("the table");
    let (table, _) = table.split_once("];").expect("the end of the table");
    let listed: BTreeSet<&str> = table.lines().filter_map(|line| line.trim().strip_suffix(',')?.rsplit("::").next()).collect();
    let kinds: BTreeSet<&str> = texts
        .values()
        .flat_map(|text| text.split("impl Kind<Context> for ").skip(1))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert!(kinds.len() > 10, "the source implements kinds otherwise: {kinds:?}");
    assert_eq!(kinds, listed);
}

fn source() -> Source {
    Source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// The top-level module of a file.
fn layer(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// Which file uses which, a module and those within it aside.
fn uses_of_others(source: &Source) -> BTreeSet<(&str, &str)> {
    let module = |file: &str| &source.files[file].module;
    let mut uses = source.uses();
    uses.retain(|(a, b)| !module(a).starts_with(module(b)) && !module(b).starts_with(module(a)));
    uses
}

fn pairs<'a>(uses: &BTreeSet<(&'a str, &'a str)>) -> BTreeSet<(&'a str, &'a str)> {
    uses.iter().filter(|(a, b)| a < b && uses.contains(&(*b, *a))).copied().collect()
}

/// What is in a ring of more than two files, or leads from one to another.
fn ring<'a>(uses: &BTreeSet<(&'a str, &'a str)>) -> BTreeSet<(&'a str, &'a str)> {
    let mut ring: BTreeSet<_> = uses.iter().filter(|(a, b)| !uses.contains(&(*b, *a))).copied().collect();
    loop {
        let (users, used): (BTreeSet<_>, BTreeSet<_>) = ring.iter().copied().unzip();
        let size = ring.len();
        ring.retain(|(a, b)| used.contains(a) && users.contains(b));
        if ring.len() == size {
            return ring;
        }
    }
}
