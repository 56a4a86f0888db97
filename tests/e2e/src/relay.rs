//! A connection that can be cut: what a browser sees of a network that fails. And an address that stays while who answers there
//! ends and comes back on another port: a port that was let go of may be somebody else's by then.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Passes bytes on to one address at a time as long as it is not cut; ended when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Nobody at first: connections are closed.
    target: Mutex<Option<String>>,
    is_cut: AtomicBool,
    cut: Notify,
}

impl Relay {
    /// Listens on a free port, for nobody as yet.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(pass(from, own.clone()));
            }
        });
        Self { address, shared, accepting }
    }

    /// Passes new connections on to where this URL leads.
    pub fn lead_to(&self, url: &str) {
        let place = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        *self.shared.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    /// Where it listens, as the start of addresses of pages.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks all connections, and new ones until it is mended.
    pub fn cut(&self) {
        self.shared.is_cut.store(true, Ordering::SeqCst);
        self.shared.cut.notify_waiters();
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.shared.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn pass(mut from: TcpStream, shared: Arc<Shared>) {
    // Listened for before the state is looked at, so that no cut is missed.
    let cut = shared.cut.notified();
    tokio::pin!(cut);
    cut.as_mut().enable();
    if shared.is_cut.load(Ordering::SeqCst) {
        return;
    }
    let target = shared.target.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(target) = target else { return };
    let Ok(mut to) = TcpStream::connect(&target).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
        () = cut => {}
    }
}
