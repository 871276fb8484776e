import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium, type Page } from "@playwright/test";
import { z } from "zod";
import { connect } from "@/cli/lib/client";
import { buildLaunchOptions } from "@/e2e/support/browser";
import { computePercentile } from "@/gpu-workers/runtime/latency";
import { resolveInRoot } from "@/lib/paths.mjs";
import { getPresetConfig } from "@/server/testing/samples";
import { TestWorker } from "@/server/testing/test-worker";
import { buildBar, type Bar } from "@/bench/report/report";
import { DEFINE_NAME } from "./browser-script";
import { readDurability } from "./durability";
import { LONG_NAMES } from "./fill-metrics";
import { startServerProcess, type ServerProcess } from "./server-process";

const CLIENTS = 49;
/** Steps that the run has reported before anybody looks, and those that are then watched. */
const HISTORY = 10_000;
const HISTORY_STEPS_A_REPORT = 100;
const STEPS = 120;
const STEP_MS = 500;
/** After which steps the browser's connection is cut, and for how long nothing reaches the server from it. */
const CUTS: ReadonlyMap<number, number> = new Map([
  [40, 0],
  [80, 3_000],
]);
/** A point that was sent so shortly before a cut may be lost with the connection. */
const UNDER_WAY_MS = 500;
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
 * A run that has reported long and goes on with a step of 50 metrics twice a second, beside all others of the filled
 * database, followed by a real browser and by clients that subscribe, wait and ask as the page does. All connections are
 * cut, the browser's twice.
 */
export async function measureLive(
  databaseUrl: string,
): Promise<{ bars: Bar[]; figures: Record<string, unknown> }> {
  const server = await startServerProcess(databaseUrl);
  try {
    const { bars, figures } = await followRun(server);
    return { bars, figures: { ...figures, durable: await readDurability(databaseUrl) } };
  } finally {
    await server.stop();
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
    // Whoever measures on the same database again finds the runs that it was filled with.
    const endRun = async (): Promise<void> => {
      await worker.request("transition", { runId, attempt, to: "succeeded", reason: null });
      await connection.client.runs.update.mutate({ ids: [runId], deleted: true });
    };
    const report = createReporter(worker, { runId, attempt });
    for (let step = 1; step <= HISTORY; step += HISTORY_STEPS_A_REPORT)
      await report(step, HISTORY_STEPS_A_REPORT, Date.now() - (HISTORY - step) * STEP_MS);
    const page = await openRunPage(await browser.newContext({ baseURL: server.url }), {
      server,
      runId,
    });
    // Each step brings a point to each of the chart's curves.
    const chart = page.locator('[data-chart="reward"]');
    await chart.locator("[data-curve]").first().waitFor();
    const curves = await chart.locator("[data-curve]").count();
    const history = Number(await chart.getAttribute("data-points"));
    const clients = startClients(server, runId);
    await clients.ready;
    const reported: number[] = [];
    const cutting: Promise<Cut>[] = [];
    for (let step = 1; step <= STEPS; step++) {
      const at = Date.now();
      reported.push(at);
      await report(HISTORY + step, 1, at);
      const cutMs = CUTS.get(step);
      if (cutMs !== undefined) cutting.push(cutConnection(page, cutMs));
      await sleep(Math.max(0, at + STEP_MS - Date.now()));
    }
    const cuts = await Promise.all(cutting);
    await sleep(SETTLE_MS);
    const drawn = await readDrawn(page);
    const seen = reported.map(
      (_, i) => drawn.find(({ points }) => points >= history + curves * (i + 1))?.at ?? Infinity,
    );
    const { connected, caughtUp } = splitDelays(reported, seen, cuts);
    const others = await clients.finish();
    const shown = await readShown(page, curves);
    await endRun();
    const p95 = (values: readonly number[]): number => computePercentile(values, 0.95) ?? NaN;
    return {
      bars: [
        buildBar("a reported point on the screen, p95", p95(connected), "ms", "<=", 1_000),
        buildBar("points that the screen missed", shown.missing, "points", "<=", 0),
        buildBar("points that the screen had twice", shown.doubled, "points", "<=", 0),
        buildBar("what came during a cut, on the screen after it", caughtUp, "ms", "<=", 1_000),
        buildBar("a reported point at a client, p95", p95(others.delays), "ms", "<=", 1_000),
        buildBar("points that a client missed", others.missing, "points", "<=", 0),
        buildBar("points that a client had twice", others.doubled, "points", "<=", 0),
      ],
      figures: {
        clients: CLIENTS,
        history: HISTORY,
        steps: STEPS,
        cuts: others.cuts,
        cutsOfBrowser: cuts.map(({ from, until }) => until - from),
        onScreen: { p50: computePercentile(connected, 0.5), max: Math.max(...connected) },
        atClients: {
          p50: computePercentile(others.delays, 0.5),
          max: computePercentile(others.delays, 1),
        },
      },
    };
  } finally {
    await browser.close();
    worker.disconnect();
    connection.close();
  }
}

/**
 * Makes what reports steps of all metrics, one report after the other.
 *
 * @returns (first step, how many, time of the first)
 */
function createReporter(
  worker: TestWorker,
  run: { runId: string; attempt: number },
): (first: number, count: number, at: number) => Promise<unknown> {
  let sequence = 0;
  return (first, count, at) =>
    worker.request("report", {
      ...run,
      sequence: ++sequence,
      items: [
        {
          kind: "metrics",
          points: Array.from({ length: count }, (_, i) => first + i).flatMap((step) =>
            LONG_NAMES.map((name, n) => ({
              name,
              step,
              value: Math.sin(step + n),
              at: at + (step - first) * STEP_MS,
            })),
          ),
        },
      ],
    });
}

/** When a connection was cut, and when another was open. */
interface Cut {
  from: number;
  until: number;
}

/** Closes the page's socket, and keeps all else from the server for `offlineMs`. */
async function cutConnection(page: Page, offlineMs: number): Promise<Cut> {
  const from = Date.now();
  if (offlineMs > 0) await page.context().setOffline(true);
  const opened = await page.evaluate(() => {
    const { sockets } = window as unknown as { sockets: WebSocket[] };
    for (const socket of sockets) socket.close();
    return sockets.length;
  });
  await sleep(offlineMs);
  if (offlineMs > 0) await page.context().setOffline(false);
  const until = await page.waitForFunction((before) => {
    const { sockets } = window as unknown as { sockets: WebSocket[] };
    const isOpen = sockets.slice(before).some(({ readyState }) => readyState === WebSocket.OPEN);
    return isOpen ? Date.now() : 0;
  }, opened);
  return { from, until: await until.jsonValue() };
}

/**
 * Delays from report to screen.
 *
 * @returns those of the points that were reported while the browser was connected; and the longest time after a cut until
 *   the screen had what was reported during it
 */
function splitDelays(
  reported: readonly number[],
  seen: readonly number[],
  cuts: readonly Cut[],
): { connected: number[]; caughtUp: number } {
  const connected: number[] = [];
  let caughtUp = 0;
  for (const [i, at] of reported.entries()) {
    const cut = cuts.find(({ from, until }) => at >= from - UNDER_WAY_MS && at <= until);
    if (cut) caughtUp = Math.max(caughtUp, seen[i]! - cut.until);
    else connected.push(seen[i]! - at);
  }
  return { connected, caughtUp };
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
  await page.addInitScript(() => {
    const sockets: WebSocket[] = [];
    Object.assign(window, { sockets });
    window.WebSocket = class extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        sockets.push(this);
      }
    };
  });
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

/**
 * What the chart shows of the watched steps, held against what was reported, step by step: the file that it saves holds
 * each step of a curve once, and what the page has more of than the file it has twice.
 */
async function readShown(
  page: Page,
  curves: number,
): Promise<{ missing: number; doubled: number }> {
  const chart = page.locator('[data-chart="reward"]');
  await chart.getByRole("button", { name: /full screen, table, export/ }).click();
  const saving = page.waitForEvent("download");
  await page.getByRole("menuitem", { name: "Save values as CSV" }).click();
  const text = await readFile(await (await saving).path(), "utf8");
  const [names, ...rows] = text
    .replace(/^\uFEFF/, "")
    .trimEnd()
    .split("\r\n")
    .map((line) => line.split(","));
  const columns = names!.flatMap((name, i) => (LONG_NAMES.includes(name) ? [i] : []));
  if (columns.length !== curves)
    throw new Error(`The chart draws ${curves} curves and saves ${names!.join(", ")}.`);
  const shown = columns.map(
    (i) => new Set(rows.filter((row) => row[i] !== "").map(([step]) => Number(step))),
  );
  const points = Number(await chart.getAttribute("data-points"));
  const steps = Array.from({ length: STEPS }, (_, i) => HISTORY + i + 1);
  return {
    missing: shown.flatMap((had) => steps.filter((step) => !had.has(step))).length,
    doubled: points - shown.reduce((sum, had) => sum + had.size, 0),
  };
}

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
      resolveInRoot("bench", "dashboard", "live-clients-program.ts"),
      server.address,
      runId,
      String(CLIENTS),
      String(HISTORY),
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
