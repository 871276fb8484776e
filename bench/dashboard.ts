import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { AppError } from "@/contracts/errors";
import { startPostgres } from "@/server/testing/postgres";
import { measureCharts } from "./dashboard/charts";
import { fillFast } from "./dashboard/durability";
import { measureEndurance } from "./dashboard/endurance";
import { measureEpisodes } from "./dashboard/episodes";
import { fillDatabase, findRuns } from "./dashboard/fill";
import { measureIngestion } from "./dashboard/ingestion";
import { measureLive } from "./dashboard/live";
import { measurePages } from "./dashboard/pages";
import { startProduct, type Product } from "./dashboard/product";
import { measureRunLists } from "./dashboard/runs";
import type { FilledRuns } from "./dashboard/sizes";
import {
  describeMachine,
  printBars,
  readResult,
  type Bar,
  type BenchResult,
  type Machine,
} from "@/bench/report/report";

/** What one part has measured. */
interface Measured {
  bars: Bar[];
  figures: Record<string, unknown>;
}
/** A part as the result's file holds it. */
interface StoredPart extends Measured {
  /** Absent in files written before parts had it: the file's own. */
  machine?: Machine;
}
/**
 * What pages read, on a database with as much in it as a group makes in years, and what training code reports. A part is
 * a file of its own; those that need the filled database share one. S3_BENCH_DATABASE names one that was filled before.
 */
type FilledPart = (databaseUrl: string, runs: FilledRuns) => Promise<Measured>;

/** A part that reads through the server's own code. */
const definePartOnProduct =
  (work: (product: Product, runs: FilledRuns) => Promise<Measured>): FilledPart =>
  async (url, runs) => {
    const folder = await mkdtemp(join(tmpdir(), "s3-bench-"));
    const product = await startProduct(url, folder);
    try {
      return await work(product, runs);
    } finally {
      await product.stop();
      await rm(folder, { recursive: true, force: true });
    }
  };

/** Parts that read the filled database. */
const FILLED_PARTS: Readonly<Record<string, FilledPart>> = {
  charts: definePartOnProduct(measureCharts),
  episodes: definePartOnProduct(async ({ plane }, { big }) => ({
    bars: await measureEpisodes(plane.episodeReader, big[0]!, big[1]!),
    figures: {},
  })),
  runs: definePartOnProduct(async ({ plane }) => ({
    bars: await measureRunLists(plane.runReader),
    figures: {},
  })),
  pages: measurePages,
  live: measureLive,
};
/** Parts that begin with an empty database. */
const EMPTY_PARTS: Readonly<Record<string, () => Promise<Measured>>> = {
  ingestion: measureIngestion,
  endurance: measureEndurance,
};

export async function run(names: string[]): Promise<BenchResult> {
  const known = [...Object.keys(FILLED_PARTS), ...Object.keys(EMPTY_PARTS)];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new AppError(
      "invalid-input",
      `There is no part ${unknown.join(", ")}. Parts: ${known.join(", ")}.`,
    );
  const asked = names.length > 0 ? names : known;
  const load = loadavg()[0]!;
  const measured: Record<string, Measured> = {};
  const reading = Object.entries(FILLED_PARTS).filter(([name]) => asked.includes(name));
  if (reading.length > 0)
    await withFilledDatabase(async (url, runs) => {
      for (const [name, part] of reading) measured[name] = await part(url, runs);
    });
  for (const [name, part] of Object.entries(EMPTY_PARTS))
    if (asked.includes(name)) measured[name] = await part();
  const at = new Date().toISOString();
  /**
   * Processes that wanted a core when it began: above the number of cores, times are of a machine that did other work,
   * too.
   */
  const loadAtStart = Number(load.toFixed(1));
  const here = describeMachine();
  const parts: Record<string, StoredPart> = {
    ...(await readStoredParts(here)),
    ...Object.fromEntries(
      Object.entries(measured).map(([name, part]) => [
        name,
        { at, machine: here, loadAtStart, ...part },
      ]),
    ),
  };
  const bars = known.flatMap((name) => parts[name]?.bars ?? []);
  printBars(bars);
  return { bench: "dashboard", at, machine: here, parts, bars };
}

/** What was measured of each part before on this very machine: figures of another one say nothing of it. */
async function readStoredParts(here: Machine): Promise<Record<string, StoredPart>> {
  const stored = await readResult("dashboard").catch(() => null);
  const parts = Object.entries((stored?.parts ?? {}) as Record<string, StoredPart>);
  return Object.fromEntries(
    parts.filter(([, part]) => isDeepStrictEqual(part.machine ?? stored?.machine, here)),
  );
}

async function withFilledDatabase(
  work: (url: string, runs: FilledRuns) => Promise<void>,
): Promise<void> {
  const given = process.env.S3_BENCH_DATABASE;
  if (given !== undefined) return work(given, await findRuns(given));
  const postgres = await startPostgres({ durable: true });
  try {
    await work(postgres.url, await fillFast(postgres.url, () => fillDatabase(postgres.url)));
  } finally {
    await postgres.stop();
  }
}
