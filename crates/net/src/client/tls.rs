//! Who is believed, and who we are.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::ClientError;

/// Settings of TLS towards servers.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TlsOptions {
    /// Certificates, as PEM, that are believed instead of the system's.
    pub ca_pem: Option<String>,
    /// A certificate with its key, as PEM, that we show.
    pub identity_pem: Option<String>,
    /// Whether any certificate is believed.
    pub believe_all: bool,
}

impl std::fmt::Debug for TlsOptions {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (has_ca, has_identity) = (self.ca_pem.is_some(), self.identity_pem.is_some());
        write!(f, "TlsOptions(ca: {has_ca}, identity: {has_identity}, believe all: {})", self.believe_all)
    }
}

/// What the settings come to, made on first use: loading the system's certificates costs megabytes that a laptop lab never needs.
#[derive(Debug)]
pub(super) struct Tls {
    options: TlsOptions,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(options: TlsOptions) -> Self {
        Self { options, config: OnceLock::new() }
    }

    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, ClientError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(config(&self.options)?);
        Ok(Arc::clone(self.config.get_or_init(|| config)))
    }
}

fn config(options: &TlsOptions) -> Result<ClientConfig, ClientError> {
    let authority = options.ca_pem.as_deref().map(authority).transpose()?;
    let builder = ClientConfig::builder();
    let builder = match authority {
        _ if options.believe_all => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(BelieveAll))
        }
        Some(authority) => builder.with_root_certificates(authority),
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(system()?)),
    };
    let mut config = match &options.identity_pem {
        Some(pem) => {
            let (certificates, key) = identity(pem)?;
            builder.with_client_auth_cert(certificates, key).map_err(|e| bad_identity(&e.to_string()))?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Those that the system believes.
fn system() -> Result<Verifier, ClientError> {
    let provider = CryptoProvider::get_default().expect("a client installs it before all");
    Verifier::new(Arc::clone(provider)).map_err(|e| ClientError::Setup(e.to_string()))
}

fn authority(pem: &str) -> Result<RootCertStore, ClientError> {
    let bad = |cause: &str| ClientError::Setup(format!("the certificate of the authority: {cause}"));
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| bad("invalid certificate encoding"))?;
        store.add(certificate).map_err(|e| bad(&e.to_string()))?;
    }
    if store.is_empty() { Err(bad("there is none")) } else { Ok(store) }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(pem: &str) -> Result<Identity, ClientError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let certificates = certificates.map_err(|_| bad_identity("invalid certificate encoding"))?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    match key {
        Ok(key) if !certificates.is_empty() => Ok((certificates, key)),
        _ => Err(bad_identity("private key or certificate not found")),
    }
}

fn bad_identity(cause: &str) -> ClientError {
    ClientError::Setup(format!("the certificate and its key: {cause}"))
}

/// Believes anybody, for `insecure_skip_verify`.
#[derive(Debug)]
struct BelieveAll;

impl ServerCertVerifier for BelieveAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// Every one there is: none is checked.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::ECDSA_SHA1_Legacy,
            SignatureScheme::RSA_PKCS1_SHA1,
        ]
    }
}
