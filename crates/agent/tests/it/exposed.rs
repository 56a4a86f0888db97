//! What a program exposes, read over HTTP.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use exposition::{Entry, Format, Meta, Reader};
use model::MetricKind;

/// Labels by name.
pub(crate) type Labels = Vec<(String, String)>;

/// What a body says, labels sorted and empty ones left out, as Prometheus would keep it.
#[derive(Default)]
pub(crate) struct Exposed {
    pub kinds: BTreeMap<String, MetricKind>,
    pub series: BTreeMap<String, BTreeMap<Labels, f64>>,
}

impl Exposed {
    /// Reads a body; `left_out` names labels, by the start of their families, that are not looked at.
    pub(crate) fn parse(body: &str, left_out: &[(&str, &str)]) -> Self {
        let mut exposed = Self::default();
        for entry in Reader::new(Format::Text, body.as_bytes()).expect("UTF-8") {
            match entry.expect("a well-formed body") {
                Entry::Meta(Meta::Type { name, kind }) => {
                    exposed.kinds.insert(name.into_owned(), kind);
                }
                Entry::Meta(_) => {}
                Entry::Sample(row) => {
                    let labels = row.series.labels().expect("labels");
                    let name = labels.metric_name().to_owned();
                    let is_left_out =
                        |label| left_out.iter().any(|(f, l)| name.starts_with(f) && *l == label);
                    let others =
                        labels.iter().filter(|(n, v)| *n != "__name__" && !v.is_empty() && !is_left_out(*n));
                    let key = others.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                    exposed.series.entry(name).or_default().insert(key, row.value);
                }
            }
        }
        exposed
    }

    /// The value of the only series of a family.
    pub(crate) fn one(&self, name: &str) -> Option<f64> {
        self.series.get(name)?.values().next().copied()
    }

    /// The value of one series.
    pub(crate) fn value(&self, name: &str, labels: &[(String, String)]) -> Option<f64> {
        self.series.get(name)?.get(labels).copied()
    }
}

/// The body at `path`; none when nobody answers with it.
pub(crate) fn get(addr: SocketAddr, path: &str) -> Option<String> {
    get_within(addr, path, 60.0)
}

/// The same, saying how long we wait, in seconds, as Prometheus does.
pub(crate) fn get_within(addr: SocketAddr, path: &str, timeout_s: f64) -> Option<String> {
    let mut stream = TcpStream::connect(addr).ok()?;
    // Above what the agent itself is given, so that it is the one who gives up.
    stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
    let head =
        format!("GET {path} HTTP/1.0\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: {timeout_s}\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}
