import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { documentsResultSchema } from "@/contracts/worker-protocol/search-results";
import {
  corpusPreviewResultSchema,
  indexPlanResultSchema,
  removeCorpusResultSchema,
} from "@/contracts/worker-protocol/tasks";
import { importRunCorpus } from "@/gpu-workers/jobs/index/import-corpus";
import { createCorpusPreviewer } from "@/gpu-workers/jobs/index/preview-corpus";
import { createCorpusRemover } from "@/gpu-workers/jobs/index/remove-corpus";
import { CorpusReporter } from "@/gpu-workers/corpora/corpus-report";
import { getCorpusPath } from "@/gpu-workers/corpora/installed-corpora";
import { createDocumentReader, runQuery } from "@/gpu-workers/agent/tasks";
import { TestAgents } from "@/gpu-workers/agent/testing/harness";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import { createIndexPlanner } from "@/gpu-workers/jobs/index/plan-indexes";
import { runCli } from "@/cli/testing/run-cli";
import { createTaskRequestSchema, taskDetailSchema, type TaskDetail } from "@/contracts/api/tasks";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { waitUntil } from "@/lib/testing/wait-until";

const LIMIT_MS = 60_000;
let server: TestServer;
let folder: string;
const agents = new TestAgents();

/** A real server and a real agent whose index runs import and build nothing. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "s3-corpora-"));
  vi.stubEnv("S3_IMPORT_ROOTS", folder);
  server = await startTestServer({
    timings: {
      leaseMs: 20_000,
      offlineMs: 40_000,
      attachMs: 20_000,
      taskMs: {
        query: 20_000,
        documents: 20_000,
        "dry-run": 20_000,
        "index-plan": 120_000,
        "corpus-preview": 60_000,
        "remove-corpus": 20_000,
        "turn-gains": 20_000,
        play: 20_000,
      },
    },
  });
  const { token } = await server.plane.workerTokens.create("importer", "test");
  const folders = { atlasDir: join(folder, "atlas"), dataDir: folder };
  const unused = () => Promise.reject(new Error("not part of this test"));
  const reporter = new CorpusReporter(folders);
  const open = async (corpus: string, config: RetrieverConfig) => {
    const value = await openRetriever(config, {
      corpusPath: () => getCorpusPath(corpus, folders),
      dataDir: folder,
    });
    return {
      value,
      address: null,
      ended: new Promise<string>(() => undefined),
      stop: () => value.close(),
    };
  };
  await agents.start(
    server.url,
    {
      index: async (context) => (
        await context.markRunning(),
        context.config.kind === "index"
          ? importRunCorpus(context, context.config, folder)
          : undefined
      ),
    },
    {
      token,
      name: "importer",
      corpora: reporter,
      starters: {
        startEngine: unused,
        startRetriever: open,
        startSampler: unused,
        startVllm: unused,
      },
      taskHandlers: {
        query: runQuery,
        documents: createDocumentReader((corpus) => getCorpusPath(corpus, folders)),
        "dry-run": unused,
        "index-plan": createIndexPlanner((corpus) => getCorpusPath(corpus, folders), folder),
        "corpus-preview": createCorpusPreviewer(folder),
        "remove-corpus": createCorpusRemover(reporter, folders),
        "turn-gains": unused,
        play: unused,
      },
    },
  );
  await waitUntil(
    "the agent attaches",
    async () =>
      (await server.plane.workerReader.list()).some((worker) => worker.state === "online"),
    LIMIT_MS,
  );
});
afterAll(async () => {
  await agents.stopAll();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function waitForEnd(runId: string): Promise<{ state: string; error: string | null }> {
  await waitUntil(
    "the run ends",
    async () =>
      ["succeeded", "failed", "cancelled"].includes(
        (await server.plane.runReader.get(runId)).state,
      ),
    LIMIT_MS,
  );
  return server.plane.runReader.get(runId);
}
const launch = async (corpus: string, source: object): Promise<string> =>
  (
    await server.plane.launcher.launch(
      { kind: "index", name: corpus, corpus, source, buildIndex: false },
      { actor: "test", preset: null },
    )
  ).id;

/** A task of the page, to its end. */
async function runTask(input: unknown): Promise<TaskDetail> {
  const { taskId } = await server.plane.tasks.create(createTaskRequestSchema.parse(input), "test");
  await waitUntil(
    "the task ends",
    async () => (await server.plane.tasks.get(taskId)).state !== "running",
    2 * LIMIT_MS,
  );
  return server.plane.tasks.get(taskId);
}
/** What the server knows of the indexes of a corpus, once it knows of any. */
async function listIndexes(corpus: string) {
  await waitUntil(
    "an index is reported",
    async () => (await server.plane.workerCorpora.get(corpus)).indexes.length > 0,
    LIMIT_MS,
  );
  return (await server.plane.workerCorpora.get(corpus)).indexes;
}
const workerId = async (): Promise<string> => (await server.plane.workerReader.list())[0]?.id ?? "";

describe("the plan of an index", { timeout: 240_000 }, () => {
  it(
    "says what it costs on the worker, at the pace of a sample, and what is there already",
    { tags: "long" },
    async () => {
      const path = join(folder, "source.jsonl");
      await writeFile(
        path,
        Array.from({ length: 300 }, (_, i) =>
          JSON.stringify({
            id: String(i),
            title: `Lake ${i}`,
            text: `Lake ${i} lies ${i * 7} metres above the sea.`,
          }),
        ).join("\n"),
      );
      await waitForEnd(await launch("lakes", { kind: "path", path }));
      const plan = async (input: object) =>
        indexPlanResultSchema.parse(
          (await runTask({ kind: "index-plan", corpus: "lakes", ...input })).result,
        );
      const hybrid = await plan({ retriever: { kind: "hybrid" } });
      expect(hybrid).toMatchObject({
        passages: 300,
        indexes: [
          {
            index: "Flat",
            isThere: false,
            fileBytes: 300 * 384 * 4,
            buildBytes: 0,
            trainingVectors: 0,
            reason: expect.stringContaining("exact search") as string,
          },
          { index: "BM25", isThere: false },
        ],
      });
      for (const { passagesPerSecond, seconds } of hybrid.indexes)
        expect(seconds).toBeCloseTo(300 / (passagesPerSecond ?? 0));
      expect(hybrid.freeDiskBytes).toBeGreaterThan(0);
      expect(hybrid.memoryBytes).toBeGreaterThan(2 ** 30);

      // What a corpus will cost that no worker has yet: upstream's, in a tenth of what its vectors take.
      const absent = await plan({
        passages: 21_015_324,
        corpus: "wiki-18",
        retriever: { kind: "dense" },
      });
      expect(absent).toMatchObject({
        passages: 21_015_324,
        indexes: [{ isThere: false, diskBytes: expect.any(Number) as number }],
      });
      expect(absent.indexes[0]?.seconds).toBeGreaterThan(3600);

      expect(
        (
          await runTask({
            kind: "query",
            corpus: "lakes",
            retriever: { kind: "bm25" },
            query: "Lake 7",
          })
        ).state,
      ).toBe("succeeded");
      const built = await plan({ retriever: { kind: "bm25" } });
      expect(built.indexes).toMatchObject([
        { index: "BM25", isThere: true, passagesPerSecond: null, seconds: 0 },
      ]);
      // The sample told the size of the whole.
      const [report] = await listIndexes("lakes");
      expect(Math.abs((hybrid.indexes[1]?.fileBytes ?? 0) / (report?.bytes ?? 1) - 1)).toBeLessThan(
        0.1,
      );

      expect(
        await runTask({
          kind: "index-plan",
          corpus: "lakes",
          retriever: { kind: "dense", encoder: "e5-base-v2" },
        }),
      ).toMatchObject({
        state: "failed",
        error: {
          code: "not-found",
          message: expect.stringContaining("the encoder e5-base-v2 is not installed") as string,
        },
      });
      expect(
        await runTask({
          kind: "index-plan",
          corpus: "lakes",
          retriever: { kind: "remote", url: "http://x" },
        }),
      ).toMatchObject({ state: "failed", error: { code: "unsupported" } });
    },
  );
});

describe("a corpus that is deleted", () => {
  it("is gone from the worker with its indexes, and its name can be used again", async () => {
    const path = join(folder, "birds.jsonl");
    const lines = (birds: string[]): string =>
      birds.map((bird) => JSON.stringify({ id: bird, text: `The ${bird} sings.` })).join("\n");
    await writeFile(path, lines(["wren", "finch"]));
    for (const name of ["birds", "twins"])
      await waitForEnd(await launch(name, { kind: "path", path }));
    const search = async (query: string) =>
      runTask({ kind: "query", corpus: "birds", retriever: { kind: "bm25" }, query });
    expect((await search("finch")).state).toBe("succeeded");
    expect(await listIndexes("birds")).toHaveLength(1);

    // Another corpus of the same content keeps the index.
    expect(
      removeCorpusResultSchema.parse(
        (await runTask({ kind: "remove-corpus", corpus: "birds", workerId: await workerId() }))
          .result,
      ),
    ).toMatchObject({ indexes: 0 });
    expect(existsSync(join(folder, "corpora", "birds"))).toBe(false);
    await expect(server.plane.workerCorpora.get("birds")).rejects.toMatchObject({
      code: "not-found",
    });
    expect(await listIndexes("twins")).toHaveLength(1);

    await writeFile(path, lines(["lark", "thrush"]));
    await waitForEnd(await launch("birds", { kind: "path", path }));
    expect((await search("lark")).result).toMatchObject({ documents: [{ id: "lark" }] });
    expect((await search("finch")).result).toMatchObject({ documents: [] });
    await listIndexes("birds");
    const removed = removeCorpusResultSchema.parse(
      (await runTask({ kind: "remove-corpus", corpus: "birds", workerId: await workerId() }))
        .result,
    );
    expect(removed.indexes).toBe(1);
    expect(removed.freedBytes).toBeGreaterThan(100);
    expect((await readdir(join(folder, "indexes"))).filter((name) => name.startsWith("."))).toEqual(
      [],
    );
  });

  it("is refused while a run needs it, where nobody has it, and where it was put by hand", async () => {
    const path = join(folder, "fish.jsonl");
    await writeFile(path, JSON.stringify({ id: "1", text: "A pike." }));
    await waitForEnd(await launch("fish", { kind: "path", path }));
    const remove = async (corpus: string) =>
      runTask({ kind: "remove-corpus", corpus, workerId: await workerId() });
    const { id } = await server.plane.launcher.launch(
      { kind: "serve", name: "needs fish", corpus: "fish", worker: "nobody" },
      { actor: "test", preset: null },
    );
    await expect(remove("fish")).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("“needs fish”") as string,
    });
    await server.plane.runs.cancel(id, { actor: "test", reason: null });
    expect((await remove("fish")).state).toBe("succeeded");
    await expect(remove("fish")).rejects.toMatchObject({ code: "unsupported" });

    await writeFile(
      join(folder, "corpora", "own.jsonl"),
      JSON.stringify({ id: "1", text: "mine" }),
    );
    await waitUntil(
      "it is found",
      async () => (await server.plane.workerCorpora.list()).some(({ name }) => name === "own"),
      LIMIT_MS,
    );
    expect(await remove("own")).toMatchObject({
      state: "failed",
      error: {
        code: "unsupported",
        message: expect.stringContaining("own.jsonl: it is removed there") as string,
      },
    });
    expect(existsSync(join(folder, "corpora", "own.jsonl"))).toBe(true);
  });
});

describe("a corpus, from the page to the worker", () => {
  it("is uploaded, imported, reported, and read by id", async () => {
    const lines = [
      '{"id":"a","contents":"\\"Alpha\\"\\nfirst"}',
      "broken",
      '{"id":"b","contents":"\\"Beta\\"\\nsecond"}',
    ].join("\n");
    const response = await fetch(`${server.url}/uploads?name=mine.jsonl.gz`, {
      method: "POST",
      headers: server.headers,
      body: new Uint8Array(gzipSync(lines)),
    });
    const { id } = (await response.json()) as { id: string };
    const source = { kind: "upload", upload: id, fileName: "mine.jsonl.gz", licence: "CC0" };
    const preview = await runTask({ kind: "corpus-preview", source });
    expect(preview).toMatchObject({ state: "succeeded", error: null });
    expect(corpusPreviewResultSchema.parse(preview.result)).toMatchObject({
      file: "mine.jsonl.gz",
      reading: { gzip: true, form: "json-lines", mapping: { id: "id", text: ["contents"] } },
      read: 3,
      isWhole: true,
      documents: [{ id: "a", title: "Alpha", text: "first" }, { id: "b" }],
      problems: [{ line: 2, reason: expect.stringContaining("is not JSON") as string }],
    });
    const refused = { ...source, textColumn: "body" };
    expect(await runTask({ kind: "corpus-preview", source: refused })).toMatchObject({
      state: "failed",
      error: {
        code: "invalid-input",
        message: expect.stringContaining('has no column "body"') as string,
      },
    });
    const runId = await launch("mine", source);
    expect(await waitForEnd(runId)).toMatchObject({ state: "succeeded", error: null });
    // Known before the run was over: the next run may use it at once.
    expect(await server.plane.workerCorpora.get("mine")).toMatchObject({
      documents: 2,
      licence: "CC0",
      samples: [{ id: "a" }, { id: "b" }],
      manifest: { runId, badLines: { total: 1, first: [{ file: "mine.jsonl.gz", line: 2 }] } },
    });
    expect((await server.plane.runReader.get(runId)).progress).toMatchObject({
      phase: "importing",
      detail: 'imported 2 passages as "mine"; 1 bad lines were left out',
    });

    const { taskId } = await server.plane.tasks.create(
      { kind: "documents", corpus: "mine", ids: ["b", "none"] },
      "test",
    );
    await waitUntil(
      "the task ends",
      async () => (await server.plane.tasks.get(taskId)).state !== "running",
      LIMIT_MS,
    );
    expect(
      documentsResultSchema.parse(
        taskDetailSchema.parse(await server.plane.tasks.get(taskId)).result,
      ).documents,
    ).toEqual([{ id: "b", title: "Beta", text: "second" }]);

    // An index that appears in the worker's folder appears on the page.
    const { hash } = await server.plane.workerCorpora.get("mine");
    await mkdir(join(folder, "indexes", "k1"), { recursive: true });
    await writeFile(
      join(folder, "indexes", "k1", "manifest.json"),
      JSON.stringify({
        corpusHash: hash,
        kind: "flat-ip",
        encoder: "minilm fp32",
        bytes: 12,
        more: 1,
      }),
    );
    await waitUntil(
      "the index is reported",
      async () => (await server.plane.workerCorpora.get("mine")).indexes.length > 0,
      LIMIT_MS,
    );
    expect((await server.plane.workerCorpora.get("mine")).indexes).toMatchObject([
      { key: "k1", description: "minilm fp32, flat-ip", bytes: 12 },
    ]);
  });

  it("is previewed on the command line, and not imported", async () => {
    const path = join(folder, "ponds.tsv");
    await writeFile(path, "id\ttext\n1\tA lake.\n2\n");
    const s3 = (...options: string[]): ReturnType<typeof runCli> =>
      runCli(["corpus", "import", path, "--preview", ...options], { S3_SERVER: server.address });
    const { out, error, code } = await s3();
    expect(error).toBe("");
    expect(code).toBe(0);
    expect(out).toContain("ponds.tsv: a table, UTF-8, delimiter tab");
    expect(out).toContain("id from id, title from nothing, text from text");
    expect(out).toMatch(/1 +A lake\./);
    expect(out).toContain("ponds.tsv, line 3 has 1 field");
    const { out: json } = await s3("--json");
    expect(corpusPreviewResultSchema.parse(JSON.parse(json))).toMatchObject({ read: 2 });
    expect((await s3("--text-column", "body")).error).toContain('has no column "body"');
    expect((await server.plane.workerCorpora.list()).map(({ name }) => name)).not.toContain(
      "ponds",
    );
  });

  it("that cannot be imported fails the run with the reason", async () => {
    expect(
      await waitForEnd(
        await launch("nowhere", { kind: "path", path: join(folder, "nowhere.jsonl") }),
      ),
    ).toMatchObject({
      state: "failed",
      error: expect.stringContaining("There is no file or folder") as string,
    });
    expect(
      await waitForEnd(await launch("mine", { kind: "path", path: join(folder, "x.jsonl") })),
    ).toMatchObject({
      state: "failed",
      error: expect.stringContaining('has a corpus "mine" already') as string,
    });
    expect(
      await waitForEnd(
        await launch("gone", {
          kind: "upload",
          upload: "00000000-0000-4000-8000-000000000000",
          fileName: "x.jsonl",
        }),
      ),
    ).toMatchObject({
      state: "failed",
      error: expect.stringContaining("Upload the file again") as string,
    });
  });

  it("that was put into the data folder by hand is found without a restart", async () => {
    await writeFile(join(folder, "corpora", "byhand.jsonl"), '{"id":"1","title":"T","text":"x"}\n');
    await waitUntil(
      "it is reported",
      async () =>
        (await server.plane.workerCorpora.list()).some(
          (corpus) => corpus.name === "byhand" && corpus.documents === 1,
        ),
      LIMIT_MS,
    );
    expect(await readFile(join(folder, "corpora", "mine", "documents.jsonl"), "utf8")).toContain(
      "Alpha",
    );
  });
});
