import { z } from "zod";
import {
  episodeRowSchema,
  type EpisodeMeasure,
  type EpisodeSort,
  type OrderedSelection,
} from "@/contracts/api/episodes";
import { episodePhaseSchema, formatErrorSchema } from "@/contracts/records/episode";
import type { Queries } from "@/server/platform/db/database";
import { empty, queryRow, queryRows, sql, type Sql } from "@/server/platform/db/query";
import { MEASURES, type MatchedEpisodes } from "./selection-queries";

/** The SQL of lists of episodes: a page in an order, counts, and what lies beside an episode. */

/** What each order sorts by, and its type. */
const SORTS: Record<EpisodeSort, { key: Sql; type: Sql }> = {
  recorded: { key: sql`e.ordinal`, type: sql`bigint` },
  step: { key: MEASURES.step, type: sql`float8` },
  reward: { key: MEASURES.reward, type: sql`float8` },
  advantage: { key: MEASURES.advantage, type: sql`float8` },
  score: { key: MEASURES.score, type: sql`float8` },
  searches: { key: MEASURES.searches, type: sql`float8` },
  documents: { key: MEASURES.documents, type: sql`float8` },
  tokens: { key: MEASURES.tokens, type: sql`float8` },
  phase: { key: sql`e.phase`, type: sql`text` },
  type: { key: sql`e.type`, type: sql`text` },
  attribution: { key: sql`e.attribution`, type: sql`text` },
  "format-errors": { key: sql`coalesce(cardinality(e.format_errors), 0)`, type: sql`float8` },
};

/** A place in an ordered list: value of the sorted column as text, and ordinal. */
export interface Place {
  key: string | null;
  ordinal: string;
}
type Order = Pick<OrderedSelection, "sort" | "sortDirection">;

/** Rows after a place in an order, or before it in the opposite order. Rows without a value come last. */
function buildWalk(
  { sort, sortDirection }: Order,
  place: Place | null,
  side: "after" | "before" = "after",
): { beyond: Sql; orderBy: Sql } {
  const { key, type } = SORTS[sort];
  const rises = (sortDirection === "ascending") === (side === "after");
  const [beyond, to] = rises ? [sql`>`, sql`ASC`] : [sql`<`, sql`DESC`];
  const orderBy =
    sort === "recorded"
      ? sql`e.ordinal ${to}`
      : sql`${key} ${to} NULLS ${side === "after" ? sql`LAST` : sql`FIRST`}, e.ordinal ${to}`;
  if (place === null) return { beyond: sql`true`, orderBy };
  const byOrdinal = sql`e.ordinal ${beyond} ${place.ordinal}::bigint`;
  if (sort === "recorded") return { beyond: byOrdinal, orderBy };
  if (place.key === null)
    return {
      beyond:
        side === "after"
          ? sql`(${key} IS NULL AND ${byOrdinal})`
          : sql`(${key} IS NOT NULL OR ${byOrdinal})`,
      orderBy,
    };
  const value = sql`${place.key}::text::${type}`;
  const unvalued = side === "after" ? sql`OR ${key} IS NULL` : empty;
  return {
    beyond: sql`(${key} ${beyond} ${value} OR (${key} = ${value} AND ${byOrdinal}) ${unvalued})`,
    orderBy,
  };
}

/**
 * FROM and WHERE of what is matched, in the order of a walk; the alias is `e` again. A slow condition is asked in that
 * order only until enough rows are found.
 */
const walkMatched = (
  { lineage, where, slow }: MatchedEpisodes,
  { beyond, orderBy }: ReturnType<typeof buildWalk>,
  limit: number,
): Sql =>
  slow === null
    ? sql`FROM episode_facts e ${lineage} WHERE ${where} AND ${beyond} ORDER BY ${orderBy} LIMIT ${limit}`
    : sql`FROM (SELECT e.* FROM episode_facts e ${lineage} WHERE ${where} AND ${beyond} ORDER BY ${orderBy} OFFSET 0) e WHERE ${slow} LIMIT ${limit}`;

const listedEpisodeSchema = episodeRowSchema.extend({
  ordinal: z.bigint(),
  sortKey: z.string().nullable(),
});
type ListedEpisode = z.infer<typeof listedEpisodeSchema>;

/** The episodes behind a place in an order. */
export function selectEpisodes(
  db: Queries,
  matched: MatchedEpisodes,
  order: Order,
  { after, limit }: { after: Place | null; limit: number },
): Promise<ListedEpisode[]> {
  const walk = buildWalk(order, after);
  return queryRows(db, listedEpisodeSchema)`
    WITH page AS MATERIALIZED (SELECT e.* ${walkMatched(matched, walk, limit)})
    SELECT e.id, e.ordinal, ${SORTS[order.sort].key}::text AS "sortKey", e.phase, e.step, e.question_id AS "questionId", q.question, e.sample_index AS "sampleIndex", a.text AS answer, e.score,
      e.baseline_score AS "baselineScore", e.reward, e.advantage, e.searches, e.documents, e.tokens::float8 AS tokens, e.type, e.attribution, coalesce(e.format_errors, '{}') AS "formatErrors",
      ARRAY(SELECT l.label FROM episode_labels l WHERE l.episode_id = e.id ORDER BY l.label) AS labels
    FROM page e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id LEFT JOIN answers a ON a.id = e.answer_id ORDER BY ${walk.orderBy}`;
}

const placeSchema = z.object({ key: z.string().nullable(), ordinal: z.string() });

/** Where an episode stands in an order; null where there is none of this id in the run. */
export const selectPlace = (
  db: Queries,
  runId: string,
  episodeId: string,
  { sort }: Order,
): Promise<Place | null> =>
  queryRow(db, placeSchema)`
    SELECT ${SORTS[sort].key}::text AS key, e.ordinal::text AS ordinal FROM episode_facts e WHERE e.id = ${episodeId}::uuid AND e.run_id = ${runId}::uuid`;

const idSchema = z.object({ id: z.string() });

/** Id of the matched episode next to a place; null at an end. */
export async function selectBeside(
  db: Queries,
  matched: MatchedEpisodes,
  order: Order,
  place: Place,
  side: "before" | "after",
): Promise<string | null> {
  const row = await queryRow(db, idSchema)`
    SELECT e.id ${walkMatched(matched, buildWalk(order, place, side), 1)}`;
  return row?.id ?? null;
}

const countSchema = z.object({ count: z.int() });
const count = async (db: Queries, from: Sql): Promise<number> =>
  (await queryRow(db, countSchema)`SELECT count(*)::int AS count ${from}`)?.count ?? 0;

/** How many matched episodes stand before a place. The slow condition must have been left out. */
export const countBefore = (db: Queries, matched: MatchedEpisodes, order: Order, place: Place) =>
  count(
    db,
    sql`FROM episode_facts e ${matched.lineage} WHERE ${matched.where} AND ${buildWalk(order, place, "before").beyond}`,
  );

/** How many episodes a run has reported, replaced ones included. */
export const countReported = (db: Queries, runId: string): Promise<number> =>
  count(db, sql`FROM episode_facts WHERE run_id = ${runId}::uuid`);

/** FROM and WHERE of every match, or of one match in `sample` (a power of two), drawn by its number from the index alone. */
const countMatched = ({ runId, lineage, where, slow }: MatchedEpisodes, sample: number): Sql => {
  const drawn =
    sample === 1
      ? empty
      : sql`(SELECT ordinal FROM episode_facts WHERE run_id = ${runId}::uuid AND hashint8(ordinal) & ${sample - 1} = 0 OFFSET 0) AS drawn JOIN`;
  const on = sample === 1 ? empty : sql`ON e.ordinal = drawn.ordinal`;
  return sql`FROM ${drawn} episode_facts e ${on} ${lineage} WHERE ${where} ${slow === null ? empty : sql`AND ${slow}`}`;
};

/** How many episodes match. */
export const countEpisodes = (db: Queries, matched: MatchedEpisodes, sample = 1): Promise<number> =>
  count(db, countMatched(matched, sample));

/** With more different values of a measure than these, its bars are counted by the database in a second reading. */
const MOST_VALUES = 5_000;

const spreadSchema = z.object({
  total: z.int(),
  without: z.int(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  values: z.array(z.number()).nullable(),
  counts: z.array(z.int()).nullable(),
});
/**
 * How many episodes match and how many of them have no value of a measure; its least and greatest value, and each value
 * with how often it is there: null where there are too many different ones.
 */
type MeasureSpread = z.infer<typeof spreadSchema>;

/** How a measure is spread over the matched episodes, in one reading of them. */
export const selectSpread = (
  db: Queries,
  matched: MatchedEpisodes,
  measure: EpisodeMeasure,
  sample: number,
): Promise<MeasureSpread | null> =>
  queryRow(db, spreadSchema)`
    WITH v AS MATERIALIZED (SELECT ${MEASURES[measure]}::float8 AS value, count(*)::int AS episodes ${countMatched(matched, sample)} GROUP BY 1),
    t AS (SELECT coalesce(sum(episodes), 0)::int AS total, coalesce(sum(episodes) FILTER (WHERE value IS NULL), 0)::int AS without,
      min(value) AS min, max(value) AS max, count(*) <= ${MOST_VALUES}::int AS few FROM v)
    SELECT total, without, min, max, CASE WHEN few THEN ARRAY(SELECT value FROM v WHERE value IS NOT NULL ORDER BY value) END AS values,
      CASE WHEN few THEN ARRAY(SELECT episodes FROM v WHERE value IS NOT NULL ORDER BY value) END AS counts FROM t`;

const barSchema = z.object({ bar: z.int(), count: z.int() });

/** How many values lie from each of the edges to below the next. @returns numbers of the edges, from 0 */
export const selectBars = (
  db: Queries,
  matched: MatchedEpisodes,
  measure: EpisodeMeasure,
  edges: readonly number[],
  sample: number,
) =>
  queryRows(db, barSchema)`
    SELECT width_bucket(${MEASURES[measure]}::float8, ${[...edges]}::float8[]) - 1 AS bar, count(*)::int AS count
    ${countMatched(matched, sample)} AND ${MEASURES[measure]} IS NOT NULL GROUP BY 1 ORDER BY 1`;

const facetRowSchema = z.object({
  phase: episodePhaseSchema,
  type: z.string().nullable(),
  formatErrors: z.array(formatErrorSchema),
  episodes: z.int(),
  steps: z.int(),
  rewards: z.int(),
  advantages: z.int(),
  scores: z.int(),
  tokens: z.int(),
});

/** A run's surviving episodes by phase, type of question and format errors, and how many of them have a value of a measure. */
export const selectFacets = (db: Queries, runId: string, lineage: Sql) =>
  queryRows(db, facetRowSchema)`
    SELECT e.phase, e.type, coalesce(e.format_errors, '{}') AS "formatErrors", count(*)::int AS episodes, count(e.step)::int AS steps, count(e.reward)::int AS rewards,
      count(e.advantage)::int AS advantages, count(e.score)::int AS scores, count(e.tokens)::int AS tokens
    FROM episode_facts e ${lineage} WHERE e.run_id = ${runId}::uuid GROUP BY e.phase, e.type, e.format_errors`;

const labelFacetSchema = z.object({ value: z.string(), episodes: z.int() });

/** Labels of a run's surviving episodes, those of most episodes first. */
export const selectLabelFacets = (db: Queries, runId: string, lineage: Sql) =>
  queryRows(db, labelFacetSchema)`
    SELECT l.label AS value, count(*)::int AS episodes FROM episode_facts e ${lineage} JOIN episode_labels l ON l.episode_id = e.id
    WHERE e.run_id = ${runId}::uuid GROUP BY l.label ORDER BY count(*) DESC, l.label`;
