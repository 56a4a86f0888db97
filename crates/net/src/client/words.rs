//! What went wrong, in words for people.

use hyper_util::client::legacy;

use super::ClientError;

/// Turns the library's error into what a person wants to read: the innermost cause.
pub(super) fn unanswered(error: &legacy::Error) -> ClientError {
    let text = chain(error);
    if error.is_connect() { ClientError::Connect(text) } else { ClientError::Broken(text) }
}

/// The last link of an error's chain of causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = in_words(innermost.to_string());
    // "Connection refused (os error 111)": the number helps nobody.
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// What is said of certificates by names of types alone.
pub(super) fn in_words(text: String) -> String {
    const SAID: &str = "invalid peer certificate: ";
    const WORDS: [(&str, &str); 3] = [
        ("UnknownIssuer", "it is signed by nobody who is trusted here; ca_file names whom to trust"),
        ("Other(OtherError(CaUsedAsEndEntity))", "it is signed by itself; ca_file names whom to trust"),
        ("BadSignature", "its signature is wrong"),
    ];
    let word = text.strip_prefix(SAID).and_then(|kind| WORDS.iter().find(|(name, _)| *name == kind));
    word.map_or(text.clone(), |(_, words)| format!("{SAID}{words}"))
}
