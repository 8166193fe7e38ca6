//! The resources that references are resolved in: those contained in a claim,
//! those of its Bundle, and those of the file.

use std::collections::BTreeMap;

use super::super::node::Node;

/// Resources by what a reference may call them.
#[derive(Default)]
pub(super) struct Resources<'a> {
    outside: Option<&'a Resources<'a>>,
    named: BTreeMap<String, Node<'a>>,
}

impl<'a> Resources<'a> {
    /// Resources within others: these are looked at first.
    pub fn within(outside: &'a Resources<'a>) -> Self {
        Self {
            outside: Some(outside),
            named: BTreeMap::new(),
        }
    }

    /// Adds a resource under its full URL and under `Type/id`. The first of a
    /// name stays.
    pub fn add(&mut self, url: Option<&str>, resource: &Node<'a>) {
        let json = resource.json();
        let local = json
            .text_of("resourceType")
            .zip(json.text_of("id"))
            .map(|(kind, id)| format!("{kind}/{id}"));
        for name in url.map(str::to_owned).into_iter().chain(local) {
            self.named.entry(name).or_insert_with(|| resource.clone());
        }
    }

    /// Adds a resource contained in a claim: `#id` names it.
    pub fn add_contained(&mut self, resource: &Node<'a>) {
        if let Some(id) = resource.json().text_of("id") {
            self.named
                .entry(format!("#{id}"))
                .or_insert_with(|| resource.clone());
        }
    }

    /// The resource a reference names, if it is here: `#id`, a full URL or
    /// `Type/id`.
    pub fn find(&self, reference: &str) -> Option<Node<'a>> {
        let reference = reference
            .split_once("/_history/")
            .map_or(reference, |(unversioned, _)| unversioned);
        self.named(reference)
    }

    fn named(&self, name: &str) -> Option<Node<'a>> {
        self.named
            .get(name)
            .cloned()
            .or_else(|| self.outside.and_then(|outside| outside.named(name)))
    }
}
