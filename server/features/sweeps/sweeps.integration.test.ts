import { listRunsRequestSchema } from "@/contracts/api/run-list";
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { findPreset } from "@/core/presets/run-presets";
import { computeMeanInterval } from "@/core/statistics/student";
import type { SweepSpecInput } from "@/contracts/run-config/sweep";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { storeSamples } from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";

let server: TestServer;
let worker: TestWorker;
beforeAll(async () => {
  server = await startTestServer({ timings: { leaseMs: 60_000 } });
  await storeSamples(server.plane);
  worker = await server.worker();
});
afterAll(() => server.stop());

const me = { actor: "tester", reason: null };
const base = findPreset("atlas-smollm2-grpo")!.config;
const spec = (
  steps: number[],
  rest: Partial<{ name: string; seeds: number[]; base: SweepSpecInput["base"] }> = {},
): SweepSpecInput => ({
  mode: "grid",
  name: "Steps",
  base: base as SweepSpecInput["base"],
  axes: [{ path: "rl.steps", values: steps }],
  ...rest,
});
const launch = (input: unknown, key: string = randomUUID()) =>
  server.plane.sweeps.launch(input, { actor: "tester", preset: "atlas-smollm2-grpo", key });
const get = (id: string, metrics: string[] = []) => server.plane.sweepReader.get({ id, metrics });
const runsInAll = async (): Promise<number> =>
  (
    await server.plane.database.db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n FROM runs`
  )[0]!.n;
const emptyQueue = async () => {
  for (const { id } of await server.plane.database.db.$queryRaw<
    { id: string }[]
  >`SELECT id FROM runs WHERE state = 'queued'`)
    await server.plane.runs.cancel(id, me);
};
afterEach(emptyQueue);

/** Plays the next queued run: one value of a metric for each step, and its end. */
async function play(
  values: readonly number[],
  end: "succeeded" | "failed" = "succeeded",
): Promise<{ runId: string; config: { seed?: number; name: string } }> {
  const run = await worker.leaseAndStart();
  const ref = { runId: run.runId, attempt: run.attempt };
  await worker.request("report", {
    ...ref,
    sequence: 1,
    items: [
      {
        kind: "metrics",
        points: values.map((value, i) => ({
          name: "held-out/accuracy",
          step: i + 1,
          value,
          at: 1_000 + i,
        })),
      },
    ],
  });
  await worker.request("transition", {
    ...ref,
    to: end,
    reason: end === "failed" ? "the engine is down" : null,
  });
  return { runId: run.runId, config: run.config };
}

describe("launching a sweep", () => {
  it("makes one sweep of a launch that is sent twice, in turn and at once", async () => {
    const key = randomUUID();
    const first = await launch(spec([1, 2], { seeds: [7, 8] }), key);
    expect(first).toMatchObject({ runs: 4, isNew: true });
    const before = await runsInAll();
    expect(await launch(spec([1, 2], { seeds: [7, 8] }), key)).toEqual({ ...first, isNew: false });
    const other = randomUUID();
    const both = await Promise.all([
      launch(spec([3]), other),
      launch(spec([3]), other),
      launch(spec([3]), other),
    ]);
    expect(new Set(both.map((one) => one.id)).size).toBe(1);
    expect(both.filter((one) => one.isNew)).toHaveLength(1);
    expect(await runsInAll()).toBe(before + 1);
    await expect(launch(spec([1, 3]), key)).rejects.toThrow(
      /Another sweep was launched under the key/,
    );
  });

  it("queues all or none, whatever fails on the way", async () => {
    const { db } = server.plane.database;
    const before = await runsInAll();
    await db.$executeRaw`CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.name LIKE '%steps=6' THEN RAISE EXCEPTION 'the disk is full'; END IF; RETURN NEW; END $$`;
    await db.$executeRaw`CREATE TRIGGER refuse_one BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION refuse_one()`;
    const key = randomUUID();
    await expect(launch(spec([4, 5, 6]), key)).rejects.toThrow(/the disk is full/);
    expect(await runsInAll()).toBe(before);
    expect(await db.$queryRaw<unknown[]>`SELECT 1 FROM sweeps WHERE client_key = ${key}`).toEqual(
      [],
    );
    await db.$executeRaw`DROP TRIGGER refuse_one ON runs`;
    await db.$executeRaw`DROP FUNCTION refuse_one`;
    expect(await launch(spec([4, 5, 6]), key), "sent again, it goes through").toMatchObject({
      runs: 3,
      isNew: true,
    });
  });

  it("names what is wrong by run and path, and launches nothing", async () => {
    const before = await runsInAll();
    await expect(
      launch({
        mode: "list",
        name: "Sets",
        base,
        rows: [
          { "rl.steps": 1 },
          { "data.heldOutQuestions": "nowhere" },
          { "data.corpus": "moon", "rl.steps": 2 },
        ],
      }),
    ).rejects.toThrow(
      /run 2: data\.heldOutQuestions: there is no question set "nowhere"\nrun 3: data\.corpus: there is no corpus "moon"/,
    );
    await expect(launch(spec([1, -1]))).rejects.toThrow(/run 2: rl\.steps: /);
    expect(await runsInAll()).toBe(before);
  });

  it("gives workers the whole of a seed before the next", async () => {
    await launch(spec([1, 2], { seeds: [5, 6] }));
    const taken = [];
    for (let i = 0; i < 4; i++) taken.push((await play([0.5])).config.name);
    expect(taken).toEqual([
      "Steps: steps=1, seed=5",
      "Steps: steps=2, seed=5",
      "Steps: steps=1, seed=6",
      "Steps: steps=2, seed=6",
    ]);
  });
});

describe("a sweep's table and curves", () => {
  it("averages what differs by its seed alone and has succeeded, and counts the rest", async () => {
    const { id } = await launch(spec([1, 2], { seeds: [1, 2, 3] }));
    await play([0.2, 0.6, 0.5]);
    await play([0.9]);
    await play([0.4, 0.8]);
    await play([0.1, 0.1, 0.1], "failed");
    const sweep = await get(id);
    expect(sweep).toMatchObject({
      paths: ["rl.steps"],
      metrics: ["held-out/accuracy", "reward/mean"],
      available: ["held-out/accuracy"],
      runs: 6,
      counts: { succeeded: 3, failed: 1, queued: 2 },
    });
    expect(sweep.members.map((run) => [run.row, run.seed, run.state])).toEqual([
      [0, 1, "succeeded"],
      [0, 2, "succeeded"],
      [0, 3, "queued"],
      [1, 1, "succeeded"],
      [1, 2, "failed"],
      [1, 3, "queued"],
    ]);
    expect(sweep.members[0]?.results).toEqual([
      { last: 0.5, lastStep: 3, best: 0.6, bestStep: 2 },
      null,
    ]);
    const [one, two] = sweep.groups;
    expect(one).toMatchObject({ varied: { "rl.steps": 1 }, runs: 3, succeeded: 2 });
    // Of two runs the t interval reaches far beyond what an accuracy can be.
    expect(one?.results[0]).toEqual({
      last: { ...computeMeanInterval([0.5, 0.8]), low: 0, high: 1 },
      best: { ...computeMeanInterval([0.6, 0.8]), low: 0, high: 1 },
    });
    expect(two, "the failed run is no result").toMatchObject({
      succeeded: 1,
      results: [{ last: { n: 1, mean: 0.9, deviation: null, low: null, high: null } }, null],
    });

    const { curves } = await server.plane.sweepReader.readSeries({
      id,
      metric: "held-out/accuracy",
    });
    expect(curves.map((curve) => curve.row)).toEqual([0, 1]);
    expect(curves[0]?.points.map((point) => [point.step, point.n, point.stretch])).toEqual([
      [1, 2, 0],
      [2, 2, 0],
      [3, 1, 1],
    ]);
    expect(curves[0]?.points[0]?.mean).toBeCloseTo(0.3, 12);
    expect(curves[0]?.points[2], "one run alone has no band").toMatchObject({
      mean: 0.5,
      low: null,
      high: null,
    });
    expect(curves[1]?.points[0], "a failed run's curve is still what it measured").toMatchObject({
      mean: 0.5,
      n: 2,
    });
    expect((await get(id, ["held-out/gbr"])).members.every((run) => run.results[0] === null)).toBe(
      true,
    );
    await expect(get(randomUUID())).rejects.toThrow(/There is no sweep/);
  });
});

describe("the runs of a sweep together", () => {
  it("are cancelled, waiting or held, and queued again; what has succeeded stays", async () => {
    const { id } = await launch(spec([1, 2, 3, 4]));
    await play([0.5]);
    await play([0.5], "failed");
    const held = await worker.leaseAndStart();
    expect(await server.plane.sweeps.cancel(id, me)).toEqual({ cancelled: 1, cancelling: 1 });
    expect(await server.plane.sweeps.cancel(id, me), "a second time changes nothing").toEqual({
      cancelled: 0,
      cancelling: 1,
    });
    expect((await get(id)).members.map((run) => run.state)).toEqual([
      "succeeded",
      "failed",
      "cancelling",
      "cancelled",
    ]);
    await expect(server.plane.sweeps.remove(id)).rejects.toThrow(
      /1 of the sweep's runs have not ended/,
    );
    await worker.request("transition", {
      runId: held.runId,
      attempt: held.attempt,
      to: "cancelled",
      reason: null,
    });
    expect(await server.plane.sweeps.retry(id, { cancelled: false }, me)).toEqual({ queued: 1 });
    expect(await server.plane.sweeps.retry(id, { cancelled: true }, me)).toEqual({ queued: 2 });
    expect((await get(id)).members.map((run) => run.state)).toEqual([
      "succeeded",
      "queued",
      "queued",
      "queued",
    ]);
  });

  it("are listed with their sweep, can be folded to one row, and outlive it", async () => {
    const { id } = await launch(spec([1, 2, 3], { name: "Folded" }));
    const list = (options: { text?: string; foldSweeps?: boolean; states?: ["queued"] }) =>
      server.plane.runReader.list(listRunsRequestSchema.parse(options));
    expect((await list({ text: "Folded" })).rows.map((row) => row.sweep)).toEqual(
      Array.from({ length: 3 }, () => ({ id, name: "Folded", counts: { queued: 3 } })),
    );
    const folded = await list({ text: "Folded", foldSweeps: true });
    expect(folded.rows).toMatchObject([{ name: "Folded: steps=1", sweep: { id } }]);
    expect(
      (await list({ text: "steps=3", foldSweeps: true })).rows
        .filter((row) => row.sweep?.id === id)
        .map((row) => row.name),
      "the first that the filter lets through",
    ).toEqual(["Folded: steps=3"]);
    expect((await server.plane.sweepReader.list({ limit: 1 })).rows).toMatchObject([
      { id, name: "Folded", runs: 3, kind: "train", paths: ["rl.steps"], counts: { queued: 3 } },
    ]);
    await server.plane.sweeps.cancel(id, me);
    expect(await server.plane.sweeps.remove(id)).toEqual({ runs: 3 });
    expect((await list({ text: "Folded" })).rows.map((row) => row.sweep)).toEqual([
      null,
      null,
      null,
    ]);
    const pages = [];
    for (let cursor: string | null = null, first = true; first || cursor; first = false) {
      const page: Awaited<ReturnType<typeof server.plane.sweepReader.list>> =
        await server.plane.sweepReader.list({ limit: 2, cursor });
      pages.push(...page.rows.map((row) => row.id));
      cursor = page.nextCursor;
    }
    expect(new Set(pages).size).toBe(pages.length);
    expect(pages).toHaveLength(
      (
        await server.plane.database.db.$queryRaw<
          { n: number }[]
        >`SELECT count(*)::int AS n FROM sweeps`
      )[0]!.n,
    );
  });
});

describe("a sweep's deleted runs", () => {
  const update = (deleted: boolean, ...ids: string[]) =>
    server.plane.runOrganiser.update({ ids, deleted });
  const readListed = async (id: string) =>
    (await server.plane.sweepReader.list({ limit: 50 })).rows.find((row) => row.id === id);
  const listRuns = async (shelf: "listed" | "deleted") =>
    (
      await server.plane.runReader.list(
        listRunsRequestSchema.parse({ text: "Thrown away", foldSweeps: true, shelf }),
      )
    ).rows;

  it("are no members, and count neither in its table nor in its curves", async () => {
    const { id } = await launch(spec([1, 2], { name: "Thrown away", seeds: [1, 2] }));
    const runs = [];
    for (const last of [0.2, 0.9, 0.4, 0.6]) runs.push((await play([0.1, last])).runId);
    const [kept, alone, twin, other] = runs as [string, string, string, string];
    await update(true, twin, alone, other);
    const sweep = await get(id);
    expect(sweep).toMatchObject({ runs: 1, counts: { succeeded: 1 } });
    expect(sweep.members.map((run) => run.id)).toEqual([kept]);
    expect(sweep.groups).toMatchObject([
      { row: 0, runs: 1, results: [{ last: { n: 1, mean: 0.2 } }, null] },
    ]);
    const { curves } = await server.plane.sweepReader.readSeries({
      id,
      metric: "held-out/accuracy",
    });
    expect(curves.map(({ row, points }) => [row, points.at(-1)?.mean])).toEqual([[0, 0.2]]);
    expect(await readListed(id)).toMatchObject({ runs: 1, counts: { succeeded: 1 } });
    expect(await listRuns("listed")).toMatchObject([{ sweep: { counts: { succeeded: 1 } } }]);
    expect(await listRuns("deleted"), "those that can be restored").toMatchObject([
      { sweep: { counts: { succeeded: 3 } } },
    ]);

    const find = async () => (await server.plane.search.find("thrown AWAY")).sweeps;
    expect(await find()).toEqual([{ id, name: "Thrown away" }]);
    await update(true, kept);
    expect(await readListed(id)).toBeUndefined();
    expect(await find()).toEqual([]);
    expect(await get(id), "a link to it still opens").toMatchObject({ runs: 0, members: [] });
    await update(false, kept, alone);
    expect(await readListed(id)).toMatchObject({ runs: 2 });
    expect((await find()).map((hit) => hit.id)).toEqual([id]);
  });
});
