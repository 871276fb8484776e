import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findAverageDifferences, recomputeAverage } from "@/core/comparability/published-results";
import { readPublishedTables } from "./published-tables";
import { SHARED_DIR } from "@/lib/testing/shared";

const published = readPublishedTables();
const GENERAL = ["nq", "triviaqa", "popqa", "hotpotqa", "2wikimultihopqa", "musique"];
const MEDICAL = ["medqa", "medmcqa", "pubmedqa", "bioasq", "mmlu"];

describe("the published tables", () => {
  it("have every row with every cell", () => {
    expect(published.rows).toHaveLength(52);
    for (const row of published.rows) {
      const [sets, metric] =
        row.table === "Table 1" ? [GENERAL, "gen_acc" as const] : [MEDICAL, "judge_acc" as const];
      expect(Object.keys(row.scores), row.method).toEqual(sets);
      for (const cell of Object.values(row.scores))
        expect(Object.keys(cell)).toEqual([metric, "em"]);
    }
  });

  it("recompute to the averages that are printed, but for the paper's own inconsistencies", () => {
    expect(
      findAverageDifferences(published).map(({ table, row, metric, printed, recomputed }) => [
        table,
        row,
        metric,
        printed,
        Number(recomputed.toFixed(2)),
      ]),
    ).toEqual([
      [
        "Table 1",
        "DeepRetrieval-BM25 (DeepRetrieval-3B) with Claude-3-Haiku on wiki-18",
        "em",
        8.1,
        9.17,
      ],
      [
        "Table 2",
        "s3 (Qwen2.5-7B-Instruct) with Claude-3-Haiku on wiki-18",
        "judge_acc",
        68.3,
        67.42,
      ],
      [
        "Table 2",
        "DeepRetrieval-BM25 (DeepRetrieval-3B) with Claude-3-Haiku on wiki-18+pubmed+textbooks",
        "judge_acc",
        75.8,
        75.5,
      ],
      [
        "Table 2",
        "RAG-E5 with Claude-3-Haiku on wiki-18+pubmed+textbooks",
        "judge_acc",
        74.6,
        74.44,
      ],
      [
        "Table 2",
        "Search-o1 (Qwen2.5-14B-Instruct) with Claude-3-Haiku on wiki-18+pubmed+textbooks",
        "em",
        34.1,
        34.9,
      ],
      ["Table 3", "3-3-4", "gen_acc", 57.7, 57.62],
    ]);
  });

  it("agree with each other where they repeat a row, and note where they do not", () => {
    const s3 = published.rows.find(
      (row) => row.table === "Table 1" && row.method === "s3" && row.generator === "Claude-3-Haiku",
    );
    expect(published.settings.rows["8-3-3"]).toEqual([
      ...GENERAL.map((set) => s3?.scores[set]?.gen_acc),
      s3?.average.gen_acc,
    ]);
    expect(published.rewardFunctions.rows.general?.[0]).toBe(s3?.average.gen_acc);
    expect(recomputeAverage(s3!, "gen_acc")).toBeCloseTo(58.87, 2);
    expect(published.notes).toHaveLength(2);
    for (const { minutesPerStep, steps, minutes } of published.trainingCost.rows)
      expect(minutes).toBeCloseTo(minutesPerStep * steps, 6);
  });

  const reference = join(SHARED_DIR, "reference", "published-results.json");
  it.skipIf(!existsSync(reference))(
    "are the reference's, cell by cell (skipped where it does not lie beside the repository)",
    () => {
      const { rows, retrieve_select_turns: settings } = JSON.parse(
        readFileSync(reference, "utf8"),
      ) as {
        rows: { method: string; scores: unknown; average: unknown; generator: string }[];
        retrieve_select_turns: { rows: unknown };
      };
      expect(
        published.rows.map(({ method, generator, scores, average }) => ({
          method,
          generator,
          scores,
          average,
        })),
      ).toEqual(
        rows.map(({ method, generator, scores, average }) => ({
          method,
          generator,
          scores,
          average,
        })),
      );
      expect(published.settings.rows).toEqual(settings.rows);
    },
  );
});
