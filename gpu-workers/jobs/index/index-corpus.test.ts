import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { TestAgents } from "@/gpu-workers/agent/testing/harness";
import { ProtocolServer } from "@/gpu-workers/agent/testing/protocol-server";
import { indexCorpus } from "./index-corpus";
import { waitUntil } from "@/lib/testing/wait-until";

let server: ProtocolServer;
let folder: string;
const agents = new TestAgents();
beforeEach(async () => {
  server = await ProtocolServer.start();
  folder = await mkdtemp(join(tmpdir(), "index-run-"));
});
afterEach(async () => {
  await agents.stopAll();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

it.each([
  ["encoder", { kind: "dense", encoder: "no-such-encoder" }],
  ["encoder of a hybrid", { kind: "hybrid", encoder: "no-such-encoder" }],
  ["reranker", { kind: "bm25", reranker: "no-such-reranker" }],
])("fails before it imports anything where its %s is not installed", async (_, retriever) => {
  const path = join(folder, "passages.jsonl");
  await writeFile(path, '{"id":"1","text":"a"}\n');
  const run = server.queue({
    kind: "index",
    name: "Import",
    corpus: "never-imported",
    source: { kind: "path", path },
    retriever,
  });
  await agents.start(server.url, { index: indexCorpus });
  await waitUntil("it has failed", () => run.state === "failed", 10_000);
  expect(run.transitions.at(-1)?.reason).toMatch(/no-such-(encoder|reranker)/);
  expect(run.items.filter(({ item }) => item.kind === "progress")).toEqual([]);
  expect(await readdir(folder)).toEqual(["passages.jsonl"]);
});
