//! ripgrep over the same lines in files, as they are and packed by zstd.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::questions::{ACCESS, ERROR, NEEDLE, NOWHERE, PIECE};
use crate::tools::{command, has, output};

/// Each search so often, the files being in memory since the first; the median counts.
const REPEATS: usize = 3;
/// What zstd does without being told otherwise.
const LEVEL: &str = "-3";

/// One text searched for in all access lines.
#[derive(Debug)]
pub(super) struct Searched {
    text: &'static str,
    pub(super) lines: u64,
    pub(super) raw_ms: f64,
    pub(super) packed_ms: f64,
}

#[derive(Debug)]
pub(super) struct Yardsticks {
    pub(super) version: String,
    searched: Vec<Searched>,
    /// Bytes of the packed files of all lines for each byte as it was.
    pub(super) packed_share: f64,
}

impl Yardsticks {
    pub(super) fn of(&self, text: &str) -> Option<&Searched> {
        self.searched.iter().find(|searched| searched.text == text)
    }
}

/// Searches `raw/` of the folder; nothing when a program is missing.
pub(super) fn measure(folder: &Path) -> Result<Option<Yardsticks>> {
    if let Some(missing) = ["rg", "zstd"].into_iter().find(|program| !has(program)) {
        println!("   {missing} is not installed (Debian's packages ripgrep and zstd): its rows are left out");
        return Ok(None);
    }
    println!("── ripgrep and zstd");
    let packed_share = pack(folder)?;
    let mut searched = Vec::new();
    for text in [NEEDLE, PIECE, NOWHERE, ERROR, ACCESS] {
        let rg = format!("rg --no-config --no-filename --fixed-strings --count -e '{text}'");
        let (lines, raw_ms) = search(folder, &format!("{rg} raw/access-*.log"))?;
        let (of_packed, packed_ms) = search(folder, &format!("zstd -dcq packed/access-*.zst | {rg}"))?;
        ensure!(of_packed == lines, "{of_packed} and {lines} lines with {text:?}");
        println!("   {raw_ms:>8.1} {packed_ms:>8.1} ms  {text}");
        searched.push(Searched { text, lines, raw_ms, packed_ms });
    }
    let version = output(&mut command("rg", &["--version"]))?;
    let version = version.lines().next().unwrap_or_default().to_owned();
    Ok(Some(Yardsticks { version, searched, packed_share }))
}

/// Packs each file by itself.
fn pack(folder: &Path) -> Result<f64> {
    std::fs::create_dir_all(folder.join("packed"))?;
    let (mut bytes, mut packed_bytes) = (0, 0);
    for entry in std::fs::read_dir(folder.join("raw"))? {
        let file = entry?.path();
        let packed: PathBuf = folder.join("packed").join(file.file_name().unwrap_or_default());
        let packed = packed.with_extension("zst");
        let mut zstd = command("zstd", &["-q", "-T0", LEVEL]);
        output(zstd.arg(&file).arg("-o").arg(&packed))?;
        bytes += std::fs::metadata(&file)?.len();
        packed_bytes += std::fs::metadata(&packed)?.len();
    }
    Ok(packed_bytes as f64 / bytes as f64)
}

/// Lines that a command of the shell counts, a number a file, and the milliseconds it takes.
fn search(folder: &Path, text: &str) -> Result<(u64, f64)> {
    let (mut lines, mut took) = (0, Vec::new());
    for _ in 0..REPEATS {
        let begun = Instant::now();
        let done = Command::new("sh").args(["-c", text]).current_dir(folder).output()?;
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        // 1 says that nothing was found.
        let error = String::from_utf8_lossy(&done.stderr);
        ensure!(matches!(done.status.code(), Some(0 | 1)) && error.is_empty(), "{text}: {error}");
        let counts = String::from_utf8(done.stdout)?;
        lines = counts.lines().map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    }
    took.sort_unstable_by(f64::total_cmp);
    Ok((lines, took[REPEATS / 2]))
}
