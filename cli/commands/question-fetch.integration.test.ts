import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { QUESTION_PRESETS } from "@/core/presets/question-presets";
import { startTestServer, type TestServer } from "@/server/testing/control-plane";
import { fetchQuestionFiles, type ImportedFile } from "./question-fetch";

/** Upstream's rows: numbered from 0 in each data set, with a prompt that holds the documents found first. */
function upstreamFile(sources: string[], promptLength = 20): Buffer {
  const rows = sources.flatMap((source) => [0, 1].map((index) => ({ source, index })));
  // Text that does not compress, so that the file is long enough to be cut.
  const documents = (of: string): string =>
    Array.from({ length: promptLength }, (_, i) =>
      createHash("sha256").update(`${of} ${i}`).digest("hex"),
    ).join(" ");
  return Buffer.from(
    parquetWriteBuffer({
      columnData: [
        { name: "data_source", data: rows.map(({ source }) => source), type: "STRING" },
        {
          name: "prompt",
          data: rows.map(({ source, index }) => [
            { role: "user", content: `${documents(`${source} ${index}`)}` },
          ]),
          type: "JSON",
        },
        { name: "ability", data: rows.map(() => "fact-reasoning"), type: "STRING" },
        {
          name: "reward_model",
          data: rows.map(({ source, index }) => ({
            style: "rule",
            ground_truth: { question: `${source} ${index}?`, target: [`${source} answer`] },
          })),
          type: "JSON",
        },
        {
          name: "extra_info",
          data: rows.map(({ index }) => ({ split: "train", index })),
          type: "JSON",
        },
      ],
    }),
  );
}

const preset = QUESTION_PRESETS["s3-processed-data"];
const files = {
  "train_e5_s3.parquet": upstreamFile(["nq", "hotpotqa"], 3_000),
  "mirage_wiki_test.parquet": upstreamFile(["medqa"]),
};

let folder: string;
let hub: Server;
let endpoint: string;
const asked: string[] = [];
/** Bytes after which the next answer of the training rows is cut, and whether the hub's list names another checksum. */
let cut: number | null = null;
let wrongChecksum = false;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "question-fetch-"));
  asked.length = 0;
  cut = null;
  wrongChecksum = false;
  hub = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(`${path} ${request.headers.range ?? ""}`.trim());
    if (path.startsWith(`/api/datasets/${preset.files.dataset}/tree/main`)) {
      const entries = Object.entries(files).map(([name, bytes]) => ({
        type: "file",
        path: name,
        size: bytes.length,
        lfs: {
          oid: wrongChecksum ? "0".repeat(64) : createHash("sha256").update(bytes).digest("hex"),
          size: bytes.length,
        },
      }));
      return void response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify([{ type: "file", path: "README.md", size: 3 }, ...entries]));
    }
    const name = Object.keys(files).find(
      (known) => path === `/datasets/${preset.files.dataset}/resolve/main/${known}`,
    );
    if (name === undefined) return void response.writeHead(404).end();
    const body = files[name as keyof typeof files];
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const start =
      range !== undefined && request.headers["if-range"] === `"${name}"` ? Number(range) : 0;
    const rest = body.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      etag: `"${name}"`,
      "content-length": rest.length,
      ...(start > 0 && { "content-range": `bytes ${start}-${body.length - 1}/${body.length}` }),
    });
    if (cut === null || !name.startsWith("train")) return void response.end(rest);
    response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 150));
    cut = null;
  });
  await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
  process.env.HF_ENDPOINT = endpoint;
});
afterEach(async () => {
  delete process.env.HF_ENDPOINT;
  hub.closeAllConnections();
  await new Promise((resolve) => hub.close(resolve));
  await rm(folder, { recursive: true });
});
const fetchThem = (pausesMs: number[] = []): Promise<string[]> =>
  fetchQuestionFiles(preset, {
    folder,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    pausesMs,
  });

describe("question files from the hub", { timeout: 30_000 }, () => {
  it("go on in a later call where the transfer was cut; once complete, nothing is asked of the network", async () => {
    // The file before it is kept, too.
    cut = 100_000;
    await expect(fetchThem()).rejects.toThrow(/breaks off again and again.*questions import FILE/);
    expect((await stat(join(folder, "train_e5_s3.parquet.part"))).size).toBe(100_000);
    asked.length = 0;
    expect(await fetchThem()).toEqual(
      ["mirage_wiki_test.parquet", "train_e5_s3.parquet"].map((name) => join(folder, name)),
    );
    expect(asked.slice(1)).toEqual([
      `/datasets/${preset.files.dataset}/resolve/main/train_e5_s3.parquet bytes=100000-`,
    ]);
    for (const [name, bytes] of Object.entries(files))
      expect((await readFile(join(folder, name))).equals(bytes)).toBe(true);
    asked.length = 0;
    expect(await fetchThem()).toHaveLength(2);
    expect(asked).toEqual([]);
    // A file that was changed since is fetched again, and only that one.
    await writeFile(join(folder, "mirage_wiki_test.parquet"), "");
    await fetchThem();
    expect(asked.slice(1)).toEqual([
      `/datasets/${preset.files.dataset}/resolve/main/mirage_wiki_test.parquet`,
    ]);
  });

  it("of another checksum are refused and not kept", async () => {
    wrongChecksum = true;
    await expect(fetchThem()).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining(`not ${"0".repeat(64)}`) as string,
    });
    await expect(stat(join(folder, "mirage_wiki_test.parquet"))).rejects.toThrow();
    await expect(stat(join(folder, "complete.json"))).rejects.toThrow();
  });

  it("cannot be had without a network: the error says so, and how to bring them by hand", async () => {
    process.env.HF_ENDPOINT = "http://127.0.0.1:1";
    await expect(fetchThem()).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(
        /127\.0\.0\.1:1 cannot be reached.*Download the \.parquet files of .*s3_processed_data elsewhere.*questions import FILE/,
      ) as string,
    });
  });
});

describe("s3 questions fetch", () => {
  let server: TestServer;
  let data: string;
  const s3 = (...args: string[]): Promise<{ code: number; out: string; error: string }> =>
    new Promise((resolve) => {
      execFile(
        process.execPath,
        ["--import", "tsx", "cli/main.ts", ...args],
        {
          env: { ...process.env, HF_ENDPOINT: endpoint, S3_SERVER: server.url, S3_DATA_DIR: data },
          timeout: 200_000,
        },
        (error, out, errorText) =>
          resolve({
            code: error ? (typeof error.code === "number" ? error.code : -1) : 0,
            out: out.trim(),
            error: errorText.trim(),
          }),
      );
    });
  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000 } });
    data = await mkdtemp(join(tmpdir(), "question-fetch-data-"));
  }, 200_000);
  afterAll(async () => {
    await server.stop();
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
    const { rows } = await server.plane.questionSets.listQuestions({ set: "up/train_e5_s3", limit: 10 });
    expect(rows).toMatchObject([
      { id: "nq-0", question: "nq 0?", answers: ["nq answer"], type: "nq" },
      { id: "nq-1", type: "nq" },
      { id: "hotpotqa-0", question: "hotpotqa 0?", answers: ["hotpotqa answer"], type: "hotpotqa" },
      { id: "hotpotqa-1" },
    ]);
    asked.length = 0;
    const second = await s3("questions", "fetch", "s3-processed-data", "--name", "up");
    expect(second.out).toMatch(/up\/train_e5_s3 +[0-9a-f]{12} +4 +0 +was there already/);
    expect(asked).toEqual([]);
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
});
