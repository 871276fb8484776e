import { setTimeout as sleep } from "node:timers/promises";
import { createHash } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CorpusReport } from "@/contracts/worker-protocol/corpus-report";
import { indexConfigSchema } from "@/contracts/run-config/index-config";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import type { TestWorker } from "@/server/testing/test-worker";

const LIMIT = 1024 * 1024;
let server: TestServer;
let worker: TestWorker;
beforeAll(async () => {
  server = await startTestServer({
    timings: { leaseMs: 60_000, offlineMs: 60_000, attachMs: 20_000 },
    uploadLimitBytes: LIMIT,
  });
  worker = await server.worker({ corpora: ["atlas"] });
});
afterAll(() => server.stop());

const stored = async (): Promise<string[]> =>
  readdir(join(server.artifactsDir, "uploads")).catch(() => []);
const send = async (
  name: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<{
  status: number;
  body: { id: string; reused: boolean; sha256: string; code?: string; message?: string };
}> => {
  const response = await fetch(`${server.url}/uploads?name=${encodeURIComponent(name)}`, {
    method: "POST",
    body: typeof body === "string" ? body : new Uint8Array(body),
    headers: { ...server.headers, ...headers },
  });
  return {
    status: response.status,
    body: (await response.json()) as { id: string; reused: boolean; sha256: string },
  };
};

describe("an upload", () => {
  const content = Buffer.alloc(200_000, "passages ");
  const sha256 = createHash("sha256").update(content).digest("hex");
  const read = (id: string, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/worker/uploads/${id}`, {
      headers: { authorization: `Bearer ${worker.options.token}`, ...headers },
    });

  it("is hashed while it arrives, kept once, and given to workers from any byte on", async () => {
    const first = await send("mine.jsonl", content);
    expect(first).toMatchObject({
      status: 201,
      body: { fileName: "mine.jsonl", bytes: content.length, sha256, reused: false },
    });
    const again = await send("copy.jsonl", content);
    expect(again.body).toMatchObject({ id: first.body.id, fileName: "copy.jsonl", reused: true });
    expect(await stored()).toEqual([first.body.id]);
    expect(await server.plane.uploads.find(sha256)).toMatchObject({ id: first.body.id });

    // Only to a worker with a run that needs it.
    expect((await read(first.body.id)).status).toBe(409);
    const source = { kind: "upload" as const, upload: first.body.id, fileName: "mine.jsonl" };
    const importing = indexConfigSchema.parse({ kind: "index", name: "i", corpus: "x", source });
    await server.plane.runs.create(importing, { actor: "test", preset: null });
    const { runId, attempt } = await worker.leaseAndStart();
    const whole = await read(first.body.id);
    expect([whole.status, whole.headers.get("etag")]).toEqual([200, `"${sha256}"`]);
    expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true);
    const rest = await read(first.body.id, { range: "bytes=199990-" });
    expect([rest.status, rest.headers.get("content-range")]).toEqual([
      206,
      "bytes 199990-199999/200000",
    ]);
    expect(Buffer.from(await rest.arrayBuffer()).equals(content.subarray(199_990))).toBe(true);
    expect((await read(first.body.id, { range: "bytes=200000-" })).status).toBe(416);
    expect((await fetch(`${server.url}/worker/uploads/${first.body.id}`)).status).toBe(401);
    expect((await read("00000000-0000-4000-8000-000000000000")).status).toBe(401);
    const ended = { runId, attempt, to: "failed" as const, reason: "the next test" };
    await worker.request("transition", ended);
  });

  it("that is empty, too large, or of another site is refused with the reason and leaves nothing", async () => {
    const before = await stored();
    expect(await send("empty.jsonl", "")).toMatchObject({
      status: 400,
      body: { message: "empty.jsonl is empty." },
    });
    expect(await send("large.jsonl", Buffer.alloc(LIMIT + 1))).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining("import it as a path instead") as string },
    });
    const other = await fetch(`${server.url}/uploads?name=x`, {
      method: "POST",
      body: "x",
      headers: { origin: "http://evil.example" },
    });
    expect(other.status).toBe(403);
    expect((await fetch(`${server.url}/uploads?name=x`, server)).status).toBe(405);
    expect(await stored()).toEqual(before);
  });

  it("that is too large without saying so is stopped on its way", async () => {
    const before = await stored();
    const status = await new Promise<number>((resolve, reject) => {
      const post = request(
        `${server.url}/uploads?name=x`,
        { method: "POST", headers: server.headers },
        (response) => resolve(response.resume().statusCode ?? 0),
      );
      post.on("error", reject);
      for (let i = 0; i < 20; i++) post.write(Buffer.alloc(100_000));
      post.end();
    });
    expect(status).toBe(400);
    expect(await stored()).toEqual(before);
  });

  it("that is cut off leaves nothing behind", async () => {
    const before = await stored();
    await new Promise<void>((resolve) => {
      const post = request(`${server.url}/uploads?name=x`, {
        method: "POST",
        headers: { ...server.headers, "content-length": "500000" },
      });
      post.on("error", () => undefined).on("close", () => resolve());
      post.write(Buffer.alloc(100_000), () => setTimeout(() => post.destroy(), 50));
    });
    for (let tries = 0; tries < 50 && (await stored()).length > before.length; tries++)
      await sleep(20);
    expect(await stored()).toEqual(before);
    expect(
      await server.plane.database.db.$queryRaw`SELECT count(*)::int AS n FROM uploads`,
    ).toEqual([{ n: 1 }]);
  });
});

describe("an upload that nobody needs any more", () => {
  it("is removed once it was imported, or after days; never while a run may read it", async () => {
    const { uploads, launcher, runs, database } = server.plane;
    const launchImport = async (upload: string, name: string): Promise<string> =>
      (
        await launcher.launch(
          {
            kind: "index",
            name,
            corpus: name,
            source: { kind: "upload", upload, fileName: "x.jsonl" },
          },
          { actor: "test", preset: null },
        )
      ).id;
    const [imported, waiting, unused, failed] = await Promise.all(
      ["imported", "waiting", "unused", "failed"].map(
        async (name) => (await send(`${name}.jsonl`, name)).body.id,
      ),
    );
    const [first, , third] = [
      await launchImport(imported!, "imported"),
      await launchImport(waiting!, "waiting"),
      await launchImport(failed!, "failed"),
    ];
    await database.db
      .$executeRaw`UPDATE runs SET state = CASE id WHEN ${first}::uuid THEN 'succeeded' ELSE 'failed' END WHERE id IN (${first}::uuid, ${third}::uuid)`;
    const age = (hours: number) =>
      database.db.$executeRaw`UPDATE uploads SET used_at = now() - ${hours} * interval '1 hour'`;
    const prune = async (): Promise<string[]> => {
      await uploads.prune({ importedUploadMs: 3_600_000, unusedUploadMs: 7 * 24 * 3_600_000 });
      const kept = await stored();
      return [imported!, waiting!, unused!, failed!].filter((id) => kept.includes(id));
    };
    expect(await prune()).toEqual([imported, waiting, unused, failed]);
    await age(2);
    expect(await prune()).toEqual([waiting, unused, failed]);
    await expect(uploads.open(imported!, 0)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("Upload the file again") as string,
    });
    await age(8 * 24);
    await send("again.jsonl", "unused"); // asked for anew
    expect(await prune()).toEqual([waiting, unused]);
    for (const { id } of await database.db.$queryRaw<
      { id: string }[]
    >`SELECT id FROM runs WHERE state = 'queued'`)
      await runs.cancel(id, { actor: "test", reason: null });
    await age(8 * 24);
    expect(await prune()).toEqual([]);
  });
});

it("what a crash left of a file that was arriving goes with the next start", async () => {
  const { body } = await send("whole.jsonl", "whole");
  const left = join(server.artifactsDir, "uploads", "00000000-0000-4000-8000-0000000000ff");
  await mkdir(left, { recursive: true });
  await writeFile(join(left, "file.part"), "begun");
  await server.plane.uploads.removeUnfinished();
  expect(await stored()).toContain(body.id);
  expect(await stored()).not.toContain("00000000-0000-4000-8000-0000000000ff");
});

describe("corpora of workers", () => {
  const report = (name: string, overrides: Partial<CorpusReport> = {}): CorpusReport => ({
    name,
    hash: "a".repeat(64),
    documents: 3,
    bytes: 100,
    samples: [{ id: "1", title: "T", text: "x" }],
    manifest: null,
    indexes: [],
    ...overrides,
  });

  it("are what they say, and a new one is matched to queued runs at once", async () => {
    const { runs, launcher, workerCorpora: corpora } = server.plane;
    await expect(
      launcher.launch(
        { kind: "index", name: "index", corpus: "mine" },
        { actor: "test", preset: null },
      ),
    ).rejects.toThrow('there is no corpus "mine"');
    // A run that brings its corpus needs none.
    const { id: importing } = await launcher.launch(
      {
        kind: "index",
        name: "import",
        corpus: "mine",
        source: { kind: "path", path: "/somewhere" },
      },
      { actor: "test", preset: null },
    );
    expect((await worker.leaseAndStart()).runId).toBe(importing);
    const queued = await runs.create(
      indexConfigSchema.parse({ kind: "index", name: "index", corpus: "mine" }),
      { actor: "test", preset: null },
    );
    expect((await worker.lease()).run).toBeNull();

    await worker.request("corpora", {
      corpora: [
        report("atlas"),
        report("mine", {
          indexes: [
            {
              key: "k",
              corpusHash: "a".repeat(64),
              description: "minilm fp32, Flat",
              bytes: 5,
              builtAt: 7,
            },
          ],
        }),
      ],
    });
    expect((await worker.leaseAndStart()).runId).toBe(queued);
    expect(await corpora.list()).toMatchObject([
      { name: "atlas" },
      {
        name: "mine",
        documents: 3,
        indexes: 1,
        workers: [{ name: "tester", online: true }],
        sameEverywhere: true,
      },
    ]);
    expect(await corpora.get("mine")).toMatchObject({
      samples: [{ id: "1" }],
      indexes: [{ description: "minilm fp32, Flat" }],
    });

    const other = await server.worker({ name: "other", corpora: [] });
    await other.request("corpora", { corpora: [report("mine", { hash: "b".repeat(64) })] });
    expect(await corpora.get("mine")).toMatchObject({ sameEverywhere: false, workers: [{}, {}] });
    await worker.request("corpora", { corpora: [report("atlas")] });
    expect(await corpora.get("mine")).toMatchObject({
      hash: "b".repeat(64),
      workers: [{ name: "other" }],
    });
    await expect(corpora.get("none")).rejects.toMatchObject({ code: "not-found" });
  });
});
