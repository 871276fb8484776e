import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";
import { publishedResultsSchema } from "@/contracts/formats/published-results";
import {
  listPaperGenerators,
  findPaperSet,
  buildPaperTables,
  listPublishedLines,
  selectPublishedRows,
} from "./published";
import { ENGLISH, type Column } from "./leaderboard-text";

const results = publishedResultsSchema.parse(
  JSON.parse(
    readFileSync(join(ROOT, "server", "features", "leaderboard", "published.json"), "utf8"),
  ),
);
const column = (questionSet: string, limit: number | null = null): Column => ({
  id: questionSet,
  questionSet,
  version: "1",
  limit,
  questions: 10,
  ceiling: null,
});

it("finds the paper's set by any part of the name", () => {
  expect(
    ["hotpotqa/dev", "2wiki", "NQ/test", "atlas/held-out", "nq-hotpotqa/test"].map((name) =>
      findPaperSet(name, results),
    ),
  ).toEqual(["hotpotqa", "2wikimultihopqa", "nq", null, null]);
  // As upstream's files and MIRAGE's are imported.
  expect(
    [
      "upstream/nq",
      "upstream/2wiki",
      "mirage/medqa",
      "mirage/MedQA-US",
      "upstream/bioasq-y_n",
      "bioasq-y/n",
      "mine/bioasq-y/n",
    ].map((name) => findPaperSet(name, results)),
  ).toEqual(["nq", "2wikimultihopqa", "medqa", "medqa", "bioasq", "bioasq", "bioasq"]);
  expect(findPaperSet("constructor/toString", results)).toBeNull();
});

it("shows the rows of one generator for the sets that the paper has, and for no slice of them", () => {
  const rows = selectPublishedRows(ENGLISH, { results, generator: "Claude-3-Haiku" }, [
    column("hotpotqa/dev"),
    column("atlas/held-out"),
    column("nq", 100),
  ]);
  expect(rows.find((row) => row.method === "s3")).toMatchObject({
    cells: [62.4, null, null],
    trainingSamples: 2400,
  });
  expect(rows.every((row) => row.detail.includes("Claude-3-Haiku"))).toBe(true);
  expect(
    selectPublishedRows(ENGLISH, { results, generator: "Claude-3-Haiku" }, [column("nq", 100)]),
  ).toEqual([]);
  expect(listPaperGenerators(results)).toEqual([
    "self",
    "Qwen2.5-7B-Instruct",
    "Qwen2.5-14B-Instruct",
    "Claude-3-Haiku",
  ]);
});

it("holds every printed row in its table, with what its cells give where that differs", () => {
  for (const metric of ["accuracy", "em"] as const)
    expect(buildPaperTables(results, metric).reduce((n, table) => n + table.rows.length, 0)).toBe(
      52,
    );
  const differing = buildPaperTables(results, "accuracy").flatMap((table) =>
    table.rows.flatMap(({ row, average, difference }) =>
      difference === null ? [] : [[row.method, average, Number(difference.toFixed(1))]],
    ),
  );
  expect(differing).toEqual([
    ["s3", 68.3, 67.4],
    ["DeepRetrieval-BM25", 75.8, 75.5],
    ["RAG-E5", 74.6, 74.4],
  ]);
});

it("gives lines for a chart: the figure on the run's set, else the average, and says which", () => {
  const find = (questionSet: string, id: string) =>
    listPublishedLines(ENGLISH, results, questionSet).find((line) => line.id === id);
  const id = "table-1-s3-qwen2.5-7b-instruct-with-claude-3-haiku-on-wiki-18";
  const row = results.rows.find(
    (one) => one.table === "Table 1" && one.method === "s3" && one.generator === "Claude-3-Haiku",
  );
  const onSet = find("upstream/nq", id);
  expect(onSet?.value).toBe((row?.scores.nq?.gen_acc ?? 0) / 100);
  expect(onSet?.note).toMatch(
    /arXiv:2505\.14146v1, Table 1 \(generation-accuracy\): s3 .+ on all 3,610 questions of nq\.$/,
  );
  const average = find("atlas/held-out", id);
  expect(average?.value).toBe(0.589);
  expect(average?.label).toBe("s3, Claude-3-Haiku 58.9%, arXiv:2505.14146v1");
  expect(average?.note).toContain(
    "on average over 6 question sets, of which atlas/held-out is none",
  );
  // Table 2 has the same row on other sets: the medical ones.
  expect(find("upstream/nq", id.replace("table-1", "table-2"))).toBeUndefined();
  const ids = listPublishedLines(ENGLISH, results, "atlas/held-out").map((line) => line.id);
  expect(new Set(ids).size).toBe(results.rows.length);
  expect(ids.every((one) => !one.includes(","))).toBe(true);
});
