import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { QuestionHub } from "@/gpu-workers/agent/local-commands/testing/question-hub";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { runCli, type CliResult } from "@/cli/testing/run-cli";
import type { ImportedFile } from "./questions";

describe("s3 questions fetch", () => {
  let server: TestServer;
  let data: string;
  let hub: QuestionHub;
  const s3 = (...words: string[]): Promise<CliResult> =>
    runCli(words, { HF_ENDPOINT: hub.endpoint, S3_SERVER: server.address, S3_DATA_DIR: data });
  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000 } });
    hub = await QuestionHub.start();
    data = await mkdtemp(join(tmpdir(), "questions-"));
  }, 200_000);
  afterAll(async () => {
    await server.stop();
    await hub.stop();
    await rm(data, { recursive: true });
  });

  it("imports each file as a set, the data set as the type, and a second call finds all there", async () => {
    const first = await s3("questions", "fetch", "s3-processed-data", "--name", "up", "--json");
    expect(first, first.error).toMatchObject({ code: 0 });
    const { imported } = JSON.parse(first.out) as { imported: ImportedFile[] };
    expect(
      imported.map(({ set, questions, isNew, error }) => [set, questions, isNew, error]),
    ).toEqual([
      ["up/mirage_wiki_test", 2, true, null],
      ["up/train_e5_s3", 4, true, null],
    ]);
    const { rows } = await server.plane.questionSets.listQuestions({
      set: "up/train_e5_s3",
      limit: 10,
    });
    expect(rows).toMatchObject([
      { id: "nq-0", question: "nq 0?", answers: ["nq answer"], type: "nq" },
      { id: "nq-1", type: "nq" },
      { id: "hotpotqa-0", question: "hotpotqa 0?", answers: ["hotpotqa answer"], type: "hotpotqa" },
      { id: "hotpotqa-1" },
    ]);
    hub.requests.length = 0;
    const second = await s3("questions", "fetch", "s3-processed-data", "--name", "up");
    expect(second.out).toMatch(/up\/train_e5_s3 +[0-9a-f]{12} +4 +0 +was there already/);
    expect(hub.requests).toEqual([]);
    // By hand: the same file with what the error says, and the same questions.
    const file = join(data, "questions", "s3-processed-data", "train_e5_s3.parquet");
    const byHand = await s3(
      "questions",
      "import",
      file,
      "--name",
      "up/train_e5_s3",
      "--column",
      "type=data_source",
      "--column",
      "split=",
    );
    expect(byHand.out, byHand.error).toMatch(
      /up\/train_e5_s3 +[0-9a-f]{12} +4 +0 +was there already/,
    );
    expect(await s3("questions", "fetch", "s3-processed-data", "--name", "a/b")).toMatchObject({
      code: 1,
      error: expect.stringContaining("each file becomes PREFIX/FILE") as string,
    });
  }, 400_000);

  it("sends the bytes of a file, and reads them as its options say", async () => {
    const file = join(data, "mine.csv");
    await writeFile(
      file,
      Buffer.from("Nr;Frage;Antwort\n1;Wo?;K\xf6ln|Bonn\n2;Wer?;true\n", "latin1"),
    );
    const words = ["questions", "import", file, "--name", "mine"];
    const columns = ["id=Nr", "question=Frage", "answers=Antwort"].flatMap((column) => [
      "--column",
      column,
    ]);
    const asked = await s3(...words);
    expect(asked).toMatchObject({
      code: 1,
      error: expect.stringContaining("hold the ids") as string,
    });
    const refused = await s3(...words, ...columns);
    expect(refused.error).toContain("line 2 is not UTF-8 but probably Windows-1252");
    const preview = await s3(...words, ...columns, "--preview", "--encoding", "windows-1252");
    expect(preview.out, preview.error).toContain(
      "csv (Windows-1252, delimiter semicolon, quotes doubled, lines end in LF), 2 rows",
    );
    const read = [...columns, "--encoding", "windows-1252", "--booleans", "true-false"];
    expect(await s3(...words, ...read)).toMatchObject({ code: 0 });
    const { rows } = await server.plane.questionSets.listQuestions({ set: "mine", limit: 10 });
    expect(rows.map(({ answers }) => answers)).toEqual([["Köln", "Bonn"], ["true"]]);
  }, 400_000);
});
