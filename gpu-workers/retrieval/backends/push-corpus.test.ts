import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { retrieverSchema, type RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import { pushCorpus, type PushOptions } from "./push-corpus";
import { computePointId } from "./qdrant";
import {
  ScriptedServer,
  type ScriptedAnswer,
  type SeenRequest,
} from "@/gpu-workers/retrieval/testing/scripted-server";

const DOCUMENTS = Array.from({ length: 600 }, (_, i) => ({
  id: `d${i}`,
  title: `T${i}`,
  text: `text ${i}`,
}));
const options: PushOptions = {
  times: { requestMs: 2_000, backoffMs: 5, attempts: 3 },
  environment: {} as NodeJS.ProcessEnv,
  loadEncoder: () =>
    Promise.resolve({
      dim: 2,
      name: "tiny",
      variant: "fp32",
      fingerprint: "f",
      encode: (texts) => Promise.resolve(new Float32Array(texts.length * 2)),
      close: () => Promise.resolve(),
    }),
};

let folder: string;
let corpus: string;
let server: ScriptedServer | null = null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "s3-push-"));
  corpus = join(folder, "corpus.jsonl");
  await writeFile(corpus, DOCUMENTS.map((document) => `${JSON.stringify(document)}\n`).join(""));
});
afterEach(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Keeps what is written, as the documented API of either server does; fails at the requests that the test names. */
class Store {
  exists = false;
  readonly written = new Map<string, unknown>();
  writes = 0;
  fail: (write: number) => ScriptedAnswer | null | undefined = () => undefined;

  openSearch({ method, path, body }: SeenRequest): ScriptedAnswer | null {
    const name = path.split("?")[0];
    if (method === "HEAD") return { status: this.exists ? 200 : 404, body: "" };
    if (method === "PUT" && name === "/wiki") {
      expect(JSON.parse(body)).toEqual({
        mappings: {
          properties: {
            title: { type: "text", analyzer: "english" },
            text: { type: "text", analyzer: "english" },
          },
        },
      });
      this.exists = true;
      return { body: { acknowledged: true } };
    }
    if (name === "/wiki/_mget")
      return {
        body: {
          docs: (JSON.parse(body) as { ids: string[] }).ids.map((_id) => ({
            _id,
            found: this.written.has(_id),
          })),
        },
      };
    if (name === "/wiki/_bulk") {
      const failure = this.fail(++this.writes);
      if (failure !== undefined) return failure;
      const lines = body
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      for (let i = 0; i < lines.length; i += 2)
        this.written.set((lines[i]?.index as { _id: string })._id, lines[i + 1]);
      return { body: { took: 1, errors: false, items: [] } };
    }
    if (name === "/wiki/_refresh") return { body: { _shards: { failed: 0 } } };
    return { body: { count: this.written.size, _shards: { failed: 0 } } };
  }

  qdrant({ method, path, body }: SeenRequest): ScriptedAnswer | null {
    const result = (value: unknown): ScriptedAnswer => ({
      body: { result: value, status: "ok", time: 0 },
    });
    const name = path.split("?")[0];
    if (name === "/collections/wiki/exists") return result({ exists: this.exists });
    if (name === "/collections/wiki" && method === "PUT") {
      expect(JSON.parse(body)).toEqual({ vectors: { size: 2, distance: "Dot" } });
      this.exists = true;
      return result(true);
    }
    if (name === "/collections/wiki")
      return result({ config: { params: { vectors: { size: 2, distance: "Dot" } } } });
    if (name === "/collections/wiki/points/count") return result({ count: this.written.size });
    if (method === "POST")
      return result(
        (JSON.parse(body) as { ids: string[] }).ids
          .filter((id) => this.written.has(id))
          .map((id) => ({ id })),
      );
    const failure = this.fail(++this.writes);
    if (failure !== undefined) return failure;
    expect(path).toContain("wait=true");
    for (const point of (JSON.parse(body) as { points: { id: string; payload: unknown }[] }).points)
      this.written.set(point.id, point.payload);
    return result({ operation_id: 1, status: "completed" });
  }
}

describe.each(["opensearch", "qdrant"] as const)("pushing a corpus to %s", (kind) => {
  async function start(): Promise<{
    store: Store;
    config: RetrieverConfigOfKind<"opensearch" | "qdrant">;
  }> {
    const store = new Store();
    server = await ScriptedServer.start((request) =>
      kind === "opensearch" ? store.openSearch(request) : store.qdrant(request),
    );
    const config = retrieverSchema.parse(
      kind === "opensearch"
        ? { kind, url: server.url, index: "wiki" }
        : { kind, url: server.url, collection: "wiki" },
    );
    return { store, config: config as RetrieverConfigOfKind<"opensearch" | "qdrant"> };
  }
  const computeKey = (id: string): string => (kind === "opensearch" ? id : computePointId(id));

  it("writes every document under its id; again, nothing", async () => {
    const { store, config } = await start();
    expect(await pushCorpus(corpus, config, options)).toEqual({
      read: 600,
      written: 600,
      total: 600,
    });
    expect(store.written.get(computeKey("d599"))).toEqual(
      kind === "opensearch" ? { title: "T599", text: "text 599" } : DOCUMENTS[599],
    );
    expect(await pushCorpus(corpus, config, options)).toEqual({
      read: 600,
      written: 0,
      total: 600,
    });
    expect(await pushCorpus(corpus, config, { ...options, replace: true })).toEqual({
      read: 600,
      written: 600,
      total: 600,
    });
  });

  it("tries again what may pass, and goes on after an interruption where it stopped", async () => {
    const { store, config } = await start();
    store.fail = (write) =>
      write === 1
        ? null
        : write === 2
          ? { status: 429, body: {} }
          : write >= 4
            ? { status: 400, body: { status: { error: "disk is full" }, error: "disk is full" } }
            : undefined;
    await expect(pushCorpus(corpus, config, options)).rejects.toThrow("disk is full");
    expect(store.written.size).toBe(256);
    store.fail = () => undefined;
    expect(await pushCorpus(corpus, config, options)).toEqual({
      read: 600,
      written: 344,
      total: 600,
    });
  });
});
