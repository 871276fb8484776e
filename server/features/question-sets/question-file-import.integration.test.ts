import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  importQuestionFileRequestSchema,
  previewQuestionsRequestSchema,
} from "@/contracts/api/question-sets";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { storeSamples } from "@/server/testing/samples";

/** One question by id, two by titles that the corpus has, one by a title that it has not, one without gold. */
const content = [
  { id: "a", question: "A?", answers: ["x"], goldIds: ["d0"], goldTitles: ["Title d1"] },
  { id: "b", question: "B?", answers: ["x"], goldTitles: ["Title d1", "Title d2"] },
  { id: "c", question: "C?", answers: ["x"], goldTitles: ["Title d3"] },
  { id: "d", question: "D?", answers: ["x"], goldTitles: ["Title d1", "Nowhere"] },
  { id: "e", question: "E?", answers: ["x"] },
]
  .map((row) => JSON.stringify(row))
  .join("\n");
const source = { fileName: "mine.jsonl", content };

describe("gold passages that a question file names by title", () => {
  let server: TestServer;
  const bring = (over: object) =>
    server.plane.questionFileImport.import(
      importQuestionFileRequestSchema.parse({ ...source, name: "mine", ...over }),
      "tester",
    );
  const goldIds = async (set: string) =>
    (await server.plane.questionSets.listQuestions({ set, limit: 10 })).rows.map(
      (row) => row.goldIds,
    );
  beforeAll(async () => {
    server = await startTestServer();
    await storeSamples(server.plane);
  });
  afterAll(() => server.stop());

  it("count in the preview as the import will keep them, and it says what becomes of the titles", async () => {
    const { parts, warnings, sample } = await server.plane.questionFileImport.preview(
      previewQuestionsRequestSchema.parse(source),
    );
    expect(parts).toEqual([
      { name: "", questions: 5, withGold: 1, unresolvedGold: 0, withOptions: 0 },
    ]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^3 questions name their gold passages by title only.*dropped where none is chosen/,
      ),
    ]);
    expect(sample[1]!.goldTitles).toEqual(["Title d1", "Title d2"]);
    const without = await server.plane.questionFileImport.preview(
      previewQuestionsRequestSchema.parse({ ...source, mapping: { goldTitles: null } }),
    );
    expect(without.warnings).toEqual([]);
    const known = await server.plane.questionFileImport.preview(
      previewQuestionsRequestSchema.parse({ ...source, goldCorpus: "atlas" }),
    );
    expect([known.parts, known.warnings]).toEqual([
      [{ name: "", questions: 5, withGold: 3, unresolvedGold: 1, withOptions: 0 }],
      [],
    ]);
    expect(known.sample[1]!.question.goldIds).toEqual(["d1", "d2"]);
  });

  it("are dropped with a warning where no corpus is chosen", async () => {
    const { sets, warnings } = await bring({});
    expect(sets).toMatchObject([{ questions: 5, withGold: 1, unresolvedGold: 0 }]);
    expect(warnings).toEqual([
      expect.stringContaining("3 questions name their gold passages by title only"),
    ]);
    expect(await goldIds("mine")).toEqual([["d0"], [], [], [], []]);
  });

  it("become ids of the chosen corpus, and those that are not found are counted", async () => {
    const { sets, warnings } = await bring({ name: "looked-up", goldCorpus: "atlas" });
    expect(sets).toMatchObject([{ questions: 5, withGold: 3, unresolvedGold: 1 }]);
    expect(warnings).toEqual([
      expect.stringContaining(
        '1 question of looked-up keeps no gold passages: "atlas" holds no passage',
      ),
    ]);
    expect(await goldIds("looked-up")).toEqual([["d0"], ["d1", "d2"], ["d3"], [], []]);
    await expect(bring({ goldCorpus: "elsewhere" })).rejects.toThrow(
      /has stored no corpus "elsewhere"/,
    );
  });
});
