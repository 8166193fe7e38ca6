//! Several FHIR resources as one.

/// The resource itself where there is one, else a collection of them all, in order.
/// Each is JSON already, on one line.
#[must_use]
pub fn bundle(resources: &[String]) -> String {
    if let [one] = resources {
        return one.clone();
    }
    let entries: Vec<String> = resources
        .iter()
        .map(|resource| format!(r#"{{"resource":{resource}}}"#))
        .collect();
    let entry = match entries.is_empty() {
        true => String::new(),
        false => format!(r#","entry":[{}]"#, entries.join(",")),
    };
    format!(r#"{{"resourceType":"Bundle","type":"collection"{entry}}}"#)
}

#[cfg(test)]
mod tests {
    use super::bundle;

    #[test]
    fn one_resource_stands_alone() {
        let one = || r#"{"resourceType":"Patient"}"#.to_owned();
        assert_eq!(bundle(&[one()]), one());
        assert_eq!(
            bundle(&[]),
            r#"{"resourceType":"Bundle","type":"collection"}"#
        );
        let two: serde_json::Value = serde_json::from_str(&bundle(&[one(), one()])).unwrap();
        assert_eq!(two["entry"][1]["resource"]["resourceType"], "Patient");
    }
}
