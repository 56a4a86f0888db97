//! A connection that can be cut: what a browser sees of a network that fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Passes bytes on to one address as long as it is not cut; ended when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    is_cut: AtomicBool,
    cut: Notify,
}

impl Relay {
    /// Listens on a free port for `target`, host and port.
    ///
    /// # Panics
    /// When it cannot listen.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let (shared, target) = (Arc::new(Shared::default()), target.to_owned());
        let own = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(pass(from, target.clone(), own.clone()));
            }
        });
        Self { address, shared, accepting }
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

async fn pass(mut from: TcpStream, target: String, shared: Arc<Shared>) {
    // Listened for before the state is looked at, so that no cut is missed.
    let cut = shared.cut.notified();
    tokio::pin!(cut);
    cut.as_mut().enable();
    if shared.is_cut.load(Ordering::SeqCst) {
        return;
    }
    let Ok(mut to) = TcpStream::connect(&target).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
        () = cut => {}
    }
}
