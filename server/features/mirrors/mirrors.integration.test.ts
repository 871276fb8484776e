import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MirrorAddress } from "@/contracts/api/mirrors";
import { waitUntil } from "@/lib/testing/wait-until";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import type { TestWorker } from "@/server/testing/test-worker";
import { startTrackingServer, type TrackingServer } from "./testing/tracking-server";

const SECRET = "sesame-4711";

describe("mirrors", () => {
  let server: TestServer;
  let worker: TestWorker;
  let tracker: TrackingServer;
  let ref: { runId: string; attempt: number };
  let sequence = 0;

  const mlflow = (): MirrorAddress => ({
    kind: "mlflow",
    url: tracker.url,
    experiment: "s3",
    user: "",
    secret: SECRET,
  });
  const add = (name: string, address: MirrorAddress, earlier = false) =>
    server.plane.mirrors.create({ name, earlier, address }, "test");
  const began = Date.now();
  const report = (steps: readonly number[], shift = 0) =>
    worker.request("report", {
      ...ref,
      sequence: ++sequence,
      items: [
        {
          kind: "metrics",
          points: steps.flatMap((step) =>
            ["reward/mean", "actor/pg_loss"].map((name) => ({
              name,
              step,
              value: step / 4 + shift,
              // Of now: lines of a log that are old are deleted, also those that a mirror writes.
              at: began + 1_000 * step + shift,
            })),
          ),
        },
      ],
    });
  const take = async () => {
    const { runId, attempt } = await worker.leaseAndStart();
    ref = { runId, attempt };
    sequence = 0;
    worker.keepAlive([ref]);
  };
  const begin = async () => {
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    await take();
  };
  const end = (to: "succeeded" | "failed") =>
    worker.request("transition", { ...ref, to, reason: to === "failed" ? "no luck" : null });
  const find = async (name: string) =>
    (await server.plane.mirrors.list()).find((mirror) => mirror.name === name)!;
  const settle = (name: string, complete: number) =>
    waitUntil(`${name} is complete`, async () => {
      const row = await find(name);
      return row.complete === complete && row.open === 0;
    });
  const readLog = async (source: string) =>
    (await server.plane.logs.listForRun(ref.runId, { level: "debug", limit: 500 })).lines.filter(
      (line) => line.source === source,
    );
  /** Steps by metric of a run in the tracker, sorted; each as often as it is there. */
  const listSteps = (run: TrackingServer["runs"][number], key = "reward/mean") =>
    [...run.metrics.values()]
      .filter((metric) => metric.key === key)
      .map(({ step }) => step)
      .sort((a, b) => a - b);
  const findTracked = () =>
    tracker.runs.filter((run) => run.tags["s3.run_id"] === ref.runId && !run.deleted);

  beforeAll(async () => {
    tracker = await startTrackingServer();
    server = await startTestServer({
      maxAttempts: 50,
      timings: { leaseMs: 60_000, offlineMs: 60_000 },
      mirrorWait: () => 30,
    });
    await storeSamples(server.plane);
    worker = await server.worker();
  });
  afterAll(async () => {
    await server.stop();
    await tracker.stop();
  });

  it("sends a run's points, parameters and end to MLflow, once each, with the sealed token", async () => {
    const { id } = await add("tracker", mlflow());
    await begin();
    await report([1, 2]);
    await waitUntil("the first are there", () => findTracked()[0]?.metrics.size === 4);
    expect(findTracked()[0]!.status).toBe("RUNNING");
    await report([3]);
    await end("succeeded");
    await settle("tracker", 1);
    const [run] = findTracked();
    expect(listSteps(run!)).toEqual([1, 2, 3]);
    expect(run).toMatchObject({
      status: "FINISHED",
      params: { "rl.groupSize": "4", kind: "train" },
    });
    expect([...tracker.authorizations]).toEqual([`Bearer ${SECRET}`]);
    const rows = await server.plane.database.db.$queryRaw<{ text: string }[]>`
      SELECT (SELECT string_agg(m::text, ' ') FROM mirrors m) || (SELECT string_agg(d::text, ' ') FROM mirrored_runs d)
        || (SELECT coalesce(string_agg(l::text, ' '), '') FROM logs l) AS text`;
    expect(rows[0]!.text).not.toContain(SECRET);
    expect(rows[0]!.text).not.toContain(Buffer.from(SECRET).toString("hex"));
    expect(JSON.stringify(await server.plane.mirrors.list())).not.toContain(SECRET);
    await server.plane.mirrors.remove(id);
  });

  it("tells an outage once in the run's log, and catches up after it without a point twice", async () => {
    const { id } = await add("outage", mlflow());
    await begin();
    await report([1]);
    await waitUntil("the first is there", () => findTracked()[0]?.metrics.size === 2);
    tracker.fault = "down";
    for (const step of [2, 3, 4]) await report([step]);
    await waitUntil("it fails", async () => (await find("outage")).failing === 1);
    await report([5]);
    expect((await find("outage")).error).toMatch(/MLflow answered 503 .*closed for repairs/);
    tracker.fault = "lost-answers";
    await waitUntil("they are there, unanswered", () => findTracked()[0]!.metrics.size >= 8);
    tracker.fault = null;
    await end("failed");
    await settle("outage", 1);
    const [run, ...others] = findTracked();
    expect(others).toEqual([]);
    expect(listSteps(run!)).toEqual([1, 2, 3, 4, 5]);
    expect(run).toMatchObject({ status: "FAILED", tags: { "s3.error": "no luck" } });
    const told = await readLog("mirror");
    expect(told.map(({ level }) => level)).toEqual(["warn", "info"]);
    expect(told[0]!.message).toContain("The mirror outage took nothing: MLflow answered 503");
    expect(told[1]!.message).toContain("caught up");
    expect((await server.plane.runReader.get(ref.runId)).state).toBe("failed");
    await server.plane.mirrors.remove(id);
  });

  it("makes one run there although the answer to its creation was lost", async () => {
    tracker.fault = "lost-creation";
    const { id } = await add("lost", mlflow());
    await begin();
    await report([1]);
    await waitUntil("it was made", () => findTracked().length > 0);
    await waitUntil("it fails", async () => (await find("lost")).failing === 1);
    tracker.fault = null;
    await end("succeeded");
    await settle("lost", 1);
    expect(findTracked()).toHaveLength(1);
    expect(listSteps(findTracked()[0]!)).toEqual([1]);
    await server.plane.mirrors.remove(id);
  });

  it("takes back what a later attempt replaced, in MLflow and in event files", async () => {
    const ids = [await add("again", mlflow()), await add("files", { kind: "tensorboard" })];
    await begin();
    await report([1, 2, 3]);
    await end("failed");
    await settle("again", 1);
    await settle("files", 1);
    const [first] = findTracked();
    await server.plane.runs.resume(ref.runId, { actor: "test", reason: null });
    await take();
    expect(ref.attempt).toBe(2);
    await report([1, 2], 0.5);
    await end("succeeded");
    await settle("again", 1);
    await settle("files", 1);
    expect(first!.deleted).toBe(true);
    const [second] = findTracked();
    expect(listSteps(second!)).toEqual([1, 2]);
    expect([...second!.metrics.values()].map(({ value }) => value)).toEqual([0.75, 0.75, 1, 1]);
    const folder = (await find("files")).target;
    const [run] = await readdir(folder);
    expect(run).toMatch(new RegExp(`-${ref.runId.slice(0, 8)}$`));
    const files = await readdir(join(folder, run!));
    expect(files).toEqual([expect.stringMatching(/^events\.out\.tfevents\.\d{10}\.s3\.0001$/)]);
    const text = (await readFile(join(folder, run!, files[0]!))).toString("latin1");
    expect(text.split("reward/mean").length - 1).toBe(2);
    for (const { id } of ids) await server.plane.mirrors.remove(id);
  });

  it("sends no point twice where points are moved into chunks in between", async () => {
    const { id } = await add("chunks", mlflow());
    await begin();
    for (let step = 1; step <= 140; step++) await report([step]);
    await end("succeeded");
    await settle("chunks", 1);
    expect(listSteps(findTracked()[0]!)).toEqual(Array.from({ length: 140 }, (_, i) => i + 1));
    await server.plane.mirrors.remove(id);
  });

  it("tells the end of a run that was deleted before it could", async () => {
    const { id } = await add("deleted", mlflow());
    await begin();
    await report([1]);
    await waitUntil("the first is there", () => findTracked()[0]?.metrics.size === 2);
    tracker.fault = "down";
    await report([2]);
    await end("succeeded");
    await server.plane.runOrganiser.update({ ids: [ref.runId], deleted: true });
    await waitUntil("it fails", async () => (await find("deleted")).failing === 1);
    tracker.fault = null;
    await waitUntil("the end is told", () => findTracked()[0]!.status === "FINISHED");
    expect(listSteps(findTracked()[0]!)).toEqual([1, 2]);
    await settle("deleted", 0);
    await server.plane.mirrors.remove(id);
  });

  it("writes a line for each complete step into the run's own log", async () => {
    const { id } = await add("lines", { kind: "console" });
    await begin();
    await report([1]);
    await report([2]);
    await waitUntil("the first step is said", async () => (await readLog("console")).length > 0);
    const said = async () => (await readLog("console")).map(({ message }) => message);
    expect(await said()).toEqual(["step:1 - actor/pg_loss:0.250 - reward/mean:0.250"]);
    await end("succeeded");
    await settle("lines", 1);
    expect(await said()).toEqual([
      "step:1 - actor/pg_loss:0.250 - reward/mean:0.250",
      "step:2 - actor/pg_loss:0.500 - reward/mean:0.500",
    ]);
    await server.plane.mirrors.remove(id);
  });

  it("mirrors earlier runs only where that was asked for", async () => {
    const later = await add("later", { kind: "tensorboard" });
    const all = await add("all", { kind: "tensorboard" }, true);
    const runs = (await find("all")).open + (await find("all")).complete;
    expect(runs).toBeGreaterThan(3);
    await settle("all", runs);
    expect(await find("later")).toMatchObject({ open: 0, complete: 0 });
    for (const { id } of [later, all]) await server.plane.mirrors.remove(id);
  });

  it("says why a mirror would take nothing", async () => {
    tracker.fault = "refused";
    const { id } = await add("refused", mlflow());
    await expect(server.plane.mirrors.test(id)).rejects.toThrow(
      /It takes nothing: MLflow answered 401 to experiments\/get-by-name: who are you\?/,
    );
    tracker.fault = null;
    await server.plane.mirrors.test(id);
    await expect(add("refused", { kind: "console" })).rejects.toThrow(
      /There is a mirror "refused"/,
    );
    await server.plane.mirrors.remove(id);
  });
});
