//! Functions: definitions and calls. They need no configured provider.

use std::collections::HashMap;

use super::convert::{decode, encode};
use super::diagnose::shown;
use super::schema::type_json;
use super::wire::{self, FunctionError, call_function, function as wf, get_functions};
use super::{Protocol, offered};
use crate::diagnostics::Diagnostic;
use crate::provider::Function;
use crate::schema::Value;

impl Protocol {
    pub(super) fn functions(&self) -> get_functions::Response {
        get_functions::Response { functions: self.function_definitions(), diagnostics: Vec::new() }
    }

    pub(super) fn function_definitions(&self) -> HashMap<String, wire::Function> {
        self.offer.functions.iter().map(|(name, offered)| ((*name).to_owned(), to_wire(&**offered))).collect()
    }

    pub(super) fn function_call(&self, request: &call_function::Request) -> Result<call_function::Response, Diagnostic> {
        let function = offered("function", &self.offer.functions, &request.name)?;
        Ok(match call(&**function, &request.arguments) {
            Ok(result) => call_function::Response { result: encode(&result, &function.returns()), error: None },
            Err((function_argument, text)) => {
                call_function::Response { result: None, error: Some(FunctionError { text: shown(&text), function_argument }) }
            }
        })
    }
}

fn call(function: &dyn Function, sent: &[wire::DynamicValue]) -> Result<Value, (Option<i64>, String)> {
    let parameters = function.parameters();
    if parameters.len() != sent.len() {
        return Err((None, format!("{} takes {} arguments; {} were given", function.name(), parameters.len(), sent.len())));
    }
    let arguments = parameters.iter().zip(sent).zip(0..).map(|((parameter, value), index)| {
        decode(&format!("the argument {}", parameter.name), Some(value), &parameter.ty).map_err(|error| (Some(index), error.detail))
    });
    function.call(&arguments.collect::<Result<Vec<_>, _>>()?)
}

fn to_wire(function: &dyn Function) -> wire::Function {
    let markdown = wire::StringKind::Markdown;
    let parameters = function.parameters().into_iter().map(|parameter| wf::Parameter {
        name: parameter.name.to_owned(),
        r#type: type_json(&parameter.ty),
        allow_null_value: parameter.allow_null,
        // An unknown argument makes an unknown result, without a call.
        allow_unknown_values: false,
        description: parameter.doc.to_owned(),
        description_kind: markdown.into(),
    });
    wire::Function {
        parameters: parameters.collect(),
        r#return: Some(wf::Return { r#type: type_json(&function.returns()) }),
        summary: function.summary().to_owned(),
        description: function.doc().to_owned(),
        description_kind: markdown.into(),
        ..wire::Function::default()
    }
}
