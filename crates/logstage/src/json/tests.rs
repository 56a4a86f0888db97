//! Documents and what is read of them.

use super::*;

#[test]
fn paths_are_read_no_further_than_needed_and_the_first_of_equal_keys_counts() {
    let paths: Vec<_> = ["b", "a"].iter().map(|path| parse_path(path).expect(path)).collect();
    let at = |text: &str| {
        let mut found = Vec::new();
        let read = at_paths(text, &paths, Order::Text, |i, raw| {
            found.push((i, raw.value().into_owned()));
            ControlFlow::Continue(())
        });
        (found, read.map_err(|error| error.at))
    };
    let both = vec![(1, "1".to_owned()), (0, "2".to_owned())];
    assert_eq!(at(r#"{"a":1,"a":3,"b":2,oh"#), (both, Ok(())));
    assert_eq!(at(r#"{"a":1,"c":2"#), (vec![(1, "1".to_owned())], Err(12)));
    assert_eq!(at(r#"{"c":{"a":1}}"#), (vec![], Ok(())));
    assert_eq!(at("[1]"), (vec![], Ok(())));
    assert_eq!(at("no"), (vec![], Err(0)));
}

struct All(Vec<(String, String)>);

impl<'a> Fields<'a> for All {
    fn wants(&mut self, _: &str) -> bool {
        true
    }

    fn field(&mut self, name: Cow<'a, str>, value: Raw<'a>) -> ControlFlow<()> {
        self.0.push((name.into_owned(), value.value().into_owned()));
        ControlFlow::Continue(())
    }
}

fn flat(text: &str) -> Result<String, JsonError> {
    let mut all = All(Vec::new());
    flatten(text, &mut all)?;
    Ok(all.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
}

#[test]
fn fields_are_flattened_and_arrays_passed_over() {
    let text = r#" {"a":{"b":1.50,"c d":{"e":"x"}},"9z":true,"arr":[1,{"q":2}],"n":null,"t":"a\"\u00e9\ud83d\ude00\n"} "#;
    assert_eq!(flat(text).as_deref(), Ok("a_b=1.50 a_c_d_e=x _9z=true n= t=a\"é😀\n"));
    assert_eq!(flat("{}").as_deref(), Ok(""));
}

#[test]
fn what_is_no_object_is_refused_with_its_place() {
    for (text, at) in [
        ("", 0),
        ("[1]", 0),
        ("plain", 0),
        (r#"{"a":1"#, 6),
        (r#"{"a" 1}"#, 5),
        (r#"{"a":}"#, 5),
        (r#"{"a":"x}"#, 5),
        (r#"{"a":1} x"#, 8),
        (r#"{a:1}"#, 1),
        (r#"{"a":01x}"#, 5),
        (r#"{"a":1,}"#, 7),
    ] {
        assert_eq!(flat(text).map_err(|e| e.at), Err(at), "{text}");
    }
    let deep = "{\"a\":".repeat(70) + "1" + &"}".repeat(70);
    assert!(flat(&deep).is_err());
}

#[test]
fn paths_lead_into_objects_and_arrays() {
    let text = r#"{"a":{"b":[{"c":"x"},2]},"k k":{"z":[]}}"#;
    let at = |path: &str| {
        at_path(text, &parse_path(path).expect(path)).expect("JSON").map(|raw| raw.value().into_owned())
    };
    assert_eq!(at("a.b[0].c").as_deref(), Some("x"));
    assert_eq!(at("a.b[1]").as_deref(), Some("2"));
    assert_eq!(at("a.b[2]"), None);
    assert_eq!(at(r#"["k k"].z"#).as_deref(), Some("[]"));
    assert_eq!(at(r#"a["b"]"#).as_deref(), Some(r#"[{"c":"x"},2]"#));
    assert_eq!(at("a.x.y"), None);
    let texts = [r#"["k k"].z"#, "a.b[0].c", "a.b[2]", "x", "a.b[1]", "[0]"];
    let paths: Vec<_> = texts.iter().map(|path| parse_path(path).expect(path)).collect();
    let mut found = Vec::new();
    let mut note = |i: usize, raw: Raw<'_>| {
        found.push((texts[i], raw.value().into_owned()));
        ControlFlow::Continue(())
    };
    at_paths(text, &paths, Order::Text, &mut note).expect("JSON");
    assert_eq!(found, [("a.b[0].c", "x".into()), ("a.b[1]", "2".into()), (r#"["k k"].z"#, "[]".into())]);
    for wrong in ["", "a..b", ".a", "a[", "a[x]", "a b", "a]"] {
        assert!(parse_path(wrong).is_err(), "{wrong}");
    }
}
