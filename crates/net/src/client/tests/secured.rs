//! Who is believed, and who we are.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::*;

/// What `certificates/README.md` makes.
#[derive(Clone, Copy)]
pub(super) enum PemFile {
    Authority,
    Stranger,
    Client,
    ClientKey,
    Server,
    ServerKey,
}

impl PemFile {
    pub(super) fn text(self) -> String {
        let text = match self {
            Self::Authority => include_str!("certificates/authority.pem"),
            Self::Stranger => include_str!("certificates/stranger.pem"),
            Self::Client => include_str!("certificates/client.pem"),
            Self::ClientKey => include_str!("certificates/client.key"),
            Self::Server => include_str!("certificates/server.pem"),
            Self::ServerKey => include_str!("certificates/server.key"),
        };
        text.to_owned()
    }

    fn certificate(self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.text().as_bytes()).expect("a certificate")
    }
}

/// A server that answers over TLS with the path it was asked for and whether the head held a password.
pub(super) struct Secured {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Secured {
    pub(super) async fn start(address: &str, wants_identity: bool) -> Self {
        crate::tls::install();
        let builder = ServerConfig::builder();
        let builder = if wants_identity {
            let mut roots = RootCertStore::empty();
            roots.add(PemFile::Authority.certificate()).expect("a certificate");
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier"),
            )
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_slice(PemFile::ServerKey.text().as_bytes()).expect("a key");
        let config = builder.with_single_cert(vec![PemFile::Server.certificate()], key).expect("they match");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream));
            }
        });
        Self { address, task }
    }

    /// Its address, by name or by number.
    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/", self.address.port())
    }

    pub(super) fn stop(self) {
        self.task.abort();
    }
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream) {
    // Who does not believe us breaks off, which is what some tests are for.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let said = service_fn(async |request: Request<Incoming>| {
        let has_password = request.headers().contains_key("proxy-authorization");
        let text = format!("{} {has_password}", request.uri());
        Ok::<_, hyper::Error>(hyper::Response::new(http_body_util::Full::new(Bytes::from(text))))
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), said).await;
}

fn client_with(tls: TlsOptions) -> Client {
    Client::new(ClientOptions { tls, ..ClientOptions::named("test") }).expect("a client")
}

fn believing(authority: PemFile) -> TlsOptions {
    TlsOptions { ca_pem: Some(authority.text()), ..TlsOptions::default() }
}

#[tokio::test]
async fn a_server_is_believed_by_name_and_by_address() {
    let server = Secured::start("127.0.0.1:0", false).await;
    let client = client_with(believing(PemFile::Authority));
    for host in ["localhost", "127.0.0.1"] {
        let answer = client.get(&server.url(host), &[], PATIENCE, 100).await.expect("an answer");
        assert_eq!(answer.body, "/ false", "{host}");
    }
    server.stop();
}

#[tokio::test]
async fn a_server_is_not_believed_for_reasons_in_words() {
    let server = Secured::start("127.0.0.1:0", false).await;
    let fails = async |tls: TlsOptions, url: &str| {
        client_with(tls).get(url, &[], PATIENCE, 100).await.expect_err("not believed").to_string()
    };
    assert_eq!(
        fails(believing(PemFile::Stranger), &server.url("127.0.0.1")).await,
        "invalid peer certificate: it is signed by nobody who is trusted here; ca_file names whom to trust"
    );
    let other = Secured::start("127.0.0.2:0", false).await;
    let text = fails(believing(PemFile::Authority), &other.url("127.0.0.2")).await;
    assert!(text.starts_with("invalid peer certificate: certificate not valid for name"), "{text}");
    // Anybody is, where that is asked for: wrong authority, wrong name.
    let all = TlsOptions { believe_all: true, ..believing(PemFile::Stranger) };
    let answer = client_with(all).get(&other.url("127.0.0.2"), &[], PATIENCE, 100).await;
    assert_eq!(answer.expect("an answer").body, "/ false");
    server.stop();
    other.stop();
}

#[tokio::test]
async fn we_show_who_we_are_where_that_is_asked_for() {
    let server = Secured::start("127.0.0.1:0", true).await;
    let url = server.url("localhost");
    let nobody = client_with(believing(PemFile::Authority)).get(&url, &[], PATIENCE, 100).await;
    let text = nobody.expect_err("nobody").to_string();
    assert!(text.contains("CertificateRequired"), "{text}");
    let identity_pem = Some(PemFile::Client.text() + &PemFile::ClientKey.text());
    let tls = TlsOptions { identity_pem, ..believing(PemFile::Authority) };
    let answer = client_with(tls).get(&url, &[], PATIENCE, 100).await.expect("an answer");
    assert_eq!(answer.body, "/ false");
    server.stop();
}

#[tokio::test]
async fn a_redirection_may_lead_from_http_to_https() {
    let server = Secured::start("127.0.0.1:0", false).await;
    let secured = server.url("localhost") + "there";
    let (plain, _) =
        watched(move |_| (StatusCode::FOUND, [("location", secured.clone())]).into_response()).await;
    let client = client_with(believing(PemFile::Authority));
    let answer = client.get(&plain.url(), &[], PATIENCE, 100).await.expect("an answer");
    assert_eq!(answer.body, "/there false");
    server.stop();
    plain.stop().await;
}

#[test]
fn bad_settings_of_tls_are_told_at_a_check() {
    let rubbish = || Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_owned());
    let nothing = || Some("nothing\n".to_owned());
    let none = TlsOptions::default;
    for (tls, expected) in [
        (
            TlsOptions { ca_pem: rubbish(), ..none() },
            "the certificate of the authority: invalid certificate encoding",
        ),
        (TlsOptions { ca_pem: nothing(), ..none() }, "the certificate of the authority: there is none"),
        (
            TlsOptions { identity_pem: rubbish(), ..none() },
            "the certificate and its key: invalid certificate encoding",
        ),
        (
            TlsOptions { identity_pem: Some(PemFile::Client.text()), ..none() },
            "the certificate and its key: private key or certificate not found",
        ),
        (
            TlsOptions {
                identity_pem: Some(PemFile::Client.text() + &PemFile::ServerKey.text()),
                ..believing(PemFile::Authority)
            },
            "the certificate and its key: keys may not be consistent: KeyMismatch",
        ),
    ] {
        let error = client_with(tls).check_tls().expect_err("bad settings");
        assert_eq!(error, ClientError::Setup(expected.to_owned()));
    }
}
