//! Compares roam with other RPC crates.
//!
//! Every contender runs the same workloads in this process. Contenders alternate within each round,
//! so that changes of machine speed affect all of them; figures are medians over the rounds.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod child;
mod contender;
mod contenders;
mod dyn_contender;
mod figures;
mod memory;
mod report;
mod workloads;

use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use contender::Result;
use dyn_contender::DynContender;
use report::Results;
use workloads::{Scale, Workload};

const HELP: &str = "\
bench [--rounds N] [--only NAME[,NAME…]] [--contenders NAME[,NAME…]] [--smoke]

  --rounds      number of rounds; default 5
  --only        workloads to run, by prefixes of their names
  --contenders  contenders to run, by prefixes of their names; ratios need the raw socket
  --smoke       one very short round, to check that everything runs

Fails if roam or the raw socket fails at a workload that it supports.";

/// Command-line options.
struct Options {
    rounds: usize,
    only: Vec<String>,
    contenders: Vec<String>,
    scale: Scale,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments[..] {
        [serve, name] if serve == child::SERVE => serve_alone(name),
        [help] if help == "--help" => {
            println!("{HELP}");
            Ok(())
        }
        _ => parse(&arguments).and_then(|options| measure(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        rounds: 5,
        only: Vec::new(),
        contenders: Vec::new(),
        scale: Scale::Full,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(HELP);
        match argument.as_str() {
            "--rounds" => options.rounds = value()?.parse()?,
            "--only" => options.only = names(value()?),
            "--contenders" => options.contenders = names(value()?),
            "--smoke" => (options.scale, options.rounds) = (Scale::Smoke, 1),
            _ => return Err(HELP.into()),
        }
    }
    Ok(options)
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

fn serve_alone(name: &str) -> Result<()> {
    let mut all = contenders::ALL.iter();
    let contender = all.find(|contender| contender.name() == name);
    runtime()?.block_on(child::serve(*contender.ok_or("unknown contender")?))
}

fn measure(options: &Options) -> Result<()> {
    report::print_head(options.rounds);
    let mut failures = Vec::new();
    for workload in workloads::ALL {
        if is_wanted(workload.name, &options.only) {
            let results = compare(workload, options)?;
            results.print(workload);
            failures.extend(results.required_failures(workload));
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(failures.join("\n").into())
}

fn compare(workload: &'static Workload, options: &Options) -> Result<Results> {
    let mut results = Results::new(options.rounds);
    for _ in 0..options.rounds {
        for (index, &contender) in contenders::ALL.iter().enumerate() {
            let wanted = is_wanted(contender.name(), &options.contenders);
            if wanted && !results.has_failed(index) {
                results.add(index, run(contender, workload, options.scale)?);
            }
        }
    }
    Ok(results)
}

fn is_wanted(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|prefix| name.starts_with(prefix))
}

/// Runs a workload in a new runtime, so that it leaves nothing behind for the next one.
fn run(
    contender: &dyn DynContender,
    workload: &'static Workload,
    scale: Scale,
) -> Result<Result<Vec<f64>>> {
    let runtime = runtime()?;
    let figures = runtime.block_on(async {
        // Run on a worker thread, like the tasks it waits for, not on the thread in `block_on`.
        let run = tokio::spawn(contender.run(workload, scale));
        match timeout(scale.time_limit(), run).await {
            Ok(Ok(figures)) => figures,
            Ok(Err(panic)) => Err(panic.into()),
            Err(_) => Err("hangs".into()),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(figures)
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}
