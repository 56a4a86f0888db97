//! Names of all files of a log (docs/formats/wal.md, "Files").

/// A file of the log, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogFile {
    Segment { number: u64 },
    CheckpointPart { number: u64, part: u32 },
    CheckpointDone { number: u64 },
    HalfMade,
}

impl LogFile {
    /// What `name` names; `None` for a name that is not ours.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name.ends_with(".tmp") {
            return Some(Self::HalfMade);
        }
        if let Some(number) = name.strip_suffix(".done").and_then(|n| n.strip_prefix("checkpoint-")) {
            return Some(Self::CheckpointDone { number: digits(number, 8)? });
        }
        let stem = name.strip_suffix(".wal")?;
        match stem.strip_prefix("checkpoint-") {
            None => Some(Self::Segment { number: digits(stem, 8)? }),
            Some(rest) => {
                let (number, part) = rest.split_once('-')?;
                Some(Self::CheckpointPart {
                    number: digits(number, 8)?,
                    part: u32::try_from(digits(part, 4)?).ok()?,
                })
            }
        }
    }

    /// The name; "" for a half-made file, which has that of another and `.tmp`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Segment { number } => format!("{number:08}.wal"),
            Self::CheckpointPart { number, part } => format!("checkpoint-{number:08}-{part:04}.wal"),
            Self::CheckpointDone { number } => format!("checkpoint-{number:08}.done"),
            Self::HalfMade => String::new(),
        }
    }
}

fn digits(text: &str, least: usize) -> Option<u64> {
    (text.len() >= least && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for file in [
            LogFile::Segment { number: 1 },
            LogFile::Segment { number: 123_456_789_012 },
            LogFile::CheckpointPart { number: 7, part: 12 },
            LogFile::CheckpointDone { number: 7 },
        ] {
            assert_eq!(LogFile::parse(&file.name()), Some(file), "{}", file.name());
        }
    }

    #[test]
    fn strange_names_are_not_ours() {
        for name in
            ["lock", "1.wal", "x0000001.wal", "checkpoint-00000001.wal", "00000001.wal~", "+0000001.wal"]
        {
            assert_eq!(LogFile::parse(name), None, "{name}");
        }
    }
}
