import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { storeSamples } from "@/server/testing/samples";
import { conversation, docs, file, importFiles } from "./testing/upstream-files";

describe("the questions of upstream's files", () => {
  let server: TestServer;
  const bring = (files: { path: string; content: string }[], rest: object = {}) =>
    importFiles(server, files, rest);
  beforeAll(async () => {
    server = await startTestServer();
    await storeSamples(server.plane);
  });
  afterAll(() => server.stop());

  it("of multiple choices keep options and keys: two questions with one stem stay two", async () => {
    const choose = (...texts: string[]): string =>
      `Which is true?\nOptions:\n${texts.map((text, i) => `${"ABC"[i]}: ${text}\n`).join("")}`;
    const [one, two] = [choose("yes", "no"), choose("left", "right", "none")] as const;
    const { runs } = await bring([
      file("s3/medqa_output_sequences.json", {
        [one]: {
          golden_answers: ["B: no"],
          context_with_info: docs("d0"),
          response_str: conversation(one, ["d0"], ["d1"]),
        },
        [two]: {
          golden_answers: ["A: left"],
          context_with_info: docs("d2"),
          response_str: conversation(two, ["d2"], ["d1"]),
        },
      }),
      file("results/s3.json", {
        medqa: {
          [one]: { answer: "no", score: 1, em_score: 0 },
          [`${two.trim()}?`]: { answer: "right", score: 0, em_score: 0 },
        },
      }),
    ]);
    expect(runs).toMatchObject([{ episodes: 2, scored: 2, unmatchedCount: 0, notes: [] }]);
    const { rows } = await server.plane.questionSets.listQuestions({
      set: "upstream/medqa",
      limit: 9,
    });
    expect(rows.map(({ question, answers, options }) => [question, answers, options])).toEqual([
      [
        "Which is true?",
        ["no"],
        {
          choices: [
            { letter: "A", text: "yes" },
            { letter: "B", text: "no" },
          ],
          answer: "B",
        },
      ],
      ["Which is true?", ["left"], expect.objectContaining({ answer: "A" })],
    ]);
    const { files } = await server.plane.upstreamExport.export(runs[0]!.id);
    const sequences = JSON.parse(files[0]!.content) as Record<string, object>;
    expect(Object.keys(sequences)).toEqual([one, two]);
    expect(sequences[two]).toEqual({
      golden_answers: ["A: left"],
      context_with_info: docs("d2"),
      response_str: conversation(two, ["d2"], ["d1"]),
    });
    expect(JSON.parse(files[1]!.content)).toEqual({
      medqa: {
        // As in the file that was imported: the gold is "B: no".
        [one]: { answer: "no", score: 1, em_score: 0 },
        [two]: { answer: "right", score: 0, em_score: 0 },
      },
    });
    const again = await bring(files);
    const second = await server.plane.upstreamExport.export(again.runs[0]!.id);
    expect(second.files.slice(0, 2)).toEqual(files.slice(0, 2));
    // A text without options cannot tell the two, and is not taken for one of them.
    const plain = await bring(
      [file("results/s3.json", { medqa: { "Which is true?": { answer: "no", score: 1 } } })],
      {
        questions: "upstream/medqa",
      },
    ).catch((error: unknown) => error);
    expect(plain).toMatchObject({ code: "invalid-input" });
  });

  it("of a set that was joined of several data sources are a file for each", async () => {
    const question = (id: string, type: string) => ({
      id,
      question: `${id}?`,
      answers: ["right"],
      goldIds: [],
      type,
      group: null,
      goldQueries: [],
    });
    await server.plane.questionSets.store(
      "joined",
      [question("nq-0", "nq"), question("nq-1", "nq"), question("hotpotqa-0", "hotpotqa")],
      "test",
    );
    const results = {
      nq: {
        "nq-0?": { answer: "right", score: 1, em_score: 1 },
        "nq-1?": { answer: "wrong", score: 0, em_score: 0 },
      },
      hotpotqa: { "hotpotqa-0?": { answer: "right", score: 1, em_score: 1 } },
    };
    const { runs } = await bring(
      [file("s3.json", { all: { ...results.nq, ...results.hotpotqa } })],
      { questions: "joined", method: "s3" },
    );
    const { files } = await server.plane.upstreamExport.export(runs[0]!.id);
    expect(files.map(({ path }) => path)).toEqual([
      "nq_output_sequences.json",
      "hotpotqa_output_sequences.json",
      "results/s3.json",
      "results/s3_stats.json",
    ]);
    expect(
      files.slice(0, 2).map(({ content }) => Object.keys(JSON.parse(content) as object)),
    ).toEqual([["nq-0?", "nq-1?"], ["hotpotqa-0?"]]);
    expect(JSON.parse(files[2]!.content)).toEqual(results);
    expect(JSON.parse(files[3]!.content)).toMatchObject({
      total_questions: 3,
      processed_questions: 3,
      data_source_stats: {
        nq: { total: 2, correct: 1, accuracy: 0.5 },
        hotpotqa: { total: 1, correct: 1, accuracy: 1 },
      },
    });
    expect((await bring(files, { questions: "joined" })).runs).toMatchObject([
      { dataset: "nq", episodes: 2, scored: 2 },
      { dataset: "hotpotqa", episodes: 1, scored: 1 },
    ]);
  });
});
