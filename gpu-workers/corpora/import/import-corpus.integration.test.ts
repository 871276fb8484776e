import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import type { CorpusManifest } from "@/contracts/worker-protocol/corpus-report";
import { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import { importCorpus, readCorpusManifest } from "./import-corpus";
import { SETS_DIR } from "@/lib/testing/shared";

const RUN = "00000000-0000-4000-8000-0000000000aa";
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "import-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts the import as a process; resolves with whether it came to its end, or was killed after so many reports. */
async function run(name: string, runId: string, path: string, killAfter: number): Promise<boolean> {
  const child = spawn(
    process.execPath,
    [
      "--import",
      "tsx",
      "gpu-workers/corpora/import/testing/import-process.ts",
      folder,
      name,
      runId,
      path,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let reports = 0;
  let done = false;
  child.stdout.on("data", (chunk: Buffer) => {
    const text = chunk.toString();
    done ||= text.includes("done\n");
    reports += text.split("passages").length - 1;
    if (reports >= killAfter) child.kill("SIGKILL");
  });
  await once(child, "close");
  return done;
}

describe("an import whose process is killed", () => {
  it("goes on in the next process and ends with the same bytes", { tags: "long" }, async () => {
    const path = join(folder, "source.jsonl");
    const out = createWriteStream(path);
    const text = "words that make a passage of some length ".repeat(8);
    for (let i = 0; i < 60_000; i++) {
      const line =
        i % 1000 === 999
          ? "broken\n"
          : `${JSON.stringify({ id: `d${i}`, title: `T ${i}`, text: `${text}${i % 777}` })}\n`;
      if (!out.write(line)) await once(out, "drain");
    }
    await new Promise((resolve) => out.end(resolve));
    let kills = 0;
    while (!(await run("killed", RUN, path, kills < 3 ? 6 : Infinity))) {
      kills += 1;
      expect(existsSync(join(folder, "corpora", "killed"))).toBe(false);
      expect(kills).toBeLessThan(10);
    }
    expect(kills).toBe(3);
    expect(await run("whole", RUN.replace("aa", "bb"), path, Infinity)).toBe(true);
    const documents = (name: string): Promise<Buffer> =>
      readFile(join(folder, "corpora", name, "documents.jsonl"));
    expect((await documents("killed")).equals(await documents("whole"))).toBe(true);
    const [killed, whole] = await Promise.all(
      ["killed", "whole"].map((name) => readCorpusManifest(join(folder, "corpora", name))),
    );
    const comparable = (manifest: CorpusManifest | null | undefined): unknown =>
      manifest && { ...manifest, name: "", runId: "", importedAt: 0 };
    expect(comparable(killed)).toEqual(comparable(whole));
    expect(whole).toMatchObject({ documents: 59_940, badLines: { total: 60 } });
    expect(readdirSync(join(folder, "corpora", ".importing"))).toEqual([]);
  });
});

const sets = existsSync(SETS_DIR)
  ? readdirSync(SETS_DIR).filter((name) => existsSync(join(SETS_DIR, name, "passages.jsonl")))
  : [];

describe.skipIf(sets.length === 0)(
  "the real data sets (skipped where ../shared/data is absent)",
  () => {
    it.each(sets)("%s is imported whole, and opens without being read again", async (name) => {
      const path = join(SETS_DIR, name, "passages.jsonl");
      const source = corpusSourceSchema.parse({ kind: "path", path });
      if (source.kind === "installed") throw new Error("not a source");
      const manifest = await importCorpus({
        dataDir: folder,
        importRoots: [path],
        name,
        source,
        runId: RUN.replace("aa", `c${sets.indexOf(name)}`),
        signal: new AbortController().signal,
        onProgress: () => undefined,
        log: () => undefined,
        fetchUpload: () => Promise.reject(new Error("none")),
      });
      const lines = (await readFile(path, "utf8"))
        .split("\n")
        .filter((line) => line.trim() !== "").length;
      expect(manifest.documents + manifest.badLines.total + manifest.duplicates.passages).toBe(
        lines,
      );
      expect(manifest.memoryPerPassage).toBeLessThan(20);
      const imported = join(folder, "corpora", name, "documents.jsonl");
      // Rows are believed as long as size and time are the manifest's; nothing of the file is read.
      let read = 0;
      const corpus = await CorpusFile.open(
        imported,
        undefined,
        (done) => (read = Math.max(read, done)),
      );
      expect([corpus.hash, corpus.size, read]).toEqual([
        manifest.hash,
        manifest.documents,
        (await stat(imported)).size,
      ]);
      let row = 0;
      for await (const scanned of corpus.scanRows()) {
        if (row % 997 === 0) {
          expect(corpus.findRow(scanned.record.id)).toBe(row);
          expect((await corpus.readRows([row]))[0]).toMatchObject(scanned.record);
        }
        row += 1;
      }
      expect(row).toBe(manifest.documents);
      expect(corpus.findRow("no such id")).toBeUndefined();
      await corpus.close();
    });
  },
);
