//! What would be sent of the files as they are now, told and not sent.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::config::{Job, Settings};
use crate::entry::Entry;
use crate::metrics::Metrics;
use crate::run::intake::Intake;
use crate::tail::{self, Found, Start, Tail};

/// Reads all files from their beginning to their end, once, and gives each line as it would leave: its time, its labels,
/// its structured metadata if it has any, its text. No position is read or moved.
///
/// # Errors
/// When a file cannot be read.
pub fn dry_run(settings: &Settings, mut tell: impl FnMut(&str)) -> io::Result<()> {
    let mut intake = Intake::new(settings.limits, Arc::new(Metrics::default()), Instant::now());
    for (at, job) in settings.jobs.iter().enumerate() {
        for found in tail::files_of(job) {
            read(&found, (at, job), &mut intake, &mut |entry| tell(&shown(entry)))?;
        }
    }
    Ok(())
}

fn read(
    found: &Found,
    (at, job): (usize, &Job),
    intake: &mut Intake,
    tell: &mut dyn FnMut(&Entry),
) -> io::Result<()> {
    let start = Start {
        found,
        job: at,
        pipeline: job.pipeline.pipeline(),
        gzip: job.gzip,
        marks: &[],
        is_other: &|_| true,
    };
    let (mut tail, _) = Tail::open(start)?;
    let (mut buffer, mut out, now) = (Vec::new(), Vec::new(), Instant::now());
    loop {
        let turn = tail.read(&mut buffer, now, |pipeline, labels, line| {
            intake.take(pipeline, labels, line, now, &mut out);
            out.drain(..).for_each(|entry| tell(&entry));
            true
        })?;
        if !turn.more {
            break;
        }
    }
    intake.release(&mut tail.pipeline, true, now, &mut out);
    out.iter().for_each(tell);
    Ok(())
}

fn shown(entry: &Entry) -> String {
    let time = Timestamp::from_nanosecond(i128::from(entry.at_ns)).unwrap_or(Timestamp::UNIX_EPOCH);
    let metadata: String = entry.metadata.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
    format!("{time}\t{}{metadata}\t{}", entry.labels, entry.line)
}
