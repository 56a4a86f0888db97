//! Internet addresses in lines and labels: one, a range, a network.

use std::net::IpAddr;

use crate::StageError;

/// Addresses from one to another, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpRange {
    from: IpAddr,
    to: IpAddr,
}

impl IpRange {
    /// Reads `192.0.2.1`, `192.0.2.1-192.0.2.9` or `192.0.2.0/24`, version 6 too.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Self, StageError> {
        let wrong = || StageError::new(format!("error parsing IP pattern {text:?}"));
        let address = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| wrong());
        if let Some((from, to)) = text.split_once('-') {
            let (from, to) = (address(from)?, address(to)?);
            return if from.is_ipv4() == to.is_ipv4() && from <= to {
                Ok(Self { from, to })
            } else {
                Err(wrong())
            };
        }
        let Some((base, length)) = text.split_once('/') else {
            let only = address(text)?;
            return Ok(Self { from: only, to: only });
        };
        let length: u32 = length.trim().parse().map_err(|_| wrong())?;
        match address(base)? {
            IpAddr::V4(base) if length <= 32 => {
                let host = u32::MAX.checked_shr(length).unwrap_or(0);
                let base = u32::from(base);
                Ok(Self { from: IpAddr::V4((base & !host).into()), to: IpAddr::V4((base | host).into()) })
            }
            IpAddr::V6(base) if length <= 128 => {
                let host = u128::MAX.checked_shr(length).unwrap_or(0);
                let base = u128::from(base);
                Ok(Self { from: IpAddr::V6((base & !host).into()), to: IpAddr::V6((base | host).into()) })
            }
            _ => Err(wrong()),
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.from.is_ipv4() == address.is_ipv4() && self.from <= address && address <= self.to
    }

    /// Whether `text` is an address inside.
    pub fn matches(&self, text: &str) -> bool {
        text.trim().parse().is_ok_and(|address| self.contains(address))
    }

    /// Whether any address that stands in `line` is inside.
    pub fn is_found_in(&self, line: &str) -> bool {
        let is_part: fn(u8) -> bool = if self.from.is_ipv4() {
            |byte| byte.is_ascii_digit() || byte == b'.'
        } else {
            |byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.'
        };
        let (bytes, mut at) = (line.as_bytes(), 0);
        while at < bytes.len() {
            if !is_part(bytes[at]) {
                at += 1;
                continue;
            }
            let length = bytes[at..].iter().take_while(|byte| is_part(**byte)).count();
            // All of these bytes are ASCII. A full stop or colon behind an address ends a sentence.
            let word = line[at..at + length].trim_matches('.');
            let word = if self.from.is_ipv4() { word } else { word.strip_suffix(':').unwrap_or(word) };
            if self.matches(word) {
                return true;
            }
            at += length;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, line: &str, expected: bool) {
        let range = IpRange::parse(pattern).expect("a pattern");
        assert_eq!(range.is_found_in(line), expected, "{pattern} in {line:?}");
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        check("192.0.2.0/24", "from 192.0.2.77:8080 to x", true);
        check("192.0.2.0/24", "192.0.3.1 192.0.2.1.", true);
        check("192.0.2.0/24", "192.0.2.256 1192.0.2.1", false);
        check("192.0.2.4-192.0.2.7", "[192.0.2.7]", true);
        check("192.0.2.4-192.0.2.7", "[192.0.2.8]", false);
        check("0.0.0.0/0", "no 1.2.3 here", false);
        check("2001:db8::/32", "peer [2001:db8::7]:443", true);
        check("2001:db8::/32", "peer 2001:db9::7", false);
        check("::1", "", false);
        for wrong in ["", "1.2.3", "1.2.3.4/33", "1.2.3.9-1.2.3.4", "1.2.3.4-::1", "::/129", "a/8"] {
            assert!(IpRange::parse(wrong).is_err(), "{wrong}");
        }
    }
}
