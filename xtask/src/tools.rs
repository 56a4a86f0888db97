//! Running other programs, and where the workspace is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in the workspace").to_owned()
}

/// A command that starts in the root of the workspace.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Runs one step, its output going to the terminal, and says how long it took.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    println!("── {name}");
    let started = Instant::now();
    let status =
        command.status().with_context(|| format!("{name}: cannot start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    println!("   {name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Pauses before a step that fetches something from elsewhere is tried again: a server that refuses once, a line that breaks, and
/// somebody else who installs packages at the moment are no fault of what is tested.
const PAUSES_S: [u64; 4] = [5, 15, 45, 90];

/// The same as [`step`] for what comes over a network: tried again some times.
pub(crate) fn fetch(name: &str, command: &mut Command) -> Result<()> {
    for pause_s in PAUSES_S {
        match step(name, command) {
            Ok(()) => return Ok(()),
            Err(error) => println!("   {error:#}; once more in {pause_s} s"),
        }
        std::thread::sleep(Duration::from_secs(pause_s));
    }
    step(name, command)
}

/// The standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{:?} failed: {}", command.get_program(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a program is to be found.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Files that git tracks or would track, relative to the root.
pub(crate) fn tracked_files() -> Result<Vec<String>> {
    let list = output(&mut command("git", &["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    // A file that was removed but is still in the index has nothing to check.
    Ok(list.lines().filter(|f| root().join(f).is_file()).map(str::to_owned).collect())
}
