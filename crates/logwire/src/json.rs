//! Loki's push in JSON: the present shape (`stream`, `values`) and the one before it (`labels`, `entries`), mixed as one likes.
//!
//! A body is read once, by visitors that put lines where they belong: no tree is made of it. Bytes that are no UTF-8 become
//! replacement characters, as Loki's own reader has it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use model::{Labels, LogEntry, TimestampNs};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use storage::StreamPush;

use crate::{Decoded, ParseLabelsError, WireError, format_labels, is_label_name, parse_labels};

/// Reads a body.
///
/// # Errors
/// [`WireError::Json`]: nothing of it is to be taken.
pub fn read(bytes: &[u8]) -> Result<Decoded, WireError> {
    let text = String::from_utf8_lossy(bytes);
    let mut decoded = Decoded::default();
    let mut reader = serde_json::Deserializer::from_str(&text);
    Body { out: &mut decoded, no_metadata: Labels::empty() }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(decoded)
}

/// `{"streams": [...]}`.
struct Body<'a> {
    out: &'a mut Decoded,
    /// One for all lines that have none.
    no_metadata: Labels,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with streams")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            match key.as_ref() {
                "streams" => map.next_value_seed(Each(Stream(&mut self)))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// One stream in either shape.
struct Stream<'a, 'b>(&'a mut Body<'b>);

impl<'de> DeserializeSeed<'de> for &mut Stream<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Stream<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stream: an object with stream and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut labels, mut entries) = (None, Vec::new());
        let lines = &mut Lines { entries: &mut entries, no_metadata: &self.0.no_metadata };
        while let Some(key) = map.next_key_seed(Text)? {
            match key.as_ref() {
                "stream" => labels = Some(LabelText::Pairs(map.next_value_seed(Pairs)?)),
                "labels" => labels = Some(LabelText::Text(map.next_value_seed(Text)?.into_owned())),
                "values" => map.next_value_seed(Each(Value(lines)))?,
                "entries" => map.next_value_seed(Each(Entry(lines)))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let labels = labels.ok_or_else(|| A::Error::custom("a stream without labels"))?;
        match labels.resolve() {
            Ok(labels) => self.0.out.streams.push(StreamPush { labels, entries }),
            Err((text, error)) => {
                let bytes = entries.iter().map(|entry| entry.line.len()).sum();
                self.0.out.refuse_labels(&text, &error, entries.len(), bytes);
            }
        }
        Ok(())
    }
}

enum LabelText {
    Pairs(Labels),
    Text(String),
}

impl LabelText {
    fn resolve(self) -> Result<Labels, (String, ParseLabelsError)> {
        match self {
            Self::Text(text) => parse_labels(&text).map_err(|error| (text, error)),
            Self::Pairs(labels) => match labels.iter().find(|(name, _)| !is_label_name(name)) {
                None => Ok(labels),
                Some((name, _)) => {
                    let rule = "it has letters, digits and _, and begins with no digit";
                    let message = format!("{name:?} is no label name: {rule}");
                    Err((format_labels(&labels), ParseLabelsError { column: 1, message }))
                }
            },
        }
    }
}

struct Lines<'a> {
    entries: &'a mut Vec<LogEntry>,
    no_metadata: &'a Labels,
}

/// `["<nanoseconds>", "line", {"name": "value"}]`.
struct Value<'a, 'b>(&'a mut Lines<'b>);

impl<'de> DeserializeSeed<'de> for &mut Value<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Value<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a line: [\"<nanoseconds>\", \"text\"], with an object of structured metadata as the third",
        )
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let at = seq.next_element_seed(Moment)?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let line = seq.next_element::<String>()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
        let metadata = seq.next_element_seed(Pairs)?;
        if metadata.is_some() && seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom(
                "a line has a time, a text and structured metadata, and nothing else",
            ));
        }
        let metadata = metadata.unwrap_or_else(|| self.0.no_metadata.clone());
        self.0.entries.push(LogEntry { at, line, metadata });
        Ok(())
    }
}

/// `{"ts": "<RFC 3339>", "line": "text"}`.
struct Entry<'a, 'b>(&'a mut Lines<'b>);

impl<'de> DeserializeSeed<'de> for &mut Entry<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Entry<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line: an object with ts and line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut at, mut line, mut metadata) = (None, String::new(), None);
        while let Some(key) = map.next_key_seed(Text)? {
            match key.as_ref() {
                "ts" | "timestamp" => at = Some(map.next_value_seed(Moment)?),
                "line" => line = map.next_value()?,
                "structuredMetadata" => metadata = Some(map.next_value_seed(Pairs)?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let at = at.ok_or_else(|| A::Error::custom("a line without ts"))?;
        let metadata = metadata.unwrap_or_else(|| self.0.no_metadata.clone());
        self.0.entries.push(LogEntry { at, line, metadata });
        Ok(())
    }
}

/// A moment: nanoseconds in a string, or RFC 3339.
struct Moment;

impl<'de> DeserializeSeed<'de> for Moment {
    type Value = TimestampNs;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<TimestampNs, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Moment {
    type Value = TimestampNs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time as a string of nanoseconds since 1970")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TimestampNs, E> {
        if let Ok(ns) = text.parse() {
            return Ok(TimestampNs(ns));
        }
        let moment = text.parse::<Timestamp>().ok().and_then(|at| i64::try_from(at.as_nanosecond()).ok());
        moment.map(TimestampNs).ok_or_else(|| {
            E::custom(format!("{text:?} is no time: write nanoseconds since 1970 as a string, or RFC 3339"))
        })
    }
}

/// An object of strings.
struct Pairs;

impl<'de> DeserializeSeed<'de> for Pairs {
    type Value = Labels;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Labels, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pairs {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        // No builder: it looks through all it has at each name, and a body may have many.
        let mut pairs = BTreeMap::new();
        while let Some(name) = map.next_key_seed(Text)? {
            pairs.insert(name, map.next_value_seed(Text)?);
        }
        let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
        Ok(Labels::from_sorted(pairs.map(|(name, value)| (&**name, &**value))))
    }
}

/// A text, borrowed where it can be.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.to_owned().into())
    }
}

/// A list, each element of which is put where the seed says; null is an empty one.
struct Each<S>(S);

impl<'de, S> DeserializeSeed<'de> for Each<S>
where
    for<'a> &'a mut S: DeserializeSeed<'de, Value = ()>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S> Visitor<'de> for Each<S>
where
    for<'a> &'a mut S: DeserializeSeed<'de, Value = ()>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(&mut self.0)?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, line: &str, metadata: &[(&str, &str)]) -> LogEntry {
        let metadata = Labels::from_pairs(metadata.iter().copied());
        LogEntry { at: TimestampNs(at), line: line.to_owned(), metadata }
    }

    fn one(labels: &[(&str, &str)], entries: Vec<LogEntry>) -> Vec<StreamPush> {
        vec![StreamPush { labels: Labels::from_pairs(labels.iter().copied()), entries }]
    }

    #[test]
    fn both_shapes_are_read() {
        for (text, expected) in [
            (
                r#"{"streams":[{"stream":{"job":"a","x":""},"values":[["1","l\u00e9\n"],["2","m",{"trace_id":"t"}]]}]}"#,
                one(&[("job", "a")], vec![entry(1, "lé\n", &[]), entry(2, "m", &[("trace_id", "t")])]),
            ),
            (
                r#"{"streams":[{"values":[["-7",""]],"stream":{"job":"a"},"more":[1,{}]}],"else":null}"#,
                one(&[("job", "a")], vec![entry(-7, "", &[])]),
            ),
            (
                r#"{"streams":[{"labels":"{job=\"a\"}","entries":[{"ts":"1970-01-01T00:00:01.5Z","line":"x"}]}]}"#,
                one(&[("job", "a")], vec![entry(1_500_000_000, "x", &[])]),
            ),
            (r#"{"streams":null}"#, vec![]),
            ("{}", vec![]),
        ] {
            assert_eq!(read(text.as_bytes()).map(|d| d.streams), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, expected) in [
            ("", "EOF while parsing a value at line 1, column 0"),
            ("[]", "invalid type: sequence, expected an object with streams at line 1, column 0"),
            (
                r#"{"streams":[{"stream":{"a":"b"},"values":[[1,"x"]]}]}"#,
                "invalid type: integer `1`, expected a time as a string of nanoseconds since 1970 at line 1, column 44",
            ),
            (
                r#"{"streams":[{"stream":{"a":"b"},"values":[["soon","x"]]}]}"#,
                "\"soon\" is no time: write nanoseconds since 1970 as a string, or RFC 3339 at line 1, column 49",
            ),
            (
                r#"{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"k":{}}]]}]}"#,
                "invalid type: map, expected a string at line 1, column 56",
            ),
            (
                r#"{"streams":[{"stream":{"a":"b"},"values":[["1"]]}]}"#,
                "invalid length 1, expected a line: [\"<nanoseconds>\", \"text\"], with an object of structured metadata as the third at line 1, column 47",
            ),
            (r#"{"streams":[{"values":[]}]}"#, "a stream without labels at line 1, column 25"),
            ("{\n}x", "trailing characters at line 2, column 2"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn wrong_labels_cost_their_stream_only() {
        let text = br#"{"streams":[{"stream":{"a-b":"c"},"values":[["1","xyz"]]},{"stream":{"a":"b"},"values":[["1","x"]]}]}"#;
        let decoded = read(text).unwrap();
        assert_eq!(decoded.streams, one(&[("a", "b")], vec![entry(1, "x", &[])]));
        let [refusal] = decoded.refused.as_slice() else { panic!("{:?}", decoded.refused) };
        assert_eq!((refusal.reason, refusal.lines, refusal.bytes), (crate::INVALID_LABELS, 1, 3));
        assert!(
            refusal.message.starts_with(r#"error parsing labels '{a-b="c"}' with error: "#),
            "{}",
            refusal.message
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let decoded =
            read(b"{\"streams\":[{\"stream\":{\"a\":\"b\"},\"values\":[[\"1\",\"x\xff\"]]}]}").unwrap();
        assert_eq!(decoded.streams[0].entries[0].line, "x\u{fffd}");
    }
}
