import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { MetricPoint } from "@/contracts/records/metric-point";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { compactMetrics } from "@/server/features/metrics/compact-metrics";
import { Database } from "@/server/platform/db/database";
import { migrate } from "@/server/platform/db/migrate";
import { startPostgres } from "@/server/testing/postgres";
import { buildBar, type Bar } from "@/bench/report/report";
import { ensurePeerPython } from "../peers/venv";
import { LONG_NAMES } from "./fill-metrics";
import { beginRun, buildPoints } from "./reporter";
import { startServerProcess, type ServerProcess } from "./server-process";

const WAYS = ["alone", "batches"] as const;
type Way = (typeof WAYS)[number];
/**
 * Steps in one report. In batches each side gets the most that its own sender puts into one: a worker's queue 200 steps
 * (gpu-workers/agent/report-queue.ts), a client of MLflow a thousand points, which is the limit of its `log-batch`.
 */
const STEPS_A_REPORT: Readonly<Record<"worker" | "rest", Record<Way, number>>> = {
  worker: { alone: 1, batches: 200 },
  rest: { alone: 1, batches: 20 },
};
/** How long each side is fed each way. */
const SECONDS = 20;
/** Steps that are stored one by one for the size on disk. */
const STORED_STEPS = 3_000;
/** The longest start of MLflow's tracking server. */
const START_MS = 300_000;

type Send = (points: MetricPoint[]) => Promise<unknown>;

/** Points a second by one client that waits for each answer, after a second to warm up. */
async function measureRate(send: Send, steps: number): Promise<number> {
  let step = 0;
  const feed = async (seconds: number): Promise<number> => {
    const began = performance.now();
    let points = 0;
    while (performance.now() - began < seconds * 1_000) {
      await send(buildPoints(step, steps));
      step += steps;
      points += steps * LONG_NAMES.length;
    }
    return points / ((performance.now() - began) / 1_000);
  };
  await feed(1);
  return feed(SECONDS);
}

/** Metrics reported to our server and to MLflow's tracking server, and what a point takes on disk. */
export async function measureIngestion(): Promise<{
  bars: Bar[];
  figures: Record<string, unknown>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "s3-bench-"));
  const postgres = await startPostgres({ durable: true });
  try {
    await migrate(postgres.url);
    const server = await startServerProcess(postgres.url);
    try {
      // First: later the tables hold free space, which takes points without growing.
      const bytes = await measureSize(server, postgres.url);
      console.log(`bytes a point on disk: ${bytes.toFixed(1)}`);
      const loads = [loadavg()[0]!];
      const ours = await measureOurs(server);
      console.log(`points a second here: ${formatRates(ours)}`);
      loads.push(loadavg()[0]!);
      const overRest = await measureByRest(server.url);
      console.log(`points a second here over MLflow's REST: ${formatRates(overRest)}`);
      const theirs = await measureMlflow(folder);
      console.log(`points a second by MLflow: ${formatRates(theirs)}`);
      loads.push(loadavg()[0]!);
      return {
        bars: [
          buildBar(
            "points a second in batches by the worker's protocol, of MLflow's by REST",
            ours.batches / theirs.batches,
            "times",
            ">=",
            20,
          ),
          buildBar(
            "points a second step by step by the worker's protocol, of MLflow's by REST",
            ours.alone / theirs.alone,
            "times",
            ">=",
            10,
          ),
          buildBar("a point on disk, reported step by step", bytes, "bytes", "<=", 120),
        ],
        figures: {
          /** `ours` by the worker's protocol, `overRest` by the REST that `theirs` are sent by. */
          pointsASecond: { ours, overRest, theirs },
          bytesAPoint: bytes,
          /** Before us, between, and after MLflow: what else the machine did. */
          loads: loads.map((load) => Number(load.toFixed(1))),
        },
      };
    } finally {
      await server.stop();
    }
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const formatRates = (rates: Record<Way, number>): string =>
  WAYS.map((way) => `${Math.round(rates[way])} ${way}`).join(", ");

async function measureOurs(server: ServerProcess): Promise<Record<Way, number>> {
  const rates = { alone: 0, batches: 0 };
  for (const way of WAYS) {
    const reporter = await beginRun(server);
    rates[way] = await measureRate((points) => reporter.report(points), STEPS_A_REPORT.worker[way]);
    await reporter.end();
  }
  return rates;
}

/** Bytes of tables and indexes for each point more, while the database tidies itself as it does every minute. */
async function measureSize(server: ServerProcess, url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const tables = ["metric_series", "metric_chunks", "metric_reports"];
  const measure = async (): Promise<number> => {
    await client.query(`VACUUM ${tables.join(", ")}`);
    const { rows } = await client.query<{ bytes: string }>(
      `SELECT sum(pg_total_relation_size(t::regclass)) AS bytes FROM unnest($1::text[]) t`,
      [tables],
    );
    return Number(rows[0]!.bytes);
  };
  const database = new Database(url);
  try {
    await compactMetrics(database, { reports: 1 });
    const before = await measure();
    const reporter = await beginRun(server);
    for (let step = 0; step < STORED_STEPS; step++) {
      await reporter.report(buildPoints(step, 1));
      if (step % 500 === 0) await client.query(`VACUUM ${tables.join(", ")}`);
    }
    await reporter.end();
    await compactMetrics(database, { reports: 1 });
    return ((await measure()) - before) / (STORED_STEPS * LONG_NAMES.length);
  } finally {
    await database.close();
    await client.end();
  }
}

/** MLflow's tracking server as its documentation starts it, on its own default store, fed over its REST API. */
async function measureMlflow(folder: string): Promise<Record<Way, number>> {
  const python = await ensurePeerPython("mlflow");
  const port = await findFreePort();
  const server = spawn(
    python,
    [
      "-m",
      "mlflow",
      "server",
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "--backend-store-uri",
      `sqlite:///${join(folder, "mlflow.db")}`,
    ],
    { cwd: folder, stdio: "ignore", detached: true },
  );
  try {
    await waitForMlflow(port);
    return await measureByRest(`http://127.0.0.1:${port}`);
  } finally {
    process.kill(-server.pid!, "SIGTERM");
  }
}

/** Points a second over MLflow's tracking REST, as trainers send them. */
async function measureByRest(server: string): Promise<Record<Way, number>> {
  const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(`${server}/api/2.0/mlflow/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok)
      throw new Error(`${server} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const rates = { alone: 0, batches: 0 };
  for (const way of WAYS) {
    const created = await post("runs/create", { experiment_id: "0", start_time: Date.now() });
    const { info } = created.run as { info: { run_id: string } };
    const send: Send = (points) =>
      post("runs/log-batch", {
        run_id: info.run_id,
        metrics: points.map(({ name, step, value, at }) => ({
          key: name,
          step,
          value,
          timestamp: at,
        })),
      });
    rates[way] = await measureRate(send, STEPS_A_REPORT.rest[way]);
  }
  return rates;
}

const waitForMlflow = (port: number): Promise<true> =>
  waitUntil(
    "MLflow's tracking server starts",
    () =>
      fetch(`http://127.0.0.1:${port}/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    START_MS,
  );
