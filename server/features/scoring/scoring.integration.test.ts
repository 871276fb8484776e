import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EpisodeRecord } from "@/contracts/records/episode";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { ReansweredRecord } from "@/contracts/worker-protocol/reports";
import {
  findEpisodes,
  findJudgeScores,
  readStoredAccuracy,
  readStoredEpisodes,
} from "@/server/features/episodes/worker-reads";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { buildDocuments, buildRecord, storeSamples } from "@/server/testing/samples";
import type { TestWorker } from "@/server/testing/test-worker";

const config = (over: object = {}) =>
  predictConfigSchema.parse({ kind: "predict", name: "p", questions: "atlas/held-out", ...over });
const me = { actor: "tester", preset: null };

/** The sample episode with an answer and verdicts of its own. */
function judged(
  question: number,
  text: string,
  scores: { judge: number; span: number },
): EpisodeRecord {
  const record = buildRecord({ step: null, phase: "predict", question });
  return {
    ...record,
    answer: { ...record.answer!, key: `judged ${question}`, text },
    score: { scorer: "judge/1 m", value: scores.judge },
    otherScores: [{ scorer: "span/2", value: scores.span }],
  };
}

describe("scores of a run", () => {
  let server: TestServer;
  let worker: TestWorker;
  let runId: string;
  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000 } });
    await storeSamples(server.plane);
    worker = await server.worker();
    runId = await server.plane.runs.create(config(), me);
    const { attempt } = await worker.leaseAndStart();
    const report = (
      sequence: number,
      items: Parameters<typeof worker.request<"report">>[1]["items"],
    ) => worker.request("report", { runId, attempt, sequence, items });
    const records = [
      judged(0, "answer 0", { judge: 1, span: 1 }),
      judged(1, "no", { judge: 1, span: 0 }),
      judged(2, "it is answer 2", { judge: 0, span: 1 }),
      judged(3, "x", { judge: 0, span: 0 }),
    ];
    await report(1, [
      {
        kind: "episodes",
        corpus: "atlas",
        questions: "atlas/held-out",
        documents: buildDocuments(),
        records,
      },
    ]);
    const failures = [
      { questionId: "q4", code: "generator-unavailable" as const, reason: "time-out" },
      { questionId: "q5", code: "generator-unavailable" as const, reason: "too long" },
    ];
    await report(2, [{ kind: "failures", questions: "atlas/held-out", failures }]);
    await report(3, [
      { kind: "failures", questions: "atlas/held-out", failures: failures.slice(1) },
    ]);
    await report(4, [
      {
        kind: "episodes",
        corpus: "atlas",
        questions: "atlas/held-out",
        documents: [],
        records: [judged(4, "late", { judge: 0, span: 0 })],
      },
    ]);
    await worker.request("transition", {
      runId,
      attempt,
      to: "failed",
      reason: "1 of 8 questions have no answer",
    });
  });
  afterAll(() => server.stop());

  it("count answered questions only, and list those that failed until they are answered", async () => {
    expect(await server.plane.scoring.readSummary(runId)).toEqual({
      questions: 8,
      answered: 5,
      missing: 3,
      failed: 1,
      scorers: [
        { scorer: "judge/1 m", scored: 5, mean: 0.4 },
        { scorer: "span/2", scored: 5, mean: 0.4 },
      ],
      unread: [],
    });
    expect(await server.plane.scoring.listFailures(runId)).toMatchObject([
      { questionId: "q5", reason: "too long", tries: 2, attempt: 1 },
    ]);
    expect(await readStoredAccuracy(server.plane.database.db, runId)).toEqual({
      scored: 5,
      sum: 2,
    });
  });

  it("are completed by rule and by stored verdicts without a worker, once", async () => {
    expect(await server.plane.scoring.rescore(runId)).toEqual({ added: 15 });
    expect(await server.plane.scoring.rescore(runId)).toEqual({ added: 0 });
    const { scorers } = await server.plane.scoring.readSummary(runId);
    expect(scorers.map(({ scorer, mean }) => [scorer, Number(mean.toFixed(3))])).toEqual(
      [
        ["exact-match/1", 0.2],
        ["f1/1", 0.333],
        ["generation-accuracy/2.1 m", 0.6],
        ["judge/1 m", 0.4],
        ["span/2", 0.4],
      ].map(([name, mean]) => [name, name === "f1/1" ? (expect.any(Number) as number) : mean]),
    );
  });

  it("by a rule that is not scored with every answer come where they are asked for", async () => {
    const { scoring } = server.plane;
    expect(await scoring.rescore(runId, "span/upstream")).toEqual({ added: 5 });
    expect(await scoring.rescore(runId, "span")).toEqual({ added: 0 });
    const { scorers } = await scoring.readSummary(runId);
    expect(scorers).toContainEqual({ scorer: "span/upstream-1", scored: 5, mean: 0.4 });
  });

  it("stand beside how many of a judge's replies could not be read, which are no scores", async () => {
    const { db } = server.plane.database;
    const scorer = "generation-accuracy/upstream-1.1 m";
    await db.$executeRaw`
      INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT answer_id, set_id, question_id, s.scorer, CASE WHEN s.value < 0 AND question_id = 'q3' THEN 1 ELSE 0 END FROM episodes,
        (VALUES (${scorer}::text, 0), (${`unread/${scorer}`}::text, -1)) AS s(scorer, value)
      WHERE run_id = ${runId}::uuid AND phase = 'predict' AND question_id IN ('q1', 'q3')`;
    const { scorers, unread } = await server.plane.scoring.readSummary(runId);
    expect(unread).toEqual([{ scorer, replies: 2, unread: 1 }]);
    expect(scorers.filter((each) => each.scorer.includes("upstream-1.1"))).toEqual([
      { scorer, scored: 2, mean: 0 },
    ]);
    expect(await server.plane.scoring.listUnreadReplies(runId)).toEqual([
      { scorer, questionId: "q3", question: expect.any(String) as string, answer: "x" },
    ]);
    const shown = await server.plane.leaderboard.readRunStatistics(runId);
    const names = shown.map((result) => result.scorer);
    expect(names).toContain(scorer);
    expect(names.filter((name) => name.startsWith("unread/"))).toEqual([]);
    await db.$executeRaw`DELETE FROM scores WHERE scorer LIKE ${`%${scorer}`}`;
  });

  it("of an earlier version of a rule stay, and are what a judge is compared with where there are no others", async () => {
    const { db } = server.plane.database;
    const { scoring } = server.plane;
    const readSpans = async () => (await scoring.computeAgreement(runId)).map(({ span }) => span);
    await db.$executeRaw`UPDATE scores SET scorer = 'span/1' WHERE scorer = 'span/2'`;
    expect(await readSpans()).toEqual(["span/1"]);
    expect(
      (await scoring.listDisagreements({ runId, unlabelled: false, limit: 10 })).rows,
    ).toHaveLength(2);
    expect(await scoring.rescore(runId)).toEqual({ added: 5 });
    expect(await readSpans()).toEqual(["span/2"]);
    const { scorers } = await scoring.readSummary(runId);
    expect(scorers.filter(({ scorer }) => /^span\/\d/.test(scorer))).toEqual([
      { scorer: "span/1", scored: 5, mean: 0.4 },
      { scorer: "span/2", scored: 5, mean: 0.4 },
    ]);
    await db.$executeRaw`DELETE FROM scores WHERE scorer = 'span/2'`;
    await db.$executeRaw`UPDATE scores SET scorer = 'span/2' WHERE scorer = 'span/1'`;
  });

  it("show where judge and span differ, and what people say of it", async () => {
    const { scoring } = server.plane;
    const { rows } = await scoring.listDisagreements({ runId, unlabelled: false, limit: 10 });
    expect(
      rows.map(({ questionId, judged: j, span, label }) => [questionId, j, span, label]),
    ).toEqual([
      ["q1", true, false, null],
      ["q2", false, true, null],
    ]);
    const first = await scoring.listDisagreements({ runId, unlabelled: false, limit: 1 });
    expect(
      (
        await scoring.listDisagreements({
          runId,
          unlabelled: false,
          limit: 1,
          cursor: first.nextCursor,
        })
      ).rows[0]?.questionId,
    ).toBe("q2");
    for (const { answerId, setId, questionId } of rows)
      await scoring.storeLabel(
        { answerId, setId, questionId, correct: questionId === "q2" },
        "ann",
      );
    expect((await scoring.listDisagreements({ runId, unlabelled: true, limit: 10 })).rows).toEqual(
      [],
    );
    const [agreement] = await scoring.computeAgreement(runId);
    await server.plane.leaderboard.get({});
    expect(await scoring.listJudgedRuns()).toEqual([
      {
        runId,
        name: expect.any(String) as string,
        questionSet: "atlas/held-out",
        judge: "judge/1 m",
        judged: 5,
      },
    ]);
    const { db } = server.plane.database;
    await db.run.update({ where: { id: runId }, data: { deletedAt: new Date() } });
    expect(await scoring.listJudgedRuns(), "a deleted run has nothing to label").toEqual([]);
    await db.run.update({ where: { id: runId }, data: { deletedAt: null } });
    expect(agreement).toMatchObject({
      judge: "judge/1 m",
      judgeAndSpan: { bothYes: 1, firstOnly: 1, secondOnly: 1, bothNo: 2, observed: 0.6 },
      judgeAndPeople: { firstOnly: 1, secondOnly: 1, kappa: -1 },
      spanAndPeople: { bothYes: 1, bothNo: 1, kappa: 1 },
    });
    await scoring.storeLabel({ ...rows[0]!, correct: null }, "ann");
    expect(
      (await scoring.listDisagreements({ runId, unlabelled: true, limit: 10 })).rows,
    ).toHaveLength(1);
    await expect(
      scoring.storeLabel(
        { answerId: "1", setId: rows[0]!.setId, questionId: "nothing", correct: true },
        "ann",
      ),
    ).rejects.toMatchObject({ code: "not-found" });
  });

  it("of two judges of one answer are on one page of the disagreements", async () => {
    const { db } = server.plane.database;
    await db.$executeRaw`INSERT INTO scores (answer_id, set_id, question_id, scorer, value) SELECT answer_id, set_id, question_id, 'judge/1 other', value FROM scores WHERE scorer = 'judge/1 m'`;
    const pages: string[][] = [];
    for (let cursor: string | null | undefined = undefined; cursor !== null;) {
      const page = await server.plane.scoring.listDisagreements({
        runId,
        unlabelled: false,
        limit: 1,
        cursor,
      });
      pages.push(page.rows.map(({ questionId, judge }) => `${questionId} ${judge}`));
      cursor = page.nextCursor;
    }
    expect(pages).toEqual([
      ["q1 judge/1 m", "q1 judge/1 other"],
      ["q2 judge/1 m", "q2 judge/1 other"],
    ]);
    await db.$executeRaw`DELETE FROM scores WHERE scorer = 'judge/1 other'`;
  });

  it("and episodes are found by their cache keys", async () => {
    const [stored] = (
      await readStoredEpisodes(server.plane.database.db, { runId, questionIds: ["q1"] })
    ).episodes;
    const { key } = stored!.episode;
    const found = await findEpisodes(server.plane.database.db, {
      keys: [key, "nothing has this key"],
    });
    expect(found.episodes).toEqual([stored]);
    expect(found.documents.map(({ hash }) => hash).sort()).toEqual(
      [
        ...new Set(
          stored!.episode.steps.flatMap((step) =>
            step.kind === "retrieve" ? step.documents.map(({ hash }) => hash) : [],
          ),
        ),
      ].sort(),
    );
    const answerKey = stored!.answer!.key;
    const verdicts = (scorer: string, questionId = "q1") =>
      findJudgeScores(server.plane.database.db, {
        runId,
        questions: "atlas/held-out",
        scorer,
        answers: [
          { key: answerKey, questionId },
          { key: answerKey, questionId },
        ],
      });
    expect(await verdicts("judge/1 m")).toEqual([
      { key: answerKey, text: stored!.answer!.text, questionId: "q1", value: 1 },
    ]);
    expect([await verdicts("judge/1 other"), await verdicts("judge/1 m", "q2")]).toEqual([[], []]);
  });

  it("of stored episodes: another run takes them over, in the pinned version of the set", async () => {
    await server.plane.questionSets.store(
      "atlas/held-out",
      [
        {
          id: "new",
          question: "New?",
          answers: ["x"],
          goldIds: [],
          type: null,
          group: null,
          goldQueries: [],
        },
      ],
      "test",
    );
    const { episodes, documents } = await readStoredEpisodes(server.plane.database.db, {
      runId,
      questionIds: ["q0", "q7"],
    });
    expect(episodes).toMatchObject([
      {
        episode: { questionId: "q0", method: "s3", context: [{ id: "d0" }, { id: "d1" }] },
        answer: { text: "answer 0" },
      },
    ]);
    expect(documents.map(({ id, text }) => [id, text]).sort()).toContainEqual([
      "d0",
      "Text of d0.",
    ]);
    const again = await server.plane.launcher.launch(
      config({ name: "again", reuse: { episodesOf: runId, keepAnswers: true } }),
      me,
    );
    // The version that the first run answered, though a newer one is there.
    expect(
      (
        await server.plane.questionSets.readWorkerPage({
          set: "atlas/held-out",
          runId: again.id,
          after: null,
          limit: 100,
        })
      ).questions,
    ).toHaveLength(8);
    expect(
      (
        await server.plane.questionSets.readWorkerPage({
          set: "atlas/held-out",
          after: null,
          limit: 100,
        })
      ).questions,
    ).toHaveLength(1);
    expect(
      (await server.plane.questionSets.listVersions("atlas/held-out")).map(
        ({ questions, runs }) => [questions, runs],
      ),
    ).toEqual([
      [1, 0],
      [8, 2],
    ]);
    await expect(
      server.plane.launcher.launch(config({ method: "rag", reuse: { episodesOf: runId } }), me),
    ).rejects.toThrow(/method: is "s3" in the run/);
    await expect(
      server.plane.launcher.launch(
        { ...config(), reuse: { episodesOf: null, keepAnswers: true } },
        me,
      ),
    ).rejects.toThrow(/reuse\.keepAnswers/);
  });

  it("of another run's episodes: they are stored with the new answer on the same steps, a question once, and only where there is one", async () => {
    const { attempt } = await worker.leaseAndStart();
    const [again] = await server.plane.database.db.$queryRaw<
      { id: string }[]
    >`SELECT id FROM runs WHERE config->'reuse'->>'episodesOf' = ${runId}`;
    const ref = { runId: again!.id, attempt };
    const made = (question: number, text: string, value: number): ReansweredRecord => ({
      questionId: `q${question}`,
      answer: { ...judged(question, text, { judge: 0, span: 0 }).answer!, generator: "other" },
      score: { scorer: "exact-match/1", value },
      otherScores: [{ scorer: "f1/1", value: value / 2 }],
      attribution: null,
    });
    const reanswered = (sequence: number, records: ReansweredRecord[]) =>
      worker.request("report", {
        ...ref,
        sequence,
        items: [{ kind: "reanswered", questions: "atlas/held-out", records }],
      });
    await reanswered(1, [made(0, "new \u0000 answer", 1), made(1, "other answer", 0)]);
    await reanswered(2, [made(1, "yet another", 1), made(2, "third", 0)]);
    const listed = async (id: string) =>
      (
        await server.plane.episodeReader.list({
          runId: id,
          filter: "all",
          sortDirection: "ascending",
          limit: 10,
        })
      ).rows;
    expect((await listed(ref.runId)).map(({ questionId, score }) => [questionId, score])).toEqual([
      ["q0", 1],
      ["q1", 0],
      ["q2", 0],
    ]);
    const [from, to] = await Promise.all(
      [runId, ref.runId].map(
        async (id) =>
          (await readStoredEpisodes(server.plane.database.db, { runId: id, questionIds: ["q0"] }))
            .episodes[0]!,
      ),
    );
    expect(to!.episode).toEqual(from!.episode);
    expect(to!.episode.steps.length).toBeGreaterThan(0);
    const [shown] = await listed(ref.runId);
    expect((await server.plane.episodeReader.get(shown!.id)).record.episode.steps).toEqual(
      from!.episode.steps,
    );
    expect(
      await server.plane.database.db
        .$queryRaw`SELECT count(*)::int AS own FROM steps s JOIN episodes e ON e.id = s.episode_id WHERE e.run_id = ${ref.runId}::uuid`,
    ).toEqual([{ own: 0 }]);
    expect(to!.answer).toMatchObject({ generator: "other", text: "new \uFFFD answer" });
    expect((await server.plane.scoring.readSummary(ref.runId)).scorers).toEqual([
      { scorer: "exact-match/1", scored: 3, mean: 1 / 3 },
      { scorer: "f1/1", scored: 3, mean: 1 / 6 },
    ]);
    await expect(reanswered(3, [made(6, "never asked", 1)])).rejects.toThrow(
      /no episode of 1 of these questions/,
    );
    await expect(reanswered(3, [{ ...made(0, "x", 1), questionId: "nobody" }])).rejects.toThrow(
      /no episode of 1 of these questions/,
    );
    await expect(
      worker.request("report", {
        ...ref,
        sequence: 3,
        items: [{ kind: "reanswered", questions: "atlas/train", records: [made(0, "x", 1)] }],
      }),
    ).rejects.toThrow(/does not answer the questions of "atlas\/train"/);
    expect(await listed(ref.runId)).toHaveLength(3);

    // Answered once more: the steps are those of the first run still, and the leaderboard's seconds count them.
    await worker.request("transition", { ...ref, to: "preparing", reason: null });
    await worker.request("transition", { ...ref, to: "running", reason: null });
    await worker.request("transition", { ...ref, to: "succeeded", reason: null });
    const third = await server.plane.launcher.launch(
      config({ name: "third", reuse: { episodesOf: ref.runId } }),
      me,
    );
    const { attempt: thirdAttempt } = await worker.leaseAndStart();
    await worker.request("report", {
      runId: third.id,
      attempt: thirdAttempt,
      sequence: 1,
      items: [
        { kind: "reanswered", questions: "atlas/held-out", records: [made(0, "third answer", 1)] },
      ],
    });
    const [first] = (await listed(runId)).filter(({ questionId }) => questionId === "q0");
    expect(
      await server.plane.database.db
        .$queryRaw`SELECT steps_of::text AS "of" FROM episodes WHERE run_id IN (${ref.runId}::uuid, ${third.id}::uuid) AND question_id = 'q0'`,
    ).toEqual([{ of: first!.id }, { of: first!.id }]);
  });
});
