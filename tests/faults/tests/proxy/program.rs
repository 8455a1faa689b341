//! The program: a command a line, an answer a line.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_roam-faults");

/// A running program, which is killed in the end.
struct Program {
    child: Child,
    /// `None` once it was closed.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts the program in front of `server` and returns the address of its proxy too.
    fn start(server: &TcpListener) -> (Self, String) {
        let upstream = server.local_addr().unwrap().to_string();
        let mut child = Command::new(PROGRAM)
            .args(["--upstream", &upstream])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut program = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        let address = program.line();
        (program, address)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Returns the answer to `command`.
    fn ask(&mut self, command: &str) -> String {
        writeln!(self.input.as_ref().unwrap(), "{command}").unwrap();
        self.line()
    }

    /// Asserts that `command` is answered by `answer`.
    fn answers(&mut self, command: &str, answer: &str) {
        assert_eq!(self.ask(command), answer);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn output(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

#[test]
fn commands_drive_the_proxy() {
    let server = server();
    let upstream = server.local_addr().unwrap();
    let (mut program, address) = Program::start(&server);
    program.answers("next cut-at up 5 rst", "ok");

    let mut client = TcpStream::connect(&address).unwrap();
    let (mut accepted, _) = server.accept().unwrap();
    program.answers("wait accepted 1", "ok 1 accepted");
    client.write_all(b"hello, world").unwrap();
    let mut read = Vec::new();
    let error = accepted.read_to_end(&mut read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(read, b"hello");
    program.answers("wait #1 ended", "ok cut rst");
    program.answers("wait #1 up 5", "ok 5 up");
    program.answers(
        "wait #1 up 6",
        "error: connection #1 ended (cut rst) after 5 of 6 bytes up",
    );

    program.answers("next dark up swallow", "ok");
    let mut client = TcpStream::connect(&address).unwrap();
    let (mut accepted, _) = server.accept().unwrap();
    client.write_all(b"lost").unwrap();
    program.answers("wait #2 up lost 4", "ok 4 up lost");
    accepted.write_all(b"answer").unwrap();
    program.answers("wait #2 down 6", "ok 6 down");
    program.answers("light", "ok 1 open");
    program.answers("#2 cut", "ok");
    program.answers("wait #2 ended", "ok cut fin");
    program.answers("refuse", "ok");
    let status = format!(
        "ok refuses, upstream {upstream}; #1 5 up, 0 down, cut rst; #2 0 up (4 lost), 6 down, cut fin"
    );
    program.answers("status", &status);
}

#[test]
fn errors_are_answers() {
    let (mut program, _) = Program::start(&server());
    program.answers(
        "#3 cut",
        "error: connection #3 was not accepted yet; the last is #0",
    );
    program.answers("cut-at left 5", "error: `left` is not `up` or `down`");
    program.answers("accept", "ok");
}

#[test]
fn program_ends_with_its_input() {
    let (mut program, _) = Program::start(&server());
    program.input = None;
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn wrong_arguments_are_explained() {
    for (arguments, expected) in [
        (&[][..], "--upstream is missing"),
        (&["--upstream", "localhost"], "not `localhost`"),
        (&["--upstream"], "needs an address with a port"),
        (&["--down", "127.0.0.1:1"], "unknown option `--down`"),
    ] {
        let output = output(arguments);
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("usage: "), "{text}");
    }
}
