//! How many instructions a call costs, which says more of a small change than a clock does.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::records::Records;
use crate::build::{self, Profile};
use crate::setup;
use crate::shell::{Run, Workspace, line};

/// What the program knows to do.
const KINDS: &[&str] = &["call", "inline", "one", "item"];

/// How often each is done in the shorter run; in the longer, twice as often. What the two differ
/// by is the cost of so many, without that of the start.
const COUNT: u64 = 6_400;

/// The figures that are checked in.
const FILE: &str = "bench/instructions.txt";

/// Prints what was recorded, what is counted now, and how far they are apart.
pub fn compare(workspace: &Workspace) -> Result<()> {
    let file = workspace.path(FILE);
    let text = fs::read_to_string(file).with_context(|| format!("could not read {FILE}"))?;
    let recorded = Records::parse(&text).with_context(|| format!("{FILE} is not as written"))?;
    let now = count_all(workspace)?;
    println!("\n{}", recorded.table(&now));
    Ok(())
}

/// Writes what is counted now into the file.
pub fn record(workspace: &Workspace) -> Result<()> {
    let now = count_all(workspace)?;
    fs::write(workspace.path(FILE), now.to_string())
        .with_context(|| format!("could not write {FILE}"))?;
    print!("{now}");
    Ok(())
}

fn count_all(workspace: &Workspace) -> Result<Records> {
    setup::to_count_instructions(workspace)?;
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

/// The instructions of a whole run.
fn count(workspace: &Workspace, program: &Path, kind: &str, count: u64) -> Result<u64> {
    let mut valgrind = workspace.command("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([kind, &count.to_string()]);
    let output = valgrind.output().context("could not start valgrind")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} failed ({}): {told}",
        line(&valgrind),
        output.status
    );
    collected(&told).with_context(|| format!("no count of instructions: {told}"))
}

/// Reads what callgrind says at its end.
fn collected(told: &str) -> Option<u64> {
    let (_, figure) = told.rsplit_once("Collected : ")?;
    figure.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn reads_the_sum_of_callgrind() {
        let told = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(told), Some(123_456));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }
}
