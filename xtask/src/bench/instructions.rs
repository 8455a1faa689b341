//! Instruction counts per call and item: they show small changes that a clock would miss.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::records::Records;
use crate::build::{self, Profile};
use crate::setup;
use crate::shell::{Run, Workspace, line};

/// The operations that the program can run; those with `link-` on a link that survives its transport.
const KINDS: &[&str] = &[
    "call",
    "inline",
    "one",
    "item",
    "link-call",
    "link-inline",
    "link-one",
    "link-item",
];

/// Operations in the short run; the long run does twice as many. The difference between the two
/// counts is the cost of `COUNT` operations without startup.
const COUNT: u64 = 6_400;

/// The recorded figures, checked in.
const FILE: &str = "bench/instructions.txt";

/// Counts again and prints the recorded figures, the new ones and the change.
pub fn compare(workspace: &Workspace) -> Result<()> {
    let file = workspace.path(FILE);
    let text = fs::read_to_string(file).with_context(|| format!("failed to read {FILE}"))?;
    let recorded =
        Records::parse(&text).with_context(|| format!("{FILE} has an unknown format"))?;
    let now = count_all(workspace)?;
    println!("\n{}", recorded.table(&now));
    Ok(())
}

/// Counts again and overwrites the recorded figures.
pub fn record(workspace: &Workspace) -> Result<()> {
    let now = count_all(workspace)?;
    fs::write(workspace.path(FILE), now.to_string())
        .with_context(|| format!("failed to write {FILE}"))?;
    print!("{now}");
    Ok(())
}

fn count_all(workspace: &Workspace) -> Result<Records> {
    setup::ensure_valgrind(workspace)?;
    let program = build::benchmark(workspace, "instructions", Profile::Release)?;
    let figures = KINDS.iter().map(|kind| {
        println!("bench: counting {kind}");
        let shorter = count(workspace, &program, kind, COUNT)?;
        let longer = count(workspace, &program, kind, 2 * COUNT)?;
        let each = u32::try_from(longer.saturating_sub(shorter) / COUNT)?;
        Ok(((*kind).to_owned(), each))
    });
    Ok(Records {
        compiler: workspace.command("rustc").arg("--version").read()?,
        figures: figures.collect::<Result<_>>()?,
    })
}

/// Returns the number of instructions of one run.
fn count(workspace: &Workspace, program: &Path, kind: &str, count: u64) -> Result<u64> {
    let mut valgrind = workspace.command("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([kind, &count.to_string()]);
    let output = valgrind.output().context("failed to start valgrind")?;
    let report = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} failed ({}): {report}",
        line(&valgrind),
        output.status
    );
    collected(&report).with_context(|| format!("no instruction count in: {report}"))
}

/// Parses the total that callgrind prints last.
fn collected(report: &str) -> Option<u64> {
    let (_, figure) = report.rsplit_once("Collected : ")?;
    figure.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn parses_the_total_of_callgrind() {
        let report = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(report), Some(123_456));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
