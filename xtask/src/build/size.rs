//! What a page has to download for roam.

use anyhow::{Context, Result, ensure};

use crate::shell::{Run, Workspace};

use super::package::FOLDER;

/// Bytes after brotli of everything together. A page loads roam before it does anything, so it
/// may take no longer than a picture does.
const BUDGET: u64 = 70_000;

/// A packed package.
#[derive(Debug, PartialEq, Eq)]
pub struct Packed {
    /// The name of the file that `npm pack` made.
    pub file: String,
    /// What a browser loads of it.
    pub parts: Vec<Part>,
}

/// A file that a browser loads.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub path: String,
    /// Bytes after brotli, as a server would send it.
    pub size: u64,
}

/// Reads what `npm pack --json` told and compresses what it packed, but for what pages load only
/// when they ask a server what it serves. In Node, which reads JSON and has brotli.
pub fn measure(workspace: &Workspace, told: &str) -> Result<Packed> {
    const SCRIPT: &str = "const { readFileSync } = require('fs');
        const { brotliCompressSync } = require('zlib');
        const [packed] = JSON.parse(process.argv[1]);
        console.log(packed.filename);
        const loaded = ({ path }) => /[.](js|wasm)$/.test(path) && path !== 'dist/introspect.js';
        for (const { path } of packed.files.filter(loaded))
            console.log(brotliCompressSync(readFileSync(path)).length + ' ' + path);";
    let mut node = workspace.command("node");
    let lines = node
        .current_dir(workspace.path(FOLDER))
        .args(["-e", SCRIPT, "--", told])
        .read()?;
    parse(&lines).with_context(|| format!("no package and sizes: {lines}"))
}

fn parse(text: &str) -> Option<Packed> {
    let mut lines = text.lines();
    let file = lines.next()?.to_owned();
    let part = |line: &str| {
        let (size, path) = line.split_once(' ')?;
        Some(Part {
            path: path.to_owned(),
            size: size.parse().ok()?,
        })
    };
    let parts = lines.map(part).collect::<Option<Vec<_>>>()?;
    Some(Packed { file, parts })
}

/// Prints the sizes and fails when they are together over the budget.
pub fn check(parts: &[Part]) -> Result<()> {
    for part in parts {
        println!("size: {:>9} brotli  {}", kilobytes(part.size), part.path);
    }
    let all = parts.iter().map(|part| part.size).sum();
    println!(
        "size: {:>9} brotli  all of roam-client, of at most {}",
        kilobytes(all),
        kilobytes(BUDGET)
    );
    ensure!(
        all <= BUDGET,
        "roam-client is {} after brotli, over its budget: make it smaller",
        kilobytes(all)
    );
    Ok(())
}

fn kilobytes(bytes: u64) -> String {
    format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::{Packed, Part, kilobytes, parse};

    #[test]
    fn kilobytes_have_one_decimal() {
        assert_eq!(kilobytes(70_000), "70.0 kB");
        assert_eq!(kilobytes(1_950), "1.9 kB");
    }

    #[test]
    fn reads_the_name_and_the_parts() {
        let parts = vec![Part {
            path: "dist/a b.js".to_owned(),
            size: 12,
        }];
        assert_eq!(
            parse("p-0.1.0.tgz\n12 dist/a b.js"),
            Some(Packed {
                file: "p-0.1.0.tgz".to_owned(),
                parts
            })
        );
        assert_eq!(parse("p-0.1.0.tgz\nx dist/a.js"), None);
    }
}
