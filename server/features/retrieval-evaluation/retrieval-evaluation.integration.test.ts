import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  listMetricsWithin,
  computeMeanMetric,
  rankGold,
  type RankedGold,
} from "@/core/metrics/ranking-metrics";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";
import type { EpisodeRecord } from "@/contracts/records/episode";
import { createRandom } from "@/core/statistics/bootstrap";
import { listRankedQuestions } from "@/server/features/episodes/worker-reads";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { buildDocument } from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";

const DOCUMENTS = Array.from({ length: 40 }, (_, i) => buildDocument(`d${i}`));
const QUESTIONS = Array.from({ length: 60 }, (_, i) => ({
  id: `q${i}`,
  question: `Question ${i}?`,
  answers: ["a"],
  goldIds:
    i % 20 === 19 ? [] : i % 3 === 0 ? [`d${i % 40}`] : [`d${i % 40}`, `d${(i * 7 + 1) % 40}`],
  type: i % 2 === 0 ? "bridge" : "comparison",
  group: `g${i % 12}`,
  goldQueries: [],
}));
const WITH_GOLD = QUESTIONS.filter((q) => q.goldIds.length > 0);

/** A ranking drawn at random, or one that puts the gold documents first. */
function buildRanking(
  question: (typeof QUESTIONS)[number],
  skill: number,
  depth: number,
): string[] {
  const random = createRandom(Number(question.id.slice(1)) + Math.round(skill * 1000));
  const keyed = DOCUMENTS.map(({ id }) => ({
    id,
    key: random() * (question.goldIds.includes(id) && random() < skill ? 0.05 : 1),
  }));
  return keyed
    .sort((a, b) => a.key - b.key)
    .slice(0, depth)
    .map((d) => d.id);
}

function buildRecord(
  question: (typeof QUESTIONS)[number],
  ranking: readonly string[],
): EpisodeRecord {
  const documents = ranking.map((id, i) => ({
    id,
    hash: buildDocument(id).hash,
    score: 1 / (i + 1),
  }));
  return {
    phase: "predict",
    step: null,
    episode: {
      key: question.id,
      method: "retrieval",
      protocol: "paper",
      questionId: question.id,
      sampleIndex: 0,
      steps: [{ kind: "retrieve", turn: 0, seconds: 0, query: question.question, documents }],
      context: [],
    },
    answer: null,
    score: null,
    baseline: null,
    reward: null,
    advantage: null,
    attribution: null,
    formatErrors: [],
  };
}

describe("retrieval evaluation", () => {
  let server: TestServer;
  let worker: TestWorker;

  const launch = async (change: Partial<Extract<RunConfigInput, { kind: "evaluate" }>> = {}) => {
    const config = {
      kind: "evaluate" as const,
      name: "measured",
      corpus: "atlas",
      questions: "mine",
      k: 20,
      ...change,
    };
    return (
      await server.plane.launcher.launch(runConfigSchema.parse(config), {
        actor: "tester",
        preset: null,
      })
    ).id;
  };
  /** Runs an evaluate run to its end with rankings of the given skill. */
  const evaluate = async (
    skill: number,
    change: Parameters<typeof launch>[0] = {},
    questions = WITH_GOLD,
  ) => {
    const id = await launch(change);
    const run = await worker.leaseAndStart();
    expect(run.runId).toBe(id);
    const ref = { runId: id, attempt: run.attempt };
    worker.keepAlive([ref]);
    const depth = change.k ?? 20;
    await worker.request("report", {
      ...ref,
      sequence: 1,
      items: [
        {
          kind: "episodes",
          corpus: change.corpus ?? "atlas",
          questions: change.questions ?? "mine",
          documents: DOCUMENTS,
          records: questions.map((q) => buildRecord(q, buildRanking(q, skill, depth))),
        },
        {
          kind: "metrics",
          points: [
            { name: "retrieval/unknown_gold", step: 0, value: 3, at: Date.now() },
            { name: "retrieval/unknown_gold_questions", step: 0, value: 2, at: Date.now() },
            { name: "retrieval/recall@10", step: 57, value: 0.5, at: Date.now() },
          ],
        },
      ],
    });
    await worker.request("transition", { ...ref, to: "succeeded", reason: null });
    return id;
  };
  const outcomes = (skill: number, depth = 20): RankedGold[] =>
    WITH_GOLD.map((q) => rankGold(buildRanking(q, skill, depth), q.goldIds, depth));

  beforeAll(async () => {
    // A busy machine must not cost a run its lease.
    server = await startTestServer({ timings: { leaseMs: 30_000 } });
    await server.plane.storedCorpora.store("atlas", DOCUMENTS, "test");
    await server.plane.questionSets.store("mine", QUESTIONS, "test");
    await server.plane.questionSets.store("other", QUESTIONS.slice(0, 5), "test");
    await server.plane.questionSets.store("bare", [{ ...QUESTIONS[19]!, goldIds: [] }], "test");
    worker = await server.worker();
  });
  afterAll(() => server.stop());

  it("measures stored rankings as the pure functions do, with intervals, parts and curves", async () => {
    const id = await evaluate(0.6);
    const result = await server.plane.retrievalEvaluation.compare([id]);
    expect(result).toMatchObject({
      questionSet: "mine",
      corpus: "atlas",
      depth: 20,
      counts: { questions: 60, withoutGold: 3, scored: 57 },
      differences: [],
    });
    expect(result.runs[0]).toMatchObject({
      id,
      state: "succeeded",
      ranked: 57,
      unknownGold: { documents: 3, questions: 2 },
      retriever: { kind: "dense" },
    });
    const metrics = listMetricsWithin(20);
    expect(result.metrics.map((m) => m.key)).toEqual(metrics.map((m) => m.key));
    for (const [i, metric] of metrics.entries()) {
      const interval = result.overall[0]![i]!;
      expect(interval.mean, metric.key).toBeCloseTo(computeMeanMetric(outcomes(0.6), metric)!, 10);
      expect(interval.low <= interval.mean && interval.mean <= interval.high).toBe(true);
      expect(interval.low).toBeLessThan(interval.high);
    }
    expect(result.slices.map((s) => [s.by, s.value, s.questions])).toEqual([
      ["type", "bridge", WITH_GOLD.filter((q) => q.type === "bridge").length],
      ["type", "comparison", WITH_GOLD.filter((q) => q.type === "comparison").length],
      ["hops", "1", WITH_GOLD.filter((q) => q.goldIds.length === 1).length],
      ["hops", "2", WITH_GOLD.filter((q) => q.goldIds.length === 2).length],
    ]);
    const recall10 = metrics.findIndex((m) => m.key === "recall@10");
    expect(result.curves[0]!.find((p) => p.k === 10)!.recall).toBeCloseTo(
      result.overall[0]![recall10]!.mean,
      10,
    );
    expect((await server.plane.runReader.get(id)).headline).toMatchObject({
      metric: "retrieval/recall@10",
      value: 0.5,
    });
    expect((await server.plane.retrievalEvaluation.list())[0]).toMatchObject({
      id,
      corpus: "atlas",
      questionSet: "mine",
      headline: 0.5,
    });
  });

  it("gives a worker the ranks that are stored, so that it can go on", async () => {
    const id = await evaluate(0.4);
    const { questions, next } = await listRankedQuestions(server.plane.database.db, {
      runId: id,
      after: null,
    });
    expect(next).toBeNull();
    expect(new Map(questions.map((q) => [q.questionId, q.ranks]))).toEqual(
      new Map(
        WITH_GOLD.map((q) => [q.id, rankGold(buildRanking(q, 0.4, 20), q.goldIds, 20).ranks]),
      ),
    );
  });

  it("compares runs paired by question, over what all have ranked and to the depth that all reach", async () => {
    const [good, poor] = [await evaluate(0.95), await evaluate(0.1, { k: 12 }, WITH_GOLD.slice(5))];
    const result = await server.plane.retrievalEvaluation.compare([poor, good]);
    expect(result.depth).toBe(12);
    expect(result.counts.scored).toBe(52);
    const mrr = result.metrics.findIndex((m) => m.key === "mrr");
    const [difference] = result.differences;
    expect(difference![mrr]!.mean).toBeCloseTo(
      result.overall[1]![mrr]!.mean - result.overall[0]![mrr]!.mean,
      10,
    );
    expect(difference![mrr]!.low).toBeGreaterThan(0);
    const { rows, total } = await server.plane.retrievalEvaluation.listQuestions({
      runIds: [poor, good],
      k: 3,
      foundBy: good,
      missedBy: poor,
      limit: 10,
    });
    const expected = WITH_GOLD.slice(5).filter((q) => {
      const found = (skill: number, depth: number) =>
        rankGold(buildRanking(q, skill, depth), q.goldIds, 3).ranks.length === q.goldIds.length;
      return found(0.95, 20) && !found(0.1, 12);
    });
    expect(total).toBe(expected.length);
    expect(rows.map((r) => r.questionId)).toEqual(expected.slice(0, 10).map((q) => q.id));
    expect(rows[0]).toMatchObject({ runs: [{ found: false }, { found: true }] });
    const page = await server.plane.retrievalEvaluation.listQuestions({
      runIds: [good],
      k: 3,
      type: "bridge",
      hops: 2,
      text: "question 1",
      limit: 2,
      cursor: 2,
    });
    const matching = WITH_GOLD.filter(
      (q) => q.type === "bridge" && q.goldIds.length === 2 && q.question.startsWith("Question 1"),
    );
    expect([page.rows.map((r) => r.questionId), page.total]).toEqual([
      matching.slice(2, 4).map((q) => q.id),
      matching.length,
    ]);
  });

  it("lists no deleted run, and still measures it where its id is given", async () => {
    const id = await evaluate(0.7);
    const { retrievalEvaluation, runOrganiser } = server.plane;
    const listIds = async () => (await retrievalEvaluation.list()).map((row) => row.id);
    expect(await listIds()).toContain(id);
    await runOrganiser.update({ ids: [id], deleted: true });
    expect(await listIds()).not.toContain(id);
    expect((await retrievalEvaluation.compare([id])).runs).toMatchObject([{ id, ranked: 57 }]);
    await runOrganiser.update({ ids: [id], deleted: false });
    expect(await listIds()).toContain(id);
  });

  it("refuses, with the reason, what is not comparable or cannot be measured", async () => {
    const [a, b] = [
      await evaluate(0.5),
      await evaluate(0.5, { questions: "other" }, QUESTIONS.slice(0, 5)),
    ];
    const call = (runIds: string[]) => server.plane.retrievalEvaluation.compare(runIds);
    await expect(call([a, b])).rejects.toThrow(/on the same questions/);
    const elsewhere = await launch({
      corpus: "wiki",
      retriever: { kind: "remote", url: "http://127.0.0.1:9/retrieve" },
    });
    await expect(call([a, elsewhere])).rejects.toThrow(/on the same documents/);
    await server.plane.runs.cancel(elsewhere, { actor: "tester", reason: null });
    await expect(call(["00000000-0000-4000-8000-000000000009"])).rejects.toThrow(/There is no run/);
    await expect(launch({ questions: "bare" })).rejects.toThrow(/name no gold documents/);
    await expect(launch({ questions: "nowhere" })).rejects.toThrow(/no question set/);
    // The set is changed under its name: rankings of both versions exist.
    await server.plane.questionSets.store(
      "mine",
      QUESTIONS.map((q) => ({ ...q, answers: ["b"] })),
      "test",
    );
    const later = await evaluate(0.5);
    await expect(call([a, later])).rejects.toThrow(/was changed between/);
  });
});
