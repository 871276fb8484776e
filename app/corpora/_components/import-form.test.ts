import { describe, expect, it } from "vitest";
import { indexConfigSchema } from "@/contracts/run-config/index-config";
import { getPublishedRetriever, suggestCorpusName } from "@/core/corpora/corpus-import";
import { buildSource, EMPTY_IMPORT, type ImportForm } from "./import-form";

const form: ImportForm = {
  ...EMPTY_IMPORT,
  kind: "url",
  name: "n",
  format: "auto",
  path: "/data/MedRAG/chunk/",
  url: "https://example.org/sets/wiki-18.jsonl.gz?download=true",
  sha256: "",
  preset: "wiki-18",
  withIndex: true,
  licence: "CC0",
  chunkTokens: 64,
  chunkOverlap: 8,
  buildIndex: true,
  worker: "",
};

describe("the import dialog", () => {
  it("suggests a name that a corpus may have", () => {
    expect(suggestCorpusName(form, "")).toBe("wiki-18");
    expect(suggestCorpusName({ ...form, kind: "path" }, "")).toBe("chunk");
    for (const [path, name] of [
      ["/d/wiki-18/part_*", "wiki-18"],
      ["/d/wiki-18.jsonl.gz.part_*", "wiki-18"],
    ] as const)
      expect(suggestCorpusName({ ...form, kind: "path", path }, "")).toBe(name);
    expect(suggestCorpusName({ ...form, kind: "preset" }, "")).toBe("wiki-18");
    expect(suggestCorpusName({ ...form, kind: "upload" }, "..My Notes (2).v2.MD.gz")).toBe(
      "My-Notes-2-.v2",
    );
    expect(suggestCorpusName({ ...form, kind: "upload" }, "")).toBe("");
  });

  it("makes sources that the configuration takes", () => {
    for (const kind of ["upload", "path", "url", "preset"] as const) {
      const source = buildSource(
        { ...form, kind },
        { upload: "00000000-0000-4000-8000-000000000000", fileName: "a.jsonl" },
      );
      expect(
        indexConfigSchema.parse({ kind: "index", name: "x", corpus: "mine", source }).source.kind,
      ).toBe(kind);
    }
  });
});

describe("the retriever of an import", () => {
  it("is that of the published index, where one is fetched", () => {
    expect(getPublishedRetriever({ kind: "preset", preset: "wiki-18", withIndex: true })).toEqual({
      kind: "dense",
      encoder: "e5-base-v2",
    });
    expect(
      getPublishedRetriever({ kind: "preset", preset: "wiki-18", withIndex: false }),
    ).toBeNull();
    expect(
      getPublishedRetriever({ kind: "preset", preset: "medcorp-textbooks", withIndex: true }),
    ).toBeNull();
    expect(
      getPublishedRetriever({ kind: "upload", preset: "wiki-18", withIndex: true }),
    ).toBeNull();
  });
});
