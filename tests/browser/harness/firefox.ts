import { program } from "./environment.js";
import { Program } from "./program.js";

/** Longer than any script takes. */
const SCRIPT_LIMIT_MS = 150_000;

/** Firefox, driven by WebDriver, because playwright only drives its own build of Firefox. */
export class Firefox implements AsyncDisposable {
  readonly #driver: Program;
  readonly #session: string;

  private constructor(driver: Program, session: string) {
    this.#driver = driver;
    this.#session = session;
  }

  static async start(): Promise<Firefox> {
    const [driver, address] = await Program.start(
      program("ROAM_GECKODRIVER"),
      ["--port", "0"],
      (line) => /Listening on (\S+)/.exec(line)?.[1],
    );
    const sessions = `http://${address}/session`;
    try {
      const { sessionId } = await command<{ sessionId: string }>("POST", sessions, {
        capabilities: {
          alwaysMatch: { "moz:firefoxOptions": { args: ["-headless"] }, timeouts: { script: SCRIPT_LIMIT_MS } },
        },
      });
      return new Firefox(driver, `${sessions}/${sessionId}`);
    } catch (error) {
      await driver.kill();
      throw error;
    }
  }

  async open(url: string): Promise<void> {
    await command("POST", `${this.#session}/url`, { url });
  }

  /**
   * Runs the body of an async function in the page and returns its result as a JSON value. The body
   * reads the arguments from `args`.
   */
  async run(body: string, ...args: unknown[]): Promise<unknown> {
    const script = `
      const done = arguments[arguments.length - 1];
      (async (args) => { ${body} })([...arguments].slice(0, -1))
        .then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value, error } = await command<{ value?: unknown; error?: string }>(
      "POST",
      `${this.#session}/execute/async`,
      { script, args },
    );
    if (error !== undefined) throw new Error(`in the page: ${error}`);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Closes the browser.
    await command("DELETE", this.#session);
    await this.#driver.kill();
  }
}

async function command<T>(method: "POST" | "DELETE", url: string, body?: object): Promise<T> {
  const content =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(url, { method, ...content });
  const { value } = (await response.json()) as { value: T & { message?: string } };
  if (!response.ok) throw new Error(`WebDriver: ${value.message}`);
  return value;
}
