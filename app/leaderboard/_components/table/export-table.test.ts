import { expect, it } from "vitest";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { buildScopeKey } from "@/core/comparability/comparability";
import { buildExportTable } from "./export-table";

it("a board's figures go with the number of questions, the costs and the training samples", () => {
  const facts = {
    corpus: "atlas",
    corpusVersion: "c1",
    generator: "qwen",
    promptStyle: "chat/1",
    maxTokens: 64,
    scorer: "span/1",
  };
  const cell = {
    mean: 0.5,
    low: 0.4,
    high: 0.6,
    scored: 72,
    comparison: null,
    reason: {
      code: "incomplete",
      values: { scored: 72, expected: 585, unscored: 0, failed: 0 },
    },
    types: [
      { type: "nq", scored: 60, mean: 0.6 },
      { type: "hotpotqa", scored: 12, mean: 0 },
    ],
    replies: 50,
    unread: 2,
    searches: 2,
    documents: 5,
    tokens: 800,
    seconds: 0.5,
    costUsd: null,
  };
  const ceiling = { mean: 0.9, low: 0.8, high: 1, scored: 70, expected: 70 };
  const board = {
    scopes: [{ ...facts, key: buildScopeKey(facts), results: 1 }],
    scope: buildScopeKey(facts),
    columns: [
      {
        id: "c",
        questionSet: "atlas/held-out",
        version: "1",
        limit: null,
        questions: 585,
        ceiling,
      },
    ],
    rows: [
      {
        id: "s3",
        label: "s3 8-3-3",
        detail: "",
        imported: false,
        trainingSamples: 192,
        cells: [cell],
      },
    ],
  } as unknown as Leaderboard;
  const table = buildExportTable(board, null);
  expect(table.caption).toBe("Corpus atlas, generator qwen (chat/1), scorer span/1");
  expect(table.rows).toMatchObject([
    {
      trainingSamples: 192,
      cells: [
        {
          macro: 30,
          types: [
            { type: "nq", scored: 60, mean: 60 },
            { type: "hotpotqa", scored: 12, mean: 0 },
          ],
          unread: 4,
          questions: 72,
          costs: { searches: 2, documents: 5, tokens: 800, seconds: 0.5, costUsd: null },
          note: "incomplete: 72 of 585",
        },
      ],
    },
    { label: "Ceiling: gold documents alone", cells: [{ questions: 70 }] },
  ]);
});
