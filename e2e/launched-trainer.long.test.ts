import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandConfigSchema } from "@/contracts/run-config/command-config";
import { runRayJob } from "@/gpu-workers/jobs/command/ray-job";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { RayHead } from "./support/ray-head";
import { RealWorker } from "./support/real-worker";

const TRAINER = fileURLToPath(new URL("support/upstream_trainer.py", import.meta.url));
/** Ray begins a driver and a worker of it, each of which loads torch. */
const START_MS = 10 * 60_000;
const INSTALL_MS = 20 * 60_000;
const STEPS = 30;
const BROKEN = 4;

/** A real worker and a real Ray: the job sends what upstream's fork sends, from a small training on the CPU. */
describe("a launched trainer", () => {
  let server: TestServer;
  let worker: RealWorker;
  let ray: RayHead;
  let folder: string;
  let python: string;

  beforeAll(async () => {
    python = await RayHead.findPython();
    folder = await mkdtemp(join(tmpdir(), "s3-launched-"));
    ray = await RayHead.start({ cpus: 2 });
    server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
    const record = { id: "q1", question: "What is question 1?", answers: ["x"], goldIds: [] };
    await server.plane.questionSets.store(
      "one question",
      [{ ...record, type: null, group: null, goldQueries: [] }],
      "test",
    );
    const { token } = await server.plane.workerTokens.create("real", "test");
    Object.assign(process.env, { S3_ALLOW_COMMANDS: "1", RAY_AUTH_TOKEN: ray.token });
    const dataDir = join(folder, "data");
    worker = new RealWorker({ server: server.url, token, dataDir, name: "real", restart: false });
    delete process.env.S3_ALLOW_COMMANDS;
    delete process.env.RAY_AUTH_TOKEN;
  }, INSTALL_MS);
  afterAll(async () => {
    await worker?.stop();
    await ray?.stop();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const launch = (changes: object) =>
    server.plane.runs.create(
      commandConfigSchema.parse({
        kind: "command",
        name: "upstream's trainer",
        command: `${python} ${TRAINER} ${folder}/rollouts ${STEPS} ${BROKEN}`,
        rollouts: { folder: join(folder, "rollouts"), questions: "one question" },
        ...changes,
      }),
      { actor: "test", preset: null },
    );
  const readState = async (id: string) => (await server.plane.runReader.get(id)).state;
  /** With its last lines, for the message of a test that fails. */
  const describeRun = async (id: string) => ({
    state: await readState(id),
    hasCurve: (await readScores(id)).length > 3,
    lines: (await server.plane.logs.listForRun(id, { level: "info", limit: 20 })).lines.map(
      ({ message }) => message,
    ),
  });
  const readScores = async (id: string) =>
    (await server.plane.metrics.readSeries(id, ["critic/score/mean"], 100))["critic/score/mean"]!;

  it("as a job of Ray is seen live, with curves, rollouts and alarm, and ends as the job does", async () => {
    const id = await launch({ ray: { address: ray.url } });
    // While it runs.
    await expect
      .poll(() => describeRun(id), { timeout: START_MS, interval: 2_000 })
      .toMatchObject({ hasCurve: true });
    expect(await readState(id)).toBe("running");
    await expect
      .poll(async () => (await server.plane.trackedRuns.describeRollouts(id)).episodes, {
        timeout: 60_000,
      })
      .toBeGreaterThan(0);
    await expect.poll(() => readState(id), { timeout: 300_000, interval: 500 }).toBe("succeeded");
    const scores = await readScores(id);
    expect(scores.map(({ step }) => step)).toEqual(
      Array.from({ length: STEPS }, (_, i) => i + 1).filter((step) => step !== BROKEN),
    );
    const mean = (part: typeof scores) =>
      part.reduce((sum, one) => sum + one.value, 0) / part.length;
    expect(mean(scores.slice(-5))).toBeGreaterThan(mean(scores.slice(0, 5)));
    const tracked = await server.plane.trackedRuns.get(id);
    expect(Object.keys(tracked.config.parameters)).toHaveLength(151);
    const { episodes, issues } = await server.plane.trackedRuns.describeRollouts(id);
    expect([episodes, issues]).toEqual([8 * (STEPS - 1), []]);
    const derived = await server.plane.metrics.readSeries(id, ["search/searches"], 100);
    expect(derived["search/searches"]).toHaveLength(STEPS - 1);
    const alarms = (await server.plane.alarms.list(id)).map(({ name }) => name);
    expect(alarms).toContain("swallowed-errors");
    const { lines } = await server.plane.logs.listForRun(id, { level: "info", limit: 500 });
    expect(lines.some(({ message }) => /Error in training loop/.test(message))).toBe(true);
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
    expect((await server.plane.runReader.get(failing)).error).toMatch(/exit code 3/);
    const endless = await launch({ command: `echo $$ > ${folder}/pid; sleep 600`, rollouts: {} });
    await expect.poll(() => readState(endless), { timeout: 60_000 }).toBe("running");
    await server.plane.runs.cancel(endless, { actor: "test", reason: null });
    await expect.poll(() => readState(endless), { timeout: 60_000 }).toBe("cancelled");
  });
});
