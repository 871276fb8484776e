import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compareResponseSchema } from "@/contracts/api/compare";
import { homeResultsResponseSchema } from "@/contracts/api/home";
import { runReportResponseSchema } from "@/contracts/api/report";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import { chooseQuestions } from "@/core/questions/choose-questions";
import { formatRuleId } from "@/core/scoring/rule-scoring";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { getPresetConfig, buildDocument, storeSamples } from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";
import { LeaderboardResults } from "./leaderboard-results";
import { finishRun, type FinishedRunOptions } from "./testing/finished-run";

let server: TestServer;
let worker: TestWorker;
const me = { actor: "test", preset: null };
const QUESTIONS = 8;
const config = (changes: object): PredictConfig =>
  predictConfigSchema.parse({ ...getPresetConfig("atlas-s3"), ...changes });
const generator = config({}).generator;

const buildQuestions = (set: string, note = "") =>
  Array.from({ length: QUESTIONS }, (_, i) => ({
    id: `q${i}`,
    question: `Question ${i} of ${set}${note}?`,
    answers: [`answer ${i}`],
    goldIds: ["d0", "d1"],
    type: null,
    group: null,
    goldQueries: [],
  }));

const ran = (wanted: PredictConfig, options: FinishedRunOptions = {}): Promise<string> =>
  finishRun(server, worker, wanted, { asked: [...Array(QUESTIONS).keys()], ...options });

/** The row and the scope under which a run's results by a scorer are shown. */
async function shown(runId: string, scorer = formatRuleId("span")) {
  const first = await server.plane.leaderboard.get({});
  for (const scope of first.scopes.filter((s) => s.scorer === scorer)) {
    const { rows } = await server.plane.leaderboard.get({ scope: scope.key });
    const row = rows.find(({ cells }) => cells.some((cell) => cell?.runId === runId));
    if (row) return { row, scope };
  }
  throw new Error(`run ${runId} is on no board of ${scorer}`);
}

beforeAll(async () => {
  server = await startTestServer({ timings: { leaseMs: 60_000 } });
  await storeSamples(server.plane);
  worker = await server.worker({ corpora: ["atlas", "mine"] });
});
afterAll(() => server.stop());

describe("a run on stored episodes", () => {
  const searched = {
    retriever: { kind: "bm25" },
    search: { retrieve: 5, select: 2, turns: 1 },
    questions: "reused",
  };
  beforeAll(() => server.plane.questionSets.store("reused", buildQuestions("reused"), "test"));

  it("is stored and listed with the settings that made them, whatever it was given", async () => {
    const source = await ran(config({ ...searched, name: "source" }));
    const given = config({
      questions: "reused",
      name: "anew",
      retriever: { kind: "dense" },
      search: { retrieve: 8, select: 3, turns: 3 },
      documents: 9,
      generator: { ...generator, maxTokens: 40 },
      reuse: { episodesOf: source },
    });
    expect(await server.plane.launcher.check(given)).toMatchObject({ issues: [] });
    const anew = await ran(given);
    const { config: stored } = await server.plane.runReader.get(anew);
    const { retriever, search, documents } = config(searched);
    expect(stored).toMatchObject({
      retriever,
      search,
      documents,
      generator: { maxTokens: 40 },
      reuse: { episodesOf: source },
    });
    expect((await shown(anew)).row).toMatchObject({
      label: "s3 5-2-1, untrained",
      detail: expect.stringContaining("BM25") as string,
    });
    expect((await shown(anew)).row.id).toBe((await shown(source)).row.id);
    // Answers that are kept are of the generator that gave them.
    const kept = await ran(
      config({
        questions: "reused",
        name: "kept",
        scorer: "f1",
        generator: { ...generator, maxTokens: 2000 },
        reuse: { episodesOf: anew, keepAnswers: true },
      }),
    );
    expect((await server.plane.runReader.get(kept)).config).toMatchObject({
      retriever,
      search,
      generator: { maxTokens: 40 },
      scorer: "f1",
    });
    // What is queued otherwise, as a sweep does, is told what differs.
    expect((await server.plane.referenceCheck.findIssues(given)).map(({ path }) => path)).toEqual([
      "retriever",
      "search",
      "methodSettings",
      "documents",
    ]);
  });

  it("needs neither the checkpoint nor the matched run of the source any more, but method, questions and corpus as they are", async () => {
    const source = await ran(config({ ...searched, method: "rag", name: "rag source" }));
    await server.plane.database.db
      .$executeRaw`UPDATE runs SET config = jsonb_set(config, '{searcher,checkpoint}', to_jsonb(gen_random_uuid())) WHERE id = ${source}::uuid`;
    const reuse = { episodesOf: source };
    expect(
      await server.plane.launcher.check(config({ method: "rag", questions: "reused", reuse })),
    ).toMatchObject({ issues: [] });
    await expect(
      server.plane.launcher.launch(
        config({ method: "rag", questions: "atlas/held-out", reuse }),
        me,
      ),
    ).rejects.toThrow(/questions: is "reused" in the run whose episodes are reused; give the same/);
  });

  it("is answered by the generator, also where the method answered itself; kept answers stay whose they are", async () => {
    const own = await ran(config({ method: "ircot", questions: "reused", name: "own" }), {
      promptStyle: "ircot/1",
    });
    const anew = await ran(
      config({
        method: "ircot",
        questions: "reused",
        name: "own anew",
        generator: { ...generator, maxTokens: 41 },
        reuse: { episodesOf: own },
      }),
    );
    expect((await shown(own)).row).toMatchObject({
      generates: false,
      detail: expect.stringContaining("answers itself · prompt ircot/1") as string,
    });
    const { row, scope } = await shown(anew);
    expect(row).toMatchObject({
      generates: true,
      detail: expect.not.stringContaining("answers itself") as string,
    });
    expect(scope).toMatchObject({ promptStyle: "few-shot/1", maxTokens: 41 });
    const [keptOwn, keptAnew] = [
      await ran(
        config({
          method: "ircot",
          questions: "reused",
          name: "k1",
          scorer: "f1",
          reuse: { episodesOf: own, keepAnswers: true },
        }),
        { promptStyle: "ircot/1" },
      ),
      await ran(
        config({
          method: "ircot",
          questions: "reused",
          name: "k2",
          scorer: "f1",
          reuse: { episodesOf: anew, keepAnswers: true },
        }),
      ),
    ];
    expect((await shown(keptOwn, "f1/1")).row.generates).toBe(false);
    expect((await shown(keptAnew, "f1/1")).row.generates).toBe(true);
  });

  it("of imported episodes is listed as imported: their settings are not known", async () => {
    const source = await ran(config({ ...searched, name: "files" }));
    await server.plane.database.db
      .$executeRaw`UPDATE runs SET imported_from = 'results/s3' WHERE id = ${source}::uuid`;
    const anew = await ran(
      config({
        questions: "reused",
        name: "files anew",
        generator: { ...generator, maxTokens: 42 },
        reuse: { episodesOf: source },
      }),
    );
    expect((await shown(anew)).row).toMatchObject({
      imported: true,
      label: "s3",
      detail: "results/s3, answered anew",
    });
  });
});

describe("common ranks", () => {
  it("are given to answers of one length only, with the reason", async () => {
    await server.plane.questionSets.store("lengths", buildQuestions("lengths"), "test");
    const short = await ran(config({ questions: "lengths", name: "short" }));
    const long = await ran(
      config({
        questions: "lengths",
        name: "long",
        method: "rag",
        generator: { ...generator, maxTokens: 64 },
      }),
    );
    const reasons = [{ code: "token-limit", values: { tokens: 64 } }];
    const { scope } = await shown(short);
    expect(scope).toMatchObject({ maxTokens: 12 });
    const board = await server.plane.leaderboard.get({ scope: scope.key });
    expect(board.excluded.find(({ runId }) => runId === long)?.reasons).toEqual(reasons);
    expect(
      (await server.plane.predictionComparison.compare({ runs: [short, long] })).differences,
    ).toEqual([{ runId: long, reasons }]);
  });
});

describe("versions", () => {
  const documents = (note: string) =>
    ["d0", "d1", "d2", "d3"].map((id) => ({ ...buildDocument(id), text: `${note} ${id}` }));
  let set = "";
  let sets = 0;
  beforeEach(async () => {
    set = `versions ${sets++}`;
    await server.plane.questionSets.store(set, buildQuestions(set), "test");
  });
  const launch = (like: string) =>
    server.plane.leaderboard.launch({ methods: ["s3"], like, questions: set, limit: null }, "test");
  const cancel = async (runs: { runId: string }[]) => {
    for (const { runId } of runs)
      await server.plane.runs.cancel(runId, { actor: "test", reason: null });
  };

  it("a set that was imported anew lacks its results, also while the old version's run is under way", async () => {
    const before = await ran(config({ questions: set, name: "before" }));
    expect(await launch(before)).toEqual({
      launched: [],
      present: [{ method: "s3", runId: before }],
      examples: 0,
      rescored: [],
    });
    const waiting = await server.plane.launcher.launch(
      config({ questions: set, name: "waiting", generator: { ...generator, maxTokens: 20 } }),
      me,
    );
    expect((await launch(waiting.id)).present).toEqual([{ method: "s3", runId: waiting.id }]);
    await server.plane.questionSets.store(set, buildQuestions(set, " again"), "test");
    const [anew, other] = [await launch(before), await launch(waiting.id)];
    expect([anew.present, other.present]).toEqual([[], []]);
    expect((await launch(before)).present).toEqual(anew.launched);
    await cancel(
      [waiting, ...anew.launched, ...other.launched].map((run) => ({
        runId: "id" in run ? run.id : run.runId,
      })),
    );
  });

  it("where the searcher that is to be copied is not kept, says so, and what can be done is possible", async () => {
    const { searcher } = config({});
    const like = await server.plane.runs.create(
      config({
        questions: set,
        name: "of the example",
        searcher: { ...searcher, checkpoint: randomUUID() },
      }),
      { actor: EXAMPLE_ACTOR, preset: null },
    );
    await server.plane.runs.cancel(like, { actor: "test", reason: null });
    await expect(launch(like)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringMatching(
        /"of the example" is not kept.*no weights.*untrained/,
      ) as string,
    });
    const request = { methods: ["s3" as const], like, questions: set, limit: null };
    const { launched } = await server.plane.leaderboard.launch(
      { ...request, untrained: true },
      "test",
    );
    const run = await server.plane.runReader.get(launched[0]!.runId);
    expect(run.config).toMatchObject({ method: "s3", searcher: { checkpoint: null } });
    await cancel(launched);
  });

  it("however the endpoint is asked, what is there is not launched again", async () => {
    const before = await ran(
      config({
        questions: set,
        name: "asked",
        generator: {
          ...generator,
          connection: { ...generator.connection, concurrency: 2 },
          ragDocuments: 7,
        },
      }),
    );
    const like = await server.plane.launcher.launch(
      config({ questions: "atlas/held-out", name: "like" }),
      me,
    );
    expect((await launch(like.id)).present).toEqual([{ method: "s3", runId: before }]);
    await cancel([{ runId: like.id }]);
  });

  it("of a corpus are fixed when a run begins; stored episodes keep theirs, and what is of an old one is missing", async () => {
    const readVersion = async (id: string) =>
      (
        await server.plane.database.db.$queryRaw<
          { version: string | null }[]
        >`SELECT corpus_version AS version FROM runs WHERE id = ${id}::uuid`
      )[0]!.version;
    const during = await ran(config({ questions: set, name: "during" }), {
      meanwhile: () => server.plane.storedCorpora.store("atlas", documents("new"), "test"),
    });
    const after = await ran(config({ questions: set, name: "after", method: "rag" }));
    const [old, now] = [await readVersion(during), await readVersion(after)];
    expect(now).not.toBe(old);
    const anew = await ran(
      config({
        questions: set,
        name: "old documents",
        generator: { ...generator, maxTokens: 30 },
        reuse: { episodesOf: during },
      }),
    );
    expect(await readVersion(anew)).toBe(old);
    expect(
      (await server.plane.predictionComparison.compare({ runs: [during, after] })).differences,
    ).toEqual([
      { runId: after, reasons: [{ code: "corpus-version", values: { corpus: "atlas" } }] },
    ]);
    const missing = await launch(during);
    expect(missing.present).toEqual([]);
    await cancel(missing.launched);
  });

  it("of an online search are the days on which it was fetched", async () => {
    const retriever = { kind: "online", url: "http://127.0.0.1:8888" };
    const web = config({ questions: set, name: "web", method: "rag", retriever });
    const earlier = await ran(web, {
      fetchedAt: (question) => `2026-11-${20 + (question % 2)}T23:59:59.500Z`,
    });
    const later = await ran(web, { fetchedAt: () => "2026-11-30T00:00:00.000Z" });
    const corpus = await ran(config({ questions: set, name: "corpus", method: "rag" }));
    expect(
      (await server.plane.predictionComparison.compare({ runs: [earlier, later, corpus] }))
        .differences,
    ).toEqual([
      {
        runId: later,
        reasons: [{ code: "corpus", values: { corpus: "web, fetched 2026-11-30" } }],
      },
      { runId: corpus, reasons: [{ code: "corpus", values: { corpus: "atlas" } }] },
    ]);
    expect((await shown(earlier)).scope.corpus).toBe("web, fetched 2026-11-20 to 2026-11-21");
    const [{ id }] = await server.plane.database.db.$queryRaw<
      [{ id: string }]
    >`SELECT id FROM episodes WHERE run_id = ${later}::uuid LIMIT 1`;
    const { record } = await server.plane.episodeReader.get(id);
    expect(record.episode.steps.find(({ kind }) => kind === "retrieve")).toMatchObject({
      fetchedAt: "2026-11-30T00:00:00.000Z",
    });
  });

  it("of a corpus that only workers hold are those of its import", async () => {
    const report = (hash: string | null) =>
      worker.request("corpora", {
        corpora: ["atlas", "mine"].map((name) => ({
          name,
          hash,
          documents: 1,
          bytes: 1,
          samples: [],
          indexes: [],
          manifest:
            hash === null
              ? null
              : {
                  version: 1,
                  name,
                  hash,
                  documents: 1,
                  bytes: 1,
                  memoryPerPassage: 1,
                  importedAt: 1,
                  runId: "00000000-0000-4000-8000-000000000001",
                  source: {
                    kind: "upload",
                    from: "f",
                    format: "jsonl",
                    files: 1,
                    bytes: 1,
                    sha256: hash,
                    first: [],
                  },
                  contentsForms: null,
                  licence: "",
                  lengths: { upTo: [null], counts: [1], shortest: 1, longest: 1, mean: 1 },
                  duplicates: { passages: 0, texts: 0 },
                  reading: null,
                  badLines: { total: 0, first: [] },
                  warnings: { total: 0, first: [] },
                },
        })),
      });
    await report("a".repeat(64));
    const mine = (changes: object) => config({ corpus: "mine", questions: set, ...changes });
    const first = await ran(mine({ name: "first" }), { meanwhile: () => report("b".repeat(64)) });
    const second = await ran(mine({ name: "second", method: "rag" }));
    expect(
      (await server.plane.predictionComparison.compare({ runs: [first, second] })).differences,
    ).toEqual([
      { runId: second, reasons: [{ code: "corpus-version", values: { corpus: "mine" } }] },
    ]);
    const missing = await launch(first);
    expect(missing.present).toEqual([]);
    await cancel(missing.launched);
  });
});

describe("questions of several data sources", () => {
  const set = "sources";
  const types = ["nq", "nq", "nq", "hotpotqa", "hotpotqa", "hotpotqa", "hotpotqa", "hotpotqa"];
  beforeAll(() =>
    server.plane.questionSets.store(
      set,
      buildQuestions(set).map((question, i) => ({
        ...question,
        type: types[i]!,
        ...(i === 7 && { answers: ["yes"] }),
      })),
      "test",
    ),
  );

  it("have a figure each, and the share of unread replies stands beside the whole", async () => {
    const run = await ran(config({ name: "whole", questions: set }), {
      isUnread: (question) => question < 2,
    });
    // Even questions are right.
    const parts = {
      mean: 0.5,
      types: [
        { type: "nq", scored: 3, mean: 2 / 3 },
        { type: "hotpotqa", scored: 5, mean: 2 / 5 },
      ],
      replies: 8,
      unread: 2,
    };
    const { row } = await shown(run);
    expect(row.cells.find((cell) => cell?.runId === run)).toMatchObject(parts);
    expect(await server.plane.leaderboard.readRunStatistics(run)).toContainEqual(
      expect.objectContaining(parts),
    );
    // Wherever else the figure is shown.
    const other = await ran(config({ name: "without a judge", questions: set }));
    const compared = await server.plane.predictionComparison.compare({ runs: [run, other] });
    expect(compareResponseSchema.parse(compared).runs).toMatchObject([parts, { replies: 0 }]);
    const { best } = homeResultsResponseSchema.parse(await server.plane.home.readResults());
    expect(best.find(({ questionSet }) => questionSet === set)).toMatchObject({
      types: parts.types,
    });
    const report = runReportResponseSchema.parse(await server.plane.reportReader.read(run));
    expect(report.scores?.unread).toMatchObject([{ replies: 8, unread: 2 }]);
  });

  it("are a column of their own where a seed draws some of each, or yes and no are left out", async () => {
    const sample = { questions: set, limit: 2, sampleSeed: 42 };
    const chosen = chooseQuestions(
      types.map((type, id) => ({ id, type, answers: ["x"] })),
      sample,
    ).map(({ id }) => id);
    const sampled = await ran(config({ name: "sampled", ...sample }), { asked: chosen });
    const filtered = await ran(config({ name: "filtered", questions: set, skipYesNo: true }), {
      asked: [0, 1, 2, 3, 4, 5, 6],
    });
    const board = await server.plane.leaderboard.get({ scope: (await shown(sampled)).scope.key });
    const columns = board.columns.filter(({ questionSet }) => questionSet === set);
    expect(columns).toMatchObject([
      { limit: null, questions: 8 },
      { limit: null, skipYesNo: true, questions: 7 },
      { limit: 2, sampleSeed: 42, questions: 4 },
    ]);
    const cells = board.rows.flatMap((row) => row.cells.filter((cell) => cell !== null));
    for (const run of [sampled, filtered])
      expect(cells.find(({ runId }) => runId === run)).toMatchObject({ reason: null });
    const summary = await server.plane.scoring.readSummary(sampled);
    expect(summary).toMatchObject({ questions: 4, missing: 0 });
    const compared = await server.plane.predictionComparison.compare({ runs: [sampled, filtered] });
    expect(compared.differences).toEqual([
      {
        runId: filtered,
        reasons: [
          { code: "all-questions", values: {} },
          { code: "without-yes-no", values: {} },
        ],
      },
    ]);
  });

  it("are counted once for each choice, however many results there are", async () => {
    const set = "counted";
    await server.plane.questionSets.store(set, buildQuestions(set), "test");
    const choice = { questions: set, limit: 2, sampleSeed: 42 };
    for (const method of ["s3", "rag", "rag"])
      await ran(config({ name: "counted", method, ...choice }), { asked: [0, 1] });
    // Makes the statistics of all of them.
    await server.plane.leaderboard.get({});
    const { db } = server.plane.database;
    const counts: unknown[] = [];
    const $queryRaw = (query: { sql: string; values: unknown[] }) => {
      if (query.sql.includes('"hasGold"')) counts.push(query.values[0]);
      return db.$queryRaw(query as never);
    };
    const counted = { db: { $queryRaw } } as unknown as typeof server.plane.database;
    const results = new LeaderboardResults(counted);
    await results.read();
    const found = (await results.read()).filter(({ config }) => config.questions === set);
    expect(found.map(({ expected }) => expected)).toEqual([2, 2, 2]);
    expect(counts.filter((setId) => setId === found[0]!.setId)).toHaveLength(1);
  });
});
