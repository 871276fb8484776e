import { getSeriesColour, SERIES_COLOURS } from "@/app/_charts/prepare/series-colour";
import { markText } from "@/app/_i18n/format-text";
import { defineLines, defineSeries } from "./definitions";
import type { ChartDefinition } from "@/app/_charts/prepare/chart-definition";

/** Ranks that have a line of their own; the metrics table lists more. */
const MOST_LINES = 8;

/** What the ranks of a distributed engine do, step by step. */
export const RANK_CHARTS: readonly ChartDefinition[] = [
  defineLines(
    "rank-use",
    "rank-use",
    "share",
    [
      defineSeries("engine/rank_utilisation_mean", markText("Computing, mean")),
      defineSeries("engine/rank_utilisation_min", markText("Computing, least busy rank"), 6, {
        dashed: true,
      }),
      defineSeries("engine/communication_share", markText("Communicating"), 2),
    ],
    { isOptional: true },
  ),
  defineLines(
    "rank-use-each",
    "rank-use",
    "share",
    Array.from({ length: MOST_LINES }, (_, rank) =>
      // A rank's name is its number, in every language.
      defineSeries(`engine/rank_utilisation/${rank}`, String(rank), getSeriesColour(rank), {
        dashed: rank >= SERIES_COLOURS,
      }),
    ),
    { title: markText("Computing, rank by rank"), isOptional: true },
  ),
  defineLines(
    "rank-memory",
    "rank-memory",
    "positive",
    [defineSeries("engine/rank_memory_max_mb", markText("Fullest rank"))],
    { unit: "count", isOptional: true },
  ),
];
