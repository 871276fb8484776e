import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { buildDocument, buildDocuments, buildRecord, storeSamples } from "@/server/testing/samples";
import { CASES_DIR } from "@/lib/testing/shared";
import { conversation, docs, file, importFiles } from "./testing/upstream-files";

const CORRECTED = join(CASES_DIR, "83-upstream-corrected", "out");

const unknownSearches = (n: number, of: number): string =>
  `${n} of ${of} episodes show no search in the files: their queries and windows are unknown, not none.`;
const asked = (i: number) => `Question ${i} of atlas/held-out?`;

describe("upstream's files", () => {
  let server: TestServer;
  const bring = (files: { path: string; content: string }[], rest: object = {}) =>
    importFiles(server, files, rest);
  beforeAll(async () => {
    server = await startTestServer();
    await storeSamples(server.plane);
  });
  afterAll(() => server.stop());

  const folder = [
    file("nq_output_sequences.json", {
      "who wrote it?": {
        golden_answers: ["Ann", "A. B."],
        context_with_info: docs("d0", "d1"),
        response_str: conversation("who wrote it?", ["d0", "d2"], ["d1"]),
      },
      "where is it?": { golden_answers: ["Rome"], context_with_info: "", response_str: "" },
    }),
    file("results/s3.json", {
      nq: {
        "who wrote it?": { answer: "Ann", score: 1, em_score: 1 },
        "where is it??": { answer: "in Rome", score: 1, em_score: 0 },
        constructor: { answer: "x", score: 0 },
      },
    }),
    file("results/s3_stats.json", {
      total_questions: 3,
      processed_questions: 3,
      data_source_stats: { nq: { total: 3, correct: 2, accuracy: 0.6667 } },
    }),
    file("notes.json", { a: 1 }),
  ];

  it("become a run that is marked external, with a set of their own, episodes and scores", async () => {
    const { runs, skipped, problems } = await bring(folder);
    expect([skipped, problems]).toEqual([["notes.json"], []]);
    expect(runs).toMatchObject([
      {
        dataset: "nq",
        questions: "upstream/nq",
        episodes: 2,
        scored: 2,
        accuracy: 1,
        unmatched: ["constructor"],
        notes: [
          unknownSearches(1, 2),
          expect.stringContaining("state 3 questions and accuracy 0.6667"),
        ],
      },
    ]);
    const run = await server.plane.runReader.get(runs[0]!.id);
    expect(run).toMatchObject({
      state: "succeeded",
      name: "s3 · nq",
      importedFrom: "results/s3",
      model: null,
      setting: null,
      headline: { value: 1 },
      config: { method: "s3", search: { protocol: "upstream" } },
    });
    expect(
      (
        await server.plane.database.db.$queryRaw<
          { executor: string }[]
        >`SELECT executor FROM runs WHERE id = ${runs[0]!.id}::uuid`
      )[0]!.executor,
    ).toBe("external");
    const { rows } = await server.plane.episodeReader.list({
      runId: runs[0]!.id,
      filter: "all",
      sortDirection: "ascending",
      limit: 10,
    });
    const episode = await server.plane.episodeReader.get(rows[0]!.id);
    expect(episode.record.episode).toMatchObject({
      protocol: "upstream",
      steps: [
        {
          kind: "retrieve",
          turn: 0,
          query: "who wrote it?",
          documents: [{ hash: buildDocument("d0").hash }, { hash: buildDocument("d2").hash }],
        },
        { kind: "generate", text: expect.stringContaining('{"query": "the writer"}') as string },
        { kind: "select", implicit: false },
        {
          kind: "retrieve",
          turn: 1,
          query: "the writer",
          documents: [{ hash: buildDocument("d1").hash }],
        },
        { kind: "generate" },
        { kind: "select" },
        { kind: "stop", reason: "model" },
      ],
      context: [{ hash: buildDocument("d0").hash }, { hash: buildDocument("d1").hash }],
    });
    const { scorers } = await server.plane.scoring.readSummary(runs[0]!.id);
    expect(scorers.map(({ scorer, mean }) => [scorer, mean])).toEqual([
      ["exact-match/1", 0.5],
      ["exact-match/upstream-file", 0.5],
      ["f1/1", expect.any(Number)],
      ["generation-accuracy/upstream-file", 1],
      ["span/2", 1],
    ]);
  });

  it("of a known set are matched to it, and gold passages are recognised by their content", async () => {
    const sequence = {
      golden_answers: ["answer 0"],
      chain_of_thought: ["because"],
      retrievals: [{ query: "q", context: docs("d0", "d2") }],
      all_context: docs("d0", "d2"),
    };
    const { runs } = await bring(
      [
        file("x_output_sequences.json", { [asked(0)]: sequence }),
        file("x.json", { x: { [asked(0)]: { answer: "no", score: 0 } } }),
      ],
      { questions: "atlas/held-out", corpus: "atlas", method: "ircot", name: "mine" },
    );
    const { rows } = await server.plane.episodeReader.list({
      runId: runs[0]!.id,
      filter: "all",
      sortDirection: "ascending",
      limit: 10,
    });
    // d1 is gold, too, and was never in a window.
    expect(rows).toMatchObject([
      { questionId: "q0", score: 0, attribution: "never-retrieved", answer: "no" },
    ]);
    expect(
      (await server.plane.episodeReader.get(rows[0]!.id)).record.episode.context.map(
        ({ id }) => id,
      ),
    ).toEqual(["d0", "d2"]);
  });

  it("written and read again give the same run", async () => {
    const { runs } = await bring(folder);
    const { files } = await server.plane.upstreamExport.export(runs[0]!.id);
    expect(files.map(({ path }) => path)).toEqual([
      "nq_output_sequences.json",
      "results/s3.json",
      "results/s3_stats.json",
    ]);
    const stats = JSON.parse(files[2]!.content) as object;
    expect(stats).toMatchObject({
      total_questions: 2,
      processed_questions: 2,
      remaining_questions: 0,
      data_source_stats: {
        nq: { total: 2, correct: 2, accuracy: 1, em_correct: 1, em_accuracy: 0.5 },
      },
    });
    const again = await bring(files);
    expect(again.runs).toMatchObject([
      { episodes: 2, scored: 2, accuracy: 1, unmatchedCount: 0, notes: [unknownSearches(1, 2)] },
    ]);
    const sequences = JSON.parse(files[0]!.content) as Record<string, { response_str?: string }>;
    expect(Object.values(sequences).map((row) => row.response_str)).toEqual([
      conversation("who wrote it?", ["d0", "d2"], ["d1"]),
      undefined,
    ]);
    const second = await server.plane.upstreamExport.export(again.runs[0]!.id);
    expect(second.files.slice(0, 2)).toEqual(files.slice(0, 2));
  });

  it.skipIf(!existsSync(CORRECTED))(
    "whose gold answers were corrected are a new version of their set, which each run keeps (case 83)",
    async () => {
      const files = ["bugcor_output_sequences.json", "results/s3.json"].map((path) =>
        file(path, readFileSync(join(CORRECTED, path), "utf8")),
      );
      const earlier = files.map(({ path, content }) =>
        file(path, content.replace('["Zoe"]', '["Ann Lee"]')),
      );
      const listAnswers = async (runId: string) =>
        (
          await server.plane.questionSets.listQuestions({ set: "upstream/bugcor", limit: 9, runId })
        ).rows.map(({ answers }) => answers);
      const [before, after, back] = [
        await bring(earlier),
        await bring(files),
        await bring(earlier),
      ].map(({ runs }) => runs[0]!);
      const unknown = unknownSearches(2, 2);
      expect(before!.notes).toEqual([unknown]);
      expect(after!.notes).toEqual([
        expect.stringMatching(
          /^upstream\/bugcor: 1 question has other gold answers .*"who rowed\?", Ann Lee before, Zoe now/,
        ),
        unknown,
      ]);
      expect(back!.notes).toEqual([expect.stringMatching(/is the newest again/), unknown]);
      expect(await listAnswers(before!.id)).toEqual([["Ann Lee"], ["Bob"]]);
      expect(await listAnswers(after!.id)).toEqual([["Zoe"], ["Bob"]]);
      expect(await listAnswers(back!.id)).toEqual([["Ann Lee"], ["Bob"]]);
      const named = await bring(files, { questions: "upstream/bugcor" });
      expect(named.runs[0]!.notes).toEqual([
        expect.stringContaining('1 question has other gold answers in the files than in "upstream'),
        unknown,
      ]);
    },
  );

  it("have a RAG cache: of a naive-RAG run its own answers, else the baseline's", async () => {
    // A full stop in place of the question mark: upstream appends one to its keys all the same.
    await server.plane.questionSets.store(
      "plain",
      [
        {
          id: "q0",
          question: "Name it.",
          answers: ["right"],
          goldIds: [],
          type: null,
          group: null,
          goldQueries: [],
        },
        {
          id: "q1",
          question: "Who?",
          answers: ["right"],
          goldIds: [],
          type: null,
          group: null,
          goldQueries: [],
        },
      ],
      "test",
    );
    const worker = await server.worker();
    const describeCache = async (over: object, hasBaseline: boolean): Promise<unknown> => {
      const runId = await server.plane.runs.create(
        predictConfigSchema.parse({
          kind: "predict",
          name: "p",
          method: "rag",
          questions: "plain",
          ...over,
        }),
        { actor: "tester", preset: null },
      );
      const { attempt } = await worker.leaseAndStart();
      const records = [0, 1]
        .map((question) =>
          buildRecord({ step: null, phase: "predict", question, right: question === 0 }),
        )
        .map((record) => (hasBaseline ? record : { ...record, baseline: null }));
      await worker.request("report", {
        runId,
        attempt,
        sequence: 1,
        items: [
          {
            kind: "episodes",
            corpus: "atlas",
            questions: "plain",
            documents: buildDocuments(),
            records,
          },
        ],
      });
      await worker.request("transition", { runId, attempt, to: "succeeded", reason: null });
      const { files } = await server.plane.upstreamExport.export(runId);
      const cache = files.find(({ path }) => path === "rag_cache.json");
      return cache && JSON.parse(cache.content);
    };
    expect(await describeCache({}, false)).toEqual({
      plain: {
        "Name it.?": { answer: "right", score: 1, em_score: 1 },
        "Who?": { answer: "wrong", score: 0, em_score: 0 },
      },
    });
    expect(await describeCache({ documents: 8 }, true)).toEqual({
      plain: {
        "Name it.?": { answer: "naive", score: 0, em_score: 0 },
        "Who?": { answer: "naive", score: 0, em_score: 0 },
      },
    });
    expect(await describeCache({ documents: 8 }, false)).toBeUndefined();
  });

  it("rollouts of verl become a training run with its rewards", async () => {
    const line = (i: number, score: number, step: number) =>
      JSON.stringify({
        input: `user\nSearch well.\nQuestion: ${asked(i)}\nassistant`,
        output: `<query>${i}</query>`,
        score,
        step,
      });
    const { runs } = await bring(
      [
        file("rollouts/1.jsonl", [line(0, 1, 1), line(0, 0, 1), line(99, 1, 1)].join("\n")),
        file("rollouts/2.jsonl", line(1, 2, 2)),
      ],
      { questions: "atlas/held-out" },
    );
    expect(runs).toMatchObject([{ episodes: 3, unmatchedCount: 1 }]);
    const steps = await server.plane.episodeReader.listSteps(runs[0]!.id);
    expect(steps.map(({ step, episodes, meanReward }) => [step, episodes, meanReward])).toEqual([
      [1, 2, 0.5],
      [2, 1, 2],
    ]);
    const { files } = await server.plane.upstreamExport.export(runs[0]!.id);
    expect(files.map(({ path }) => path)).toEqual(["rollouts/1.jsonl", "rollouts/2.jsonl"]);
    // Without a reward there is none to write.
    await server.plane.database.db
      .$executeRaw`UPDATE episodes SET reward = NULL WHERE run_id = ${runs[0]!.id}::uuid AND step = 2`;
    const again = await server.plane.upstreamExport.export(runs[0]!.id);
    const readScores = ({ content }: { content: string }) =>
      content
        .trim()
        .split("\n")
        .map((text) => (JSON.parse(text) as { score: number | null }).score);
    expect(again.files.map(readScores)).toEqual([[1, 0], [null]]);
  });

  it("of several methods become a row each, on one set whatever order the files have, beside what was run here", async () => {
    const asking = (...numbers: number[]) =>
      numbers.map((i) => [`In what year was number ${i} built?`, i] as const);
    const sequences = (questions: ReturnType<typeof asking>, step: boolean) =>
      Object.fromEntries(
        questions.map(([text, i]) => [
          text,
          {
            golden_answers: [`19${i}`],
            ...(step
              ? {
                  chain_of_thought: ["It was."],
                  retrievals: [{ query: text, context: docs("d0") }],
                }
              : { context_with_info: docs("d0") }),
          },
        ]),
      );
    const answers = (questions: ReturnType<typeof asking>, right: number) => ({
      built: Object.fromEntries(
        questions.map(([text, i]) => [`${text}?`, { answer: `19${i}`, score: i < right ? 1 : 0 }]),
      ),
    });
    const { runs, problems } = await bring([
      file("out/s3/built_output_sequences.json", sequences(asking(10, 11, 12), false)),
      file("out/ircot/built_output_sequences.json", sequences(asking(12, 10, 11), true)),
      file("out/results/s3.json", answers(asking(10, 11, 12), 12)),
      file("out/results/ircot.json", answers(asking(12, 11, 10), 11)),
      file("out/rag_cache.json", answers(asking(10, 11, 12), 10)),
      file("out/results/broken.json", '{"built": {'),
      file("out/results/unknown.json", { elsewhere: { "who?": { answer: "a", score: 1 } } }),
    ]);
    expect(
      runs.map(({ name, questions, accuracy, scored }) => [name, questions, accuracy, scored]),
    ).toEqual([
      ["s3 · built", "upstream/built", 2 / 3, 3],
      ["ircot · built", "upstream/built", 1 / 3, 3],
      ["rag_cache · built", "upstream/built", 0, 3],
    ]);
    expect(problems).toEqual([
      { path: "out/results/broken.json", reason: expect.stringContaining("not JSON") as string },
      {
        path: "out/results/unknown.json",
        reason: expect.stringContaining("hold no gold answers") as string,
      },
    ]);
    const all = await server.plane.leaderboard.get({});
    const scope = all.scopes.find(
      ({ corpus, scorer }) =>
        corpus === "wiki-18" && scorer === "generation-accuracy/upstream-file",
    )!;
    const board = await server.plane.leaderboard.get({ scope: scope.key });
    const column = board.columns.findIndex(({ questionSet }) => questionSet === "upstream/built");
    const rows = board.rows
      .filter(({ cells }) => cells[column])
      .map(({ label, detail, imported, cells }) => [label, detail, imported, cells[column]!.rank]);
    expect(rows).toEqual([
      ["s3", "out/results/s3", true, 1],
      ["IRCoT", "out/results/ircot", true, 2],
      ["RAG", "out/rag_cache", true, 3],
    ]);
  });

  it("that cannot be used are refused with the reason", async () => {
    await expect(bring([file("a.json", { a: 1 })])).rejects.toThrow(/None of these files/);
    await expect(
      bring([file("rag_cache.json", { nope: { "who?": { answer: "a", score: 1 } } })]),
    ).rejects.toThrow(/hold no gold answers/);
    await expect(
      bring([file("rag_cache.json", { x: { "who?": { answer: "a", score: 1 } } })], {
        questions: "atlas/held-out",
      }),
    ).rejects.toThrow(/none of its 1 questions is in the set/);
  });
});
