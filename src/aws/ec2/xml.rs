//! EC2's answers: a small tree of elements. Attributes, comments and namespaces say nothing there and are passed over.
//!
//! What comes over the network is not trusted: size, depth and number of elements are bounded, and a document type is refused.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::Tags;

/// Larger answers are refused. A page of a thousand security group rules has about one megabyte.
const MAX_BYTES: usize = 32 << 20;
/// EC2's own answers nest up to about ten deep.
const MAX_DEPTH: usize = 48;
const MAX_ELEMENTS: usize = 1_000_000;

/// An element with what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    name: Box<str>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root element of a document.
    pub fn parse(document: &[u8]) -> Result<Self, String> {
        if document.len() > MAX_BYTES {
            return Err(format!("a response of {} bytes is too large", document.len()));
        }
        let text = std::str::from_utf8(document).map_err(|e| format!("it is not UTF-8: {e}"))?;
        let mut reader = Reader::from_str(text);
        let mut tree = Tree::default();
        loop {
            match reader.read_event().map_err(|e| format!("it is not XML: {e}"))? {
                Event::Start(tag) => tree.open(&tag)?,
                Event::Empty(tag) => {
                    tree.open(&tag)?;
                    tree.close()?;
                }
                Event::End(_) => tree.close()?,
                Event::Text(text) => tree.text(&text.xml10_content())?,
                Event::CData(text) => tree.text(&text.xml10_content())?,
                Event::GeneralRef(entity) => tree.text(&character(&entity)?)?,
                Event::DocType(_) => return Err("it contains a document type declaration".to_owned()),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => return tree.root(),
            }
        }
    }

    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| &*child.name == name)
    }

    /// The members of a list: `<set><item>…</item><item>…</item></set>`.
    pub fn items(&self, set: &str) -> impl Iterator<Item = &Element> {
        self.child(set).into_iter().flat_map(|set| set.children.iter().filter(|child| &*child.name == "item"))
    }

    /// A child's text; `None` where there is none.
    pub fn text(&self, name: &str) -> Option<String> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A child's text; empty where there is none.
    pub fn string(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        self.child(name).and_then(|child| child.text.trim().parse().ok())
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.child(name).and_then(|child| child.text.trim().parse().ok())
    }

    /// One child's text of each member of a list.
    pub fn strings(&self, set: &str, name: &str) -> Vec<String> {
        self.items(set).filter_map(|item| item.text(name)).collect()
    }

    /// Bytes of names and texts, here and inside.
    #[cfg(any(test, fuzzing))]
    pub fn weight(&self) -> usize {
        self.name.len() + self.text.len() + self.children.iter().map(Element::weight).sum::<usize>()
    }

    pub fn tags(&self) -> Tags {
        // A tag's value may be empty; its blanks count.
        self.items("tagSet")
            .filter_map(|item| Some((item.child("key")?.text.clone(), item.child("value").map(|v| v.text.clone()).unwrap_or_default())))
            .collect()
    }
}

/// The elements that are open, outermost first, and the root once it is closed.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS || self.open.len() >= MAX_DEPTH {
            return Err("it contains too many elements".to_owned());
        }
        if self.root.is_some() {
            return Err("it has content after the root element".to_owned());
        }
        self.open.push(Element { name: tag.local_name().as_ref().into(), ..Element::default() });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let closed = self.open.pop().ok_or("it closes an element that it never opened")?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => self.root = Some(closed),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("it has text outside the root element".to_owned()),
        }
        Ok(())
    }

    fn root(self) -> Result<Element, String> {
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err("it is truncated".to_owned()),
        }
    }
}

/// What `&…;` stands for. XML knows five names; others would need a document type.
fn character(entity: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = entity.resolve_char_ref().map_err(|e| format!("it is not XML: {e}"))? {
        return Ok(character.to_string());
    }
    let name = entity.xml10_content();
    quick_xml::escape::resolve_xml_entity(&name).map(str::to_owned).ok_or_else(|| format!("it contains the unknown entity {:.20}", &*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_texts_flags_and_numbers_are_found_by_name() {
        let answer =
            b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
            <vpcSet><item><vpcId>vpc-1</vpcId><isDefault>true</isDefault><n>-1</n><empty/>\
            <tagSet><item><key>a &amp; b</key><value> &lt;&#x41;&gt; </value></item><item><key>none</key><value/></item></tagSet>\
            </item><item/></vpcSet></DescribeVpcsResponse>";
        let root = Element::parse(answer).unwrap();
        assert_eq!((&*root.name, root.items("vpcSet").count()), ("DescribeVpcsResponse", 2));
        let vpc = root.items("vpcSet").next().unwrap();
        assert_eq!((vpc.string("vpcId").as_str(), vpc.flag("isDefault"), vpc.number("n")), ("vpc-1", Some(true), Some(-1)));
        assert_eq!((vpc.text("empty"), vpc.text("missing"), vpc.flag("vpcId")), (None, None, None));
        let tags = Tags::from([("a & b".to_owned(), " <A> ".to_owned()), ("none".to_owned(), String::new())]);
        assert_eq!(vpc.tags(), tags);
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_fault() {
        let fault = |text: &str| Element::parse(text.as_bytes()).unwrap_err();
        for text in ["", "  ", "<a>", "<a><b></a>", "</a>", "<a/><b/>", "<a/>text", "text<a/>", "<a>&unheard;</a>", "<a>&</a>", "<a", "{}"]
        {
            assert!(!fault(text).is_empty(), "{text}");
        }
        assert!(fault("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>").contains("document type"));
        assert!(Element::parse(b"<a>\xff</a>").unwrap_err().contains("UTF-8"));
        assert!(fault("<a>&#xFFFFFFFF;</a>").contains("XML"));
    }

    #[test]
    fn depth_number_and_size_are_bounded() {
        assert!(Element::parse("<a>".repeat(100_000).as_bytes()).unwrap_err().contains("too many"));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert!(Element::parse(wide.as_bytes()).unwrap_err().contains("too many"));
        assert!(Element::parse(&vec![b' '; MAX_BYTES + 1]).unwrap_err().contains("too large"));
    }

    /// Every cut and many bit flips of a real answer: an error or an element, never a panic.
    #[test]
    fn broken_answers_never_panic() {
        let whole = "<r><set><item><a>1&amp;&#65;</a><!-- c --><![CDATA[x]]></item></set><?pi?></r>".as_bytes();
        for end in 0..whole.len() {
            let _ = Element::parse(&whole[..end]);
        }
        for at in 0..whole.len() {
            for byte in 0..=255u8 {
                let mut changed = whole.to_vec();
                changed[at] = byte;
                let _ = Element::parse(&changed);
            }
        }
    }
}
