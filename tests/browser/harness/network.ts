import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { program } from "./environment.js";

/** How often a test cuts a link. A hundred take half a minute in Firefox, which waits before it connects again. */
export const CUTS = Number(process.env["ROAM_CUTS"] ?? 30);
/** Enough numbers for that many cuts. */
export const NUMBERS = CUTS * 6_000;

/** A network between a browser and a server, which fails on command. */
export class Network implements AsyncDisposable {
  /** The URL of the server's page, through the network. */
  readonly url: string;
  readonly #proxy: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(proxy: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>, address: string) {
    this.#proxy = proxy;
    this.#lines = lines;
    this.url = `http://${address}/`;
  }

  static async start(server: string): Promise<Network> {
    const proxy = spawn(program("ROAM_TEST_FAULTS"), ["--upstream", new URL(server).host]);
    proxy.stderr.pipe(process.stderr);
    const lines = createInterface(proxy.stdout)[Symbol.asyncIterator]();
    const { value: address } = (await lines.next()) as { value: string };
    return new Network(proxy, lines, address);
  }

  /** Gives the network a command, and returns its answer. */
  async command(line: string): Promise<string> {
    this.#proxy.stdin.write(`${line}\n`);
    const { value } = (await this.#lines.next()) as { value: string };
    if (!value.startsWith("ok")) throw new Error(`${line}: ${value}`);
    return value.slice(3);
  }

  /** Cuts the next `count` connections, each at another byte, in the direction that carries data. */
  async cutNext(count: number): Promise<void> {
    for (let n = 1; n <= count; n++) {
      // Some within the handshakes, most among the elements. A frame has up to 64 KiB.
      const at = n % 10 === 0 ? 10 * n : 900 + ((n * 7919) % 150_000);
      const how = n % 3 === 0 ? "fin" : "rst";
      await this.command(`next cut-at up ${at} ${how}, cut-at down ${at} ${how}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#proxy, "exit");
    this.#proxy.kill();
    await exit;
  }
}
