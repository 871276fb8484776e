import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { MetricSeries } from "@/contracts/api/metrics";
import { mergeSeries, toEntries } from "@/core/metrics/columns";
import { getPresetConfig, storeSamples } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import type { TestWorker } from "@/server/testing/test-worker";
import { compactMetrics } from "./compact-metrics";
import { CHUNK_SIZE } from "./rollup";

const NAMES = ["reward/mean", "actor/kl"];

describe("stored metrics", () => {
  let server: TestServer;
  let worker: TestWorker;
  let ref: { runId: string; attempt: number };
  let sequence = 0;

  const report = (names: readonly string[], steps: readonly number[]) =>
    worker.request("report", {
      ...ref,
      sequence: ++sequence,
      items: [
        {
          kind: "metrics",
          points: steps.flatMap((step) =>
            names.map((name) => ({ name, step, value: Math.sin(step) * name.length, at: step })),
          ),
        },
      ],
    });
  const compact = () => compactMetrics(server.plane.database, { reports: 1 });
  const ask = (since?: string, rest: { maxPoints?: number; from?: number; to?: number } = {}) =>
    server.plane.metrics.readRunUpdates({
      runId: ref.runId,
      names: NAMES,
      maxPoints: 2000,
      since,
      ...rest,
    });
  const countReports = () =>
    server.plane.database.db.metricReport.count({ where: { runId: ref.runId } });
  const take = async () => {
    const { runId, attempt } = await worker.leaseAndStart();
    ref = { runId, attempt };
    sequence = 0;
  };
  const begin = async () => {
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    await take();
  };
  const end = () => worker.request("transition", { ...ref, to: "failed", reason: "the next" });

  beforeAll(async () => {
    server = await startTestServer({
      maxAttempts: 50,
      timings: { leaseMs: 60_000, offlineMs: 60_000 },
    });
    await storeSamples(server.plane);
    worker = await server.worker();
  });
  afterAll(() => server.stop());
  beforeEach(begin);

  it("are the same however they are split among reports, compactions and cursors", async () => {
    const action = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          names: fc.subarray(NAMES, { minLength: 1 }),
          points: fc.integer({ min: 1, max: 400 }),
        }),
      },
      { weight: 2, arbitrary: fc.constant("compact" as const) },
      { weight: 3, arbitrary: fc.constant("read" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 3, maxLength: 15 }), async (actions) => {
        await end();
        await begin();
        const told = new Map<string, number[]>(NAMES.map((name) => [name, []]));
        let held: MetricSeries | undefined;
        let step = 0;
        for (const act of actions) {
          if (act === "compact") await compact();
          else if (act === "read") held = mergeSeries(held, await ask(held?.cursor));
          else {
            const steps = Array.from({ length: act.points }, () => ++step);
            for (const name of act.names) told.get(name)!.push(...steps);
            await report(act.names, steps);
          }
        }
        held = mergeSeries(held, await ask(held?.cursor));
        for (const name of NAMES) {
          const steps = told.get(name)!;
          const entries = toEntries(held.series[name]!);
          expect(entries.reduce((sum, { count }) => sum + count, 0)).toBe(steps.length);
          if (steps.length > 2000) continue;
          expect(entries.map((entry) => entry.step)).toEqual(steps);
          expect(held.series[name]).toEqual((await ask()).series[name]);
        }
      }),
      { numRuns: 8 },
    );
  });

  it("are in the tail or in chunks, never in both or neither, where a compaction dies", async () => {
    await report(
      NAMES,
      Array.from({ length: CHUNK_SIZE + 10 }, (_, i) => i),
    );
    const before = await ask();
    const { db } = server.plane.database;
    await db.$executeRaw`CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the server died'; END $$`;
    await db.$executeRaw`CREATE TRIGGER refuse_removal BEFORE DELETE ON metric_reports FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()`;
    await expect(compact()).rejects.toThrow(/the server died/);
    await db.$executeRaw`DROP TRIGGER refuse_removal ON metric_reports`;
    await db.$executeRaw`DROP FUNCTION refuse_removal`;
    expect(await ask()).toEqual(before);
    await compact();
    expect(await countReports()).toBe(0);
    expect((await ask()).series).toEqual(before.series);
    await report(NAMES, [9_000]);
    expect(await ask(before.cursor)).toMatchObject({
      whole: false,
      series: { "reward/mean": { steps: [9_000] }, "actor/kl": { steps: [9_000] } },
    });
  });

  it("are compacted when they are many and when their run has ended, not before", async () => {
    await report(NAMES, [1]);
    await compactMetrics(server.plane.database);
    expect(await countReports()).toBe(1);
    await end();
    await compactMetrics(server.plane.database);
    expect(await countReports()).toBe(0);
    expect((await ask()).series["reward/mean"]?.steps).toEqual([1]);
    await begin();
  });

  it("are read whole after another attempt began, whatever the cursor", async () => {
    await report(NAMES, [1, 2, 3]);
    const { cursor } = await ask();
    await worker.request("transition", { ...ref, to: "queued", reason: "test" });
    await take();
    expect(await ask(cursor)).toMatchObject({
      whole: true,
      series: { "reward/mean": { steps: [] } },
    });
    await report(NAMES, [1]);
    for (const since of [cursor, "nonsense", "1.999999999", "0.0"])
      expect(await ask(since)).toMatchObject({
        whole: true,
        series: { "reward/mean": { steps: [1] } },
      });
  });

  it("show a part at the resolution that it has", async () => {
    const steps = Array.from({ length: 5_000 }, (_, i) => i);
    await report(NAMES, steps.slice(0, 4_000));
    await compact();
    await report(NAMES, steps.slice(4_000));
    const all = (await ask(undefined, { maxPoints: 100 })).series["reward/mean"]!;
    expect(all.steps.length).toBeLessThanOrEqual(100);
    const part = (await ask(undefined, { maxPoints: 100, from: 3_960, to: 4_040 })).series[
      "reward/mean"
    ]!;
    expect(part.steps).toEqual(steps.slice(3_960, 4_041));
    expect(part.counts).toBeUndefined();
  });

  it("are read once for all who ask for the same", async () => {
    await report(NAMES, [1, 2, 3]);
    const [first, ...others] = await Promise.all(Array.from({ length: 20 }, () => ask()));
    for (const other of others) expect(other).toBe(first);
    await report(NAMES, [4]);
    expect(await ask()).not.toBe(first);
  });

  describe("as a file of reported points", () => {
    const fetchPoints = async (query: string) => {
      const response = await fetch(`${server.url}/points?${query}`, { headers: server.headers });
      return { status: response.status, text: await response.text() };
    };
    const readLines = async (query: string) => {
      const { status, text } = await fetchPoints(query);
      expect(status, text).toBe(200);
      const [head, ...lines] = text.trimEnd().split("\r\n");
      // fetch takes the mark of the byte order away.
      expect(head).toBe("run_id,run,metric,step,reported_at,value");
      // The run's name holds commas, so it stands in quotes.
      return lines.map((line) => /^(.+?),"(.+)",(.+?),(.+?),(.+?),(.+)$/.exec(line)!.slice(1));
    };

    it("hold each of 4,000 points, stored in chunks and in the tail", async () => {
      const steps = Array.from({ length: 4_000 }, (_, i) => i);
      await report(NAMES, steps.slice(0, 3_000));
      await compact();
      await report(NAMES, steps.slice(3_000));
      const run = `run=${ref.runId}`;
      const lines = await readLines(`${run}&metric=reward/mean`);
      const { name } = await server.plane.runReader.get(ref.runId);
      expect(lines).toEqual(
        steps.map((step) => [
          ref.runId,
          name,
          "reward/mean",
          String(step),
          new Date(step).toISOString(),
          String(Math.sin(step) * "reward/mean".length),
        ]),
      );
      // Without a metric, those of all.
      const all = await readLines(run);
      expect(all).toHaveLength(2 * steps.length);
      expect(new Set(all.map(([, , metric]) => metric))).toEqual(new Set(NAMES));
    });

    it("hold what survives of a run that went on in another attempt, by step", async () => {
      await report(["reward/mean"], [1, 2, 3]);
      await worker.request("transition", { ...ref, to: "queued", reason: "test" });
      await take();
      await report(["reward/mean"], [2, 1]);
      const lines = await readLines(`run=${ref.runId}&metric=reward/mean&metric=actor/kl`);
      expect(lines.map(([, , metric, step]) => [metric, step])).toEqual([
        ["reward/mean", "1"],
        ["reward/mean", "2"],
      ]);
    });

    it("are refused for a run that there is not, and without one", async () => {
      const nobody = "00000000-0000-4000-8000-00000000dead";
      expect(await fetchPoints(`run=${nobody}`)).toMatchObject({
        status: 404,
        text: expect.stringContaining(nobody) as string,
      });
      expect((await fetchPoints("metric=reward/mean")).status).toBe(400);
      const response = await fetch(`${server.url}/points?run=${ref.runId}`);
      expect(response.status, "without the secret").toBe(401);
    });
  });
});
