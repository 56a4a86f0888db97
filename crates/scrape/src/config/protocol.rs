//! Which formats a scrape asks for, and which format an answer is in.

use exposition::Format;

/// Names of formats in a configuration, best first, with their media types. The version with escaping gets it added.
const PROTOCOLS: [(&str, &str, bool); 4] = [
    ("OpenMetricsText1.0.0", "application/openmetrics-text;version=1.0.0", true),
    ("OpenMetricsText0.0.1", "application/openmetrics-text;version=0.0.1", false),
    ("PrometheusText1.0.0", "text/plain;version=1.0.0", true),
    ("PrometheusText0.0.4", "text/plain;version=0.0.4", false),
];

/// The format that Prometheus knows and this program does not read.
const PROTOBUF: &str = "PrometheusProto";

/// Weights in the `Accept` header begin here and go down by one tenth, as Prometheus has it.
const FIRST_WEIGHT_TENTHS: usize = 6;

/// The `Accept` header for `names`, or for all formats when there are none.
///
/// # Errors
/// A sentence, when a name is unknown, comes twice, or none of them can be read.
pub(super) fn accept(names: Option<&[String]>, escaping: &str) -> Result<String, String> {
    let all: Vec<String> = PROTOCOLS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let names = names.filter(|names| !names.is_empty()).unwrap_or(&all);
    for (i, name) in names.iter().enumerate() {
        known(name)?;
        if names.iter().take(i).any(|before| before == name) {
            return Err(format!("duplicated protocol in scrape_protocols, got {names:?}"));
        }
    }
    let wanted: Vec<_> = names.iter().filter_map(|name| PROTOCOLS.iter().find(|(n, ..)| n == name)).collect();
    if wanted.is_empty() {
        return Err(format!("{PROTOBUF} is not supported yet: give a text protocol in scrape_protocols"));
    }
    let mut parts = Vec::new();
    for (i, (_, media, has_escaping)) in wanted.iter().enumerate() {
        let escaping = if *has_escaping { format!(";escaping={escaping}") } else { String::new() };
        parts.push(format!("{media}{escaping};q=0.{}", FIRST_WEIGHT_TENTHS - i));
    }
    parts.push(format!("*/*;q=0.{}", FIRST_WEIGHT_TENTHS - wanted.len()));
    Ok(parts.join(","))
}

/// The format that `fallback_scrape_protocol` names.
///
/// # Errors
/// A sentence, when the name is unknown or not read here.
pub(super) fn fallback(name: &str) -> Result<Format, String> {
    known(name)?;
    match name {
        PROTOBUF => Err(format!("fallback_scrape_protocol {PROTOBUF} is not supported yet")),
        name if name.starts_with("Open") => Ok(Format::OpenMetrics),
        _ => Ok(Format::Text),
    }
}

fn known(name: &str) -> Result<(), String> {
    if name == PROTOBUF || PROTOCOLS.iter().any(|(known, ..)| *known == name) {
        return Ok(());
    }
    let all: Vec<&str> = PROTOCOLS.iter().map(|(n, ..)| *n).chain([PROTOBUF]).collect();
    Err(format!("unknown scrape protocol {name}, supported: {}", all.join(", ")))
}

/// The format of an answer by its `Content-Type`, or the fallback where that says nothing useful.
///
/// # Errors
/// Prometheus' sentence, when there is neither.
pub(crate) fn format_of(content_type: &str, fallback: Option<Format>) -> Result<Format, String> {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = match media.as_str() {
        "application/openmetrics-text" => Some(Format::OpenMetrics),
        "text/plain" => Some(Format::Text),
        _ => None,
    };
    known.or(fallback).ok_or_else(|| {
        let received = if content_type.is_empty() {
            "non-compliant scrape target sending blank Content-Type".to_owned()
        } else {
            format!("received unsupported Content-Type {content_type:?}")
        };
        format!("{received} and no fallback_scrape_protocol specified for target")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_that_of_prometheus() {
        let expected = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                        application/openmetrics-text;version=0.0.1;q=0.5,\
                        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(accept(None, "allow-utf-8").as_deref(), Ok(expected));
        let one = ["PrometheusProto".to_owned(), "PrometheusText0.0.4".to_owned()];
        assert_eq!(
            accept(Some(&one), "allow-utf-8").as_deref(),
            Ok("text/plain;version=0.0.4;q=0.6,*/*;q=0.5")
        );
        assert!(accept(Some(&one[..1]), "").is_err());
        assert!(accept(Some(&["nope".to_owned()]), "").is_err());
    }

    #[test]
    fn the_content_type_decides() {
        let none = "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified for target";
        for (content_type, fallback, expected) in [
            ("text/plain; version=0.0.4", None, Ok(Format::Text)),
            ("Application/OpenMetrics-Text; version=1.0.0", None, Ok(Format::OpenMetrics)),
            ("text/plain", Some(Format::OpenMetrics), Ok(Format::Text)),
            ("text/html", None, Err(none.to_owned())),
            ("text/html", Some(Format::Text), Ok(Format::Text)),
            ("", Some(Format::OpenMetrics), Ok(Format::OpenMetrics)),
        ] {
            assert_eq!(format_of(content_type, fallback), expected, "{content_type:?}");
        }
    }
}
