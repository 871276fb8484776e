import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentsResult } from "@/contracts/worker-protocol";
import { importFirst } from "@/gpu-workers/corpora/import-run";
import { CorpusReporter } from "@/gpu-workers/corpora/report";
import { corpusPath } from "@/gpu-workers/agent/corpora";
import { documentsOf, query } from "@/gpu-workers/agent/tasks";
import { Agents } from "@/gpu-workers/agent/testing/harness";
import { taskDetail } from "@/server/api/tasks/get";
import { startTestServer, type TestServer } from "@/server/testing/control-plane";
import { eventually } from "./support/real-worker";

const LIMIT_MS = 60_000;
let server: TestServer;
let folder: string;
const agents = new Agents();

/** A real server and a real agent whose index runs import and build nothing. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "s3-corpora-"));
  server = await startTestServer({ timings: { leaseMs: 20_000, offlineMs: 40_000, attachMs: 20_000, taskMs: { query: 20_000, documents: 20_000, "dry-run": 20_000, "index-plan": 20_000, "remove-corpus": 20_000, "turn-gains": 20_000 } } });
  const { token } = await server.plane.tokens.create("importer", "test");
  const folders = { atlasDir: join(folder, "atlas"), dataDir: folder };
  const unused = () => Promise.reject(new Error("not part of this test"));
  await agents.start(
    server.url,
    { index: async (context) => (await context.running(), context.config.kind === "index" ? importFirst(context, context.config, folder) : undefined) },
    { token, name: "importer", corpora: new CorpusReporter(folders), tasks: { query, documents: documentsOf((corpus) => corpusPath(corpus, folders)), "dry-run": unused, "turn-gains": unused } },
  );
  await eventually("the agent attaches", async () => (await server.plane.workerReader.list()).some((worker) => worker.state === "online"), LIMIT_MS);
});
afterAll(async () => {
  await agents.stopAll();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function ended(runId: string): Promise<{ state: string; error: string | null }> {
  await eventually("the run ends", async () => ["succeeded", "failed", "cancelled"].includes((await server.plane.runReader.get(runId)).state), LIMIT_MS);
  return server.plane.runReader.get(runId);
}
const launch = async (corpus: string, source: object): Promise<string> => (await server.plane.launcher.launch({ kind: "index", name: corpus, corpus, source, buildIndex: false }, { actor: "test", preset: null })).id;

describe("a corpus, from the page to the worker", () => {
  it("is uploaded, imported, reported, and read by id", async () => {
    const lines = ['{"id":"a","contents":"\\"Alpha\\"\\nfirst"}', "broken", '{"id":"b","contents":"\\"Beta\\"\\nsecond"}'].join("\n");
    const response = await fetch(`${server.url}/uploads?name=mine.jsonl.gz`, { method: "POST", body: new Uint8Array(gzipSync(lines)) });
    const { id } = (await response.json()) as { id: string };
    const runId = await launch("mine", { kind: "upload", upload: id, fileName: "mine.jsonl.gz", licence: "CC0" });
    expect(await ended(runId)).toMatchObject({ state: "succeeded", error: null });
    // Known before the run was over: the next run may use it at once.
    expect(await server.plane.corpora.get("mine")).toMatchObject({ documents: 2, licence: "CC0", samples: [{ id: "a" }, { id: "b" }], manifest: { runId, badLines: { total: 1, first: [{ file: "mine.jsonl.gz", line: 2 }] } } });
    expect((await server.plane.runReader.get(runId)).progress).toMatchObject({ phase: "importing", detail: 'imported 2 passages as "mine"; 1 bad lines were left out' });

    const { taskId } = await server.plane.tasks.create({ kind: "documents", corpus: "mine", ids: ["b", "none"] }, "test");
    await eventually("the task ends", async () => (await server.plane.tasks.get(taskId)).state !== "running", LIMIT_MS);
    expect(documentsResult.parse(taskDetail.parse(await server.plane.tasks.get(taskId)).result).documents).toEqual([{ id: "b", title: "Beta", text: "second" }]);

    // An index that appears in the worker's folder appears on the page.
    const { hash } = await server.plane.corpora.get("mine");
    await mkdir(join(folder, "indexes", "k1"), { recursive: true });
    await writeFile(join(folder, "indexes", "k1", "manifest.json"), JSON.stringify({ corpusHash: hash, kind: "flat-ip", encoder: "minilm fp32", bytes: 12, more: 1 }));
    await eventually("the index is reported", async () => (await server.plane.corpora.get("mine")).indexes.length > 0, LIMIT_MS);
    expect((await server.plane.corpora.get("mine")).indexes).toMatchObject([{ key: "k1", description: "minilm fp32, flat-ip", bytes: 12 }]);
  });

  it("that cannot be imported fails the run with the reason", async () => {
    expect(await ended(await launch("nowhere", { kind: "path", path: join(folder, "nowhere.jsonl") }))).toMatchObject({ state: "failed", error: expect.stringContaining("There is no file or folder") as string });
    expect(await ended(await launch("mine", { kind: "path", path: join(folder, "x.jsonl") }))).toMatchObject({ state: "failed", error: expect.stringContaining('has a corpus "mine" already') as string });
    expect(await ended(await launch("gone", { kind: "upload", upload: "00000000-0000-4000-8000-000000000000", fileName: "x.jsonl" }))).toMatchObject({ state: "failed", error: expect.stringContaining("Upload the file again") as string });
  });

  it("that was put into the data folder by hand is found without a restart", async () => {
    await writeFile(join(folder, "corpora", "byhand.jsonl"), '{"id":"1","title":"T","text":"x"}\n');
    await eventually("it is reported", async () => (await server.plane.corpora.list()).some((corpus) => corpus.name === "byhand" && corpus.documents === 1), LIMIT_MS);
    expect(await readFile(join(folder, "corpora", "mine", "documents.jsonl"), "utf8")).toContain("Alpha");
  });
});
