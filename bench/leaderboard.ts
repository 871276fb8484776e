import { randomUUID } from "node:crypto";
import pg from "pg";
import pino from "pino";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { FileStore } from "@/server/platform/artifacts/file-store";
import { compose } from "@/server/compose";
import { DEFAULT_PROJECT } from "@/server/platform/db/database";
import { migrate } from "@/server/platform/db/migrate";
import { Access } from "@/server/http/access";
import { createHttpServer } from "@/server/http/server";
import { DEFAULT_TIMINGS } from "@/server/platform/timings";
import { startPostgres } from "@/server/testing/postgres";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureEndpoint } from "./leaderboard/endpoint";
import { insertPredictions, insertQuestionSet } from "./rows/predictions";
import {
  buildBar,
  type BenchResult,
  describeMachine,
  printBars,
  printTable,
} from "@/bench/report/report";

/**
 * The leaderboard over a million scores, on a real PostgreSQL of its own and over HTTP. The rows go through the real
 * tables; their statistics are made as they are when results land. Then the page's request is timed: as a page opens it
 * again and again, with each method as the reference once before (nothing tested yet) and many times after. At last
 * results are added to that database by a predict run at a model server (leaderboard/endpoint.ts).
 */
const SCORES = Number(process.env.S3_BENCH_SCORES ?? 1_000_000);
const SETS = 5;
const METHODS = 20;
const REQUESTS = 200;
const GROUPS = 400;
/** Of the server that is measured. */
const SECRET = randomUUID();

export async function run(): Promise<BenchResult> {
  const perRun = Math.max(1, Math.round(SCORES / (SETS * METHODS)));
  const postgres = await startPostgres();
  const artifacts = await mkdtemp(join(tmpdir(), "s3-bench-"));
  const log = pino({ level: "silent" });
  try {
    await migrate(postgres.url);
    const filled = await measureSeconds(() => fill(postgres.url, perRun));
    console.log(
      `${SETS * METHODS} runs with ${perRun} scores each stored in ${filled.seconds.toFixed(1)} s`,
    );
    const plane = compose({
      databaseUrl: postgres.url,
      store: new FileStore(artifacts),
      timings: DEFAULT_TIMINGS,
      log,
      dataDir: artifacts,
    });
    const http = createHttpServer(plane, new Access(SECRET), null, log);
    try {
      const port = await http.listen(0, "127.0.0.1");
      const first = await measureSeconds(() => ask(port, {}));
      const { rows, columns } = first.value;
      console.log(`statistics made and the first page answered in ${first.seconds.toFixed(1)} s`);
      if (rows.length !== METHODS || columns.length !== SETS)
        throw new Error(
          `The leaderboard shows ${rows.length} methods and ${columns.length} sets, not ${METHODS} and ${SETS}.`,
        );
      const scored = rows
        .flatMap((row) => row.cells)
        .reduce((sum, cell) => sum + (cell?.scored ?? 0), 0);
      const references = rows.map((row) => row.id);
      const fresh: number[] = [];
      for (const reference of references)
        fresh.push((await measureSeconds(() => ask(port, { reference }))).seconds * 1000);
      const again: number[] = [];
      for (let i = 0; i < REQUESTS; i++)
        again.push(
          (await measureSeconds(() => ask(port, { reference: references[i % references.length]! })))
            .seconds * 1000,
        );
      const figures = {
        first: first.seconds,
        fresh: computePercentiles(fresh),
        again: computePercentiles(again),
      };
      printTable([
        ["milliseconds", "p50", "p95", "max"],
        ["a page, tests known", ...Object.values(figures.again).map((v) => v.toFixed(1))],
        ["a page with a new reference", ...Object.values(figures.fresh).map((v) => v.toFixed(1))],
      ]);
      await plane.start();
      const endpoint = await measureEndpoint(plane, port);
      const bars = [
        buildBar("scores on the leaderboard", scored, "scores", ">=", SCORES),
        buildBar("leaderboard, p95", figures.again.p95, "ms", "<=", 300),
        buildBar("leaderboard with a new reference, p95", figures.fresh.p95, "ms", "<=", 300),
        ...endpoint.bars,
      ];
      printBars(bars);
      return {
        bench: "leaderboard",
        at: new Date().toISOString(),
        machine: describeMachine(),
        scores: scored,
        runs: SETS * METHODS,
        questionsARun: perRun,
        requests: REQUESTS,
        secondsToStore: filled.seconds,
        secondsToFirstPage: figures.first,
        latencyMs: figures.again,
        newReferenceMs: figures.fresh,
        endpoint: endpoint.figures,
        bars,
      };
    } finally {
      await http.close();
      await plane.stop();
    }
  } finally {
    await postgres.stop();
    await rm(artifacts, { recursive: true, force: true });
  }
}

interface Page {
  rows: { id: string; cells: ({ scored: number } | null)[] }[];
  columns: unknown[];
}

async function ask(port: number, input: { reference?: string }): Promise<Page> {
  const response = await fetch(
    `http://127.0.0.1:${port}/trpc/leaderboard.get?input=${encodeURIComponent(JSON.stringify({ json: input }))}`,
    { headers: { authorization: `Bearer ${SECRET}` } },
  );
  const body = (await response.json()) as { result?: { data: { json: Page } }; error?: unknown };
  if (!body.result)
    throw new Error(`The leaderboard did not answer: ${JSON.stringify(body.error)}`);
  return body.result.data.json;
}

async function measureSeconds<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const began = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - began) / 1000 };
}

function computePercentiles(values: readonly number[]): { p50: number; p95: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** Writes sets, runs and their results. Checks and triggers are off while it does. */
async function fill(url: string, perRun: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      "SET session_replication_role = replica; SET synchronous_commit = off; SET work_mem = '64MB'",
    );
    const worker = randomUUID();
    await client.query(
      "INSERT INTO worker_tokens (id, project_id, name, sha256, created_by) VALUES ($1, $2, 'bench', sha256('bench'), 'bench')",
      [worker, DEFAULT_PROJECT],
    );
    await client.query(
      "INSERT INTO workers (id, project_id, token_id, name, hardware, slots, free_slots, capabilities, state, attached_at, last_seen_at) VALUES ($1, $2, $1, 'bench', '{}', '{}', '{}', '{}', 'offline', now(), now())",
      [worker, DEFAULT_PROJECT],
    );
    await client.query(
      "INSERT INTO corpora (id, project_id, name, content_hash, documents, created_by) VALUES (gen_random_uuid(), $1, 'atlas', 'bench', 0, 'bench')",
      [DEFAULT_PROJECT],
    );
    const base = runConfigSchema.parse(findPreset("atlas-rag")?.config);
    for (let set = 0; set < SETS; set++) {
      const setId = await insertQuestionSet(client, {
        name: `bench-${set}`,
        questions: perRun,
        ...(set === 0 && { groups: GROUPS }),
      });
      for (let method = 0; method < METHODS; method++) {
        const runId = randomUUID();
        const name = `bench ${set} ${method}`;
        const config = { ...base, name, questions: `bench-${set}`, documents: method + 1 };
        await client.query(
          `INSERT INTO runs (id, project_id, created_by, created_at, kind, name, config, slot, needs_models, needs_corpora, state, attempt, queued_at, started_at, ended_at)
           VALUES ($1, $2, 'bench', now(), 'predict', $3, $4, 'engine', '{}', '{}', 'succeeded', 1, now(), now(), now())`,
          [runId, DEFAULT_PROJECT, name, JSON.stringify(config)],
        );
        await client.query(
          "INSERT INTO attempts (run_id, number, worker_id, started_at, ended_at, outcome) VALUES ($1, 1, $2, now(), now(), 'succeeded')",
          [runId, worker],
        );
        await insertPredictions(client, {
          runId,
          setId,
          questions: perRun,
          method: "rag",
          scorer: "span@1",
          chance: 0.35 + (0.3 * method) / METHODS,
        });
      }
      console.log(`stored ${(set + 1) * METHODS * perRun} scores`);
    }
    await client.query("SET session_replication_role = origin; ANALYZE");
  } finally {
    await client.end();
  }
}
