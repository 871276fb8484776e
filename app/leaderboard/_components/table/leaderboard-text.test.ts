import { expect, it } from "vitest";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { buildScopeKey } from "@/core/comparability/comparability";
import {
  computeMeanCost,
  ENGLISH,
  formatTokenLimit,
  type LeaderboardRow,
} from "./leaderboard-text";

it("a row's cost is the mean over its complete cells", () => {
  const row = {
    cells: [
      { rank: 1, searches: 2, costUsd: null },
      null,
      { rank: 3, searches: 4, costUsd: null },
      { rank: null, searches: 100, costUsd: 5 },
    ],
  } as unknown as LeaderboardRow;
  expect(computeMeanCost(row, "searches")).toBe(3);
  expect(computeMeanCost(row, "costUsd"), "no complete cell has it").toBeNull();
});

it("the limit of answers is named where it is all that parts two scopes", () => {
  const scope = (maxTokens: number | null, scorer = "span/1") =>
    ({
      key: buildScopeKey({
        corpus: "atlas",
        corpusVersion: "c1",
        generator: "qwen",
        promptStyle: "chat/1",
        maxTokens,
        scorer,
      }),
    }) as Leaderboard["scopes"][number];
  const [short, long, other] = [scope(12), scope(64), scope(1, "f1/1")];
  expect(formatTokenLimit(ENGLISH, short.key, [short, long, other])).toBe("at most 12 tokens");
  expect(formatTokenLimit(ENGLISH, other.key, [short, long, other])).toBeNull();
  expect(formatTokenLimit(ENGLISH, short.key, [short, other])).toBeNull();
});
