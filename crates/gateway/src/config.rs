//! `gateway.yml`: which path goes to which upstream, and where an upstream's backends are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use config::Duration;
use http::Uri;
use model::DurationMs;
use serde::Deserialize;

/// Paths that the gateway answers itself.
pub(crate) const OWN_PATHS: [&str; 2] = ["/health", "/metrics"];

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where paths go. The longest prefix that ends at a segment's border wins.
    pub routes: Vec<RouteConfig>,
    /// Groups of equal backends, by name.
    pub upstreams: BTreeMap<String, UpstreamConfig>,
}

/// One path prefix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Begins with a slash. `/api/order` takes `/api/order` and `/api/order/5`, and not `/api/orders`; `/` takes all.
    pub prefix: String,
    /// Name of an upstream.
    pub upstream: String,
}

/// A group of equal backends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// At least one.
    pub backends: Vec<BackendConfig>,
    /// How backends are asked whether they work.
    #[serde(default)]
    pub health: HealthConfig,
    /// Longest wait for a connection.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Duration,
    /// Longest wait for the head of the answer, retries included. A streamed body may take as long as it likes.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendConfig {
    /// Label `backend` of the metrics, unique within the upstream.
    pub name: String,
    /// `http://host:port`, without a path.
    pub url: String,
}

/// How backends are asked whether they work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// Asked with GET; a 2xx is well.
    pub path: String,
    /// Between two checks of a backend that is up; one that is down is asked more often.
    pub interval: Duration,
    /// Longest wait for an answer to a check.
    pub timeout: Duration,
    /// Failed checks in a row that take a backend down. A refused connection takes it down at once.
    pub unhealthy_after: u32,
    /// Good checks in a row that bring a backend up again.
    pub healthy_after: u32,
}

impl Default for HealthConfig {
    /// Once a second; 1.5 s to answer, because our services give their database 1 s before they say that it is away, and
    /// a slow database must not look like two dead services; two failures to go down, one success to come back.
    fn default() -> Self {
        Self {
            path: "/health".to_owned(),
            interval: Duration(DurationMs(1000)),
            timeout: Duration(DurationMs(1500)),
            unhealthy_after: 2,
            healthy_after: 1,
        }
    }
}

/// On one machine or network a connection is there within milliseconds, or after one lost packet, 1 s.
fn default_connect_timeout() -> Duration {
    Duration(DurationMs(2000))
}

/// As long as a person may wait.
fn default_timeout() -> Duration {
    Duration(DurationMs(30_000))
}

/// What in the file makes no sense, although it reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigProblem {
    /// A prefix that no path can have, or that the gateway needs itself.
    #[error("route {prefix:?}: {reason}")]
    Prefix {
        /// As written.
        prefix: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A route to nowhere.
    #[error("route {prefix:?}: upstream {upstream:?} is not defined")]
    UnknownUpstream {
        /// The route.
        prefix: String,
        /// What it names.
        upstream: String,
    },
    /// An upstream that cannot work.
    #[error("upstream {upstream:?}: {reason}")]
    Upstream {
        /// The upstream.
        upstream: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A backend that cannot be reached.
    #[error("upstream {upstream:?}, backend {backend:?}: {reason}")]
    Backend {
        /// The upstream.
        upstream: String,
        /// The backend.
        backend: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl GatewayConfig {
    /// Whether the parts fit together. Touches nothing outside.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        let mut seen = BTreeSet::new();
        for RouteConfig { prefix, upstream } in &self.routes {
            let refuse = |reason| Err(ConfigProblem::Prefix { prefix: prefix.clone(), reason });
            if !prefix.starts_with('/') {
                return refuse("must begin with /");
            }
            if prefix.contains(['?', '#', ' ']) {
                return refuse("must be a plain path");
            }
            if OWN_PATHS.contains(&prefix.as_str()) {
                return refuse("is the gateway's own");
            }
            if !seen.insert(prefix.trim_end_matches('/')) {
                return refuse("is there twice");
            }
            if !self.upstreams.contains_key(upstream) {
                return Err(ConfigProblem::UnknownUpstream {
                    prefix: prefix.clone(),
                    upstream: upstream.clone(),
                });
            }
        }
        self.upstreams.iter().try_for_each(|(name, upstream)| upstream.check(name))
    }
}

impl UpstreamConfig {
    fn check(&self, name: &str) -> Result<(), ConfigProblem> {
        let refuse = |reason| Err(ConfigProblem::Upstream { upstream: name.to_owned(), reason });
        let HealthConfig { path, interval, timeout, unhealthy_after, healthy_after } = &self.health;
        if self.backends.is_empty() {
            return refuse("has no backends");
        }
        if [interval, timeout, &self.connect_timeout, &self.timeout].iter().any(|duration| duration.0.0 == 0)
        {
            return refuse("intervals and timeouts must be above 0");
        }
        if *unhealthy_after == 0 || *healthy_after == 0 {
            return refuse("unhealthy_after and healthy_after must be above 0");
        }
        if !path.starts_with('/') || path.parse::<Uri>().is_err() {
            return refuse("the health path must be a path");
        }
        let mut names = BTreeSet::new();
        for backend in &self.backends {
            let refuse = |reason| {
                Err(ConfigProblem::Backend {
                    upstream: name.to_owned(),
                    backend: backend.name.clone(),
                    reason,
                })
            };
            if !names.insert(&backend.name) {
                return refuse("is there twice");
            }
            if backend.authority().is_none() {
                return refuse("the url must be like http://host:port");
            }
        }
        Ok(())
    }
}

impl BackendConfig {
    /// `host:port` of a URL that is nothing more than that.
    pub(crate) fn authority(&self) -> Option<http::uri::Authority> {
        let uri: Uri = self.url.parse().ok()?;
        let plain =
            uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        uri.authority().filter(|authority| plain && !authority.as_str().contains('@')).cloned()
    }
}

/// For timers.
pub(crate) fn to_std(duration: Duration) -> StdDuration {
    duration.0.to_std()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const GOOD: &str = "
routes:
  - {prefix: /api/order, upstream: orders}
upstreams:
  orders:
    backends:
      - {name: orders-1, url: http://127.0.0.1:5001}
      - {name: orders-2, url: 'http://127.0.0.1:5002'}
    health: {path: /health, interval: 1s, timeout: 1500ms}
";

    fn read(text: &str) -> GatewayConfig {
        ::config::from_str(Path::new("gateway.yml"), text).expect(text)
    }

    #[test]
    fn the_usual_file_reads_and_fits() {
        let config = read(GOOD);
        assert_eq!(config.check(), Ok(()));
        let orders = &config.upstreams["orders"];
        assert_eq!((orders.health.clone(), orders.backends.len()), (HealthConfig::default(), 2));
        assert_eq!(to_std(orders.timeout), StdDuration::from_secs(30));
    }

    #[test]
    fn unknown_fields_are_refused_with_their_place() {
        let text = GOOD.replace("interval: 1s", "intervall: 1s");
        let error =
            ::config::from_str::<GatewayConfig>(Path::new("gateway.yml"), &text).expect_err("a wrong field");
        assert!(error.to_string().starts_with("gateway.yml:9:29: "), "{error}");
        assert!(error.to_string().contains("intervall"), "{error}");
    }

    fn check(from: &str, to: &str, expected: &str) {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(read(&GOOD.replace(from, to)).check().expect_err(expected).to_string(), expected);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        check("prefix: /api/order", "prefix: api", r#"route "api": must begin with /"#);
        check("prefix: /api/order", "prefix: /health", r#"route "/health": is the gateway's own"#);
        check("prefix: /api/order", "prefix: '/a?b'", r#"route "/a?b": must be a plain path"#);
        check(
            "upstream: orders",
            "upstream: order",
            r#"route "/api/order": upstream "order" is not defined"#,
        );
        check("interval: 1s", "interval: 0", r#"upstream "orders": intervals and timeouts must be above 0"#);
        check("path: /health,", "path: health,", r#"upstream "orders": the health path must be a path"#);
        check(
            "timeout: 1500ms",
            "healthy_after: 0",
            r#"upstream "orders": unhealthy_after and healthy_after must be above 0"#,
        );
        check("name: orders-2", "name: orders-1", r#"upstream "orders", backend "orders-1": is there twice"#);
        for url in ["https://h:1", "http://h:1/path", "h:1", "http://u@h:1", "http://h:1/?a"] {
            let expected = r#"upstream "orders", backend "orders-1": the url must be like http://host:port"#;
            check("http://127.0.0.1:5001", url, expected);
        }
        let twice =
            "  - {prefix: /api/order, upstream: orders}\n  - {prefix: /api/order/, upstream: orders}\n";
        check(
            "  - {prefix: /api/order, upstream: orders}\n",
            twice,
            r#"route "/api/order/": is there twice"#,
        );
    }
}
