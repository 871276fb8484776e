import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { importUpstreamRequestSchema } from "@/contracts/api/upstream";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { CASES_DIR } from "@/lib/testing/shared";

const CASE = join(CASES_DIR, "80-upstream-nan", "out");

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const bring = (files: { path: string; content: string }[]) =>
  server.plane.upstreamImport.import(importUpstreamRequestSchema.parse({ files }), "tester");

it.skipIf(!existsSync(CASE))(
  "a score that is NaN is missing and named, the others stay",
  async () => {
    const files = ["nq_output_sequences.json", "results/s3.json"].map((path) => ({
      path,
      content: readFileSync(join(CASE, path), "utf8"),
    }));
    const { runs, problems } = await bring(files);
    expect(problems).toEqual([]);
    expect(runs).toMatchObject([{ episodes: 3, scored: 2, accuracy: 0.5 }]);
    expect(runs[0]?.notes).toEqual([
      expect.stringMatching(/^3 of 3 episodes show no search/),
      'The score in the files is no number (NaN or null): "who swam?".',
      "1 of 3 questions have no score in the files; accuracy counts the others only.",
    ]);
  },
);

it("a reward that is NaN is missing and named, the others stay", async () => {
  const line = (question: string, score: string): string =>
    `{"input":"question: ${question}","output":"o","score":${score},"step":1,"gts":{"question":"${question}","target":["a"]}}`;
  const { runs } = await bring([
    { path: "rollouts/1.jsonl", content: `${line("who?", "NaN")}\n${line("where?", "1.0")}\n` },
  ]);
  expect(runs).toMatchObject([{ episodes: 2 }]);
  expect(runs[0]?.notes).toEqual([
    'The score in the files is no number (NaN or null): "who? (step 1)".',
  ]);
});
