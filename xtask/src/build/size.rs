//! The download size of roam for a page: as a bundler minifies it, and after brotli.

use anyhow::{Context, Result, ensure};

use crate::shell::{Run, Workspace};

use super::package::{FOLDER, NAME};

/// Total bytes after brotli. A page loads roam before it does anything else, so roam should be no
/// larger than a picture.
const BUDGET: u64 = 72_000;

/// An npm package, packed.
#[derive(Debug, PartialEq, Eq)]
pub struct Packed {
    /// The name of the file that `npm pack` wrote.
    pub file: String,
    /// What a browser loads.
    pub parts: Vec<Part>,
}

/// A file and its size.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub path: String,
    /// Bytes after brotli, as a server would send them.
    pub size: u64,
}

/// Bundles and compresses what a page loads from the package that `npm pack --json` listed, except
/// for introspection, which pages load on demand. Runs in Node, which parses JSON and has brotli.
pub fn measure(workspace: &Workspace, listing: &str) -> Result<Packed> {
    const SCRIPT: &str = "const { readFileSync } = require('fs');
        const { brotliCompressSync } = require('zlib');
        const { buildSync } = require('esbuild');
        const [packed] = JSON.parse(process.argv[1]);
        const [script, wasm] = ['dist/index.js', 'wasm/roam_wasm_bg.wasm'];
        for (const part of [script, wasm])
            if (!packed.files.some(({ path }) => path === part)) throw new Error(`${part} is not packed`);
        const { outputFiles } = buildSync({
            entryPoints: [script], bundle: true, minify: true, format: 'esm', target: 'es2022', write: false,
        });
        console.log(packed.filename);
        for (const [path, bytes] of [[script, outputFiles[0].contents], [wasm, readFileSync(wasm)]])
            console.log(brotliCompressSync(bytes).length + ' ' + path);";
    let mut node = workspace.command("node");
    let lines = node
        .current_dir(workspace.path(FOLDER))
        .args(["-e", SCRIPT, "--", listing])
        .read()?;
    parse(&lines).with_context(|| format!("expected a file name and sizes: {lines}"))
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

/// Prints the sizes and fails if their sum exceeds the budget.
pub fn check(parts: &[Part]) -> Result<()> {
    for part in parts {
        println!("size: {:>9} brotli  {}", kilobytes(part.size), part.path);
    }
    let all = parts.iter().map(|part| part.size).sum();
    println!(
        "size: {:>9} brotli  total of {NAME}, limit {}",
        kilobytes(all),
        kilobytes(BUDGET)
    );
    ensure!(
        all <= BUDGET,
        "{NAME} is {} after brotli, over its limit of {}",
        kilobytes(all),
        kilobytes(BUDGET)
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
    fn parses_the_name_and_the_parts() {
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
