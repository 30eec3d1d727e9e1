//! What a call sends: a form, with lists spelt out as EC2's Query API wants them (`Filter.1.Value.2`).

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Tags;

/// The API's version.
const VERSION: &str = "2016-11-15";
/// What need not be escaped in a form.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub action: &'static str,
    pub parameters: Parameters,
}

impl Request {
    /// The body, of type application/x-www-form-urlencoded.
    pub fn form(&self) -> String {
        let mut form = format!("Action={}&Version={VERSION}", self.action);
        for (name, value) in &self.parameters.0 {
            form.push_str(&format!("&{name}={}", utf8_percent_encode(value, PLAIN)));
        }
        form
    }
}

/// The parameters of a call, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn new() -> Self {
        Parameters::default()
    }

    pub fn with(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    /// Left out where there is no value.
    pub fn some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// `NAME.1=…&NAME.2=…`
    pub fn list<T: fmt::Display>(mut self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        for (at, value) in values.into_iter().enumerate() {
            self = self.with(format!("{name}.{}", at + 1), value);
        }
        self
    }

    /// Tags for what the call makes: without tags nothing is sent.
    pub fn tagged(self, resource_type: &str, tags: &Tags) -> Self {
        if tags.is_empty() {
            return self;
        }
        self.with("TagSpecification.1.ResourceType", resource_type).tags("TagSpecification.1.Tag", tags)
    }

    pub fn tags(mut self, name: &str, tags: &Tags) -> Self {
        for (at, (key, value)) in tags.iter().enumerate() {
            self = self.with(format!("{name}.{}.Key", at + 1), key).with(format!("{name}.{}.Value", at + 1), value);
        }
        self
    }
}

/// Which objects a Describe call is about: those with these ids (an id that does not exist is an error of kind `Absent`), and those
/// that pass all filters (nothing found is an empty answer).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    ids: Vec<String>,
    filters: Vec<(String, Vec<String>)>,
}

impl Select {
    pub fn ids<T: Into<String>>(ids: impl IntoIterator<Item = T>) -> Self {
        Select { ids: ids.into_iter().map(Into::into).collect(), filters: Vec::new() }
    }

    pub fn id(id: impl Into<String>) -> Self {
        Select::ids([id])
    }

    /// Objects of which the filter's value is one of these.
    pub fn by<T: Into<String>>(filter: &str, values: impl IntoIterator<Item = T>) -> Self {
        Select::default().and(filter, values)
    }

    /// Narrowed further.
    pub fn and<T: Into<String>>(mut self, filter: &str, values: impl IntoIterator<Item = T>) -> Self {
        self.filters.push((filter.to_owned(), values.into_iter().map(Into::into).collect()));
        self
    }

    /// As parameters. `ids` is what the call names its list of ids.
    pub(super) fn parameters(&self, ids: &str) -> Parameters {
        let mut parameters = Parameters::new().list(ids, &self.ids);
        for (at, (name, values)) in self.filters.iter().enumerate() {
            let filter = format!("Filter.{}", at + 1);
            parameters = parameters.with(format!("{filter}.Name"), name).list(&format!("{filter}.Value"), values);
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parameters: Parameters) -> String {
        Request { action: "DescribeVpcs", parameters }.form()
    }

    #[test]
    fn ids_and_filters_are_numbered_from_one() {
        let select = Select::ids(["vpc-1", "vpc-2"]).and("state", ["available"]).and("tag:a", ["b", "c"]);
        let expected = "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1&VpcId.2=vpc-2&Filter.1.Name=state&Filter.1.Value.1=available\
                        &Filter.2.Name=tag:a&Filter.2.Value.1=b&Filter.2.Value.2=c";
        assert_eq!(form(select.parameters("VpcId")), expected.replace("tag:a", "tag%3Aa"));
    }

    #[test]
    fn values_are_escaped_as_in_a_form() {
        assert_eq!(form(Parameters::new().with("A", "a b&c=ü/~")), "Action=DescribeVpcs&Version=2016-11-15&A=a%20b%26c%3D%C3%BC%2F~");
    }

    #[test]
    fn tags_are_left_out_where_there_are_none() {
        assert_eq!(form(Parameters::new().tagged("vpc", &Tags::new())), "Action=DescribeVpcs&Version=2016-11-15");
        let tags = Tags::from([("a".to_owned(), "b".to_owned())]);
        assert!(
            form(Parameters::new().tagged("vpc", &tags))
                .ends_with("&TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b")
        );
    }
}
