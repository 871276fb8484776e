import { cp, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadFaissAddon } from "./faiss-addon";
import { adoptIndex } from "./adopt-index";
import { openDenseRetriever } from "@/gpu-workers/retrieval/backends/dense";

/** Upstream's two files: a corpus of id and contents, and an IndexFlatIP whose row i is line i. */
let folder: string;
let corpusPath: string;
let indexFile: string;
const passages = (count: number): string =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      id: i,
      contents: `"Animal ${i}"\nThe animal of the kind ${i} has ${i} legs.`,
    }),
  ).join("\n");
const common = (): { corpusPath: string; encoder: string; variant: string } => ({
  corpusPath,
  encoder: "minilm",
  variant: "fp32",
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "adopt-"));
  corpusPath = join(folder, "corpus.jsonl");
  await writeFile(corpusPath, passages(40));
  const built = await openDenseRetriever({ ...common(), indexDir: join(folder, "built") });
  await built.close();
  indexFile = join(folder, "e5_Flat.index");
  await cp(join(folder, "built", built.describe().key, "vectors.faiss"), indexFile);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("adopting an index", () => {
  it("reads upstream's file as it is, also in parts, without encoding a document", async () => {
    const bytes = await readFile(indexFile);
    const parts = [join(folder, "part_aa"), join(folder, "part_ab")];
    await writeFile(parts[0] ?? "", bytes.subarray(0, 30_000));
    await writeFile(parts[1] ?? "", bytes.subarray(30_000));
    for (const [i, files] of [[indexFile], parts].entries()) {
      const indexDir = join(folder, `indexes-${i}`);
      expect(await adoptIndex({ ...common(), files, factory: "Flat", indexDir })).toMatchObject({
        count: 40,
        dim: 384,
        mapped: true,
      });
      const phases: string[] = [];
      const retriever = await openDenseRetriever({ ...common(), indexDir }, ({ phase }) =>
        phases.push(phase),
      );
      expect(phases).not.toContain("encoding");
      expect((await retriever.search(["kind 17"], 1))[0]?.[0]).toMatchObject({
        id: "17",
        title: "Animal 17",
      });
      await retriever.close();
      await expect(
        adoptIndex({ ...common(), files, factory: "Flat", indexDir }),
      ).rejects.toMatchObject({ code: "conflict" });
    }
  });

  it("refuses one that was truncated since, in one file or joined of parts, and encodes nothing in its place", async () => {
    const bytes = await readFile(indexFile);
    const parts = ["aa", "ab", "whole"].map((name) => join(folder, `later_${name}`));
    await writeFile(parts[0] ?? "", bytes.subarray(0, 30_000));
    await writeFile(parts[1] ?? "", bytes.subarray(30_000));
    await writeFile(parts[2] ?? "", bytes);
    for (const [i, files] of [parts.slice(0, 2), parts.slice(2)].entries()) {
      const indexDir = join(folder, `truncated-${i}`);
      const { directory } = await adoptIndex({ ...common(), files, factory: "Flat", indexDir });
      const { file } = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8")) as {
        file: string;
      };
      await truncate(resolve(directory, file), 5000);
      const phases: string[] = [];
      await expect(
        openDenseRetriever({ ...common(), indexDir }, ({ phase }) => phases.push(phase)),
      ).rejects.toMatchObject({
        code: "invalid-input",
        message: expect.stringContaining(
          `5000 bytes instead of ${bytes.length}; delete the folder`,
        ) as string,
      });
      expect(phases).not.toContain("encoding");
      expect((await stat(resolve(directory, file))).size).toBe(5000);
    }
  });

  it("refuses another corpus, another encoder, a truncated file and one that is not there", async () => {
    const indexDir = join(folder, "refused");
    const other = join(folder, "other.jsonl");
    await writeFile(other, passages(41));
    await expect(
      adoptIndex({ ...common(), corpusPath: other, files: [indexFile], factory: "Flat", indexDir }),
    ).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("40 vectors, the corpus 41 documents") as string,
    });
    const { VectorIndex } = loadFaissAddon();
    const short = new VectorIndex(8, "Flat");
    short.add(new Float32Array(8 * 40));
    short.write(join(folder, "short.index"));
    await expect(
      adoptIndex({ ...common(), files: [join(folder, "short.index")], factory: "Flat", indexDir }),
    ).rejects.toThrow("vectors of length 8, the encoder minilm gives 384");
    await cp(indexFile, join(folder, "cut.index"));
    await truncate(join(folder, "cut.index"), 5000);
    await expect(
      adoptIndex({ ...common(), files: [join(folder, "cut.index")], factory: "Flat", indexDir }),
    ).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("is truncated") as string,
    });
    await expect(
      adoptIndex({ ...common(), files: [join(folder, "none")], factory: "Flat", indexDir }),
    ).rejects.toMatchObject({ code: "not-found" });
    // The copy that parts are joined to is not left behind either.
    const parts = [join(folder, "cut.index"), join(folder, "cut.index")];
    await expect(
      adoptIndex({ ...common(), files: parts, factory: "Flat", indexDir }),
    ).rejects.toMatchObject({ code: "invalid-input" });
    expect(await readdir(indexDir)).toEqual([]);
  });
});
