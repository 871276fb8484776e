import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium, type Page } from "@playwright/test";
import { z } from "zod";
import { connect } from "@/cli/client";
import { buildLaunchOptions } from "@/e2e/support/browser";
import { percentile } from "@/gpu-workers/runtime/latency";
import { inRoot } from "@/lib/paths.mjs";
import { migrate } from "@/server/platform/db/migrate";
import { startPostgres } from "@/server/testing/postgres";
import { getPresetConfig } from "@/server/testing/samples";
import { TestWorker } from "@/server/testing/test-worker";
import { buildBar, type Bar } from "../lib";
import { DEFINE_NAME } from "./browser-script";
import { LONG_NAMES } from "./fill-metrics";
import { startServerProcess, type ServerProcess } from "./server-process";

const CLIENTS = 49;
const STEPS = 120;
const STEP_MS = 500;
/** How long after the last point all must have it. */
const SETTLE_MS = 5_000;

/** What live-clients-program.ts says of its clients. */
const clientsReportSchema = z.object({
  /** Steps that a client never had, and steps that it had twice, of all clients together. */
  missing: z.int(),
  doubled: z.int(),
  cuts: z.int(),
  /** Milliseconds from a point's time until a client had it. */
  delays: z.array(z.number()),
});

/**
 * A run that reports a step of 50 metrics twice a second, followed by a real browser and by clients that subscribe, wait
 * and ask as the page does, and whose connections are cut again and again.
 */
export async function measureLive(): Promise<{ bars: Bar[]; figures: Record<string, unknown> }> {
  const postgres = await startPostgres({ durable: true });
  try {
    await migrate(postgres.url);
    const server = await startServerProcess(postgres.url);
    try {
      return await followRun(server);
    } finally {
      await server.stop();
    }
  } finally {
    await postgres.stop();
  }
}

async function followRun(
  server: ServerProcess,
): Promise<{ bars: Bar[]; figures: Record<string, unknown> }> {
  const connection = connect(server.address);
  const worker = await TestWorker.attach({
    url: server.url,
    token: server.workerToken,
    id: randomUUID(),
    name: "bench",
    models: ["smollm2-135m-instruct"],
    corpora: ["atlas"],
  });
  const browser = await chromium.launch(buildLaunchOptions());
  try {
    await connection.client.runs.launch.mutate({ config: getPresetConfig() });
    const { runId, attempt } = await worker.leaseAndStart();
    worker.keepAlive([{ runId, attempt }], 2_000);
    const page = await openRunPage(await browser.newContext({ baseURL: server.url }), {
      server,
      runId,
    });
    const clients = startClients(server, runId);
    await clients.ready;
    const reported: number[] = [];
    for (let step = 1; step <= STEPS; step++) {
      const at = Date.now();
      reported.push(at);
      await worker.request("report", {
        runId,
        attempt,
        sequence: step,
        items: [
          {
            kind: "metrics",
            points: LONG_NAMES.map((name, n) => ({ name, step, value: Math.sin(step + n), at })),
          },
        ],
      });
      await sleep(Math.max(0, at + STEP_MS - Date.now()));
    }
    await sleep(SETTLE_MS);
    const drawn = await readDrawn(page);
    // Each step brings a point to each of the chart's curves.
    const curves = await page.locator('[data-chart="reward"] [data-curve]').count();
    const onScreen = reported.map((at, i) => {
      const seen = drawn.find(({ points }) => points >= curves * (i + 1));
      return (seen?.at ?? Infinity) - at;
    });
    const others = await clients.finish();
    const p95 = (values: readonly number[]): number => percentile(values, 0.95) ?? NaN;
    return {
      bars: [
        buildBar("a reported point on the screen, p95", p95(onScreen), "ms", "<=", 1_000),
        buildBar(
          "points on the screen, of those reported",
          (drawn.at(-1)?.points ?? 0) / (curves * STEPS),
          "share",
          ">=",
          1,
        ),
        buildBar("a reported point at a client, p95", p95(others.delays), "ms", "<=", 1_000),
        buildBar("points that a client missed", others.missing, "points", "<=", 0),
        buildBar("points that a client had twice", others.doubled, "points", "<=", 0),
      ],
      figures: {
        clients: CLIENTS,
        steps: STEPS,
        cuts: others.cuts,
        onScreen: { p50: percentile(onScreen, 0.5), max: Math.max(...onScreen) },
        atClients: { p50: percentile(others.delays, 0.5), max: percentile(others.delays, 1) },
      },
    };
  } finally {
    await browser.close();
    worker.disconnect();
    connection.close();
  }
}

type Context = Awaited<ReturnType<Awaited<ReturnType<typeof chromium.launch>>["newContext"]>>;

/** The run's page, which notes at what time its chart of the reward had how many points painted. */
async function openRunPage(
  context: Context,
  { server, runId }: { server: ServerProcess; runId: string },
): Promise<Page> {
  await context.request.get(server.address);
  const page = await context.newPage();
  await page.addInitScript(DEFINE_NAME);
  await page.goto(`/runs/${runId}`);
  await page.locator("[data-connection=live]:visible").first().waitFor();
  await page.evaluate(() => {
    const drawn: { at: number; points: number }[] = [];
    Object.assign(window, { drawn });
    const look = (): void => {
      const chart = document.querySelector('[data-chart="reward"]');
      const points = Number(chart?.getAttribute("data-points") ?? 0);
      if (points === (drawn.at(-1)?.points ?? 0)) return;
      requestAnimationFrame(() => drawn.push({ at: Date.now(), points }));
    };
    // The chart itself comes with its first point.
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      attributes: true,
    });
  });
  return page;
}

const readDrawn = (page: Page): Promise<{ at: number; points: number }[]> =>
  page.evaluate(() => (window as unknown as { drawn: { at: number; points: number }[] }).drawn);

/** The other clients, in a process of their own. `finish` ends them and brings what they had. */
function startClients(
  server: ServerProcess,
  runId: string,
): { ready: Promise<void>; finish(): Promise<z.infer<typeof clientsReportSchema>> } {
  const child = spawn(
    process.execPath,
    [
      "--import",
      "tsx",
      inRoot("bench", "dashboard", "live-clients-program.ts"),
      server.address,
      runId,
      String(CLIENTS),
      String(STEPS),
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  let output = "";
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.startsWith("ready\n")) resolve();
    });
    child.once("exit", (code) => reject(new Error(`The clients ended with ${code}.`)));
  });
  return {
    ready,
    async finish() {
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.stdin.end();
      await ended;
      return clientsReportSchema.parse(JSON.parse(output.slice("ready\n".length)));
    },
  };
}
