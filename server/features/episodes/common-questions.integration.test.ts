import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commonQuestionsRequestSchema } from "@/contracts/api/episodes";
import {
  buildDocuments,
  buildRecord,
  getPresetConfig,
  storeSamples,
} from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

type Played = Parameters<typeof buildRecord>[0] & { set?: string };

describe("the questions that two runs have in common", () => {
  let server: TestServer;
  let runs: string[];

  const play = async (episodes: readonly Played[]): Promise<string> => {
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    const worker = await server.worker();
    const { runId, attempt } = await worker.leaseAndStart();
    for (const [i, { set = "atlas/train", ...options }] of episodes.entries()) {
      const record = buildRecord(options);
      record.episode.key = `${runId} ${i}`;
      await worker.request("report", {
        ...{ runId, attempt, sequence: i + 1 },
        items: [
          {
            ...{ kind: "episodes", corpus: "atlas", questions: set },
            ...{ documents: buildDocuments(), records: [record] },
          },
        ],
      });
    }
    return runId;
  };
  const list = async (request: object = {}) => {
    const [a, b] = runs;
    const { rows, ...counts } = await server.plane.episodeReader.listCommonQuestions(
      commonQuestionsRequestSchema.parse({ a, b, ...request }),
    );
    return {
      ...counts,
      rows: rows.map((row) => [row.question.replace(" of atlas", ""), row.a, row.b]),
    };
  };
  const episode = (step: number, score: number) =>
    expect.objectContaining({ phase: "train", step, score }) as unknown;

  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
    await storeSamples(server.plane);
    runs = [
      await play([
        { step: 1, question: 0, right: true },
        { step: 1, question: 1, right: true },
        { step: 1, question: 2, right: false },
        { step: 3, question: 0, right: false },
        { step: 3, question: 4 },
        { step: 3, question: 1, set: "atlas/held-out", right: false },
      ]),
      await play([
        { step: 1, question: 2, right: false },
        { step: 2, question: 1, right: false },
        { step: 2, question: 0, right: false },
        { step: 2, question: 5 },
        { step: 2, question: 1, set: "atlas/held-out", right: false },
      ]),
    ];
  });
  afterAll(() => server.stop());

  it("are those of the same set, where the outcomes differ first, with the newest episode of each run", async () => {
    expect(await list()).toEqual({
      total: 4,
      differing: 1,
      rows: [
        ["Question 1/train?", episode(1, 1), episode(2, 0)],
        ["Question 1/held-out?", episode(3, 0), episode(2, 0)],
        ["Question 0/train?", episode(3, 0), episode(2, 0)],
        ["Question 2/train?", episode(1, 0), episode(1, 0)],
      ],
    });
  });

  it("are, up to a step, those that both had played by then", async () => {
    expect(await list({ step: 2 })).toMatchObject({
      total: 3,
      differing: 2,
      rows: [
        ["Question 1/train?", episode(1, 1), episode(2, 0)],
        ["Question 0/train?", episode(1, 1), episode(2, 0)],
        ["Question 2/train?", episode(1, 0), episode(1, 0)],
      ],
    });
    expect(await list({ step: 0 })).toEqual({ total: 0, differing: 0, rows: [] });
  });

  it("are found by a part of their text, or one alone, and counted beyond the limit", async () => {
    expect(await list({ text: "question 1 OF" })).toMatchObject({ total: 2, differing: 1 });
    expect(await list({ text: "%" })).toMatchObject({ total: 0 });
    expect(await list({ questionId: "q2" })).toMatchObject({
      total: 1,
      rows: [["Question 2/train?", episode(1, 0), episode(1, 0)]],
    });
    const limited = await list({ limit: 1 });
    expect([limited.total, limited.rows.length]).toEqual([4, 1]);
    const { rows } = await server.plane.episodeReader.listCommonQuestions(
      commonQuestionsRequestSchema.parse({ a: runs[0], b: runs[1], questionId: "q1" }),
    );
    const [{ setId }] = rows as [(typeof rows)[number]];
    expect(await list({ questionId: "q1", setId })).toMatchObject({ total: 1, differing: 1 });
  });
});
