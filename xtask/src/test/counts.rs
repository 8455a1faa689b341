//! Test counts, parsed from the output of test runners.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::shell::line;

/// Numbers of passed and failed tests and checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u32,
    pub failed: u32,
}

impl Counts {
    /// Adds the counts in one line of a test runner's output.
    pub fn add_line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            // `cargo test` and the wasm-bindgen runner.
            [
                "test",
                "result:",
                _,
                passed,
                "passed;",
                failed,
                "failed;",
                ..,
            ] => {
                self.passed += passed.parse().unwrap_or(0);
                self.failed += failed.parse().unwrap_or(0);
            }
            // `node --test`, with its spec and TAP reporters.
            ["ℹ" | "#", "pass", passed] => self.passed += passed.parse().unwrap_or(0),
            ["ℹ" | "#", "fail", failed] => self.failed += failed.parse().unwrap_or(0),
            // `cargo nextest`: `Summary [ 1.2s] 12 tests run: 10 passed (1 slow), 2 failed, 3 skipped`.
            ["Summary", "[", ..] => self.add_summary(line),
            _ => {}
        }
    }

    fn add_summary(&mut self, line: &str) {
        let Some((_, results)) = line.split_once(" run: ") else {
            return;
        };
        for result in results.split(", ") {
            let (number, kind) = result.split_once(' ').unwrap_or_default();
            let number = number.parse().unwrap_or(0);
            match kind.split(' ').next() {
                Some("passed") => self.passed += number,
                Some("skipped") | None => {}
                // Tests that failed, timed out, or did not start.
                Some(_) => self.failed += number,
            }
        }
    }
}

/// Reports a check as a run of one test.
pub fn check(result: Result<()>) -> Result<()> {
    match result {
        Ok(()) => println!("test result: ok. 1 passed; 0 failed;"),
        Err(_) => println!("test result: FAILED. 0 passed; 1 failed;"),
    }
    result
}

/// Runs a test command and forwards its output. Fails if no test ran, since that proves nothing.
pub fn run_tests(command: &mut Command) -> Result<()> {
    let (output, writer) = std::io::pipe()?;
    // nextest reports on standard error.
    let mut child = command
        .stderr(writer.try_clone()?)
        .stdout(writer)
        .spawn()
        .with_context(|| format!("failed to start {}", line(command)))?;
    // Else the command would keep the pipe open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let counts = copy_and_count(BufReader::new(output))?;
    let status = child.wait()?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    ensure!(
        counts != Counts::default(),
        "{} ran no tests",
        line(command)
    );
    Ok(())
}

fn copy_and_count(mut output: impl BufRead) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut text = Vec::new();
    let mut stdout = std::io::stdout().lock();
    while output.read_until(b'\n', &mut text)? > 0 {
        stdout.write_all(&text)?;
        counts.add_line(&String::from_utf8_lossy(&text));
        text.clear();
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn read(lines: &[&str]) -> Counts {
        let mut counts = Counts::default();
        for line in lines {
            counts.add_line(line);
        }
        counts
    }

    #[test]
    fn sums_the_results_of_cargo_test() {
        let counts = read(&[
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.0s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 filtered out",
        ]);
        assert_eq!(
            counts,
            Counts {
                passed: 15,
                failed: 2
            }
        );
    }

    #[test]
    fn reads_both_node_reporters() {
        assert_eq!(
            read(&["# pass 4", "# fail 1"]),
            Counts {
                passed: 4,
                failed: 1
            }
        );
        assert_eq!(
            read(&["ℹ pass 4", "ℹ fail 0"]),
            Counts {
                passed: 4,
                failed: 0
            }
        );
    }

    #[test]
    fn reads_the_summary_of_nextest() {
        let all_passed = "     Summary [   0.456s] 12 tests run: 12 passed (1 slow), 3 skipped";
        let some_failed =
            "     Summary [  10.021s] 5/9 tests run: 2 passed, 1 failed, 2 timed out, 0 skipped";
        assert_eq!(
            read(&[all_passed, some_failed]),
            Counts {
                passed: 14,
                failed: 3
            }
        );
    }

    #[test]
    fn ignores_the_output_of_tests() {
        assert_eq!(
            read(&["test passes ... ok", "5 passed; 1 failed"]),
            Counts::default()
        );
    }
}
