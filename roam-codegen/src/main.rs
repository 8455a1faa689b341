//! The command `roam-codegen`: writes a TypeScript file for a service descriptor in JSON.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use roam_core::schema::ServiceDescriptor;

const USAGE: &str = "usage: roam-codegen <descriptor.json> <file.ts>";

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{USAGE}")]
    Usage,
    #[error("failed to read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not a service descriptor")]
    Descriptor {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("failed to write {path}")]
    Write { path: PathBuf, source: io::Error },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roam-codegen: {error}");
            if let Some(cause) = std::error::Error::source(&error) {
                eprintln!("  {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [from, to] = args.as_slice() else {
        return Err(Error::Usage);
    };
    let service = read(from)?;
    let changed = roam_codegen::write(&service, to).map_err(|source| Error::Write {
        path: to.clone(),
        source,
    })?;
    let how = if changed { "written" } else { "up to date" };
    println!("{}: {how}", to.display());
    Ok(())
}

fn read(path: &Path) -> Result<ServiceDescriptor, Error> {
    let file = File::open(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_reader(BufReader::new(file)).map_err(|source| Error::Descriptor {
        path: path.to_owned(),
        source,
    })
}
