import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import {
  corpusPreviewResultSchema,
  type CorpusPreviewResult,
} from "@/contracts/worker-protocol/tasks";
import { describePreview } from "@/core/corpora/describe-reading";
import { listenLocally } from "@/lib/testing/listen-locally";
import { createCorpusPreviewer } from "./preview-corpus";

const LIMIT_MS = 60_000;
let folder: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "preview-"));
  await mkdir(join(folder, "imports"));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const put = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, "imports", name);
  await writeFile(path, content);
  return path;
};

async function preview(source: object, upload = ""): Promise<CorpusPreviewResult> {
  const result = await createCorpusPreviewer(folder)(
    { source: corpusSourceSchema.parse(source) },
    {
      signal: new AbortController().signal,
      workDir: join(folder, "work"),
      reportProgress: () => undefined,
      fetchUpload: async (_id, path) => {
        await mkdir(join(folder, "work", "files"), { recursive: true });
        await writeFile(path, upload);
      },
    },
  );
  return corpusPreviewResultSchema.parse(result);
}

async function serve(answer: (response: ServerResponse) => void): Promise<string> {
  server = createServer((_request, response) => answer(response));
  return listenLocally(server);
}

const lines = (count: number, text = "x"): string =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify({ id: `d${i}`, text })}\n`).join("");

describe("a preview of a corpus", () => {
  it(
    "says how a table is written, what its columns are, and which lines cannot be used",
    async () => {
      const long = `${"a".repeat(299)}😀 and more`;
      const path = await put(
        "birds.csv",
        `doc_id;headline;body\n1;Heron;"It stands; still"\n2;Otter\n3;Marten;${long}\n`,
      );
      const found = await preview({ kind: "path", path, idColumn: "doc_id" });
      expect(found.documents).toEqual([
        { id: "1", title: "Heron", text: "It stands; still" },
        { id: "3", title: "Marten", text: `${"a".repeat(299)}…` },
      ]);
      expect(found.problems).toEqual([
        { file: "birds.csv", line: 3, reason: expect.stringContaining("2 fields") as string },
      ]);
      expect(found).toMatchObject({ read: 3, isWhole: true, files: 1 });
      expect(describePreview(found)).toEqual([
        "birds.csv: a table, UTF-8, delimiter semicolon, quotes doubled, lines end in LF",
        "Columns: doc_id, headline, body",
        "Read: id from doc_id, title from headline, text from body",
        "All 3 lines, rows or passages were read.",
      ]);
      // Another setting, another reading.
      const other = await preview({ kind: "path", path, idColumn: "#row", textColumn: "headline" });
      expect(other.reading.mapping).toMatchObject({ id: null, text: ["headline"] });
      await expect(preview({ kind: "path", path, textColumn: "wrong" })).rejects.toThrow(
        'birds.csv has no column "wrong"; its columns are "doc_id", "headline", "body".',
      );
    },
    LIMIT_MS,
  );

  it(
    "reads the beginning only, and takes its cut end for no problem",
    async () => {
      const many = await preview({ kind: "path", path: await put("many.jsonl", lines(5000)) });
      expect(many).toMatchObject({ read: 200, isWhole: false, problems: [] });
      expect(many.documents.map(({ id }) => id)).toEqual(["d0", "d1", "d2", "d3", "d4"]);
      // 2 MiB end within the 21st line of 100,000 characters.
      const wide = lines(40, "y".repeat(100_000));
      const plain = await preview({ kind: "path", path: await put("wide.jsonl", wide) });
      expect(plain).toMatchObject({ read: 20, isWhole: false, problems: [] });
      // As all lines are wrong, all are named; the cut one is none of them.
      const wrong = await put("wrong.jsonl", `no JSON ${"z".repeat(99_000)}\n`.repeat(40));
      const bad = await preview({ kind: "path", path: wrong });
      expect(bad).toMatchObject({ read: 21, documents: [], isWhole: false });
      expect(bad.problems.map(({ line }) => line)).toEqual(
        Array.from({ length: 21 }, (_, i) => i + 1),
      );
    },
    LIMIT_MS,
  );

  it(
    "reads uploads, and gzip",
    async () => {
      const source = {
        kind: "upload",
        upload: "00000000-0000-4000-8000-000000000000",
        fileName: "mine.jsonl",
      };
      expect(await preview(source, lines(2))).toMatchObject({ file: "mine.jsonl", read: 2 });
      const path = await put("packed.jsonl.gz", gzipSync(lines(3)));
      const packed = await preview({ kind: "path", path });
      expect(packed).toMatchObject({ reading: { gzip: true, form: "json-lines" }, read: 3 });
    },
    LIMIT_MS,
  );

  it(
    "fetches only the beginning of an address, gzip cut within it too",
    async () => {
      let sent = 0;
      const noise = (i: number): string =>
        Array.from({ length: 1500 }, (_, j) => ((i * 7919 + j * j * 31) >>> 0).toString(36)).join(
          "",
        );
      // Packed it is 3 MB: the first 2 MiB end within it.
      const documents = Array.from({ length: 600 }, (_, i) =>
        JSON.stringify({ id: `d${i}`, text: noise(i) }),
      ).join("\n");
      const body = gzipSync(documents);
      expect(body.length).toBeGreaterThan(2.5 * 2 ** 20);
      const url = await serve((response) => {
        response.writeHead(200, { "content-length": 1e12 });
        const send = (at: number): void => {
          if (response.destroyed) return;
          const chunk = at < body.length ? body.subarray(at, at + 65_536) : Buffer.alloc(65_536);
          sent += chunk.length;
          response.write(chunk, () => setImmediate(send, at + 65_536));
        };
        send(0);
      });
      const found = await preview({ kind: "url", url: `${url}/big.jsonl.gz` });
      expect(found).toMatchObject({ file: "big.jsonl.gz", read: 200, isWhole: false });
      expect(found.problems).toEqual([]);
      expect(sent).toBeLessThan(64 * 2 ** 20);
    },
    LIMIT_MS,
  );

  it(
    "is refused with the reason",
    async () => {
      const url = await serve((response) => {
        response
          .writeHead(200)
          .end(Buffer.concat([Buffer.from("PAR1"), Buffer.alloc(3 * 2 ** 20)]));
      });
      await expect(preview({ kind: "url", url: `${url}/x.parquet` })).rejects.toMatchObject({
        code: "unsupported",
        message: expect.stringContaining("is parquet of more than 2 MiB") as string,
      });
      await expect(preview({ kind: "path", path: "/etc/passwd" })).rejects.toMatchObject({
        code: "unauthorized",
      });
      await expect(preview({ kind: "path", path: await put("empty.jsonl", "") })).rejects.toThrow(
        "holds no passage at all",
      );
      await expect(preview({ kind: "preset", preset: "wiki-18" })).rejects.toMatchObject({
        code: "unsupported",
      });
      await expect(
        preview({
          kind: "path",
          path: await put("old.csv", Buffer.from("\xff\xfei\0d\0", "latin1")),
        }),
      ).rejects.toThrow("is not UTF-8 but UTF-16");
    },
    LIMIT_MS,
  );
});
