import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchQuestionFiles } from "./questions";
import { QUESTION_FILES, QUESTION_PRESET, QuestionHub } from "./testing/question-hub";

let folder: string;
let hub: QuestionHub;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "questions-"));
  hub = await QuestionHub.start();
});
afterEach(async () => {
  await hub.stop();
  await rm(folder, { recursive: true });
});

const fetchFiles = (pausesMs: number[] = []): Promise<string[]> =>
  fetchQuestionFiles(QUESTION_PRESET, {
    folder,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    pausesMs,
  });

describe("question files from the hub", { timeout: 30_000 }, () => {
  it("continue in a later call where the transfer broke off; once complete, no request is sent", async () => {
    // The file before it is kept, too.
    hub.cutAfter = 100_000;
    await expect(fetchFiles()).rejects.toThrow(/breaks off again and again.*questions import FILE/);
    expect((await stat(join(folder, "train_e5_s3.parquet.part"))).size).toBe(100_000);
    hub.requests.length = 0;
    expect(await fetchFiles()).toEqual(
      ["mirage_wiki_test.parquet", "train_e5_s3.parquet"].map((name) => join(folder, name)),
    );
    expect(hub.requests.slice(1)).toEqual([
      `/datasets/${QUESTION_PRESET.files.dataset}/resolve/main/train_e5_s3.parquet bytes=100000-`,
    ]);
    for (const [name, bytes] of Object.entries(QUESTION_FILES))
      expect((await readFile(join(folder, name))).equals(bytes)).toBe(true);
    hub.requests.length = 0;
    expect(await fetchFiles()).toHaveLength(2);
    expect(hub.requests).toEqual([]);
    // A file that was changed since is fetched again, and only that one.
    await writeFile(join(folder, "mirage_wiki_test.parquet"), "");
    await fetchFiles();
    expect(hub.requests.slice(1)).toEqual([
      `/datasets/${QUESTION_PRESET.files.dataset}/resolve/main/mirage_wiki_test.parquet`,
    ]);
  });

  it("of another checksum are refused and not kept", async () => {
    hub.wrongChecksum = true;
    await expect(fetchFiles()).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining(`not ${"0".repeat(64)}`) as string,
    });
    await expect(stat(join(folder, "mirage_wiki_test.parquet"))).rejects.toThrow();
    await expect(stat(join(folder, "complete.json"))).rejects.toThrow();
  });

  it("cannot be had without a network: the error says so, and how to bring them by hand", async () => {
    process.env.HF_ENDPOINT = "http://127.0.0.1:1";
    await expect(fetchFiles()).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(
        /127\.0\.0\.1:1 cannot be reached.*Download the \.parquet files of .*s3_processed_data elsewhere.*questions import FILE/,
      ) as string,
    });
  });
});
