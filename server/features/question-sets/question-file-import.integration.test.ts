import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  importQuestionFileRequestSchema,
  previewQuestionsRequestSchema,
} from "@/contracts/api/question-sets";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { storeSamples } from "@/server/testing/samples";

/** One question by id, two by titles that the corpus has, one by a title that it has not, one of yes or no without gold. */
const content = [
  { id: "a", question: "A?", answers: ["x"], goldIds: ["d0"], goldTitles: ["Title d1"] },
  { id: "b", question: "B?", answers: ["x"], goldTitles: ["Title d1", "Title d2"] },
  { id: "c", question: "C?", answers: ["x"], goldTitles: ["Title d3"] },
  { id: "d", question: "D?", answers: ["x"], goldTitles: ["Title d1", "Nowhere"] },
  { id: "e", question: "E?", answers: ["x", "Yes"] },
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
      { name: "", questions: 5, withGold: 1, unresolvedGold: 0, withOptions: 0, yesNo: 1 },
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
      [{ name: "", questions: 5, withGold: 3, unresolvedGold: 1, withOptions: 0, yesNo: 1 }],
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

describe("a question file", () => {
  let server: TestServer;
  const bring = (over: object) =>
    server.plane.questionFileImport.import(
      importQuestionFileRequestSchema.parse({ fileName: "mine.csv", name: "mine", ...over }),
      "tester",
    );
  const answers = async () =>
    (await server.plane.questionSets.listQuestions({ set: "mine", limit: 10 })).rows.map(
      (row) => row.answers,
    );
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  it("with other gold answers is a new version, which says so; the same content is that version again", async () => {
    const table = (gold: string) => `id,question,answers\n1,Who?,${gold}\n2,Where?,Rome\n`;
    const first = await bring({ content: table("Ann Lee") });
    expect(first.warnings).toEqual([]);
    const second = await bring({ content: table("Zoe") });
    expect(second.sets).toMatchObject([{ isNew: true }]);
    expect(second.warnings).toEqual([
      `1 question has other gold answers than in version ${first.sets[0]!.version}, which earlier runs keep: this is version ${second.sets[0]!.version}. First: "Who?", Ann Lee before, Zoe now.`,
    ]);
    expect(await answers()).toEqual([["Zoe"], ["Rome"]]);
    const third = await bring({ content: table("Ann Lee") });
    expect(third.sets).toMatchObject([{ isNew: false, version: first.sets[0]!.version }]);
    expect(third.warnings).toEqual([expect.stringContaining("is the newest again")]);
    expect(await answers()).toEqual([["Ann Lee"], ["Rome"]]);
    expect((await bring({ content: table("Ann Lee") })).warnings).toEqual([]);
  });

  it("is refused as a whole where something is undecided or cannot be read", async () => {
    await expect(bring({ content: "question,answers\nWho?,Ada\n" })).rejects.toThrow(
      /Nothing was imported. No column is known to hold the ids.*question, answers/,
    );
    await expect(bring({ content: "id,question,answers\n1,Who?\n" })).rejects.toThrow(
      /line 2 has 2 fields where the heading has 3/,
    );
    const utf16 = Buffer.from("id,question,answers\n1,Wer?,Köln\n", "utf16le").toString("base64");
    await expect(bring({ content: utf16, encoding: "base64" })).rejects.toThrow(
      /mine.csv is not UTF-8 but UTF-16 .*Set its encoding to utf-16le/,
    );
    await bring({ content: utf16, encoding: "base64", reading: { encoding: "utf-16le" } });
    expect(await answers()).toEqual([["Köln"]]);
  });

  it("of ten megabytes of broken lines keeps the server answering", async () => {
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const begun = Date.now();
    const preview = await server.plane.questionFileImport.preview(
      previewQuestionsRequestSchema.parse({ fileName: "bad.jsonl", content: "x\n".repeat(5e6) }),
    );
    delay.disable();
    expect([preview.problemCount, preview.problems.length]).toEqual([5_000_000, 200]);
    expect(delay.max / 1e6, "longest pause in ms").toBeLessThan(1000);
    expect(Date.now() - begun).toBeLessThan(60_000);
  }, 90_000);
});
