//! Generated files, written by the library and by the command.

mod everything;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use everything::everything_service;

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

#[test]
fn writes_only_files_that_change() {
    let path = folder("write").join("gen/everything.ts");
    assert!(roam_codegen::write(everything_service(), &path).unwrap());
    assert!(!roam_codegen::write(everything_service(), &path).unwrap());
    fs::write(&path, "something else").unwrap();
    assert!(roam_codegen::write(everything_service(), &path).unwrap());
}

#[test]
fn command_writes_the_same_file_from_json() {
    let folder = folder("command");
    fs::create_dir_all(&folder).unwrap();
    let (json, ts) = (folder.join("everything.json"), folder.join("everything.ts"));
    fs::write(&json, serde_json::to_string(everything_service()).unwrap()).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_roam-codegen"))
        .arg(&json)
        .arg(&ts)
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(
        fs::read_to_string(&ts).unwrap(),
        roam_codegen::typescript(everything_service())
    );
}

#[test]
fn command_reports_an_invalid_descriptor() {
    let folder = folder("wrong");
    fs::create_dir_all(&folder).unwrap();
    let json = folder.join("wrong.json");
    fs::write(&json, "{\"name\": 1}").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_roam-codegen"))
        .arg(&json)
        .arg("x.ts")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("wrong.json is not a service descriptor"),
        "{stderr}"
    );
}
