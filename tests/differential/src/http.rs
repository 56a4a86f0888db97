//! As much of an HTTP client as one well-behaved server on this machine needs: one connection that is kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// Longer than the server's own limit for a query.
const TIMEOUT: Duration = Duration::from_secs(150);

/// A connection to one server.
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

/// What came back.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends a POST, over a new connection if the old one is gone.
    pub(crate) fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<Response> {
        if self.connection.is_some()
            && let Ok(response) = self.exchange(path, headers, body)
        {
            return Ok(response);
        }
        let stream = TcpStream::connect(self.address).context("connect")?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        self.connection = Some(BufReader::new(stream));
        self.exchange(path, headers, body)
    }

    fn exchange(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<Response> {
        let connection = self.connection.as_mut().context("no connection")?;
        let mut request =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n", body.len())
                .into_bytes();
        request.extend_from_slice(body);
        let result =
            connection.get_mut().write_all(&request).context("write").and_then(|()| read(connection));
        if result.is_err() {
            self.connection = None;
        }
        result
    }
}

fn read(from: &mut BufReader<TcpStream>) -> Result<Response> {
    let status_line = line(from)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("not HTTP: {status_line:?}"))?;
    let (mut length, mut chunked) = (0, false);
    loop {
        let header = line(from)?.to_ascii_lowercase();
        match header.split_once(':') {
            None if header.is_empty() => break,
            None => bail!("not a header: {header:?}"),
            Some(("content-length", value)) => length = value.trim().parse().context("content length")?,
            Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if !chunked {
        body.resize(length, 0);
        from.read_exact(&mut body)?;
        return Ok(Response { status, body });
    }
    loop {
        let size = usize::from_str_radix(&line(from)?, 16).context("chunk size")?;
        let start = body.len();
        body.resize(start + size, 0);
        from.read_exact(&mut body[start..])?;
        ensure!(line(from)?.is_empty(), "a chunk that does not end");
        if size == 0 {
            return Ok(Response { status, body });
        }
    }
}

fn line(from: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    ensure!(from.read_line(&mut line)? > 0, "the connection ended");
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A form body: every byte that is no letter or digit is escaped.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}
