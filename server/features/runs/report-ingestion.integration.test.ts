import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { summarizeEpisodesRequestSchema } from "@/contracts/api/episodes";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import {
  getPresetConfig,
  buildDocuments,
  buildRecord,
  storeSamples,
} from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";
import { getHeadlineMetric } from "@/core/metrics/metrics";
import { chunk } from "@/lib/chunk";

const HEADLINE = getHeadlineMetric("train");

const metrics = (
  steps: number[],
  value = (step: number) => step / 10,
  name = "reward/mean",
): ReportItem => ({
  kind: "metrics",
  points: steps.map((step) => ({ name, step, value: value(step), at: 1_000 * step })),
});
const episodes = (
  records: ReturnType<typeof buildRecord>[],
  questions = "atlas/train",
): ReportItem => ({
  kind: "episodes",
  corpus: "atlas",
  questions,
  documents: buildDocuments(),
  records,
});

describe("reports", () => {
  let server: TestServer;
  let worker: TestWorker;
  let ref: { runId: string; attempt: number };
  let sequence = 0;
  const report = (...items: ReportItem[]) =>
    worker.request("report", { ...ref, sequence: ++sequence, items });
  const take = async () => {
    const { runId, attempt, resume } = await worker.leaseAndStart();
    ref = { runId, attempt };
    sequence = 0;
    return resume;
  };
  /** Gives the run back and takes it again: a new attempt. */
  const restart = async () => {
    await worker.request("transition", { ...ref, to: "queued", reason: "test" });
    return take();
  };
  const checkpointAt = (step: number) => server.plane.database.db.$executeRaw`
    INSERT INTO artifacts (id, project_id, run_id, attempt, kind, step, files, bytes, metadata, store, created_at)
    VALUES (gen_random_uuid(), '00000000-0000-4000-8000-000000000001', ${ref.runId}::uuid, ${ref.attempt}, 'checkpoint', ${step}, '[{"name":"a","bytes":1,"sha256":"x"}]', 1, '{}', 'file', now())`;
  const series = async (name = "reward/mean", maxPoints = 2000) =>
    (await server.plane.metrics.readSeries(ref.runId, [name], maxPoints))[name] ?? [];

  beforeAll(async () => {
    server = await startTestServer({
      maxAttempts: 50,
      timings: { leaseMs: 60_000, offlineMs: 60_000 },
    });
    await storeSamples(server.plane);
    worker = await server.worker();
  });
  afterAll(() => server.stop());
  afterEach(() => worker.request("transition", { ...ref, to: "failed", reason: "the next test" }));
  beforeEach(async () => {
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    await take();
  });

  it("takes each report exactly once, in order", async () => {
    const item = metrics([1]);
    expect(await worker.request("report", { ...ref, sequence: 1, items: [item] })).toEqual({
      accepted: true,
    });
    expect(await worker.request("report", { ...ref, sequence: 1, items: [item] })).toEqual({
      accepted: true,
    });
    await expect(
      worker.request("report", { ...ref, sequence: 3, items: [item] }),
    ).rejects.toMatchObject({ code: "out-of-order" });
    expect(await series()).toHaveLength(1);
  });

  it("keeps the headline, progress and events of a report, whatever else it holds", async () => {
    const progress = (done: number): ReportItem => ({
      kind: "progress",
      progress: { phase: "training", done, total: 9, detail: "" },
    });
    const logs: ReportItem = {
      kind: "logs",
      lines: [{ at: 1, level: "info", source: "test", message: "beside it" }],
    };
    const readKept = async () => {
      const { db } = server.plane.database;
      const run = await db.run.findUniqueOrThrow({ where: { id: ref.runId } });
      const events = await db.event.findMany({
        where: { runId: ref.runId },
        orderBy: { id: "desc" },
      });
      const find = (kind: string) => events.find((event) => event.kind === kind)?.payload;
      return [run.headline, run.progress, find("metrics"), find("progress")];
    };
    for (const [n, beside] of [[], [logs]].entries()) {
      const done = n + 1;
      await report(
        metrics([done], () => -done, "other"),
        metrics([done], () => done / 7, HEADLINE),
        progress(done),
        ...beside,
      );
      expect(await readKept()).toEqual([
        done / 7,
        { phase: "training", done, total: 9, detail: "" },
        { names: ["other", HEADLINE], step: done },
        { phase: "training", done, total: 9, detail: "" },
      ]);
    }
  });

  it("refuses a stale attempt, another worker's attempt and an unknown run", async () => {
    const stale = ref;
    await restart();
    for (const bad of [stale, { ...ref, attempt: ref.attempt + 1 }]) {
      await expect(
        worker.request("report", { ...bad, sequence: 1, items: [metrics([1])] }),
      ).rejects.toMatchObject({ code: "stale-attempt" });
    }
    await expect(
      worker.request("transition", { ...stale, to: "succeeded", reason: null }),
    ).rejects.toMatchObject({ code: "stale-attempt" });
    const thief = await server.worker({ name: "thief" });
    await expect(
      thief.request("report", { ...ref, sequence: 1, items: [metrics([1])] }),
    ).rejects.toMatchObject({ code: "stale-attempt" });
    await expect(
      worker.request("report", {
        runId: "00000000-0000-4000-8000-00000000dead",
        attempt: 1,
        sequence: 1,
        items: [metrics([1])],
      }),
    ).rejects.toMatchObject({ code: "not-found" });
    expect(await series()).toEqual([]);
  });

  it("stores a report as a whole or not at all", async () => {
    const unknown = buildRecord({ step: 1 });
    unknown.episode.questionId = "nobody asked";
    await expect(
      worker.request("report", { ...ref, sequence: 1, items: [metrics([1]), episodes([unknown])] }),
    ).rejects.toThrow(/no question "nobody asked"/);
    const untold = buildRecord({ step: 1 });
    untold.episode.context.push({ id: "d9", hash: "of a text that was never sent", score: null });
    await expect(
      worker.request("report", { ...ref, sequence: 1, items: [metrics([1]), episodes([untold])] }),
    ).rejects.toThrow(/text was never sent/);
    expect(await series()).toEqual([]);
    expect(await worker.request("report", { ...ref, sequence: 1, items: [metrics([1])] })).toEqual({
      accepted: true,
    });
  });

  it("gives a lost and resumed run one curve and one set of episodes", async () => {
    await report(
      metrics([1, 2, 3, 4, 5, 6, 7, 8]),
      metrics([0, 1, 2, 3], (s) => s, "cold-start/loss"),
    );
    for (const step of [4, 5, 6, 7])
      await report(
        episodes([0, 1].map((question) => buildRecord({ step, question, right: false }))),
      );
    await checkpointAt(5);
    await server.plane.database.db.$executeRaw`UPDATE leases SET expires_at = clock_timestamp()`;
    for (let state = ""; state !== "queued";)
      state = (await server.plane.runReader.get(ref.runId)).state;
    const resume = await take();
    expect(resume?.step).toBe(5);
    expect((await series()).map((p) => p.step)).toEqual([1, 2, 3, 4, 5]);
    await report(metrics([6, 7], () => 99));
    await report(episodes([buildRecord({ step: 6, right: true })]));
    expect((await series()).map((p) => [p.step, p.value])).toEqual([
      [1, 0.1],
      [2, 0.2],
      [3, 0.3],
      [4, 0.4],
      [5, 0.5],
      [6, 99],
      [7, 99],
    ]);
    expect((await series("cold-start/loss")).map((p) => p.step)).toEqual([0, 1, 2, 3]);
    expect(await server.plane.episodeReader.listSteps(ref.runId)).toMatchObject([
      { step: 4, episodes: 2 },
      { step: 5, episodes: 2 },
      { step: 6, episodes: 1, meanReward: 1 },
    ]);
    const names = await server.plane.metrics.listMetrics(ref.runId);
    expect(names.find((n) => n.name === "reward/mean")).toMatchObject({
      lastStep: 7,
      lastValue: 99,
    });
    const { attempts } = await server.plane.runReader.get(ref.runId);
    expect(attempts.map((a) => a.fromStep)).toEqual([null, 5]);
    // An attempt from the beginning replaces everything.
    await server.plane.database.db
      .$executeRaw`UPDATE artifacts SET deleted_at = now() WHERE run_id = ${ref.runId}::uuid`;
    await restart();
    expect(await series()).toEqual([]);
    expect(await server.plane.episodeReader.listSteps(ref.runId)).toEqual([]);
  });

  it("keeps every extreme of a long series, across the cut as well", async () => {
    const steps = Array.from({ length: 5_000 }, (_, i) => i);
    const spike = new Map([
      [17, 1e6],
      [2_049, -1e6],
      [4_999, 5e5],
    ]);
    for (const batch of chunk(steps, 700))
      await report(metrics(batch, (s) => spike.get(s) ?? Math.sin(s)));
    const shown = await series("reward/mean", 100);
    expect(shown.length).toBeLessThanOrEqual(100);
    expect(shown.length).toBeGreaterThan(50);
    expect(shown.reduce((n, p) => n + p.count, 0)).toBe(5_000);
    expect(Math.max(...shown.map((p) => p.max))).toBe(1e6);
    expect(Math.min(...shown.map((p) => p.min))).toBe(-1e6);
    expect(shown.map((p) => p.step)).toEqual([...shown.map((p) => p.step)].sort((a, b) => a - b));
    const fine = await series("reward/mean", 2000);
    expect(fine.length).toBeGreaterThan(1_000);
    expect(fine.length).toBeLessThanOrEqual(2_000);

    await checkpointAt(3_333);
    await restart();
    const cut = await series("reward/mean", 100);
    expect(cut.reduce((n, p) => n + p.count, 0)).toBe(3_334);
    expect(cut.at(-1)?.step).toBe(3_333);
    expect(Math.max(...cut.map((p) => p.max))).toBe(1e6);
  });

  it("stores an episode and gives it back unchanged, with texts, gold and siblings", async () => {
    const record = buildRecord({ step: 2, question: 3, sample: 1 });
    const sibling = buildRecord({ step: 2, question: 3, sample: 0, right: false });
    await report(episodes([sibling, record]));
    const { rows } = await server.plane.episodeReader.list({
      runId: ref.runId,
      filter: "gained",
      sortDirection: "descending",
      limit: 10,
    });
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      questionId: "q3",
      searches: 1,
      documents: 2,
      answer: "right",
      score: 1,
      baselineScore: 0,
      reward: 1,
      formatErrors: ["invented-documents"],
    });
    const detail = await server.plane.episodeReader.get(rows[0]?.id ?? "");
    expect(detail.record).toEqual(record);
    expect(Object.keys(detail.documents)).toHaveLength(4);
    expect(detail.gold.map((g) => [g.id, g.document?.text])).toEqual([
      ["d0", "Text of d0."],
      ["d1", "Text of d1."],
    ]);
    expect(detail.siblings.map((s) => [s.sampleIndex, s.reward])).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(detail.questionSet).toBe("atlas/train");
  });

  it("filters, searches and pages episodes", async () => {
    const records = Array.from({ length: 8 }, (_, question) =>
      [0, 1].map((sample) =>
        buildRecord({
          step: 1,
          question,
          sample,
          right: question % 2 === 0 && (question < 4 || sample === 0),
          baselineRight: question === 1,
        }),
      ),
    ).flat();
    await report(episodes(records));
    const list = (request: object) =>
      server.plane.episodeReader.list({
        runId: ref.runId,
        filter: "all",
        sortDirection: "ascending",
        limit: 5,
        ...request,
      });
    let cursor: string | null | undefined;
    const seen: string[] = [];
    do {
      const page = await list({ cursor });
      seen.push(...page.rows.map((row) => `${row.questionId} ${row.sampleIndex}`));
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen).toEqual(records.map((r) => `${r.episode.questionId} ${r.episode.sampleIndex}`));
    expect((await list({ filter: "lost" })).rows.map((r) => r.questionId)).toEqual(["q1", "q1"]);
    const count = async (selection: object) =>
      (
        await server.plane.episodeReader.summarize(
          summarizeEpisodesRequestSchema.parse({ runId: ref.runId, ...selection }),
        )
      ).total;
    expect((await count({ filter: "correct" })) + (await count({ filter: "wrong" }))).toBe(16);
    // Questions 4 and 6 have one right sample and one wrong one.
    expect(await count({ filter: "no-variance" })).toBe(12);
    expect(await count({ text: "question 7 of" })).toBe(2);
    expect(await count({ phase: "held-out" })).toBe(0);
  });

  it("keeps each token's advantage, in no more bytes than its log-probability, and none where the episode's says it", async () => {
    const advantages = [0.123456791, 0, -1.5];
    const records = [buildRecord({ step: 1 }), buildRecord({ step: 1, sample: 1 })];
    Object.assign(records[0]!.episode.steps[2]!, { advantages });
    await report(episodes(records));
    const { rows } = await server.plane.episodeReader.list({
      runId: ref.runId,
      filter: "all",
      sortDirection: "ascending",
      limit: 2,
    });
    const read = async (n: number) =>
      (await server.plane.episodeReader.get(rows[n]!.id)).record.episode.steps[2];
    // As float32 is written: the shortest decimal that is nearest to it.
    expect(await read(0)).toMatchObject({ advantages: [0.12345679, 0, -1.5] });
    expect(await read(1)).not.toHaveProperty("advantages");
    const sizes = await server.plane.database.db.$queryRaw<{ own: number; logprobs: number }[]>`
      SELECT pg_column_size(token_advantages) AS own, pg_column_size(token_logprobs) AS logprobs FROM steps s JOIN episodes e ON e.id = s.episode_id
      WHERE e.run_id = ${ref.runId}::uuid AND s.kind = 'generate' ORDER BY e.sample_index`;
    expect(sizes[0]!.own).toBeLessThanOrEqual(sizes[0]!.logprobs);
    expect(sizes[1]!.own).toBeNull();
  });

  it("keeps what a model may write: NUL and half characters", async () => {
    const record = buildRecord({ step: 1 });
    record.episode.steps[2] = {
      kind: "generate",
      turn: 0,
      seconds: 0,
      text: `a\u0000b\uD800c \\u0000`,
    };
    await report(episodes([record]));
    const { rows } = await server.plane.episodeReader.list({
      runId: ref.runId,
      filter: "all",
      sortDirection: "descending",
      limit: 1,
    });
    const detail = await server.plane.episodeReader.get(rows[0]?.id ?? "");
    expect(detail.record.episode.steps[2]).toMatchObject({ text: "a\uFFFDb\uFFFDc \\u0000" });
  });

  it("shows progress, preflight and logs, and finds stored answers by key", async () => {
    await report(
      {
        kind: "preflight",
        items: [{ name: "engine", state: "ready", seconds: 2, detail: "loaded", error: null }],
      },
      { kind: "progress", progress: { phase: "training", done: 1, total: 20, detail: "" } },
      {
        kind: "logs",
        lines: [
          { at: Date.now(), level: "info", source: "train", message: "one" },
          { at: Date.now(), level: "error", source: "train", message: "two" },
        ],
      },
      metrics([1], () => 0.5),
    );
    expect(await server.plane.runReader.get(ref.runId)).toMatchObject({
      preflight: [{ name: "engine" }],
      progress: { phase: "training" },
      headline: { metric: "reward/mean", value: 0.5, sparkline: [{ step: 1, value: 0.5 }] },
    });
    const all = await server.plane.logs.listForRun(ref.runId, { level: "debug", limit: 10 });
    expect(all.lines.map((l) => l.message)).toEqual(["one", "two"]);
    expect(
      (
        await server.plane.logs.listForRun(ref.runId, {
          level: "warn",
          limit: 10,
          after: all.lines[0]?.id,
        })
      ).lines.map((l) => l.message),
    ).toEqual(["two"]);
    const answer = { key: "k1", generator: "g", promptStyle: "chat", text: "yes", seconds: 0.5 };
    await worker.request("saveAnswers", { answers: [answer, { ...answer, key: "k2" }] });
    await worker.request("saveAnswers", { answers: [answer] });
    expect((await worker.request("findAnswers", { keys: ["k1", "k3"] })).answers).toEqual([answer]);
  });

  it("answers a predict run's question once, whatever attempt did it", async () => {
    await worker.request("transition", { ...ref, to: "failed", reason: "make room" });
    await server.plane.runs.create(getPresetConfig("atlas-s3"), { actor: "test", preset: null });
    await take();
    const predicted = (question: number, right: boolean) =>
      buildRecord({ step: null, phase: "predict", question, right });
    await report(
      episodes([predicted(0, true), predicted(1, true)], "atlas/held-out"),
      metrics([1, 2], undefined, "predict/accuracy"),
    );
    await restart();
    expect(
      (await worker.request("answeredQuestions", { runId: ref.runId, after: null })).questions,
    ).toEqual([
      { questionId: "q0", documents: 2 },
      { questionId: "q1", documents: 2 },
    ]);
    const reanswered: ReportItem = {
      kind: "reanswered",
      questions: "atlas/held-out",
      records: [{ questionId: "q3", answer: null, score: null, attribution: null }],
    };
    await expect(
      worker.request("report", { ...ref, sequence: sequence + 1, items: [reanswered] }),
    ).rejects.toThrow(/reuses no other run/);
    await report(
      episodes([predicted(1, false), predicted(2, false)], "atlas/held-out"),
      metrics([2, 3], undefined, "predict/accuracy"),
    );
    const { rows } = await server.plane.episodeReader.list({
      runId: ref.runId,
      filter: "all",
      sortDirection: "ascending",
      limit: 10,
    });
    expect(rows.map((r) => [r.questionId, r.score])).toEqual([
      ["q0", 1],
      ["q1", 1],
      ["q2", 0],
    ]);
    expect((await series("predict/accuracy")).map((p) => p.step)).toEqual([1, 2, 3]);
  });
});
