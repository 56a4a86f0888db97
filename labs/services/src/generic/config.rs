//! What a generic service is made of, as its file says it.

use config::Duration;
use model::DurationMs;
use serde::Deserialize;

use crate::common::chance::Latency;

/// Most endpoints of one service; each gives some dozens of series.
const ENDPOINTS_MAX: usize = 50;
/// The longest answer.
const RESPONSE_MAX_BYTES: u32 = 1 << 20;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenericConfig {
    /// At least one; `/health` and `/metrics` are there by themselves.
    pub endpoints: Vec<EndpointConfig>,
}

/// One route of a generic service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// With parameters in braces, as in `/api/products/{id}`.
    pub path: String,
    /// What it is asked with.
    #[serde(default)]
    pub method: MethodName,
    /// The handler's name in the logs; made of method and path without it.
    #[serde(default)]
    pub view: Option<String>,
    /// Half of the answers take less.
    #[serde(default = "default_median")]
    pub median: Duration,
    /// One in a hundred takes longer; four times the median without it.
    #[serde(default)]
    pub p99: Option<Duration>,
    /// Share of the answers that are 500, 0 to 1.
    #[serde(default)]
    pub errors: f64,
    /// Size of the others.
    #[serde(default = "default_response_bytes")]
    pub response_bytes: u32,
}

/// A method that a generic endpoint can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MethodName {
    /// Reads.
    #[default]
    Get,
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl MethodName {
    /// As HTTP writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

fn default_median() -> Duration {
    Duration(DurationMs(10))
}

fn default_response_bytes() -> u32 {
    500
}

impl GenericConfig {
    /// Whether a service can be made of it.
    ///
    /// # Errors
    /// A sentence about the first thing that makes no sense.
    pub fn check(&self) -> Result<(), String> {
        if self.endpoints.is_empty() || self.endpoints.len() > ENDPOINTS_MAX {
            return Err(format!("{} endpoints; must be 1 to {ENDPOINTS_MAX}", self.endpoints.len()));
        }
        let mut seen = std::collections::BTreeSet::new();
        for endpoint in &self.endpoints {
            endpoint.check().map_err(|what| format!("endpoint {}: {what}", endpoint.path))?;
            if !seen.insert((endpoint.method.name(), shape(&endpoint.path))) {
                return Err(format!("endpoint {}: is there twice", endpoint.path));
            }
        }
        Ok(())
    }
}

/// A path with its parameters made equal: the router cannot tell `/a/{x}` from `/a/{y}`.
fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

impl EndpointConfig {
    fn check(&self) -> Result<(), String> {
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
        let good = |part: &str| {
            let inner = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            plain(inner.unwrap_or(part)) && inner.is_none_or(|name| !name.is_empty())
        };
        if !self.path.strip_prefix('/').is_some_and(|path| path.split('/').all(good)) {
            return Err("the path must be like /api/things/{id}".to_owned());
        }
        if [crate::common::frame::HEALTH, "/metrics"].contains(&self.path.as_str()) {
            return Err("is the service's own".to_owned());
        }
        if !(0.0..=1.0).contains(&self.errors) {
            return Err(format!("errors {} must be 0 to 1", self.errors));
        }
        if self.response_bytes > RESPONSE_MAX_BYTES {
            return Err(format!("response_bytes must be at most {RESPONSE_MAX_BYTES}"));
        }
        match self.p99 {
            Some(p99) if p99 < self.median => Err("p99 must not be below the median".to_owned()),
            _ => Ok(()),
        }
    }

    /// The curve of its answers.
    pub(super) fn latency(&self) -> Latency {
        let median = self.median.0.to_std();
        Latency { median, p99: self.p99.map_or(median * 4, |p99| p99.0.to_std()) }
    }

    /// The handler's name, one word: `get_api_products_id` for `GET /api/products/{id}`.
    pub(super) fn view(&self) -> String {
        let words = self.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let derived = || words.fold(self.method.name().to_ascii_lowercase(), |view, word| view + "_" + word);
        // A blank in it would make six fields of the profiler's five.
        self.view.as_ref().map_or_else(derived, |view| view.replace(char::is_whitespace, "_"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<GenericConfig, String> {
        let config: GenericConfig =
            ::config::from_str(Path::new("a.yml"), text).map_err(|error| error.to_string())?;
        config.check().map(|()| config)
    }

    #[test]
    fn a_usual_file_reads() {
        let text = "endpoints:\n  - {path: '/api/products/{id}', median: 12ms, p99: 90ms, errors: 0.001}\n  \
            - {path: /api/products, method: POST, view: add product}\n";
        let config = read(text).expect(text);
        let views: Vec<String> = config.endpoints.iter().map(EndpointConfig::view).collect();
        assert_eq!(views, ["get_api_products_id", "add_product"]);
        assert_eq!(config.endpoints[0].latency(), Latency::ms(12, 90));
        assert_eq!(config.endpoints[1].latency(), Latency::ms(10, 40));
    }

    #[test]
    fn nonsense_is_refused() {
        let check = |endpoint: &str, expect: &str| {
            let text = format!("endpoints:\n  - {{{endpoint}}}\n");
            let error = read(&text).expect_err(&text);
            assert!(error.contains(expect), "{error}");
        };
        check("path: /a, error: 1", "a.yml:2:16: unknown field error (did you mean errors?)");
        check("path: /a, errors: 2", "endpoint /a: errors 2 must be 0 to 1");
        check("path: a", "endpoint a: the path must be like");
        check("path: '/a/{}'", "endpoint /a/{}: the path must be like");
        check("path: /health", "endpoint /health: is the service's own");
        check("path: /a, p99: 1ms", "p99 must not be below the median");
        check("path: '/a/{x}'}\n  - {path: '/a/{y}'", "endpoint /a/{y}: is there twice");
        assert!(read("endpoints: []\n").is_err());
    }
}
