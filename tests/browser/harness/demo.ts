import { program } from "./environment.js";
import { Program } from "./program.js";

/** The demo's server, as visitors use it. */
export class Demo implements AsyncDisposable {
  readonly url: string;
  readonly #program: Program;

  private constructor(started: Program, url: string) {
    this.#program = started;
    this.url = url;
  }

  static async start(): Promise<Demo> {
    const [started, url] = await Program.start(
      program("ROAM_WEB_DEMO"),
      [],
      (line) => /^roam demo: open (\S+)$/.exec(line)?.[1],
    );
    return new Demo(started, url);
  }

  /** Kills the server like a crash. */
  kill(): Promise<void> {
    return this.#program.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
