import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listenLocally } from "@/lib/testing/listen-locally";
import { createArtifactStore } from "./create-store";
import { FileStore } from "./file-store";
import { S3Store } from "./s3-store";
import type { ArtifactStore } from "./store";

/** As much of the S3 protocol as the store speaks, over a map: PUT, GET, DELETE of several, list by prefix. */
async function serveBucket(): Promise<{ server: Server; endpoint: string }> {
  const objects = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://bucket");
    const key = decodeURIComponent(url.pathname.replace(/^\/artifacts\/?/, ""));
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const xml = (status: number, text: string) =>
        response
          .writeHead(status, { "content-type": "application/xml" })
          .end(`<?xml version="1.0"?>${text}`);
      if (request.method === "PUT" && key.includes("no-room"))
        return xml(507, "<Error><Code>XMinioStorageFull</Code><Message>full</Message></Error>");
      if (request.method === "PUT")
        return (objects.set(key, body), response.writeHead(200, { etag: '"x"' }).end());
      if (request.method === "POST") {
        for (const [, deleted] of body.toString().matchAll(/<Key>([^<]*)<\/Key>/g))
          objects.delete(deleted ?? "");
        return xml(200, "<DeleteResult/>");
      }
      if (url.searchParams.has("list-type")) {
        const found = [...objects.keys()].filter((k) =>
          k.startsWith(url.searchParams.get("prefix") ?? ""),
        );
        return xml(
          200,
          `<ListBucketResult><KeyCount>${found.length}</KeyCount><IsTruncated>false</IsTruncated>${found.map((k) => `<Contents><Key>${k}</Key></Contents>`).join("")}</ListBucketResult>`,
        );
      }
      const stored = objects.get(key);
      return stored
        ? response.writeHead(200, { "content-length": stored.length }).end(stored)
        : xml(404, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>");
    });
  });
  return { server, endpoint: await listenLocally(server) };
}

const readText = async (stream: Readable): Promise<string> =>
  Buffer.concat((await stream.toArray()) as Buffer[]).toString();

describe.each(["file", "s3"])("the %s store", (kind) => {
  let store: ArtifactStore;
  let cleanUp: () => Promise<unknown>;
  beforeEach(async () => {
    if (kind === "file") {
      const folder = await mkdtemp(join(tmpdir(), "s3-store-"));
      store = new FileStore(folder);
      cleanUp = () => rm(folder, { recursive: true });
    } else {
      const { server, endpoint } = await serveBucket();
      store = new S3Store("artifacts", "team/", {
        endpoint,
        region: "us-east-1",
        maxAttempts: 1,
        credentials: { accessKeyId: "a", secretAccessKey: "b" },
      });
      cleanUp = () =>
        new Promise((resolve) => (server.closeAllConnections(), server.close(resolve)));
    }
  });
  afterEach(() => cleanUp());

  it("stores, reads, lists and removes", async () => {
    await store.put(
      "run/1/a/weights.bin",
      Readable.from([Buffer.from("some "), Buffer.from("bytes")]),
    );
    await store.put("run/1/b/weights.bin", Readable.from([Buffer.from("others")]));
    const { bytes, stream } = await store.read("run/1/a/weights.bin");
    expect([bytes, await readText(stream)]).toEqual([10, "some bytes"]);
    expect((await store.list()).sort()).toEqual(["run/1/a", "run/1/b"]);
    await store.remove("run/1/a");
    await store.remove("run/1/never-there");
    expect(await store.list()).toEqual(["run/1/b"]);
    await expect(store.read("run/1/a/weights.bin")).rejects.toMatchObject({ code: "not-found" });
  });
});

it("an S3 store that is full says so", async () => {
  const { server, endpoint } = await serveBucket();
  const store = new S3Store("artifacts", "", {
    endpoint,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  });
  await expect(store.put("no-room/1/a/f", Readable.from([Buffer.from("x")]))).rejects.toMatchObject(
    { code: "storage-full" },
  );
  server.closeAllConnections();
  server.close();
});

describe("createArtifactStore", () => {
  it("reads addresses, and refuses others with the forms there are", async () => {
    expect((await createArtifactStore(undefined, "/data")).kind).toBe("file");
    expect((await createArtifactStore("file:///mnt/artifacts", "/data")).kind).toBe("file");
    expect((await createArtifactStore("s3://bucket/some/prefix", "/data")).kind).toBe("s3");
    await expect(createArtifactStore("ftp://host/x", "/data")).rejects.toThrow(
      /s3:\/\/bucket\/prefix/,
    );
  });
});
