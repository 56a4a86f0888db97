//! `docs/benchmarks.md`: one section a bench, replaced whole by each run, between two marks.

use anyhow::{Context, Result};

use crate::tools::{command, output, root};

const PATH: &str = "docs/benchmarks.md";

/// Puts `body` (Markdown) into the section `name`, with command, machine and date.
pub(crate) fn write(name: &str, body: &str) -> Result<()> {
    let page = std::fs::read_to_string(root().join(PATH)).context(PATH)?;
    let section = format!("`cargo xtask bench {name}`, {}, {}.\n\n{body}", today()?, machine()?);
    std::fs::write(root().join(PATH), replace(&page, name, &section)?)?;
    println!("{section}\nwritten to {PATH}");
    Ok(())
}

fn replace(page: &str, name: &str, section: &str) -> Result<String> {
    let (open, close) = (format!("<!-- bench {name} -->\n"), format!("<!-- end {name} -->"));
    let start = page.find(&open).with_context(|| format!("{PATH} has no {open:?}"))? + open.len();
    let end = page[start..].find(&close).with_context(|| format!("{PATH} has no {close:?}"))? + start;
    Ok(format!("{}{}\n{}", &page[..start], section.trim_end(), &page[end..]))
}

fn today() -> Result<String> {
    Ok(output(&mut command("date", &["-u", "+%Y-%m-%d"]))?.trim().to_owned())
}

fn machine() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{cores} cores of {}", model.trim_start_matches([' ', '\t', ':'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_whole_and_alone() {
        let page = "a\n<!-- bench x -->\nold\n<!-- end x -->\nb\n";
        assert_eq!(
            replace(page, "x", "new\n").expect("found"),
            "a\n<!-- bench x -->\nnew\n<!-- end x -->\nb\n"
        );
        assert!(replace(page, "y", "new").is_err());
    }
}
