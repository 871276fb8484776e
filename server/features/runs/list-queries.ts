import { z } from "zod";
import type { listRunsRequestSchema, RunFilter, RunShelf } from "@/contracts/api/run-list";
import { runStateSchema, type RunState } from "@/contracts/records/run-state";
import { readParameterPath, readRunColumn } from "@/core/run/run-columns";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { buildLikePattern, escapeLike } from "@/server/platform/db/paging";
import { empty, join, queryRows, sql, type Sql } from "@/server/platform/db/query";
import { buildParameterCondition, buildParameterValue } from "./parameter-sql";
import { buildSettingCondition, buildSettingValue } from "./setting-sql";
import { selectRuns, type StoredRun } from "./reader-queries";

/** The statements of the list of runs: its filter, its orders, the values of its columns. */

type ListRequest = z.output<typeof listRunsRequestSchema>;

interface Order {
  key: Sql;
  type: Sql;
  descending: boolean;
}

/** Sort keys as text, so that a cursor can hold any of them; ties are broken by id. */
const ORDERS: Record<Extract<ListRequest["sort"], string>, Order> = {
  newest: { key: sql`r.created_at`, type: sql`timestamptz`, descending: true },
  oldest: { key: sql`r.created_at`, type: sql`timestamptz`, descending: false },
  name: { key: sql`lower(r.name)`, type: sql`text`, descending: false },
  reward: {
    key: sql`coalesce(r.headline, '-Infinity'::float8)`,
    type: sql`float8`,
    descending: true,
  },
  // A run that goes on counts as the longest.
  duration: {
    key: sql`(CASE WHEN r.started_at IS NULL THEN 0 WHEN r.ended_at IS NULL THEN 'Infinity' ELSE extract(epoch FROM r.ended_at - r.started_at) END)::float8`,
    type: sql`float8`,
    descending: true,
  },
};

const VALUE_OF_SERIES = {
  last: sql`(array_agg(s.last_value ORDER BY s.attempt DESC))[1]`,
  least: sql`min(s.min_value)`,
  greatest: sql`max(s.max_value)`,
};

/** The order by a column; what has no value stands last. */
function buildOrder(sort: ListRequest["sort"]): Order {
  if (typeof sort === "string") return ORDERS[sort];
  const { descending } = sort;
  const column = readRunColumn(sort.column);
  const worst = descending ? sql`'-Infinity'::float8` : sql`'Infinity'::float8`;
  if (column.of === "metric") {
    const value = sql`(SELECT ${VALUE_OF_SERIES[column.value]} FROM metric_series s WHERE s.run_id = r.id AND s.name = ${column.metric})`;
    return { key: sql`coalesce(${value}, ${worst})`, type: sql`float8`, descending };
  }
  const stored =
    column.of === "parameter"
      ? buildParameterValue(column.name, sql`r`)
      : buildSettingValue(column.path, sql`r`);
  const value = sql`nullif(${stored}, 'null'::jsonb)`;
  // In the order of jsonb null is the least and an object the greatest.
  const missing = descending ? sql`'null'::jsonb` : sql`'{}'::jsonb`;
  return { key: sql`coalesce(${value}, ${missing})`, type: sql`jsonb`, descending };
}

/** A page of runs. @param limit rows at most @param after sort key and id of the row before the page */
export function selectRunPage(
  db: Queries,
  request: RunFilter & Pick<ListRequest, "foldSweeps" | "sort">,
  limit: number,
  after: { key: string; id: string } | null,
): Promise<StoredRun[]> {
  const { key, type, descending } = buildOrder(request.sort);
  const filter = join(buildFilter(request, sql`r`), " AND ");
  const first = sql`SELECT s.id FROM runs s WHERE s.sweep_id = r.sweep_id AND ${join(buildFilter(request, sql`s`), " AND ")} ORDER BY s.created_at, s.id LIMIT 1`;
  const folded = request.foldSweeps ? sql`AND (r.sweep_id IS NULL OR r.id = (${first}))` : empty;
  const direction = descending ? sql`DESC` : sql`ASC`;
  const beyond = after
    ? sql`WHERE (p.key, p.id) ${descending ? sql`<` : sql`>`} (${after.key}::text::${type}, ${after.id}::uuid)`
    : empty;
  // What is read from every configuration or series is read once a run and before anything is sorted. The other orders
  // have an index, which a fence would hide.
  const isReadOnce = typeof request.sort !== "string" || (request.settings?.length ?? 0) > 0;
  const page = sql`
    SELECT p.id, p.key FROM (SELECT r.id, ${key} AS key FROM runs r WHERE ${filter} ${folded} ${isReadOnce ? sql`OFFSET 0` : empty}) p
    ${beyond} ORDER BY p.key ${direction}, p.id ${direction} LIMIT ${limit}`;
  return selectRuns(
    db,
    sql`JOIN (${page}) page ON page.id = r.id ORDER BY page.key ${direction}, r.id ${direction}`,
    sql`page.key`,
  );
}

/** Ids of the runs that pass a filter, newest first. @param limit of them at most */
export async function selectMatchingRuns(
  db: Queries,
  filter: RunFilter,
  limit: number,
): Promise<string[]> {
  const rows = await queryRows(db, z.object({ id: z.string() }))`
    SELECT r.id FROM runs r WHERE ${join(buildFilter(filter, sql`r`), " AND ")} ORDER BY r.created_at DESC, r.id DESC LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}

const buildShelfCondition = (shelf: RunShelf, run: Sql): Sql => {
  if (shelf === "deleted") return sql`${run}.deleted_at IS NOT NULL AND ${run}.purged_at IS NULL`;
  return sql`${run}.deleted_at IS NULL AND ${run}.archived_at ${shelf === "archived" ? sql`IS NOT NULL` : sql`IS NULL`}`;
};

/** What a run must be to be listed, as conditions on the alias that it has in the query. */
function buildFilter(
  { states, kinds, text, tags, preset, settings = [], shelf }: RunFilter,
  run: Sql,
): Sql[] {
  const conditions = [
    sql`${run}.project_id = ${DEFAULT_PROJECT}::uuid`,
    buildShelfCondition(shelf, run),
  ];
  if (states) conditions.push(sql`${run}.state = ANY(${states}::text[])`);
  if (kinds) conditions.push(sql`${run}.kind = ANY(${kinds}::text[])`);
  if (tags?.length) conditions.push(sql`${run}.tags @> ${tags}::text[]`);
  if (preset) conditions.push(sql`${run}.preset = ${preset}`);
  for (const condition of settings) {
    const parameter = readParameterPath(condition.path);
    conditions.push(
      parameter === null
        ? buildSettingCondition(condition, run)
        : buildParameterCondition(parameter, condition, run),
    );
  }
  if (text) {
    const part = buildLikePattern(text);
    conditions.push(
      sql`(${run}.name ILIKE ${part} OR ${run}.notes ILIKE ${part} OR array_to_string(${run}.tags, ',') ILIKE ${part} OR ${run}.id::text LIKE ${`${escapeLike(text.toLowerCase())}%`})`,
    );
  }
  return conditions;
}

/** Runs on a shelf by state. */
export async function countShelf(
  db: Queries,
  shelf: RunShelf,
): Promise<Partial<Record<RunState, number>>> {
  const rows = await queryRows(db, z.object({ state: runStateSchema, runs: z.int() }))`
    SELECT r.state, count(*)::int AS runs FROM runs r WHERE r.project_id = ${DEFAULT_PROJECT}::uuid AND ${buildShelfCondition(shelf, sql`r`)} GROUP BY r.state`;
  return Object.fromEntries(rows.map(({ state, runs }) => [state, runs]));
}

const extremesSchema = z.object({
  runId: z.string(),
  name: z.string(),
  /** Attempts that reported it. */
  attempts: z.int(),
  last: z.number(),
  least: z.number().nullable(),
  greatest: z.number().nullable(),
});
export type SeriesExtremes = z.infer<typeof extremesSchema>;

/** Last, least and greatest value of metrics of runs, over all attempts. @param names null: every metric */
export const selectExtremes = (
  db: Queries,
  runIds: readonly string[],
  names: readonly string[] | null,
): Promise<SeriesExtremes[]> =>
  queryRows(db, extremesSchema, { check: "first" })`
    SELECT s.run_id AS "runId", s.name, count(*)::int AS attempts, ${VALUE_OF_SERIES.last} AS last,
      CASE WHEN count(s.min_value) = count(*) THEN min(s.min_value) END AS least,
      CASE WHEN count(s.max_value) = count(*) THEN max(s.max_value) END AS greatest
    FROM metric_series s WHERE s.run_id = ANY(${runIds}::uuid[]) AND (${names === null}::boolean OR s.name = ANY(${names ?? []}::text[]))
    GROUP BY s.run_id, s.name`;

const textSchema = z.object({ text: z.string() });

/** Every metric's name once: each is found behind the one before it, however many runs report it. */
export const selectMetricNames = (db: Queries): Promise<z.infer<typeof textSchema>[]> =>
  queryRows(db, textSchema)`
    WITH RECURSIVE names AS (
      (SELECT name FROM metric_series ORDER BY name LIMIT 1)
      UNION ALL SELECT (SELECT s.name FROM metric_series s WHERE s.name > n.name ORDER BY s.name LIMIT 1) FROM names n WHERE n.name IS NOT NULL)
    SELECT name AS text FROM names WHERE name IS NOT NULL`;

/** Tags in use, the most used first. */
export const selectTags = (db: Queries): Promise<z.infer<typeof textSchema>[]> =>
  queryRows(db, textSchema)`
    SELECT t.tag AS text FROM runs r, unnest(r.tags) AS t(tag) WHERE r.project_id = ${DEFAULT_PROJECT}::uuid AND r.deleted_at IS NULL GROUP BY t.tag ORDER BY count(*) DESC, t.tag`;

export async function selectPresets(db: Queries): Promise<z.infer<typeof textSchema>[]> {
  const groups = await db.run.groupBy({
    by: ["preset"],
    where: { projectId: DEFAULT_PROJECT, preset: { not: null }, deletedAt: null },
    orderBy: { preset: "asc" },
  });
  return groups.map(({ preset }) => ({ text: preset! }));
}
