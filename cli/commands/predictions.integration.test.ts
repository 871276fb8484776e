import { setTimeout as sleep } from "node:timers/promises";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli, type CliResult } from "@/cli/testing/run-cli";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { buildDocuments, buildRecord, storeSamples } from "@/server/testing/samples";

describe("prediction and evaluation from the command line", () => {
  let server: TestServer;
  let folder: string;
  const s3 = (...words: string[]): Promise<CliResult> =>
    runCli(words, { S3_SERVER: server.address });
  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000 } });
    await storeSamples(server.plane);
    folder = await mkdtemp(join(tmpdir(), "s3-evaluation-"));
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });

  it("imports questions after a look at them, and names what is wrong", async () => {
    const file = join(folder, "mine.csv");
    await writeFile(file, "nr,frage,antworten\n1,Wer?,A | B\n2,,C\n");
    const columns = [
      "--column",
      "id=nr",
      "--column",
      "question=frage",
      "--column",
      "answers=antworten",
    ];
    const preview = await s3(
      "questions",
      "import",
      file,
      "--name",
      "mine",
      ...columns,
      "--preview",
    );
    expect(preview.out).toMatch(
      /csv \(UTF-8, delimiter comma, .*\), 2 rows; columns: nr, frage, antworten/,
    );
    expect(preview.out).toMatch(
      /line 3 is not a question: question \(column frage\): must not be empty/,
    );
    expect(await s3("questions", "import", file, "--name", "mine", ...columns)).toMatchObject({
      code: 1,
      error: expect.stringContaining(
        "Nothing was imported; 1 of the rows cannot be used:\nline 3",
      ) as string,
    });
    expect(
      (await s3("questions", "import", file, "--name", "mine", ...columns, "--skip-problems")).out,
    ).toMatch(/mine +[0-9a-f]{12} +1 +0 +new/);
    expect(
      (await server.plane.questionSets.listQuestions({ set: "mine", limit: 10 })).rows,
    ).toMatchObject([{ id: "1", question: "Wer?", answers: ["A", "B"] }]);
  }, 400_000);

  it("predicts, writes upstream's files, scores again by rule, and brings the files back", async () => {
    const worker = await server.worker();
    worker.keepAlive([]);
    const out = join(folder, "out");
    const predicted = s3(
      "predict",
      "--method",
      "rag",
      "--questions",
      "atlas/held-out",
      "--limit",
      "2",
      "--out",
      out,
    );
    let { run } = await worker.lease();
    for (let i = 0; i < 1800 && !run; i++) {
      await sleep(100);
      ({ run } = await worker.lease());
    }
    if (!run) throw new Error("nothing was launched");
    expect(run.config).toMatchObject({ kind: "predict", method: "rag", limit: 2 });
    const ref = { runId: run.runId, attempt: run.attempt };
    worker.keepAlive([ref]);
    await worker.request("transition", { ...ref, to: "preparing", reason: null });
    await worker.request("transition", { ...ref, to: "running", reason: null });
    // Naive RAG has no baseline beside it.
    const records = [0, 1].map((question) => ({
      ...buildRecord({ step: null, phase: "predict", question, right: question === 0 }),
      baseline: null,
    }));
    await worker.request("report", {
      ...ref,
      sequence: 1,
      items: [
        {
          kind: "episodes",
          corpus: "atlas",
          questions: "atlas/held-out",
          documents: buildDocuments(),
          records,
        },
      ],
    });
    await worker.request("transition", { ...ref, to: "succeeded", reason: null });
    const result = await predicted;
    expect(result, result.error).toMatchObject({ code: 0 });
    expect(result.out).toContain("2 of 2 questions answered");
    expect(
      JSON.parse(await readFile(join(out, "results", "rag_stats.json"), "utf8")),
    ).toMatchObject({
      total_questions: 2,
      data_source_stats: { "atlas_held-out": { total: 2, correct: 1, accuracy: 0.5 } },
    });
    const cache = JSON.parse(await readFile(join(out, "rag_cache.json"), "utf8")) as Record<
      string,
      Record<string, { score: number }>
    >;
    expect(Object.values(cache["atlas_held-out"]!).map(({ score }) => score)).toEqual([1, 0]);

    expect((await s3("evaluate", ref.runId.slice(0, 8), "--scorer", "f1")).out).toMatch(
      /f1\/1 +\d/,
    );
    const again = JSON.parse(
      (
        await s3(
          "upstream",
          "import",
          out,
          "--questions",
          "atlas/held-out",
          "--method",
          "rag",
          "--corpus",
          "atlas",
          "--json",
        )
      ).out,
    ) as { runs: { dataset: string; episodes: number; accuracy: number }[] };
    // Its results, and the same as a cache.
    expect(again.runs.map(({ episodes, accuracy }) => [episodes, accuracy])).toEqual([
      [2, 0.5],
      [2, 0.5],
    ]);
    await mkdir(join(folder, "empty"));
    expect(await s3("upstream", "import", join(folder, "empty"))).toMatchObject({
      code: 1,
      error: expect.stringContaining("holds no .json") as string,
    });
  }, 400_000);
});
