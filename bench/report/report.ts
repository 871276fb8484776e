import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { arch, cpus, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "@/lib/paths.mjs";

/** One promise of a bench: what was measured, what it must be, and whether it is. */
export interface Bar {
  name: string;
  value: number;
  /** Of the value: "times", "s", "share", ... */
  unit: string;
  /** What it must be, for people: ">= 0.95". */
  bar: string;
  holds: boolean;
}

const RELATIONS = {
  ">=": (value: number, limit: number) => value >= limit,
  "<=": (value: number, limit: number) => value <= limit,
  ">": (value: number, limit: number) => value > limit,
};

/** A bar from its figure: buildBar("memory", 310, "MB", "<=", 400). A value that is not a number holds nothing. */
export function buildBar(
  name: string,
  value: number,
  unit: string,
  relation: keyof typeof RELATIONS,
  limit: number,
): Bar {
  return {
    name,
    value: Number(value.toPrecision(6)),
    unit,
    bar: `${relation} ${limit}`,
    holds: RELATIONS[relation](value, limit),
  };
}

/** Prints bars as the last table of a bench. */
export function printBars(bars: readonly Bar[]): void {
  console.log("");
  printTable([
    ["bar", "value", "unit", "wanted", ""],
    ...bars.map((b) => [b.name, b.value, b.unit, b.bar, b.holds ? "holds" : "MISSED"]),
  ]);
}

/** What a bench hands back; written to bench/results/NAME.json beside the table it printed. */
export interface BenchResult {
  bench: string;
  /** ISO time of the run. */
  at: string;
  machine: Machine;
  bars: Bar[];
  [figures: string]: unknown;
}

export interface Machine {
  cpu: string;
  /** Which of the vector instructions that matter here it has; empty where that cannot be read. */
  vectors: string[];
  cores: number;
  memoryGiB: number;
  platform: string;
  node: string;
}

/** int8 is faster than fp32 where a processor has VNNI; its name does not tell. */
function listVectorInstructions(): string[] {
  const text = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const flags = new Set(/^flags\s*:(.*)$/m.exec(text)?.[1]?.split(" "));
  return ["avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8"].filter((flag) =>
    flags.has(flag),
  );
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    vectors: listVectorInstructions(),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    platform: `${platform()} ${arch()} ${release()}`,
    node: process.version,
  };
}

/** Prints rows of equal length as columns; the first row is the head. */
export function printTable(rows: readonly (readonly (string | number)[])[]): void {
  const text = rows.map((row) => row.map(String));
  const widths = (text[0] ?? []).map((_, column) =>
    Math.max(...text.map((row) => row[column]?.length ?? 0)),
  );
  text.forEach((row, i) => {
    console.log(
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    );
    if (i === 0) console.log(widths.map((width) => "-".repeat(width)).join("  "));
  });
}

/** Writes bench/results/NAME.json; a result that was there stays until the new one is complete. */
export async function writeResult(result: BenchResult): Promise<string> {
  const folder = join(ROOT, "bench", "results");
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${result.bench}.json`);
  await writeFile(`${path}.partial`, `${JSON.stringify(result, null, 2)}\n`);
  await rename(`${path}.partial`, path);
  return path;
}

/** The stored result of a bench, to put a part beside it that was measured apart. */
export async function readResult(name: string): Promise<BenchResult> {
  return JSON.parse(
    await readFile(join(ROOT, "bench", "results", `${name}.json`), "utf8"),
  ) as BenchResult;
}
