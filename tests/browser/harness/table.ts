import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A table in the documentation: the text of each cell, by the names of its row and column. */
export type Table = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Reads the table of a file in `docs` whose first column has this title. */
export async function readTable(file: string, title: string): Promise<Table> {
  const text = await readFile(join(import.meta.dirname, "../../../docs", file), "utf8");
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| ${title} |`));
  if (first < 0) throw new Error(`${file} has no table "${title}"`);
  const last = lines.findIndex((line, index) => index > first && !line.startsWith("|"));
  const [titles, , ...rows] = lines.slice(first, last).map((line) => line.split("|").map((cell) => cell.trim()));
  const columns = titles!.slice(2, -1);
  return new Map(
    rows.map(([, name, ...cells]) => [name!, new Map(columns.map((column, index) => [column, cells[index]!]))]),
  );
}
