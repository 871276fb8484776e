import {
  episodeFilterSchema,
  episodeMeasureSchema,
  episodeSortSchema,
  textPlaceSchema,
  type EpisodeMeasure,
  type EpisodeSort,
  type MeasureRange,
  type OrderedSelection,
} from "@/contracts/api/episodes";
import { episodePhaseSchema, formatErrorSchema } from "@/contracts/records/episode";
import type { z } from "zod";

/** How a list of episodes is filtered and sorted, without its run. */
export type EpisodeFilter = Omit<OrderedSelection, "runId">;

/** The parameters of an address that hold a filter; "q" is the text. */
export const FILTER_PARAMS = [
  "filter",
  "phase",
  ...episodeMeasureSchema.options,
  "question",
  "error",
  "type",
  "q",
  "in",
  "sort",
  "direction",
] as const;

/** The filter that an address holds. What it holds of another form is left out. */
export function parseEpisodeFilter(params: Pick<URLSearchParams, "get">): EpisodeFilter {
  const read = <Schema extends z.ZodType>(schema: Schema, name: string) =>
    schema.safeParse(params.get(name)).data;
  const ranges: Partial<Record<EpisodeMeasure, MeasureRange>> = {};
  for (const measure of episodeMeasureSchema.options) {
    const range = parseRange(params.get(measure) ?? "");
    if (range) ranges[measure] = range;
  }
  return {
    filter: read(episodeFilterSchema, "filter") ?? "all",
    phase: read(episodePhaseSchema, "phase"),
    questionId: params.get("question") ?? undefined,
    formatError: read(formatErrorSchema, "error"),
    type: params.get("type") ?? undefined,
    ranges,
    text: params.get("q")?.slice(0, 200) ?? undefined,
    textIn: read(textPlaceSchema, "in"),
    sort: read(episodeSortSchema, "sort") ?? "recorded",
    sortDirection: params.get("direction") === "ascending" ? "ascending" : "descending",
  };
}

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
export function nextOrder(
  { sort, sortDirection }: Pick<EpisodeFilter, "sort" | "sortDirection">,
  clicked: EpisodeSort,
): { sort: string | null; direction: string | null } {
  if (sort !== clicked) return { sort: clicked, direction: null };
  return sortDirection === "descending"
    ? { sort: clicked, direction: "ascending" }
    : { sort: null, direction: null };
}
