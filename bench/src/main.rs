//! Measures roam beside the field.
//!
//! Every contender runs the same workloads in this process, round by round, so that a machine
//! whose speed drifts treats all alike; figures are medians over the rounds.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark is there to print what it measured"
)]

mod child;
mod contender;
mod contenders;
mod figures;
mod memory;
mod report;
mod subject;
mod workloads;

use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use contender::Result;
use report::Results;
use subject::Subject;
use workloads::{Scale, Workload};

const HELP: &str = "\
bench [--rounds N] [--only NAME[,NAME…]] [--contenders NAME[,NAME…]] [--smoke]

  --rounds      how often everything is run; the default is 5
  --only        workloads, by the beginning of their names
  --contenders  those whose names begin so; without the raw socket there are no ratios
  --smoke       just enough of everything to see that it runs

It fails when roam or the raw socket fails at a workload for which it has the means.";

/// What is asked for.
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
    let subject = all.find(|subject| subject.name() == name);
    runtime()?.block_on(child::serve(*subject.ok_or("no such contender")?))
}

fn measure(options: &Options) -> Result<()> {
    report::print_head(options.rounds);
    let mut failures = Vec::new();
    for workload in workloads::ALL {
        if is_wanted(workload.name, &options.only) {
            let results = compare(workload, options)?;
            results.print(workload);
            failures.extend(results.failures_of_ours(workload));
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(failures.join("\n").into())
}

fn compare(workload: &'static Workload, options: &Options) -> Result<Results> {
    let mut results = Results::of_rounds(options.rounds);
    for _ in 0..options.rounds {
        for (place, &contender) in contenders::ALL.iter().enumerate() {
            let wanted = is_wanted(contender.name(), &options.contenders);
            if wanted && !results.has_failed(place) {
                results.add(place, run(contender, workload, options.scale)?);
            }
        }
    }
    Ok(results)
}

fn is_wanted(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|beginning| name.starts_with(beginning))
}

/// Runs a workload in a runtime of its own, so that nothing of it is left for the next.
fn run(
    contender: &dyn Subject,
    workload: &'static Workload,
    scale: Scale,
) -> Result<Result<Vec<f64>>> {
    let runtime = runtime()?;
    let figures = runtime.block_on(async {
        // A task like those that it waits for, not the thread that waits for the runtime.
        let run = tokio::spawn(contender.run(workload, scale));
        match timeout(scale.patience(), run).await {
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
