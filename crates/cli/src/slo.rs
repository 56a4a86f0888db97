//! `watchfire slo`: what objectives mean, and the rules that watch them.

#![expect(clippy::print_stdout, reason = "the answer to the person at the terminal")]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rules::slo::{SloFile, explain, generate};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Slo {
    /// Say in figures what each objective means: what may fail, when somebody is told, how long that takes.
    Explain(Explain),
    /// Make a Prometheus rule file: shares of errors over all windows, burn-rate alerts, budget left and forecast.
    Generate(Generate),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Files of objectives: our own format (docs/slo.md), Sloth's or OpenSLO's.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Events a second, to say it in numbers of them.
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// A file of objectives: our own format (docs/slo.md), Sloth's or OpenSLO's.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write the rules; standard output without it.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(slo: &Slo) -> Result<()> {
    match slo {
        Slo::Explain(arguments) => {
            let files = arguments.files.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
            let all: Vec<String> =
                files.iter().flat_map(|file| &file.slos).map(|slo| explain(slo, arguments.rate)).collect();
            print!("{}", all.join("\n"));
            Ok(())
        }
        Slo::Generate(arguments) => write(arguments),
    }
}

fn read(path: &Path) -> Result<SloFile> {
    let text = config::read_text(path)?;
    Ok(SloFile::parse(path, &text)?)
}

fn write(arguments: &Generate) -> Result<()> {
    let file = read(&arguments.file)?;
    let name = arguments.file.file_name().unwrap_or_default().to_string_lossy();
    let rules = generate(&file.slos, &name);
    match &arguments.output {
        None => print!("{rules}"),
        Some(path) => {
            std::fs::write(path, rules).with_context(|| format!("cannot write {}", path.display()))?;
            println!("{}: rules of {} objectives", path.display(), file.slos.len());
        }
    }
    Ok(())
}
