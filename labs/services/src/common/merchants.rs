//! The merchants of the lab: a fixed set, so that they may be label values.

/// Every merchant, the largest first. Whoever pays another is counted under [`OTHER`].
pub(crate) const MERCHANTS: [&str; 10] =
    ["shop", "northwind", "globex", "initech", "umbrella", "hooli", "acme", "stark", "wayne", "tyrell"];
/// The label of a merchant that is not in the set.
pub(crate) const OTHER: &str = "other";

/// The label for `name`.
pub(crate) fn label(name: &str) -> &'static str {
    MERCHANTS.iter().find(|known| **known == name).copied().unwrap_or(OTHER)
}
