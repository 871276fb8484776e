import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EpisodeRecord } from "@/contracts/records/episode";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import { bootstrapClusters } from "@/core/statistics/bootstrap";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import {
  getPresetConfig,
  buildDocuments,
  buildRecord,
  storeSamples,
} from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";

let server: TestServer;
let worker: TestWorker;
const INCOMPLETE = {
  code: "incomplete",
  values: { scored: 5, expected: 12, unscored: 0, failed: 0 },
};

beforeAll(async () => {
  server = await startTestServer({ timings: { leaseMs: 60_000 } });
  await storeSamples(server.plane);
  const grouped = Array.from({ length: 12 }, (_, i) => ({
    id: `q${i}`,
    question: `Grouped ${i}?`,
    answers: [`answer ${i}`],
    goldIds: ["d0", "d1"],
    type: null,
    group: `country ${i % 4}`,
    goldQueries: [],
  }));
  await server.plane.questionSets.store("grouped", grouped, "test");
  worker = await server.worker();
});
afterAll(() => server.stop());

const config = (changes: Partial<PredictConfig>): PredictConfig =>
  predictConfigSchema.parse({ ...getPresetConfig("atlas-s3"), ...changes });

/** Runs a prediction whose answers are right where `right` says so. @returns its run */
async function answered(
  changes: Partial<PredictConfig>,
  right: readonly boolean[],
  options: { finish?: boolean; change?: (record: EpisodeRecord) => EpisodeRecord } = {},
): Promise<string> {
  const wanted = config(changes);
  const { id } = await server.plane.launcher.launch(wanted, { actor: "test", preset: null });
  const run = await worker.leaseAndStart();
  expect(run.runId).toBe(id);
  const records = right.map((isRight, question) => {
    const record = buildRecord({ step: null, phase: "predict", question, right: isRight });
    const made = {
      ...record,
      episode: { ...record.episode, key: `${id} ${question}`, method: wanted.method },
      answer: { ...record.answer!, key: `${id} ${question}` },
    };
    return options.change ? options.change(made) : made;
  });
  await worker.request("report", {
    runId: run.runId,
    attempt: run.attempt,
    sequence: 1,
    items: [
      {
        kind: "episodes",
        corpus: wanted.corpus,
        questions: wanted.questions,
        documents: buildDocuments(),
        records,
      },
    ],
  });
  await worker.request("transition", {
    runId: run.runId,
    attempt: run.attempt,
    to: options.finish === false ? "failed" : "succeeded",
    reason: options.finish === false ? "stopped" : null,
  });
  return id;
}

const marks = (text: string): boolean[] => [...text].map((c) => c === "1");

describe("the leaderboard", () => {
  let [s3, rag, half] = ["", "", ""];
  beforeAll(async () => {
    rag = await answered(
      { method: "rag", questions: "grouped", name: "rag" },
      marks("000100010000"),
    );
    s3 = await answered({ method: "s3", questions: "grouped", name: "s3" }, marks("111110111011"));
    half = await answered(
      { method: "rag", documents: 5, questions: "grouped", name: "half" },
      marks("11110"),
      { finish: false },
    );
  });

  it("shows the ceiling beside the methods, never among them, over the questions that name gold documents", async () => {
    expect((await server.plane.leaderboard.get({})).columns[0]!.ceiling).toBeNull();
    expect((await server.plane.leaderboard.readRunStatistics(s3))[0]!.ceiling).toBeNull();
    const evidence = (record: EpisodeRecord): EpisodeRecord => ({
      ...record,
      episode: {
        ...record.episode,
        steps: record.episode.steps.filter(({ kind }) => kind === "select" || kind === "stop"),
      },
    });
    const like = { like: s3, questions: "grouped", limit: null };
    const gold = await answered(
      { method: "gold", questions: "grouped", name: "gold" },
      marks("111111111110"),
      { change: evidence },
    );
    const board = await server.plane.leaderboard.get({});
    expect(board.columns[0]!.ceiling).toMatchObject({
      runId: gold,
      mean: 11 / 12,
      scored: 12,
      expected: 12,
    });
    expect(board.rows.map(({ method }) => method)).not.toContain("gold");
    expect(board.rows.flatMap(({ cells }) => cells.map((cell) => cell?.rank))).toContain(1);
    expect((await server.plane.leaderboard.readRunStatistics(s3))[0]!.ceiling).toMatchObject({
      runId: gold,
      mean: 11 / 12,
    });
    expect((await server.plane.leaderboard.readRunStatistics(gold))[0]).toMatchObject({
      ceiling: null,
      attribution: { correct: 11, generatorFailed: 1 },
    });
    // It is the same whatever finds the documents of the others, so it is not measured again.
    expect(await server.plane.leaderboard.launch({ methods: ["gold"], ...like }, "test")).toEqual({
      launched: [],
      present: [{ method: "gold", runId: gold }],
      examples: 0,
      rescored: [],
    });
    // A set of which only some questions name gold documents: the others are no part of it.
    const mixed = Array.from({ length: 6 }, (_, i) => ({
      id: `q${i}`,
      question: `Mixed ${i}?`,
      answers: [`answer ${i}`],
      goldIds: i < 4 ? ["d0", "d1"] : [],
      type: null,
      group: null,
      goldQueries: [],
    }));
    await server.plane.questionSets.store("mixed", mixed, "test");
    const some = await answered(
      { method: "gold", questions: "mixed", limit: 5, name: "some" },
      marks("1110"),
      { change: evidence },
    );
    expect(await server.plane.scoring.readSummary(some)).toMatchObject({
      questions: 4,
      answered: 4,
      missing: 0,
    });
    await server.plane.questionSets.store(
      "bare",
      mixed.map((question) => ({ ...question, goldIds: [] })),
      "test",
    );
    await expect(
      server.plane.leaderboard.launch(
        { methods: ["gold"], like: s3, questions: "bare", limit: null },
        "test",
      ),
    ).rejects.toThrow(/name no gold documents/);
  });

  it("shows each result with its interval over groups, ranks what is complete and says why the rest has no rank", async () => {
    const board = await server.plane.leaderboard.get({});
    expect(board.columns).toMatchObject([{ questionSet: "grouped", limit: null, questions: 12 }]);
    const findCell = (run: string) =>
      board.rows.flatMap((row) => row.cells).find((cell) => cell?.runId === run);
    const wanted = bootstrapClusters(
      marks("111110111011").map((value, i) => ({ value: Number(value), cluster: `${i % 4}` })),
    );
    expect(findCell(s3)).toMatchObject({
      rank: 1,
      scored: 12,
      expected: 12,
      clusters: 4,
      mean: 10 / 12,
      low: wanted.low,
      high: wanted.high,
      searches: 1,
      documents: 2,
      attribution: { correct: 10, generatorFailed: 2 },
    });
    expect(findCell(s3)?.seconds).toBeCloseTo(0.01 + 0.5 + 0.5 + 0.01 + 0.5 + 0.25, 5);
    expect(findCell(rag)).toMatchObject({ rank: 2, comparison: null, reason: null });
    expect(findCell(half)).toMatchObject({
      rank: null,
      reason: INCOMPLETE,
      comparison: null,
    });
    expect(board.rows.find((row) => row.id === board.reference)?.method).toBe("rag");
    expect(board.averaged, "one row is incomplete").toEqual([]);
  });

  it("tests against the reference with the counts of who alone is right", async () => {
    const board = await server.plane.leaderboard.get({});
    const comparison = board.rows.find((row) => row.method === "s3")?.cells[0]?.comparison;
    expect(comparison).toMatchObject({
      pairs: 12,
      difference: 8 / 12,
      mcNemar: { onlyFirst: 8, onlySecond: 0, exactP: expect.closeTo(2 / 2 ** 8, 12) as number },
      mcNemarHolm: expect.closeTo(2 / 2 ** 8, 12) as number,
    });
    expect(comparison!.low).toBeGreaterThan(0);
    const turned = await server.plane.leaderboard.get({
      reference: board.rows.find((row) => row.method === "s3")!.id,
    });
    expect(
      turned.rows.find((row) => row.cells[0]?.runId === rag)?.cells[0]?.comparison,
    ).toMatchObject({ difference: -8 / 12, mcNemar: { onlyFirst: 0, onlySecond: 8 } });
  });

  it("keeps apart what is of another generator, and names why", async () => {
    const other = await answered(
      {
        method: "rag",
        questions: "grouped",
        name: "other",
        generator: { ...config({}).generator, model: "qwen", endpoint: "http://127.0.0.1:9/v1" },
      },
      marks("111111111111"),
      {
        change: (r) => ({ ...r, answer: { ...r.answer!, generator: "qwen", promptStyle: "chat" } }),
      },
    );
    const board = await server.plane.leaderboard.get({});
    expect(board.scopes).toHaveLength(2);
    expect(board.excluded).toMatchObject([
      {
        runId: other,
        reasons: [
          { code: "generator", values: { generator: "qwen" } },
          { code: "prompt", values: { promptStyle: "chat" } },
        ],
      },
    ]);
    const theirs = await server.plane.leaderboard.get({ scope: board.scopes[1]!.key });
    expect(theirs.rows.map((row) => row.cells[0]?.runId)).toEqual([other]);
    expect(theirs.averaged).toHaveLength(1);
    expect(theirs.rows[0]?.average).toBe(1);
  });

  it("follows scores that come later: another scorer is another scope, and doubt is attributed to the scorer", async () => {
    const { db } = server.plane.database;
    // Exact match is strict by design: that it and one judging scorer differ is no doubt.
    await db.$executeRaw`
      INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT e.answer_id, e.set_id, e.question_id, 'exact-match@1', 0 FROM episodes e WHERE e.run_id = ${s3}::uuid`;
    const strict = async () =>
      (await server.plane.leaderboard.readRunStatistics(s3)).find(
        (r) => r.scorer === "exact-match@1",
      )?.attribution;
    expect(await strict()).toMatchObject({ correct: 0, scorerDoubtful: 0 });
    await db.$executeRaw`
      INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT e.answer_id, e.set_id, e.question_id, 'judge@1', CASE WHEN e.question_id = 'q5' THEN 1 ELSE s.value END FROM episodes e JOIN scores s ON s.id = e.score_id WHERE e.run_id = ${s3}::uuid`;
    const board = await server.plane.leaderboard.get({});
    const judged = board.scopes.find((scope) => scope.scorer === "judge@1");
    const theirs = await server.plane.leaderboard.get({ scope: judged?.key });
    expect(theirs.rows[0]?.cells[0]).toMatchObject({
      mean: 11 / 12,
      attribution: { correct: 11, scorerDoubtful: 0, generatorFailed: 1 },
    });
    const ofRun = await server.plane.leaderboard.readRunStatistics(s3);
    expect(ofRun.find((r) => r.scorer === "span/2")?.attribution).toEqual({
      correct: 10,
      scorerDoubtful: 1,
      neverRetrieved: 0,
      notSelected: 0,
      generatorFailed: 1,
      noGold: 0,
      withGold: 12,
      withGoldCorrect: 10,
    });
    expect(await strict(), "judge and span differ on one answer").toMatchObject({
      correct: 0,
      scorerDoubtful: 1,
    });
    // Another version of a scorer is no other judge.
    await db.$executeRaw`
      INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT e.answer_id, e.set_id, e.question_id, 'span/1', 1 - s.value FROM episodes e JOIN scores s ON s.id = e.score_id WHERE e.run_id = ${s3}::uuid`;
    expect(await strict()).toMatchObject({ scorerDoubtful: 1 });
    await db.$executeRaw`DELETE FROM scores WHERE scorer IN ('judge@1', 'exact-match@1', 'span/1')`;
    expect(
      (await server.plane.leaderboard.get({})).scopes.some((scope) => scope.scorer === "judge@1"),
    ).toBe(false);
  });

  it("keeps the versions of a scorer apart, and scores again what an earlier one alone has scored", async () => {
    const { db } = server.plane.database;
    const copyScores = (from: string, to: string) => db.$executeRaw`
      INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT answer_id, set_id, question_id, ${to}::text, value FROM scores WHERE scorer = ${from}`;
    /** Scores come and go in the product, and are never renamed: only then statistics are made anew. */
    const renameScores = async (from: string, to: string) => {
      await db.$executeRaw`UPDATE scores SET scorer = ${to} WHERE scorer = ${from}`;
      await copyScores(to, "f1/1");
      await db.$executeRaw`DELETE FROM scores WHERE scorer = 'f1/1'`;
    };
    const listShown = async () => {
      const { scopes, rows } = await server.plane.leaderboard.get({});
      const results = ["span/2", "span/1"].map((name) =>
        scopes.filter(({ scorer }) => scorer === name).map((scope) => scope.results),
      );
      return { results, first: scopes[0]!.scorer, rows: rows.length };
    };
    const before = await listShown();
    expect(before).toMatchObject({ first: "span/2", results: [expect.any(Array), []] });

    await renameScores("span/2", "span/1");
    const [scored] = before.results;
    expect(await listShown()).toMatchObject({ first: "span/1", results: [[], scored] });
    // Nobody is asked again: the answers are there, and the present version scores them.
    const request = {
      methods: ["s3", "rag"] as const,
      like: s3,
      questions: "grouped",
      limit: null,
    };
    const launch = () =>
      server.plane.leaderboard.launch({ ...request, methods: [...request.methods] }, "test");
    const rescored = [s3, rag].map((runId, i) => ({ method: request.methods[i], runId }));
    expect(await launch()).toEqual({ launched: [], present: [], examples: 0, rescored });
    expect(await launch()).toMatchObject({ launched: [], rescored: [], present: { length: 2 } });
    expect((await listShown()).results, "the two of the present version").toEqual([[2], scored]);

    // No row holds results of both.
    await db.$executeRaw`DELETE FROM scores WHERE scorer <> 'span/1'`;
    await copyScores("span/1", "span/2");
    expect(await listShown()).toEqual({ ...before, results: [scored, scored] });

    await db.$executeRaw`DELETE FROM scores WHERE scorer = 'span/2'`;
    await renameScores("span/1", "span/2");
    expect(await listShown()).toEqual(before);
  });

  it("launches only what is missing, with matching settings", async () => {
    const like = s3;
    const first = await server.plane.leaderboard.launch(
      { methods: ["s3", "rag"], like, questions: "grouped", limit: null },
      "test",
    );
    expect(first).toEqual({
      launched: [],
      present: [
        { method: "s3", runId: s3 },
        { method: "rag", runId: rag },
      ],
      examples: 0,
      rescored: [],
    });
    const second = await server.plane.leaderboard.launch(
      { methods: ["s3", "rag"], like, questions: "grouped", limit: 4 },
      "test",
    );
    expect(second.launched.map((l) => l.method)).toEqual(["s3", "rag"]);
    const again = await server.plane.leaderboard.launch(
      { methods: ["s3", "rag"], like: null, questions: "grouped", limit: 4 },
      "test",
    );
    expect(again.launched).toEqual([]);
    const detail = await server.plane.runReader.get(second.launched[1]!.runId);
    expect(detail.config).toMatchObject({
      method: "rag",
      limit: 4,
      generator: config({}).generator,
      retriever: config({}).retriever,
      scorer: "span",
    });
    expect((await server.plane.leaderboard.get({})).active.map((run) => run.method)).toEqual([
      "s3",
      "rag",
    ]);
    await expect(
      server.plane.leaderboard.launch(
        { methods: ["s3", "rag"], like, questions: "nowhere", limit: null },
        "test",
      ),
    ).rejects.toThrow(/no question set "nowhere"/);
    const seeded = { methods: ["rag" as const], questions: "grouped", limit: null, sampleSeed: 42 };
    const refused = server.plane.leaderboard.launch(seeded, "test");
    await expect(refused).rejects.toMatchObject({ code: "invalid-input" });
    for (const { runId } of second.launched)
      await server.plane.runs.cancel(runId, { actor: "test", reason: null });
  });

  it("compares question by question", async () => {
    const compared = await server.plane.predictionComparison.compare({ runs: [s3, rag] });
    expect(compared).toMatchObject({
      common: 12,
      scorer: "span/2",
      differences: [],
      runs: [{ method: "s3" }, { method: "rag" }],
    });
    expect(compared.patterns).toEqual([
      { mask: 1, questions: 8 },
      { mask: 0, questions: 2 },
      { mask: 3, questions: 2 },
    ]);
    expect(compared.pairs).toMatchObject([
      { first: 0, second: 1, mcNemar: { onlyFirst: 8, onlySecond: 0 } },
    ]);
    const gained = await server.plane.predictionComparison.listQuestions({
      runs: [s3, rag],
      scorer: "span/2",
      right: [0],
      wrong: [1],
      limit: 5,
    });
    expect(gained.total).toBe(8);
    expect(gained.rows.map((row) => row.id)).toEqual(["q0", "q1", "q2", "q4", "q6"]);
    expect(gained.rows[0]?.results).toMatchObject([
      { score: 1, searches: 1, documents: 2 },
      { score: 0 },
    ]);
    const rest = await server.plane.predictionComparison.listQuestions({
      runs: [s3, rag],
      scorer: "span/2",
      right: [0],
      wrong: [1],
      limit: 5,
      cursor: gained.nextCursor,
    });
    expect(rest.rows.map((row) => row.id)).toEqual(["q8", "q10", "q11"]);
    const found = await server.plane.predictionComparison.listQuestions({
      runs: [s3, rag],
      scorer: "span/2",
      right: [],
      wrong: [],
      text: "Grouped 3",
      limit: 5,
    });
    expect(found.rows.map((row) => row.id)).toEqual(["q3"]);
    const incomplete = await server.plane.predictionComparison.compare({ runs: [s3, half] });
    expect(incomplete).toMatchObject({
      common: 5,
      differences: [{ runId: half, reasons: [INCOMPLETE] }],
    });
  });

  it("refuses runs that answered different questions", async () => {
    const elsewhere = await answered(
      { method: "rag", questions: "atlas/held-out", name: "elsewhere" },
      marks("11111111"),
    );
    await expect(
      server.plane.predictionComparison.compare({ runs: [s3, elsewhere] }),
    ).rejects.toThrow(/answered atlas\/held-out, not grouped/);
    const board = await server.plane.leaderboard.get({});
    expect(board.columns.map((column) => column.questionSet)).toEqual([
      "atlas/held-out",
      "grouped",
    ]);
  });
});

describe("what results leave open", () => {
  it("ranks as intervals with tie groups, averages over seeds, and plans from their variance", async () => {
    const single = Array.from({ length: 24 }, (_, i) => ({
      id: `q${i}`,
      question: `Single ${i}?`,
      answers: [`answer ${i}`],
      goldIds: ["d0", "d1"],
      type: null,
      group: null,
      goldQueries: [],
    }));
    await server.plane.questionSets.store("single", single, "test");
    const on = { questions: "single" } as const;
    const weak = marks("000000000000000000000100");
    await answered({ ...on, method: "rag", name: "weak" }, weak);
    await answered({ ...on, method: "rag", documents: 7, name: "twin" }, weak);
    const first = marks("111111111111111111100000");
    const second = marks("111111111111111000001111");
    await answered({ ...on, method: "s3", seed: 1, name: "seed 1" }, first);
    const newest = await answered({ ...on, method: "s3", seed: 2, name: "seed 2" }, second);
    const board = await server.plane.leaderboard.get({});
    const column = board.columns.findIndex(({ questionSet }) => questionSet === "single");
    const read = (method: string) =>
      board.rows.flatMap((row) =>
        row.method === method && row.cells[column] ? [{ ...row, cell: row.cells[column] }] : [],
      );
    const [strong] = read("s3");
    expect(strong!.cell).toMatchObject({
      runId: newest,
      runs: 2,
      rankInterval: { low: 1, high: 1, group: "a" },
      seeds: { mean: 19 / 24, deviation: 0, runs: [{ seed: 1 }, { seed: 2, runId: newest }] },
    });
    expect(read("rag").map(({ cell }) => cell.rankInterval)).toEqual([
      { low: 2, high: 3, group: "b" },
      { low: 2, high: 3, group: "b" },
    ]);
    expect(read("rag").every(({ cell }) => cell.seeds === null)).toBe(true);
    const reference = board.rows.find(({ id }) => id === board.reference)!;
    const wanted = {
      scope: board.scope!,
      column: board.columns[column]!.id,
      row: strong!.key,
      reference: read("rag")[0]!.key,
    };
    expect(await server.plane.leaderboard.get({ reference: reference.key })).toMatchObject({
      reference: reference.id,
    });
    const plan = await server.plane.leaderboard.plan(wanted);
    expect(plan).toMatchObject({ questions: 24, clusters: 24, seeds: [2, 1] });
    expect(plan.difference).toBeCloseTo(18 / 24, 10);
    // Eight of 24 questions change between two seeds of the same mean: 8 x 1/2 / 23.
    expect(plan.variance).toMatchObject({
      withinQuestions: expect.closeTo(4 / 23, 10) as number,
      betweenSeeds: 0,
    });
    const unknown = server.plane.leaderboard.plan({ ...wanted, reference: "nothing" });
    await expect(unknown).rejects.toThrow(/no complete result/);
    expect(strong!.cell.comparison?.smallestDifference ?? 1).toBeGreaterThan(0);
  });
});
