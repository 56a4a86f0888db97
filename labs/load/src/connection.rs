//! One user's HTTP/1.1 connection: kept alive between requests, made anew when it is gone.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::outcome::Outcome;
use crate::response::ResponseReader;
use crate::target::Target;

/// Bytes read at once; an order with its items fits in one read.
const READ_BYTES: usize = 16 * 1024;

/// A connection of one user. Dropping it closes the socket, whatever was under way.
#[derive(Debug)]
pub(crate) struct Connection {
    target: Arc<Target>,
    stream: Option<TcpStream>,
    reader: ResponseReader,
    buffer: Box<[u8]>,
    opened: Counter,
}

impl Connection {
    /// Not yet connected. `opened` counts the connections made.
    pub(crate) fn new(target: Arc<Target>, opened: Counter) -> Self {
        Self {
            target,
            stream: None,
            reader: ResponseReader::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            opened,
        }
    }

    /// Sends `request` and reads the whole answer within `limit`, connecting first where needed (the user waits for
    /// that too). Never sends twice: what fails after the first byte is the caller's to count.
    pub(crate) async fn call(&mut self, request: &[u8], limit: Duration) -> Outcome {
        let outcome = match timeout(limit, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) if self.stream.is_none() => Outcome::Connect,
            Err(_) => Outcome::Timeout,
        };
        if !self.reader.keep_alive() {
            self.stream = None;
        }
        outcome
    }

    /// Status of the last whole answer.
    pub(crate) fn status(&self) -> u16 {
        self.reader.status()
    }

    /// Start of the last answer's body.
    pub(crate) fn body(&self) -> &[u8] {
        self.reader.body()
    }

    async fn exchange(&mut self, request: &[u8]) -> Outcome {
        self.reader.reset();
        if self.stream.as_ref().is_some_and(has_ended) {
            self.stream = None;
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => match TcpStream::connect((self.target.host.as_str(), self.target.port)).await {
                Ok(stream) => {
                    // Requests are written whole: waiting for more bytes would only add 40 ms.
                    let _ = stream.set_nodelay(true);
                    self.opened.inc();
                    none.insert(stream)
                }
                Err(_) => return Outcome::Connect,
            },
        };
        if stream.write_all(request).await.is_err() {
            return Outcome::Disconnect;
        }
        loop {
            let whole = match stream.read(&mut self.buffer).await {
                Ok(0) if self.reader.close() => true,
                Ok(0) | Err(_) => return Outcome::Disconnect,
                Ok(count) => match self.reader.feed(self.buffer.get(..count).unwrap_or_default()) {
                    Ok(whole) => whole,
                    Err(error) => {
                        tracing::debug!(%error, "bad response");
                        return Outcome::BadResponse;
                    }
                },
            };
            if whole {
                return Outcome::of_status(self.reader.status());
            }
        }
    }
}

/// Whether the peer closed while the connection was idle, or sent something nobody asked for. Servers may close idle
/// connections at any time; that is no failure, so it must not be found out by a request.
fn has_ended(stream: &TcpStream) -> bool {
    !matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);

    fn connection_to(addr: SocketAddr) -> Connection {
        let target = Target::parse(&format!("http://{addr}")).expect("a good target");
        Connection::new(Arc::new(target), Counter::default())
    }

    /// What a server does with one connection: the answers to its requests in order; then it closes.
    type Script = &'static [&'static str];

    /// Serves one connection after another by `scripts`. An empty answer means never to answer.
    async fn serve(scripts: &'static [Script]) -> (Connection, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let connection = connection_to(listener.local_addr().expect("bound"));
        let server = tokio::spawn(async move {
            for script in scripts {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                for answer in *script {
                    let mut request = vec![0; REQUEST.len()];
                    stream.read_exact(&mut request).await.expect("a whole request");
                    assert_eq!(request, REQUEST);
                    if answer.is_empty() {
                        std::future::pending::<()>().await;
                    }
                    stream.write_all(answer.as_bytes()).await.expect("the client listens");
                }
            }
        });
        (connection, server)
    }

    /// Calls once per expected outcome and checks how many connections that took.
    async fn check(scripts: &'static [Script], expected: &[Outcome], connections: u64) {
        let (mut connection, server) = serve(scripts).await;
        for outcome in expected {
            let limit = if *outcome == Outcome::Timeout { SHORT } else { LONG };
            assert_eq!(connection.call(REQUEST, limit).await, *outcome, "{scripts:?}");
        }
        assert_eq!(connection.opened.get(), connections, "{scripts:?}");
        server.abort();
    }

    #[tokio::test]
    async fn one_connection_carries_many_requests() {
        check(&[&[GOOD, GOOD, GOOD]], &[Outcome::Ok; 3], 1).await;
    }

    #[tokio::test]
    async fn an_answer_that_closes_takes_a_new_connection() {
        const CLOSING: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        const UNTIL_CLOSE: &str = "HTTP/1.1 503 Busy\r\n\r\nbusy";
        check(&[&[CLOSING], &[GOOD]], &[Outcome::Ok; 2], 2).await;
        check(&[&[UNTIL_CLOSE], &[GOOD]], &[Outcome::Http5xx, Outcome::Ok], 2).await;
    }

    #[tokio::test]
    async fn a_cut_answer_is_a_disconnect_and_the_next_request_connects_anew() {
        check(
            &[&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"], &[GOOD]],
            &[Outcome::Disconnect, Outcome::Ok],
            2,
        )
        .await;
        check(&[&["HTTP/1.1 2"], &[GOOD]], &[Outcome::Disconnect, Outcome::Ok], 2).await;
    }

    #[tokio::test]
    async fn no_answer_in_time_is_a_time_out() {
        check(&[&[GOOD, ""]], &[Outcome::Ok, Outcome::Timeout], 1).await;
    }

    #[tokio::test]
    async fn what_is_no_http_is_a_bad_response() {
        check(&[&["SSH-2.0-x\r\n"], &[GOOD]], &[Outcome::BadResponse, Outcome::Ok], 2).await;
    }

    #[tokio::test]
    async fn nobody_there_is_a_connect_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut connection = connection_to(listener.local_addr().expect("bound"));
        drop(listener);
        assert_eq!(connection.call(REQUEST, LONG).await, Outcome::Connect);
        assert_eq!(connection.opened.get(), 0);
    }

    /// A server may close an idle connection; the user must not pay for that with a failure.
    #[tokio::test]
    async fn a_connection_closed_while_idle_is_replaced_silently() {
        let (mut connection, server) = serve(&[&[GOOD], &[GOOD]]).await;
        assert_eq!(connection.call(REQUEST, LONG).await, Outcome::Ok);
        let stream = connection.stream.as_ref().expect("kept alive");
        stream.readable().await.expect("the close arrives");
        assert_eq!(connection.call(REQUEST, LONG).await, Outcome::Ok);
        assert_eq!(connection.opened.get(), 2);
        server.await.expect("both served");
    }
}
