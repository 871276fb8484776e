import type {
  EpisodeMeasure,
  EpisodeSort,
  MeasureRange,
  OrderedSelection,
} from "@/contracts/api/episodes";
import {
  EPISODE_FILTERS,
  EPISODE_MEASURES,
  EPISODE_SORTS,
  TEXT_PLACES,
} from "@/contracts/api/episode-list-values";
import { EPISODE_PHASES, FORMAT_ERRORS } from "@/contracts/records/episode-values";

/** How a list of episodes is filtered and sorted, without its run. */
export type EpisodeFilter = Omit<OrderedSelection, "runId">;

/** The parameters of an address that hold a filter; "q" is the text. */
export const FILTER_PARAMS = [
  "filter",
  "phase",
  ...EPISODE_MEASURES,
  "question",
  "error",
  "type",
  "label",
  "q",
  "in",
  "sort",
  "direction",
] as const;

/** The filter that an address holds. What it holds of another form is left out. */
export function parseEpisodeFilter(params: Pick<URLSearchParams, "get">): EpisodeFilter {
  const read = <T extends string>(values: readonly T[], name: string): T | undefined =>
    values.find((value) => value === params.get(name));
  const ranges: Partial<Record<EpisodeMeasure, MeasureRange>> = {};
  for (const measure of EPISODE_MEASURES) {
    const range = parseRange(params.get(measure) ?? "");
    if (range) ranges[measure] = range;
  }
  return {
    filter: read(EPISODE_FILTERS, "filter") ?? "all",
    phase: read(EPISODE_PHASES, "phase"),
    questionId: params.get("question") ?? undefined,
    formatError: read(FORMAT_ERRORS, "error"),
    type: params.get("type") ?? undefined,
    label: params.get("label")?.slice(0, 60) ?? undefined,
    ranges,
    text: params.get("q")?.slice(0, 200) ?? undefined,
    textIn: read(TEXT_PLACES, "in"),
    sort: read(EPISODE_SORTS, "sort") ?? "recorded",
    sortDirection: params.get("direction") === "ascending" ? "ascending" : "descending",
  };
}

const PAGE = 100;

/** What the server is asked for: the first page of a run's episodes. */
export const buildEpisodesRequest = (runId: string, filter: EpisodeFilter) => ({
  runId,
  ...filter,
  limit: PAGE,
});

/** The part of an address that holds its filter, with "?" in front; empty where it holds none. */
export function keepFilter(params: URLSearchParams): string {
  const kept = new URLSearchParams();
  for (const name of FILTER_PARAMS) {
    const value = params.get(name);
    if (value) kept.set(name, value);
  }
  return kept.size > 0 ? `?${kept}` : "";
}

const NUMBER = String.raw`-?\d*\.?\d+(?:e[+-]?\d+)?`;
const RANGE = new RegExp(`^(${NUMBER})?\\.\\.(<)?(${NUMBER})?$`);

/**
 * The range that a text means: "4", "2..5" with both ends, "0.1..<0.2" without the upper one, "3.." or "..7".
 *
 * @returns null where it is none
 */
export function parseRange(text: string): MeasureRange | null {
  const trimmed = text.replaceAll(/\s/g, "").replaceAll("−", "-");
  if (new RegExp(`^${NUMBER}$`).test(trimmed))
    return { min: Number(trimmed), max: Number(trimmed) };
  const [, min, below, max] = RANGE.exec(trimmed) ?? [];
  if (min === undefined && max === undefined) return null;
  return {
    ...(min !== undefined && { min: Number(min) }),
    ...(max !== undefined && { [below ? "below" : "max"]: Number(max) }),
  };
}

/** The inverse of `parseRange`. */
export function formatRange({ min, max, below }: MeasureRange): string {
  if (min !== undefined && min === max) return String(min);
  return `${min ?? ""}..${below === undefined ? (max ?? "") : `<${below}`}`;
}

/** The order after a click on a column: descending first, then ascending, then as recorded. */
export function chooseNextOrder(
  { sort, sortDirection }: Pick<EpisodeFilter, "sort" | "sortDirection">,
  clicked: EpisodeSort,
): { sort: string | null; direction: string | null } {
  if (sort !== clicked) return { sort: clicked, direction: null };
  return sortDirection === "descending"
    ? { sort: clicked, direction: "ascending" }
    : { sort: null, direction: null };
}
