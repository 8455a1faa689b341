import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A program that runs alongside the tests. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exit: Promise<unknown>;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#exit = once(child, "exit");
    // Its errors belong to the test's output.
    child.stderr.pipe(process.stderr);
  }

  /**
   * Starts a program and returns the first result that `ready` finds in a line of its output. It listens on `port`, or
   * on a free one.
   */
  static async start<T>(
    file: string,
    args: readonly string[],
    ready: (line: string) => T | undefined,
    port = 0,
  ): Promise<[Program, T]> {
    const child = spawn(file, args, { env: { ...process.env, PORT: String(port) } });
    const program = new Program(child);
    await Promise.race([once(child, "spawn"), once(child, "error").then(([error]) => Promise.reject(error as Error))]);
    for await (const line of createInterface(child.stdout)) {
      const found = ready(line);
      if (found === undefined) continue;
      child.stdout.resume();
      return [program, found];
    }
    throw new Error(`${file} ended before it was ready`);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Kills the program like a crash, without any goodbye. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
