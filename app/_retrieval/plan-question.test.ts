import { describe, expect, it } from "vitest";
import { indexConfigSchema } from "@/contracts/run-config/index-config";
import { createText } from "@/app/_i18n/format-text";
import { buildPlanRequest, listPlanWarnings } from "./plan-question";

const buildQuestion = (settings: Record<string, unknown>) =>
  buildPlanRequest(
    indexConfigSchema.parse({ kind: "index", name: "x", corpus: "mine", ...settings }),
  );
const t = createText("en", {});
const GIB = 1024 ** 3;

describe("the plan of an index run", () => {
  it("is asked for a corpus that is there, and for one whose size is published", () => {
    expect(buildQuestion({ worker: "box" })).toMatchObject({
      corpus: "mine",
      passages: null,
      worker: "box",
      retriever: { kind: "dense" },
    });
    expect(
      buildQuestion({ source: { kind: "preset", preset: "wiki-18" }, retriever: { kind: "bm25" } }),
    ).toMatchObject({ passages: 21_015_324 });
    expect(
      buildQuestion({ source: { kind: "preset", preset: "wiki-18", withIndex: true } }),
    ).toMatchObject({ passages: 21_015_324 });
  });

  it("is none where nothing is built or nothing is known, and says why", () => {
    expect(buildQuestion({ buildIndex: false })).toContain("imported only");
    expect(buildQuestion({ retriever: { kind: "remote", url: "http://x" } })).toContain(
      "another server",
    );
    expect(buildQuestion({ source: { kind: "path", path: "/x" } })).toContain(
      "when it is imported",
    );
    expect(
      buildQuestion({
        source: { kind: "preset", preset: "wiki-18", withIndex: true },
        retriever: { kind: "dense", encoder: "e5-base-v2" },
      }),
    ).toContain("as it is");
  });

  it("warns of what does not fit, and not of what is there already", () => {
    const index = {
      index: "Flat",
      reason: "",
      isThere: false,
      fileBytes: 60 * GIB,
      searchBytes: 4 * GIB,
      buildBytes: 0,
      diskBytes: 60 * GIB,
      trainingVectors: 0,
      passagesPerSecond: 50,
      seconds: 1,
    };
    const worker = { memoryBytes: 8 * GIB, freeDiskBytes: 20 * GIB };
    expect(listPlanWarnings(t, { ...worker, indexes: [index] })).toEqual([
      "Building takes 60 GiB of disk; 20 GiB are free.",
    ]);
    expect(listPlanWarnings(t, { ...worker, indexes: [{ ...index, isThere: true }] })).toEqual([]);
    expect(
      listPlanWarnings(t, {
        ...worker,
        indexes: [{ ...index, diskBytes: 0, buildBytes: 9 * GIB, searchBytes: 8.5 * GIB }],
      }),
    ).toEqual([
      expect.stringContaining("Building takes 9 GiB of memory"),
      expect.stringContaining("Searching takes 8.5 GiB"),
    ]);
  });
});
