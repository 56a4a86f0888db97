//! `cargo xtask tidy`: the rules of the house that a machine can check.

mod architecture;
mod dependencies;
mod layers;
mod sizes;
mod web;

use anyhow::{Result, bail};

/// Runs every check and lists everything that is wrong.
pub(crate) fn run() -> Result<()> {
    println!("── tidy");
    let metadata = layers::metadata()?;
    let files = crate::tools::tracked_files()?;
    let mut wrong = layers::check(&metadata)?;
    wrong.extend(architecture::check(&metadata)?);
    wrong.extend(dependencies::check(&metadata)?);
    wrong.extend(sizes::check(&files)?);
    wrong.extend(web::check(&files)?);
    for line in &wrong {
        println!("   {line}");
    }
    if !wrong.is_empty() {
        bail!("tidy: {} to put right", wrong.len());
    }
    println!("   tidy: {} files in order", files.len());
    Ok(())
}
