import { z } from "zod";
import type { EpisodeSort, episodeFacetsResponseSchema } from "@/contracts/api/episodes";
import { rowIdSchema } from "@/contracts/api/row-id";
import { AppError } from "@/contracts/errors";
import { parseJsonOrNull } from "@/lib/json";
import { parseCursor } from "@/server/platform/db/paging";
import type { Place, selectFacets } from "./list-queries";

/** The place that a list's cursor names. @throws AppError "invalid-input" where this list gave none like it */
export function parsePlace(cursor: string, sort: EpisodeSort): Place {
  const { key, id } = sort === "recorded" ? { key: "null", id: cursor } : parseCursor(cursor);
  const place = z
    .object({ key: z.string().nullable(), ordinal: rowIdSchema })
    .safeParse({ key: parseJsonOrNull(key), ordinal: id });
  const isNumber = sort !== "phase" && sort !== "type" && sort !== "attribution";
  if (!place.success || (isNumber && Number.isNaN(Number(place.data.key))))
    throw new AppError("invalid-input", "The cursor is not one that this list gave.");
  return place.data;
}

type FacetRows = Awaited<ReturnType<typeof selectFacets>>;
type Facets = Omit<z.infer<typeof episodeFacetsResponseSchema>, "labels">;

/** Sums counts by phase, type and format error, the most frequent first. */
export function summarizeFacets(rows: FacetRows): Facets {
  const hasAny = (count: (row: FacetRows[number]) => number): boolean =>
    rows.some((row) => count(row) > 0);
  return {
    phases: sumBy(rows, ({ phase }) => [phase]),
    types: sumBy(rows, ({ type }) => (type === null ? [] : [type])),
    formatErrors: sumBy(rows, ({ formatErrors }) => [...new Set(formatErrors)]),
    measures: [
      ...(hasAny((row) => row.steps) ? (["step"] as const) : []),
      ...(hasAny((row) => row.rewards) ? (["reward"] as const) : []),
      ...(hasAny((row) => row.advantages) ? (["advantage"] as const) : []),
      ...(hasAny((row) => row.scores) ? (["score"] as const) : []),
      ...(rows.length > 0 ? (["searches", "documents"] as const) : []),
      ...(hasAny((row) => row.tokens) ? (["tokens"] as const) : []),
    ],
  };
}

function sumBy<Value extends string>(
  rows: FacetRows,
  listValues: (row: FacetRows[number]) => readonly Value[],
): { value: Value; episodes: number }[] {
  const sums = new Map<Value, number>();
  for (const row of rows)
    for (const value of listValues(row)) sums.set(value, (sums.get(value) ?? 0) + row.episodes);
  return [...sums]
    .map(([value, episodes]) => ({ value, episodes }))
    .sort((a, b) => b.episodes - a.episodes || a.value.localeCompare(b.value));
}
