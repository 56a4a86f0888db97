//! The one choice of cryptography for the whole program.

/// Makes ring the process's provider for TLS. Called first thing in `main`; calling it again changes nothing.
pub fn install() {
    // An error only says that a provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
