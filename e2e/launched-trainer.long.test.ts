import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "@playwright/test";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Connection } from "@/cli/lib/client";
import { commandConfigSchema } from "@/contracts/run-config/command-config";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { runRayJob } from "@/gpu-workers/jobs/command/ray-job";
import { findFreePort } from "@/lib/free-port.mjs";
import { buildLaunchOptions } from "./support/browser";
import { findRows } from "./support/episode-list";
import { countPoints, waitLive } from "./support/product";
import { startProductProcess, type ProductProcess } from "./support/product-process";
import { RayHead } from "./support/ray-head";
import { serveRetriever } from "./support/served-atlas";

const TRAINER = fileURLToPath(new URL("support/upstream_trainer.py", import.meta.url));
/** Ray begins a driver and a worker of it, each of which loads torch. */
const START_MS = 10 * 60_000;
const INSTALL_MS = 20 * 60_000;
const STEPS = 40;
const BROKEN = 4;
const CHART = "panel-critic/score/mean";

/** Points of the chart, which is drawn where the window shows it: other panels that come push it out. */
async function countDrawn(page: Page): Promise<number> {
  await page.locator(`[data-chart="${CHART}"]`).scrollIntoViewIfNeeded();
  return countPoints(page, CHART);
}

/**
 * The product as `npm start` starts it, a real Ray and a browser: the job sends what upstream's fork sends, from a small
 * training on the CPU that searches with the retriever that the product serves.
 */
describe("a launched trainer", () => {
  let product: ProductProcess;
  let connection: Connection;
  let browser: Browser;
  let ray: RayHead;
  let folder: string;
  let python: string;

  beforeAll(async () => {
    python = await RayHead.findPython();
    folder = await mkdtemp(join(tmpdir(), "s3-launched-"));
    ray = await RayHead.start({ cpus: 2 });
    product = await startProductProcess({
      PORT: String(await findFreePort()),
      S3_DATA_DIR: join(folder, "data"),
      DATABASE_URL: "",
      S3_EXAMPLE: "no",
      // The local worker's.
      S3_ALLOW_COMMANDS: "1",
      RAY_AUTH_TOKEN: ray.token,
    });
    connection = connect(product.address);
    browser = await chromium.launch(buildLaunchOptions());
  }, INSTALL_MS);
  afterAll(async () => {
    await browser?.close();
    connection?.close();
    await product?.stop();
    await ray?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const launchRun = async (config: RunConfig): Promise<string> =>
    (await connection.client.runs.launch.mutate({ config })).id;
  const launch = (changes: object) =>
    launchRun(
      commandConfigSchema.parse({
        kind: "command",
        name: "upstream's trainer",
        command: `${python} ${TRAINER} ${folder}/rollouts ${STEPS} ${BROKEN}`,
        rollouts: { folder: join(folder, "rollouts"), questions: "atlas/train", corpus: "atlas" },
        ...changes,
      }),
    );
  const get = (id: string) => connection.client.runs.get.query({ id });
  const readState = async (id: string) => (await get(id)).state;
  const readLines = async (id: string, limit: number): Promise<string[]> =>
    (await connection.client.runs.logs.query({ id, level: "info", limit })).lines.map(
      ({ message }) => message,
    );
  /** Values by step. */
  const readSeries = async (
    runId: string,
    name: string,
  ): Promise<[step: number, value: number][]> => {
    const { series } = await connection.client.metrics.series.query({ runId, names: [name] });
    const { steps, values } = series[name] ?? { steps: [], values: [] };
    return steps.map((step, i) => [step, values[i]!]);
  };
  /** A page that follows a run, in a window that the product has let in. */
  const openRun = async (id: string): Promise<Page> => {
    const { origin } = new URL(product.address);
    const viewport = { width: 1440, height: 900 };
    const context = await browser.newContext({ baseURL: origin, viewport });
    await context.request.get(product.address);
    const page = await context.newPage();
    await page.goto(`/runs/${id}`);
    await waitLive(page);
    return page;
  };

  it("as a job of Ray is seen live on its page, with curves, rollouts and alarm, and ends as the job does", async () => {
    const retriever = await serveRetriever(launchRun);
    const id = await launch({ ray: { address: ray.url }, addresses: { retriever } });
    const page = await openRun(id);
    // While it runs; with its last lines, for the message of a test that fails.
    const describeChart = async () => ({
      isDrawn: (await page.locator(`[data-chart="${CHART}"]`).count()) === 1,
      lines: await readLines(id, 20),
    });
    await expect
      .poll(describeChart, { timeout: START_MS, interval: 500 })
      .toMatchObject({ isDrawn: true });
    const before = await countDrawn(page);
    const describeGrowth = async () => ({
      hasGrown: (await countDrawn(page)) > before + 2,
      reported: (await readSeries(id, "critic/score/mean")).length,
      state: await readState(id),
      lines: await readLines(id, 20),
    });
    await expect
      .poll(describeGrowth, { timeout: 120_000, interval: 200 })
      .toMatchObject({ hasGrown: true, state: "running" });
    await page.getByRole("tab", { name: "episodes" }).click();
    await expect.poll(() => findRows(page).count(), { timeout: 60_000 }).toBeGreaterThan(0);
    expect(await readState(id)).toBe("running");
    await page.screenshot({ path: "test-results/launched-trainer-episodes.png" });

    await expect.poll(() => readState(id), { timeout: 300_000, interval: 500 }).toBe("succeeded");
    await page.goto(`/runs/${id}`);
    await expect.poll(() => countDrawn(page)).toBe(STEPS - 1);
    await page.screenshot({ path: "test-results/launched-trainer.png" });
    const scores = await readSeries(id, "critic/score/mean");
    expect(scores.map(([step]) => step)).toEqual(
      Array.from({ length: STEPS }, (_, i) => i + 1).filter((step) => step !== BROKEN),
    );
    const computeMean = (part: typeof scores) =>
      part.reduce((sum, [, value]) => sum + value, 0) / part.length;
    expect(computeMean(scores.slice(-5))).toBeGreaterThan(computeMean(scores.slice(0, 5)));
    const tracked = await connection.client.externalRuns.get.query({ runId: id });
    expect(Object.keys(tracked.parameters)).toHaveLength(151);
    expect([tracked.episodes, tracked.issues]).toEqual([8 * (STEPS - 1), []]);
    expect(await readSeries(id, "search/searches")).toHaveLength(STEPS - 1);
    const alarms = await connection.client.alarms.list.query({ runId: id });
    expect(alarms.map(({ name }) => name)).toContain("swallowed-errors");
    expect((await readLines(id, 500)).some((line) => /Error in training loop/.test(line))).toBe(
      true,
    );
  });

  it("as a job of Ray that Ray has already is followed, and begun no second time", async () => {
    const lines: string[] = [];
    const follow = () =>
      runRayJob({
        command: `echo begun | tee -a ${folder}/begun`,
        folder,
        isGivenFolder: true,
        environment: {},
        signal: new AbortController().signal,
        onLine: (line) => lines.push(line),
        address: ray.url,
        runId: "of-this-test",
        attempt: 1,
      });
    process.env.RAY_AUTH_TOKEN = ray.token;
    expect([await follow(), await follow()]).toEqual([null, null]);
    delete process.env.RAY_AUTH_TOKEN;
    expect(await readFile(join(folder, "begun"), "utf8")).toBe("begun\n");
    expect(lines.filter((line) => line === "begun")).toHaveLength(2);
  });

  it("as a process fails with its reason, and is cancelled with its group", async () => {
    const failing = await launch({ command: "echo bad; exit 3", rollouts: {} });
    await expect.poll(() => readState(failing), { timeout: 60_000 }).toBe("failed");
    expect((await get(failing)).error).toMatch(/exit code 3/);
    const endless = await launch({ command: `echo $$ > ${folder}/pid; sleep 600`, rollouts: {} });
    await expect.poll(() => readState(endless), { timeout: 60_000 }).toBe("running");
    await connection.client.runs.cancel.mutate({ id: endless });
    await expect.poll(() => readState(endless), { timeout: 60_000 }).toBe("cancelled");
  });
});
