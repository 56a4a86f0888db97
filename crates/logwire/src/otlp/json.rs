//! What OTLP's JSON has otherwise than plain fields: 64-bit numbers in strings, hexadecimal ids, a value of one of many kinds.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::message::{AnyValue, ArrayValue, MapValue, Value};

#[derive(Deserialize)]
#[serde(untagged)]
enum Number<T> {
    Plain(T),
    Text(String),
}

/// A number, plain or in a string.
pub(super) fn number<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromStr,
{
    match Number::deserialize(deserializer)? {
        Number::Plain(number) => Ok(number),
        Number::Text(text) => text.parse().map_err(|_| refused(&text, "is no number")),
    }
}

fn refused<E: Error>(text: &str, what: impl Display) -> E {
    E::custom(format!("{text:?} {what}"))
}

/// Bytes as pairs of hexadecimal digits.
pub(super) fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    bytes.collect::<Option<_>>().ok_or_else(|| refused(&text, "is no hexadecimal id"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyValueJson {
    string_value: Option<String>,
    bool_value: Option<bool>,
    #[serde(default, deserialize_with = "some_number")]
    int_value: Option<i64>,
    double_value: Option<f64>,
    array_value: Option<ArrayValue>,
    kvlist_value: Option<MapValue>,
    bytes_value: Option<String>,
}

fn some_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    number(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = AnyValueJson::deserialize(deserializer)?;
        let bytes = json.bytes_value.map(|text| {
            BASE64_STANDARD.decode(&text).map_err(|error| refused(&text, format!("is no base64: {error}")))
        });
        let value = (json.string_value.map(Value::String))
            .or(json.bool_value.map(Value::Bool))
            .or(json.int_value.map(Value::Int))
            .or(json.double_value.map(Value::Double))
            .or(json.array_value.map(Value::Array))
            .or(json.kvlist_value.map(Value::Map))
            .or(bytes.transpose()?.map(Value::Bytes));
        Ok(Self { value })
    }
}
