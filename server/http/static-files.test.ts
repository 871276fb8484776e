import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request, type IncomingHttpHeaders, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listenLocally } from "@/lib/testing/listen-locally";
import { compressStaticFiles } from "@/scripts/setup/compress-static.mjs";
import { listStaticFiles, serveStaticFile, type StaticFiles } from "./static-files";

const SCRIPT = "console.log('s3');\n".repeat(500);

describe("scripts and styles of a build", () => {
  let folder: string;
  let files: StaticFiles;
  let server: Server;
  let address: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "s3-static-"));
    await mkdir(join(folder, "chunks"));
    await writeFile(join(folder, "chunks", "a-1.js"), SCRIPT);
    await writeFile(join(folder, "chunks", "b.css"), "p { color: red }".repeat(200));
    await writeFile(join(folder, "chunks", "font.woff2"), "font");
    await compressStaticFiles(folder);
    files = await listStaticFiles(folder);
    server = createServer((req, res) => {
      void serveStaticFile(req, res, req.url ?? "", files).then((served) => {
        if (!served) res.writeHead(404).end("otherwise");
      });
    });
    address = await listenLocally(server);
  });
  afterAll(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  const get = (path: string, headers: Record<string, string>, method = "GET") =>
    new Promise<{ status?: number; headers: IncomingHttpHeaders; body: Buffer }>(
      (resolve, reject) => {
        request(address, { path, headers, method }, (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("end", () =>
            resolve({
              status: response.statusCode,
              headers: response.headers,
              body: Buffer.concat(parts),
            }),
          );
        })
          .on("error", reject)
          .end();
      },
    );

  it("are compressed at build, and nothing else is", () => {
    expect([...files.keys()].sort()).toEqual([
      "/_next/static/chunks/a-1.js",
      "/_next/static/chunks/b.css",
    ]);
  });

  it("are served as they were compressed, to be kept for ever", async () => {
    const { status, headers, body } = await get("/_next/static/chunks/a-1.js", {
      "accept-encoding": "gzip, deflate, br, zstd",
    });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-encoding": "br",
      "content-type": "application/javascript; charset=UTF-8",
      "content-length": String(body.length),
      "cache-control": "public, max-age=31536000, immutable",
      vary: "Accept-Encoding",
    });
    expect(brotliDecompressSync(body).toString()).toBe(SCRIPT);
  });

  it.each([
    ["br", 200],
    ["br;q=0.5", 200],
    ["gzip, br; q=1.0", 200],
    ["gzip", 404],
    ["br;q=0", 404],
    ["br;q=0.0, gzip", 404],
    ["brx", 404],
    ["", 404],
  ])("go compressed only to who takes brotli: %j", async (accepted, status) => {
    const answer = await get("/_next/static/chunks/a-1.js", { "accept-encoding": accepted });
    expect(answer.status).toBe(status);
  });

  it("leave other methods and addresses to others", async () => {
    const headers = { "accept-encoding": "br" };
    expect((await get("/_next/static/chunks/a-1.js", headers, "POST")).status).toBe(404);
    expect((await get("/_next/static/chunks/../chunks/a-1.js", headers)).status).toBe(404);
    expect((await get("/_next/static/chunks/a-1.js.br", headers)).status).toBe(404);
    expect((await get("/_next/static/chunks/font.woff2", headers)).status).toBe(404);
  });

  it("are none where no build was compressed", async () => {
    expect((await listStaticFiles(join(folder, "absent"))).size).toBe(0);
  });
});
