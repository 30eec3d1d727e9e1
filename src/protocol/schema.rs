//! What the provider offers, as the wire describes it: metadata, schemas, capabilities.

use super::Protocol;
use super::wire::{self, get_metadata, get_provider_schema, schema as ws};
use crate::provider;
use crate::schema::{Attribute, Nesting, Schema, Shape, Type};

impl Protocol {
    pub(super) fn metadata(&self) -> get_metadata::Response {
        let names = |name: &&'static str| (*name).to_owned();
        get_metadata::Response {
            server_capabilities: Some(capabilities()),
            resources: self.offer.resources.keys().map(names).map(|type_name| get_metadata::ResourceMetadata { type_name }).collect(),
            data_sources: self
                .offer
                .data_sources
                .keys()
                .map(names)
                .map(|type_name| get_metadata::DataSourceMetadata { type_name })
                .collect(),
            ephemeral_resources: self
                .offer
                .ephemerals
                .keys()
                .map(names)
                .map(|type_name| get_metadata::EphemeralResourceMetadata { type_name })
                .collect(),
            functions: self.offer.functions.keys().map(names).map(|name| get_metadata::FunctionMetadata { name }).collect(),
            ..get_metadata::Response::default()
        }
    }

    pub(super) fn provider_schema(&self) -> get_provider_schema::Response {
        let named = |name: &str, schema: &Schema| (name.to_owned(), to_wire(schema));
        get_provider_schema::Response {
            provider: Some(to_wire(provider::schema())),
            resource_schemas: self.offer.resources.iter().map(|(name, offered)| named(name, offered.schema())).collect(),
            data_source_schemas: self.offer.data_sources.iter().map(|(name, offered)| named(name, offered.schema())).collect(),
            ephemeral_resource_schemas: self.offer.ephemerals.iter().map(|(name, offered)| named(name, offered.schema())).collect(),
            functions: self.function_definitions(),
            server_capabilities: Some(capabilities()),
            ..get_provider_schema::Response::default()
        }
    }
}

/// What is true, and no more.
fn capabilities() -> wire::ServerCapabilities {
    wire::ServerCapabilities {
        // Resources warn of what a destroy leaves behind.
        plan_destroy: true,
        // No call depends on an earlier GetProviderSchema.
        get_provider_schema_optional: true,
        move_resource_state: false,
        generate_resource_config: false,
    }
}

pub fn to_wire(schema: &Schema) -> wire::Schema {
    wire::Schema {
        version: schema.version(),
        block: Some(ws::Block {
            version: schema.version(),
            attributes: attributes(&schema.attributes),
            description: schema.doc.to_owned(),
            description_kind: wire::StringKind::Markdown.into(),
            ..ws::Block::default()
        }),
    }
}

/// A type constraint as encoded on the wire.
pub fn type_json(ty: &Type) -> Vec<u8> {
    ty.to_json().to_string().into_bytes()
}

fn attributes(declared: &[Attribute]) -> Vec<ws::Attribute> {
    declared.iter().map(attribute).collect()
}

fn attribute(declared: &Attribute) -> ws::Attribute {
    // A host refuses an attribute with both a type and a nested type.
    let (r#type, nested_type) = match &declared.shape {
        Shape::Plain(ty) => (type_json(ty), None),
        Shape::Nested(nesting, nested) => (Vec::new(), Some(object(*nesting, nested))),
    };
    ws::Attribute {
        name: declared.name.to_owned(),
        r#type,
        nested_type,
        description: declared.doc.to_owned(),
        description_kind: wire::StringKind::Markdown.into(),
        required: declared.required,
        optional: declared.optional,
        computed: declared.computed,
        sensitive: declared.sensitive,
        write_only: declared.write_only,
        deprecated: declared.deprecated.is_some(),
        deprecation_message: declared.deprecated.unwrap_or_default().to_owned(),
    }
}

fn object(nesting: Nesting, nested: &[Attribute]) -> ws::Object {
    let nesting = match nesting {
        Nesting::Single => ws::object::NestingMode::Single,
        Nesting::List => ws::object::NestingMode::List,
        Nesting::Set => ws::object::NestingMode::Set,
        Nesting::Map => ws::object::NestingMode::Map,
    };
    ws::Object { attributes: attributes(nested), nesting: nesting.into(), ..ws::Object::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_has_a_type_or_a_nested_type_never_both() {
        let declared = vec![
            Attribute::set_of_strings("groups", "Groups.").optional(),
            Attribute::nested("role", Nesting::Map, vec![Attribute::string("name", "").required().sensitive()], "").required(),
        ];
        let block = to_wire(&Schema::new("Doc.", declared).upgraded_by(&[Ok, Ok, Ok])).block.unwrap();
        assert_eq!((block.version, block.description.as_str()), (3, "Doc."));
        let [groups, role] = block.attributes.as_slice() else { panic!("two attributes") };
        assert_eq!((groups.r#type.as_slice(), groups.nested_type.is_none()), (&br#"["set","string"]"#[..], true));
        let nested = role.nested_type.as_ref().unwrap();
        assert!(role.r#type.is_empty() && role.required);
        assert_eq!(nested.nesting(), ws::object::NestingMode::Map);
        assert!(nested.attributes[0].sensitive);
    }

    #[test]
    fn a_deprecated_attribute_says_what_to_use_instead() {
        let wire = attribute(&Attribute::string("old", "").optional().deprecated("Use `new`."));
        assert_eq!((wire.deprecated, wire.deprecation_message.as_str()), (true, "Use `new`."));
    }
}
