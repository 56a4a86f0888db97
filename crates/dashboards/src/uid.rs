//! Names for addresses: valid uids, a stable uid from a path, and the readable tail of a dashboard's address.

/// Grafana's limit on the length of a uid.
const UID_LEN_MAX: usize = 40;
/// Hexadecimal digits of the hash at the end of a derived uid.
const HASH_LEN: usize = 8;

pub(crate) fn is_valid(uid: &str) -> bool {
    (1..=UID_LEN_MAX).contains(&uid.len())
        && uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// The same path always gives the same uid: the file's name for people, a hash of the whole path to tell equal names apart.
pub(crate) fn derive(relative: &str) -> String {
    let name = relative.rsplit('/').next().unwrap_or(relative);
    let mut readable = slug(name.strip_suffix(".json").unwrap_or(name));
    readable.truncate(UID_LEN_MAX - HASH_LEN - 1);
    format!("{}-{:08x}", readable.trim_end_matches('-'), fnv1a(relative.as_bytes()))
}

/// Lower-case letters and digits with single dashes between them, as in Grafana's addresses; never empty. ASCII only.
pub fn slug(title: &str) -> String {
    let mut out = String::with_capacity(title.len());
    for letter in title.chars() {
        if letter.is_ascii_alphanumeric() {
            out.push(letter.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    if out.is_empty() { "dashboard".to_owned() } else { out }
}

/// FNV-1a, 32 bits: the value must never change with a compiler or a library, since addresses depend on it.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (title, slug_) in [
            ("Application Performance", "application-performance"),
            ("  A / B!! ", "a-b"),
            ("Überblick", "berblick"),
            ("日本", "dashboard"),
        ] {
            assert_eq!(slug(title), slug_, "{title}");
        }
    }

    #[test]
    fn derived_uids_are_stable_valid_and_tell_paths_apart() {
        assert_eq!(derive("infra/db.json"), derive("infra/db.json"));
        assert_ne!(derive("infra/db.json"), derive("other/db.json"));
        assert_eq!(derive("db.json"), format!("db-{:08x}", fnv1a(b"db.json")));
        for path in ["a.json", "日本.json", &format!("{}.json", "x y".repeat(100)), "", "a/b/c/d.JSON"] {
            assert!(is_valid(&derive(path)), "{path} gave {}", derive(path));
        }
    }

    #[test]
    fn fnv_matches_its_published_vectors() {
        for (text, hash) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(fnv1a(text.as_bytes()), hash, "{text}");
        }
    }
}
