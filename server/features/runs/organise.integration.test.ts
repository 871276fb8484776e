import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listRunsRequestSchema, runFilterSchema } from "@/contracts/api/run-list";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import { waitUntil } from "@/lib/testing/wait-until";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { buildDocuments, buildRecord, storeSamples } from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";

const predict = (over: object = {}) =>
  predictConfigSchema.parse({ kind: "predict", name: "p", questions: "atlas/held-out", ...over });
const train = (over: object) => trainConfigSchema.parse({ kind: "train", name: "t", ...over });
const me = { actor: "tester", preset: null };
/** Whatever is marked as deleted counts as deleted long ago, also where the clock was set back. */
const AT_ONCE = { deletedRunMs: -60_000 };

describe("runs in order", () => {
  let server: TestServer;
  let worker: TestWorker;

  /** Launches a run, reports for it and lets it succeed. */
  async function play(config: Parameters<typeof server.plane.runs.create>[0], items: ReportItem[]) {
    const runId = await server.plane.runs.create(config, me);
    const { attempt } = await worker.leaseAndStart();
    const ref = { runId, attempt };
    if (items.length > 0) await worker.request("report", { ...ref, sequence: 1, items });
    await worker.request("transition", { ...ref, to: "succeeded", reason: null });
    return runId;
  }
  const episodes = (...questions: number[]): ReportItem => ({
    kind: "episodes",
    corpus: "atlas",
    questions: "atlas/held-out",
    documents: buildDocuments(),
    records: questions.map((question) => buildRecord({ step: null, phase: "predict", question })),
  });
  const metrics = (name: string, values: number[]): ReportItem => ({
    kind: "metrics",
    points: values.map((value, step) => ({ name, step, value, at: 1000 * step })),
  });
  const list = (request: object) =>
    server.plane.runReader.list(listRunsRequestSchema.parse(request));
  const listNames = async (request: object) => (await list(request)).rows.map(({ name }) => name);
  const update = (ids: string[], changes: object) =>
    server.plane.runOrganiser.update({ ids, ...changes });
  /** Stores a checkpoint of a run without its files. @returns its id */
  const insertCheckpoint = async (runId: string) => {
    const id = randomUUID();
    await server.plane.database.db.$executeRaw`
      INSERT INTO artifacts (id, project_id, run_id, attempt, kind, step, files, bytes, metadata, store, created_at)
      VALUES (${id}::uuid, '00000000-0000-4000-8000-000000000001', ${runId}::uuid, 1, 'checkpoint', 1, '[]', 1, '{}', 'file', now())`;
    return id;
  };
  const isPurged = async (id: string) =>
    (await server.plane.database.db.run.findUniqueOrThrow({ where: { id } })).purgedAt !== null;
  /** Purges deleted runs. One that other work has locked is passed over, so it is asked again. */
  const purge = async (...ids: string[]) => {
    await waitUntil("the runs are purged", async () => {
      await server.plane.runOrganiser.purge(AT_ONCE);
      return (await Promise.all(ids.map(isPurged))).every(Boolean);
    });
  };
  /** Everything that pages show of a run that answers questions. */
  const readWhole = async (runId: string) => {
    const { rows } = await server.plane.episodeReader.list({
      runId,
      filter: "all",
      sortDirection: "ascending",
      limit: 10,
    });
    const { config, name, state, tags } = await server.plane.runReader.get(runId);
    return {
      run: { config, name, state, tags },
      rows,
      episodes: await Promise.all(rows.map(({ id }) => server.plane.episodeReader.get(id))),
      scores: await server.plane.scoring.readSummary(runId),
      series: await server.plane.metrics.readSeries(runId, ["predict/accuracy"], 100),
      logs: await server.plane.logs.listForRun(runId, { level: "debug", limit: 100 }),
    };
  };

  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000 } });
    await storeSamples(server.plane);
    worker = await server.worker();
  });
  afterAll(() => server.stop());

  it("are listed by setting, tag, text and shelf, with any metric and setting as column", async () => {
    const [few, many] = [
      await play(train({ name: "few", rl: { steps: 3 } }), [metrics("reward/mean", [0.5, 0.1])]),
      await play(train({ name: "many", rl: { steps: 30 } }), [metrics("reward/mean", [0.2, 0.3])]),
    ];
    await update([few], { name: "renamed", notes: "a remark", addTags: ["x", "y"] });
    await update([few, many], { addTags: ["z"], removeTags: ["y"] });
    const where = (path: string, sign: string, value: string) =>
      listNames({ kinds: ["train"], settings: [{ path, sign, value }] });
    expect(await where("rl.steps", "=", "3")).toEqual(["renamed"]);
    expect(await where("rl.steps", "!=", "3")).toEqual(["many"]);
    expect(await where("rl.steps", ">=", "4")).toEqual(["many"]);
    expect(await where("rl.nothing", "!=", "4")).toEqual([]);
    expect(await listNames({ tags: ["z", "x"] })).toEqual(["renamed"]);
    expect(await listNames({ tags: ["y"] })).toEqual([]);
    for (const text of ["REMARK", "x", "renam", few.slice(0, 9)])
      expect(await listNames({ text, kinds: ["train"] }), text).toContain("renamed");

    const columns = ["best:reward/mean", "last:reward/mean", "setting:rl.steps", "setting:no.such"];
    const { rows } = await list({ kinds: ["train"], columns, sort: "name" });
    expect(rows.map(({ values }) => values)).toEqual([
      { "best:reward/mean": 0.3, "last:reward/mean": 0.3, "setting:rl.steps": 30 },
      { "best:reward/mean": 0.5, "last:reward/mean": 0.1, "setting:rl.steps": 3 },
    ]);
    expect(await server.plane.runReader.listFacets()).toMatchObject({
      tags: ["z", "x"],
      metrics: ["reward/mean"],
    });

    await update([many], { archived: true });
    expect(await listNames({ kinds: ["train"] })).toEqual(["renamed"]);
    expect(await listNames({ shelf: "archived" })).toEqual(["many"]);
    expect((await list({ shelf: "archived" })).counts).toEqual({ succeeded: 1 });
    await update([many], { archived: false });
  });

  it("are chosen by their filter, whatever page they stand on", async () => {
    const match = async (filter: object) =>
      (await server.plane.runReader.listMatching(runFilterSchema.parse(filter))).ids;
    const listed = (await list({ kinds: ["train"] })).rows.map(({ id }) => id);
    expect(listed).toHaveLength(2);
    expect(await match({ kinds: ["train"] })).toEqual(listed);
    expect(await match({ tags: ["x"], text: "remark" })).toEqual([listed[1]]);
    expect(await match({ settings: [{ path: "rl.steps", sign: ">", value: "3" }] })).toEqual([
      listed[0],
    ]);
    expect(await match({ shelf: "archived" })).toEqual([]);
  });

  it("are sorted by any column, page by page, those without a value last", async () => {
    await play(train({ name: "no value" }), []);
    for (const column of ["best:reward/mean", "last:reward/mean", "setting:rl.steps"])
      for (const descending of [true, false]) {
        const request = { kinds: ["train"], sort: { column, descending } };
        const whole = await listNames(request);
        const paged: string[] = [];
        let cursor: string | null = null;
        do {
          const page = await list({ ...request, cursor, limit: 1 });
          paged.push(...page.rows.map(({ name }) => name));
          cursor = page.nextCursor;
        } while (cursor !== null);
        expect(paged, `${column} ${descending}`).toEqual(whole);
        if (column.endsWith("mean")) expect(whole.at(-1)).toBe("no value");
      }
    expect(
      await listNames({ kinds: ["train"], sort: { column: "best:reward/mean", descending: true } }),
    ).toEqual(["renamed", "many", "no value"]);
  });

  it("compares runs with what their attempts ran on", async () => {
    const { rows } = await list({ kinds: ["train"], sort: "name" });
    const ids = [...rows.map(({ id }) => id), randomUUID()];
    const { runs, missing } = await server.plane.runComparison.read(ids);
    expect(missing).toBe(1);
    expect(runs.map(({ name }) => name)).toEqual(["many", "no value", "renamed"]);
    expect(runs[2]!.metrics).toEqual({ "reward/mean": { last: 0.1, least: 0.1, greatest: 0.5 } });
    expect(runs[2]!.environment).toMatchObject({ worker: "tester", cpu: "test", device: "cpu" });
  });

  it("are not deleted while they go on, and come back when it is undone", async () => {
    const id = await server.plane.runs.create(predict({ name: "open" }), me);
    await expect(update([id], { deleted: true })).rejects.toThrow(/Cancel these runs .* open/);
    await server.plane.runs.cancel(id, { actor: "tester", reason: null });
    await update([id], { deleted: true });
    expect(await listNames({ kinds: ["predict"] })).toEqual([]);
    expect(await listNames({ shelf: "deleted" })).toEqual(["open"]);
    await expect(
      server.plane.runs.resume(id, { actor: "tester", reason: null }),
      "it would be removed for good while it goes on",
    ).rejects.toThrow(/restore it/);
    await update([id], { deleted: false });
    expect(await listNames({ kinds: ["predict"] })).toEqual(["open"]);
    await update([id], { deleted: true });
    await purge(id);
    expect(await listNames({ shelf: "deleted" }), "it is gone for good").toEqual([]);
    expect(await update([id], { deleted: false })).toEqual({ changed: 0 });
    expect(await listNames({ kinds: ["predict"] })).toEqual([]);
  });

  it.each(["source", "reused"] as const)(
    "share steps and answers: the %s one is deleted for good and the other stays whole",
    async (deleted) => {
      const source = await play(predict({ name: "source" }), [
        episodes(0, 1),
        metrics("predict/accuracy", [0.5]),
      ]);
      const reused = await play(predict({ name: "reused", reuse: { episodesOf: source } }), [
        {
          kind: "reanswered",
          questions: "atlas/held-out",
          records: [0, 1].map((question) => ({
            questionId: `q${question}`,
            answer: buildRecord({ step: null, phase: "predict", question }).answer!,
            score: { scorer: "exact-match/1", value: 1 },
            attribution: null,
          })),
        },
        metrics("predict/accuracy", [1]),
      ]);
      const { db } = server.plane.database;
      expect(await db.episode.count({ where: { runId: reused, stepsOf: { not: null } } })).toBe(2);
      const [gone, kept] = deleted === "source" ? [source, reused] : [reused, source];
      const before = await readWhole(kept);
      await update([gone], { deleted: true });
      await purge(gone);
      expect(await isPurged(kept)).toBe(false);
      expect(await db.metricSeries.count({ where: { runId: gone } })).toBe(0);
      expect(await readWhole(kept)).toEqual(before);
      await update([kept], { deleted: true });
      await purge(kept);
    },
  );

  it("keep a checkpoint that another run begins with, until that is deleted too", async () => {
    const parent = await play(train({ name: "parent" }), []);
    const used = await insertCheckpoint(parent);
    await insertCheckpoint(parent);
    const child = await play(train({ name: "child", searcher: { checkpoint: used } }), []);
    const listKept = async () =>
      (await server.plane.artifacts.listCheckpoints(parent)).map(({ id }) => id);
    const read = (id: string) => server.plane.runReader.get(id);
    expect(await read(child)).toMatchObject({
      branchedFrom: { checkpointId: used, runId: parent, name: "parent" },
      branches: [],
    });
    expect((await read(parent)).branches).toMatchObject([
      { id: child, name: "child", kind: "train" },
    ]);
    await update([child], { deleted: true });
    expect((await read(parent)).branches).toEqual([]);
    await update([child], { deleted: false });
    await update([parent], { deleted: true });
    await purge(parent);
    expect(await listKept()).toEqual([used]);
    await update([child], { deleted: true });
    await purge(child);
    expect(await listKept()).toEqual([]);
  });

  it("offer no checkpoint once they are deleted, which is still used where its id is given", async () => {
    const { database, newRun, launcher } = server.plane;
    const parent = await play(train({ name: "trained" }), []);
    const checkpoint = await insertCheckpoint(parent);
    const listOffered = async (chosen: string | null) =>
      (await newRun.listCheckpoints(chosen)).map(({ id }) => id);
    expect(await listOffered(null)).toContain(checkpoint);
    await update([parent], { deleted: true });
    expect(await listOffered(null)).not.toContain(checkpoint);
    expect(await listOffered(checkpoint), "a form that names it says which it is").toContain(
      checkpoint,
    );
    const { id } = await launcher.launch(predict({ searcher: { checkpoint } }), me);
    expect(await database.db.run.findUnique({ where: { id } })).toMatchObject({
      config: { searcher: { checkpoint } },
    });
    await purge(parent);
    expect(
      (await server.plane.artifacts.listCheckpoints(parent)).map((kept) => kept.id),
      "what the new run uses stays",
    ).toEqual([checkpoint]);
    expect(await listOffered(null)).not.toContain(checkpoint);
  });

  it("are kept as views under a name, of which a kind has one each", async () => {
    const { savedViews } = server.plane;
    const save = (name: string, query: string) =>
      savedViews.save({ kind: "runs", name, value: { query } }, "tester");
    const { id } = await save("mine", "state=failed");
    expect(await save("mine", "state=all")).toEqual({ id });
    expect(await savedViews.list("runs")).toMatchObject([
      { id, name: "mine", value: { query: "state=all" } },
    ]);
    expect(await savedViews.list("episodes")).toEqual([]);
    await savedViews.delete(id);
    await expect(savedViews.delete(id)).rejects.toThrow(/no saved view/);
  });
});
