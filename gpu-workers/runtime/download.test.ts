import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import { listenLocally } from "@/lib/testing/listen-locally";
import { download, type DownloadOptions } from "./download";
import { fetchSource } from "@/gpu-workers/corpora/import/fetch-source";
import { importCorpus } from "@/gpu-workers/corpora/import/import-corpus";

let folder: string;
let server: Server;
let url: string;
let handle: (request: IncomingMessage, response: ServerResponse) => void;
const asked: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "download-"));
  asked.length = 0;
  server = createServer((request, response) => {
    asked.push(`${request.url ?? ""} ${request.headers.range ?? ""}`.trim());
    handle(request, response);
  });
  url = await listenLocally(server);
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

const content = Buffer.alloc(300_000, "0123456789");
const sha256 = createHash("sha256").update(content).digest("hex");
const get = (overrides: Partial<DownloadOptions> = {}): Promise<string> =>
  download({
    url: `${url}/file.jsonl`,
    path: join(folder, "file"),
    sha256,
    byHand: "Bring it by hand.",
    signal: new AbortController().signal,
    pausesMs: [1, 1],
    ...overrides,
  });

/** Serves `body` with an entity tag and ranges; `breakAfter` cuts the connection after so many bytes of an answer. */
function serveRanges(body: Buffer, breakAfter: () => number | null = () => null, etag = '"one"') {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const start = range !== undefined && request.headers["if-range"] === etag ? Number(range) : 0;
    const rest = body.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      etag,
      "content-length": rest.length,
      ...(start > 0 && { "content-range": `bytes ${start}-${body.length - 1}/${body.length}` }),
    });
    const cut = breakAfter();
    if (cut === null) return void response.end(rest);
    // Time for what was written to come to the file, also where the machine is busy.
    response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 500));
  };
}

describe("a download", { timeout: 30_000 }, () => {
  it("goes on where it broke off, as often as it must", async () => {
    let breaks = 3;
    handle = serveRanges(content, () => (breaks-- > 0 ? 50_000 : null));
    expect(await get()).toBe(sha256);
    expect(await readFile(join(folder, "file"))).toEqual(content);
    expect(asked.length).toBe(4);
    expect(asked.slice(1).every((request) => /bytes=\d{4,}-/.test(request))).toBe(true);
    await expect(stat(join(folder, "file.part"))).rejects.toThrow();
    // What is there is not fetched again.
    await get();
    expect(asked.length).toBe(4);
  });

  it("begins anew where the file is another by then", async () => {
    handle = serveRanges(Buffer.alloc(300_000, "x"), () => 50_000);
    await expect(get({ pausesMs: [] })).rejects.toThrow("breaks off again and again");
    handle = serveRanges(content, () => null, '"two"');
    expect(await get()).toBe(sha256);
    expect(await readFile(join(folder, "file"))).toEqual(content);
  });

  it("refuses a file of another checksum, and keeps nothing of it", async () => {
    handle = serveRanges(Buffer.from("other"));
    await expect(get()).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining(`not ${sha256}`) as string,
    });
    await expect(stat(join(folder, "file"))).rejects.toThrow();
    await expect(stat(join(folder, "file.part"))).rejects.toThrow();
  });

  it("deletes a finished file of another checksum and fetches it again", async () => {
    await writeFile(join(folder, "file"), "spoilt since");
    handle = serveRanges(content);
    expect(await get()).toBe(sha256);
    expect(await readFile(join(folder, "file"))).toEqual(content);
    handle = serveRanges(Buffer.from("other"));
    await writeFile(join(folder, "file"), "spoilt since");
    await expect(get()).rejects.toThrow(`not ${sha256}. It was deleted.`);
    await expect(stat(join(folder, "file"))).rejects.toThrow();
  });

  it("says why it cannot be had, and how to do without", async () => {
    handle = (_request, response) => void response.writeHead(404).end();
    await expect(get()).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("Bring it by hand.") as string,
    });
    handle = (_request, response) => void response.writeHead(401).end();
    await expect(get()).rejects.toMatchObject({ code: "unauthorized" });
    expect(asked.length).toBe(2);
    handle = (_request, response) => void response.writeHead(503).end("later");
    await expect(get()).rejects.toThrow(/cannot be reached .*HTTP 503.*Bring it by hand/);
    expect(asked.length).toBe(5);
    await expect(get({ url: "http://127.0.0.1:1/x" })).rejects.toThrow(
      /127\.0\.0\.1:1 cannot be reached/,
    );
  });

  it("takes a silent server for gone, and ends when it is cancelled", async () => {
    handle = (_request, response) =>
      void response.writeHead(200, { "content-length": 10 }).write("1");
    await expect(get({ silenceMs: 50, pausesMs: [] })).rejects.toThrow("no byte for 0.05 s");
    const stop = new AbortController();
    const cancelled = get({ signal: stop.signal });
    setTimeout(() => stop.abort(new Error("stopped")), 30);
    await expect(cancelled).rejects.toThrow("stopped");
  });
});

describe("sources", () => {
  const common = {
    importRoots: [],
    signal: new AbortController().signal,
    onProgress: () => undefined,
    log: () => undefined,
    fetchUpload: () => Promise.reject(new Error("none")),
    pausesMs: [1],
  };

  it("of an address are downloaded, checked and imported", async () => {
    const body = Buffer.from('{"id":"a","text":"from afar"}\n');
    handle = serveRanges(body);
    const source = corpusSourceSchema.parse({
      kind: "url",
      url: `${url}/sets/far.jsonl?download=true`,
      sha256: createHash("sha256").update(body).digest("hex"),
    });
    if (source.kind !== "url") throw new Error("not a url");
    const manifest = await importCorpus({
      ...common,
      dataDir: folder,
      name: "far",
      source,
      runId: "00000000-0000-4000-8000-000000000001",
    });
    expect(manifest).toMatchObject({
      documents: 1,
      source: { kind: "url", from: source.url, first: [{ name: "far.jsonl" }] },
    });
  });

  it("of the paper come from the hub: pages of its list, checked files, the parts of the index in order", async () => {
    const file = Buffer.from('{"id":"0","contents":"\\"T\\"\\nx"}\n');
    const parts: Record<string, Buffer> = {
      part_aa: Buffer.from("first,"),
      part_ab: Buffer.from("second"),
    };
    const entry = (path: string, bytes: Buffer): object => ({
      type: "file",
      path,
      size: bytes.length,
      lfs: { oid: createHash("sha256").update(bytes).digest("hex"), size: bytes.length },
    });
    handle = (request, response) => {
      const path = request.url ?? "";
      const json = (value: unknown, link?: string): void =>
        void response
          .writeHead(200, { "content-type": "application/json", ...(link && { link }) })
          .end(JSON.stringify(value));
      if (path.startsWith("/api/datasets/PeterJinGo/wiki-18-corpus/"))
        return json([
          { type: "file", path: "README.md", size: 1 },
          entry("wiki-18.jsonl.gz", file),
        ]);
      if (path === "/api/page2") return json([entry("part_aa", parts.part_aa ?? file)]);
      if (path.startsWith("/api/datasets/PeterJinGo/wiki-18-e5-index/"))
        return json([entry("part_ab", parts.part_ab ?? file)], `<${url}/api/page2>; rel="next"`);
      const name = path.split("/").at(-1) ?? "";
      serveRanges(parts[name] ?? file)(request, response);
    };
    process.env.HF_ENDPOINT = url;
    try {
      const source = corpusSourceSchema.parse({
        kind: "preset",
        preset: "wiki-18",
        withIndex: true,
      });
      if (source.kind !== "preset") throw new Error("not a preset");
      const fetched = await fetchSource(source, { ...common, folder });
      expect(fetched.files.map(({ name }) => name)).toEqual(["wiki-18.jsonl.gz"]);
      expect(await readFile(fetched.index ?? "", "utf8")).toBe("first,second");
      const before = asked.length;
      await fetchSource(source, { ...common, folder });
      expect(asked.slice(before).every((request) => request.startsWith("/api/"))).toBe(true);
      handle = (_request, response) => void response.writeHead(401).end();
      await expect(fetchSource(source, { ...common, folder })).rejects.toThrow(
        /Download wiki-18.jsonl.gz from .* import it as a path/,
      );
    } finally {
      delete process.env.HF_ENDPOINT;
    }
  });

  it("of several datasets are one corpus in the preset's order, and nothing comes where a part is missing", async () => {
    const parts = ["pubmed", "textbooks", "statpearls", "wikipedia"];
    let missing: string | null = "wikipedia";
    handle = (request, response) => {
      const path = request.url ?? "";
      const listed = /^\/api\/datasets\/MedRAG\/(\w+)\/tree/.exec(path)?.[1];
      if (listed !== undefined)
        return void response.writeHead(200, { "content-type": "application/json" }).end(
          JSON.stringify(
            ["b", "a"].map((name) => ({
              type: "file",
              path: listed === missing ? "README.md" : `chunk/${name}.jsonl`,
              size: `${listed} ${name}`.length,
            })),
          ),
        );
      const [, part, name] = /MedRAG\/(\w+)\/resolve\/main\/chunk\/(\w+)/.exec(path) ?? [];
      serveRanges(Buffer.from(`${part} ${name}`))(request, response);
    };
    process.env.HF_ENDPOINT = url;
    try {
      const source = corpusSourceSchema.parse({ kind: "preset", preset: "medcorp" });
      if (source.kind !== "preset") throw new Error("not a preset");
      await expect(fetchSource(source, { ...common, folder })).rejects.toThrow(
        /MedRAG\/wikipedia holds none of the files .* 3-statpearls/,
      );
      expect(asked.every((request) => request.startsWith("/api/"))).toBe(true);
      missing = null;
      const { files } = await fetchSource(source, { ...common, folder });
      expect(await Promise.all(files.map(({ path }) => readFile(path, "utf8")))).toEqual(
        parts.flatMap((part) => [`${part} a`, `${part} b`]),
      );
    } finally {
      delete process.env.HF_ENDPOINT;
    }
  });
});
