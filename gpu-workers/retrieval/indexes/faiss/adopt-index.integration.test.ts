import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadFaissAddon } from "./faiss-addon";
import { adoptIndex } from "./adopt-index";
import { findIndexFiles, joinIndexFiles } from "./index-parts";
import { openDenseRetriever } from "@/gpu-workers/retrieval/backends/dense";
import { readQuestions } from "@/gpu-workers/corpora/file/corpus-file";
import { readIndexManifest, writeIndexManifest } from "./dense-index";
import { CASES_DIR } from "@/lib/testing/shared";

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

  it(
    "joins the parts of a folder in their order, goes on where that was interrupted, and refuses a gap",
    { tags: "long" },
    async () => {
      const bytes = await readFile(indexFile);
      const parts = join(folder, "download");
      await mkdir(parts);
      for (const [i, name] of ["part_aa", "part_ab", "part_ac"].entries())
        await writeFile(
          join(parts, name),
          bytes.subarray(i * 20_000, i === 2 ? undefined : (i + 1) * 20_000),
        );
      await writeFile(join(parts, "wiki-18.jsonl.gz"), "the corpus beside them");
      const target = join(folder, "joined");
      const paths = await findIndexFiles([parts]);
      expect(paths.map((path) => basename(path))).toEqual(["part_aa", "part_ab", "part_ac"]);
      const said: string[] = [];
      const joining = joinIndexFiles(paths, target, (detail) => {
        said.push(detail);
        if (said.length === 3) throw new Error("killed");
      });
      await expect(joining).rejects.toThrow("killed");
      // Killed while it wrote the third.
      await appendFile(target, "half of a part");
      await joinIndexFiles(paths, target, (detail) => said.push(detail));
      expect(await readFile(target)).toEqual(bytes);
      expect(said.slice(3)).toEqual([
        "2 of 3 parts are joined already",
        "joining part 3 of 3: part_ac",
      ]);
      const adopt = {
        ...common(),
        files: [parts],
        factory: "Flat",
        indexDir: join(folder, "of-folder"),
      };
      expect(await adoptIndex(adopt)).toMatchObject({ count: 40, dim: 384 });
      await rm(join(parts, "part_ab"));
      for (const files of [[parts], [join(parts, "part_aa"), join(parts, "part_ac")]])
        await expect(
          adoptIndex({ ...adopt, files, indexDir: join(folder, "gap") }),
        ).rejects.toThrow("The part part_ab is missing");
    },
  );

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

const CASE = join(CASES_DIR, "70-faiss-kinds");

describe.skipIf(!existsSync(CASE))("case 70 (skipped where ../shared/cases is not there)", () => {
  const adoptCase = (kind: string, factory: string, file = join(CASE, `${kind}.index`)) =>
    adoptIndex({
      files: [file],
      corpusPath: join(CASE, `corpus-${kind}.jsonl`),
      encoder: "minilm",
      variant: "fp32",
      factory,
      indexDir: join(folder, `case-${kind}`),
    });

  it.each([
    ["l2", "Flat"],
    ["hnsw", "HNSW32"],
    ["fp16", "SQfp16"],
  ])("finds every document in an index of the kind %s", async (kind, index) => {
    const { directory } = await adoptCase(kind, index);
    const retriever = await openDenseRetriever({
      corpusPath: join(CASE, `corpus-${kind}.jsonl`),
      encoder: "minilm",
      variant: "fp32",
      index,
      indexDir: join(directory, ".."),
    });
    const questions = await readQuestions(join(CASE, "q.jsonl"));
    const found = await retriever.search(
      questions.map(({ question }) => question),
      6,
    );
    expect(found.map((ranked) => [ranked[0]?.id])).toEqual(questions.map(({ goldIds }) => goldIds));
    for (const ranked of found)
      expect(ranked.map(({ score }) => score)).toEqual(
        ranked.map(({ score }) => score).sort((a, b) => b - a),
      );
    await retriever.close();
  });

  it(
    "refuses ids that are not the rows, under any wrapper, and one adopted before this was checked",
    { tags: "long" },
    async () => {
      for (const [kind, label] of [
        ["idmap", "100"],
        ["idmap1", "6"],
      ] as const) {
        const own = await readFile(join(CASE, `${kind}.index`));
        const flat = own.subarray(37, own.length - 8 - 6 * 8);
        const files = {
          bare: own,
          transformed: wrap("IxPT", own, Buffer.alloc(4)),
          refined: wrap("IxRF", own, Buffer.concat([flat, float32(1)])),
          nested: wrap("IxMp", wrap("IxPT", own, Buffer.alloc(4)), idMap([0, 1, 2, 3, 4, 5])),
        };
        for (const [name, bytes] of Object.entries(files)) {
          const file = join(folder, `${kind}-${name}.index`);
          await writeFile(file, bytes);
          const refused = adoptCase(kind, name === "bare" ? "IDMap,Flat" : "IDMap", file);
          await expect(refused, name).rejects.toMatchObject({ code: "unsupported" });
          if (name !== "nested") await expect(refused).rejects.toThrow(`(${label}, for example)`);
        }
      }
      const { directory } = await adoptCase("idmap", "IDMap,Flat", await writeRowsAsIds());
      const manifest = await readIndexManifest(directory);
      await writeIndexManifest(directory, { ...manifest, file: join(CASE, "idmap.index") });
      await expect(
        openDenseRetriever({
          corpusPath: join(CASE, "corpus-idmap.jsonl"),
          encoder: "minilm",
          variant: "fp32",
          index: "IDMap,Flat",
          indexDir: join(directory, ".."),
        }),
      ).rejects.toMatchObject({ code: "unsupported" });
    },
  );

  it("takes ids that are the rows in another order, and lists (IVF) only with those", async () => {
    const { count } = await adoptCase("idmap1", "IDMap,Flat", await writeRowsAsIds());
    expect(count).toBe(6);
    const { VectorIndex } = loadFaissAddon();
    const lists = new VectorIndex(384, "IVF1,Flat");
    const vectors = new Float32Array((await readFile(join(CASE, "vec-l2.f32"))).buffer.slice(0));
    lists.train(vectors.slice(0, 6 * 384), new Int32Array(1));
    lists.add(vectors.slice(0, 6 * 384));
    const path = join(folder, "lists.index");
    lists.write(path);
    expect(new VectorIndex(path, false).findForeignLabel()).toBeNull();
    const bytes = await readFile(path);
    const at = bytes.indexOf(int64([0, 1, 2, 3, 4, 5]));
    int64([7]).copy(bytes, at + 8);
    await writeFile(path, bytes);
    expect(new VectorIndex(path, false).findForeignLabel()).toBe("7");
  });

  /** The case's IDMap with the rows as ids, backwards. */
  async function writeRowsAsIds(): Promise<string> {
    const bytes = await readFile(join(CASE, "idmap.index"));
    int64([5, 4, 3, 2, 1, 0]).copy(bytes, bytes.length - 6 * 8);
    const path = join(folder, "rows.index");
    await writeFile(path, bytes);
    return path;
  }
});

const int64 = (values: readonly number[]): Buffer =>
  Buffer.from(BigInt64Array.from(values, BigInt).buffer);
const float32 = (value: number): Buffer => Buffer.from(Float32Array.of(value).buffer);
const idMap = (ids: readonly number[]): Buffer => Buffer.concat([int64([ids.length]), int64(ids)]);

/** An index file in another one: FAISS's header is the same for all kinds. IxPT has its (no) transforms before it. */
function wrap(kind: string, inner: Buffer, rest: Buffer): Buffer {
  const header = Buffer.concat([Buffer.from(kind), inner.subarray(4, 37)]);
  return Buffer.concat(kind === "IxPT" ? [header, rest, inner] : [header, inner, rest]);
}
