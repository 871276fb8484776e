import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { listenLocally } from "@/lib/testing/listen-locally";
import { fetchEncoder } from "./fetch-encoder";

const weights = Buffer.from("weights ".repeat(1000));
const files: Record<string, Buffer> = {
  "tokenizer.json": Buffer.from("{}"),
  "onnx/model.onnx": weights,
  "encoder.json": Buffer.from("{}"),
  "modules.json": Buffer.from(
    JSON.stringify([{ type: "sentence_transformers.models.Pooling", path: "1_Pooling" }]),
  ),
  "1_Pooling/config.json": Buffer.from(JSON.stringify({ pooling_mode_cls_token: true })),
  "sentence_bert_config.json": Buffer.from(JSON.stringify({ max_seq_length: 128 })),
};

/** A hub that breaks off the weights in the middle the first time, and knows ranges. */
let hub: Server;
let url: string;
let folder: string;
let breaks = 0;
const ranges: (string | undefined)[] = [];
beforeAll(async () => {
  hub = createServer((request, response) => {
    const body =
      files[decodeURIComponent((request.url ?? "").replace("/own/er/resolve/main/", ""))];
    if (!body) return void response.writeHead(404).end();
    if (body !== weights) return void response.end(body);
    const { range } = request.headers;
    ranges.push(range);
    const start = range ? Number(/bytes=(\d+)-/.exec(range)?.[1]) : 0;
    response.writeHead(range ? 206 : 200, {
      "content-length": body.length - start,
      etag: '"weights"',
    });
    if (breaks-- > 0)
      response.write(body.subarray(start, start + 3000), () =>
        setTimeout(() => response.destroy(), 300),
      );
    else response.end(body.subarray(start));
  });
  url = await listenLocally(hub);
});
afterAll(() => hub.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fetched-"));
  return () => rm(folder, { recursive: true, force: true });
});

describe("fetching an encoder", () => {
  it("goes on where it broke off, and records what came", async () => {
    breaks = 2;
    const options = { directory: folder, hub: url };
    await expect(fetchEncoder("own/er", { ...options, pausesMs: [] })).rejects.toMatchObject({
      code: "retriever-unavailable",
      message: expect.stringContaining("it goes on where it stopped") as string,
    });
    const { sha256 } = await fetchEncoder("own/er", { ...options, pausesMs: [1] });
    expect(ranges).toEqual([undefined, "bytes=3000-", "bytes=6000-"]);
    expect(await readFile(join(folder, "model.onnx"))).toEqual(weights);
    expect(sha256["model.onnx"]).toBe(createHash("sha256").update(weights).digest("hex"));
    expect(JSON.parse(await readFile(join(folder, "model.json"), "utf8"))).toMatchObject({
      name: "own/er",
      sha256,
    });
  });

  it("says what to do where it cannot", async () => {
    await expect(
      fetchEncoder("e5-base-v2", { directory: folder, hub: "http://127.0.0.1:1", pausesMs: [] }),
    ).rejects.toMatchObject({
      code: "retriever-unavailable",
      message: expect.stringContaining("bring it to") as string,
    });
    await expect(fetchEncoder("own/other", { directory: folder, hub: url })).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("has no tokenizer.json") as string,
    });
    await expect(fetchEncoder("medcpt", { directory: folder })).rejects.toThrow(
      "export its two encoders",
    );
    await expect(fetchEncoder("no such thing", { directory: folder })).rejects.toMatchObject({
      code: "invalid-input",
    });
  });
});
