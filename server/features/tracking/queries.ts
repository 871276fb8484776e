import { z } from "zod";
import { runStateSchema } from "@/contracts/records/run-state";
import type { ExternalConfig } from "@/contracts/run-config/external-config";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson, toJsonValue } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows } from "@/server/platform/db/query";

/** The statements of experiments and of runs that other trainers report. */

const textsColumn = jsonColumn<Record<string, string>>();

export interface Experiment {
  id: string;
  name: string;
  tags: Record<string, string>;
  createdAt: Date;
  updatedAt: Date;
  isDeleted: boolean;
}

/** Experiments, those used last first; with an id or a name, that one. */
export async function selectExperiments(
  db: Queries,
  { id, name }: { id?: string; name?: string } = {},
): Promise<Experiment[]> {
  const rows = await db.experiment.findMany({
    where: {
      projectId: DEFAULT_PROJECT,
      ...(id !== undefined && { id: BigInt(id) }),
      ...(name !== undefined && { name }),
    },
    orderBy: [{ updatedAt: "desc" }, { id: "desc" }],
  });
  return rows.map((row) => ({
    id: String(row.id),
    name: row.name,
    tags: row.tags as Record<string, string>,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    isDeleted: row.deletedAt !== null,
  }));
}

/** @returns id of the new experiment; null where one of this name is there */
export async function insertExperiment(
  db: Queries,
  name: string,
  tags: Record<string, string>,
): Promise<string | null> {
  const [row] = await db.experiment.createManyAndReturn({
    data: { projectId: DEFAULT_PROJECT, name, tags: toJsonValue(tags) },
    skipDuplicates: true,
    select: { id: true },
  });
  return row ? String(row.id) : null;
}

/** Changes an experiment; what is left out stays. @returns how many there were */
export const updateExperiment = (
  db: Queries,
  id: string,
  {
    name = null,
    tags = {},
    isDeleted = null,
  }: { name?: string | null; tags?: Record<string, string>; isDeleted?: boolean | null },
): Promise<number> => db.$executeRaw`
  UPDATE experiments SET name = coalesce(${name}, name), tags = tags || ${toJson(tags)}::jsonb, updated_at = clock_timestamp(),
    deleted_at = CASE ${isDeleted}::boolean WHEN true THEN coalesce(deleted_at, clock_timestamp()) WHEN false THEN NULL ELSE deleted_at END
  WHERE id = ${id}::bigint AND project_id = ${DEFAULT_PROJECT}::uuid`;

export interface NewTrackedRun {
  id: string;
  config: ExternalConfig;
  experimentId: string;
  reportedBy: string;
  startTime: number;
  tags: Record<string, string>;
}

/** A run of another trainer, which goes on from now: one attempt, without a worker. */
export async function insertTrackedRun(db: Queries, row: NewTrackedRun): Promise<void> {
  const actor = row.reportedBy || "trainer";
  await db.$executeRaw`
    INSERT INTO runs (id, project_id, created_by, created_at, executor, kind, name, config, slot, needs_models, needs_corpora, state, attempt, queued_at, started_at)
    VALUES (${row.id}::uuid, ${DEFAULT_PROJECT}::uuid, ${actor}, clock_timestamp(), 'external', 'external', ${row.config.name}, ${toJson(row.config)}::jsonb, 'light', '{}', '{}', 'running', 1,
      clock_timestamp(), clock_timestamp())`;
  await db.$executeRaw`INSERT INTO attempts (run_id, number, worker_id, started_at) VALUES (${row.id}::uuid, 1, NULL, clock_timestamp())`;
  await db.externalRun.createMany({
    data: {
      runId: row.id,
      experimentId: BigInt(row.experimentId),
      reportedBy: row.reportedBy,
      startTime: BigInt(row.startTime),
      tags: toJsonValue(row.tags),
    },
  });
}

const trackedRunSchema = z.object({
  id: z.string(),
  /** command: a job of a worker, whose state is the worker's to say. */
  kind: z.enum(["external", "command"]),
  name: z.string(),
  state: runStateSchema,
  config: jsonColumn<ExternalConfig>(),
  isDeleted: z.boolean(),
  experimentId: z.string(),
  reportedBy: z.string(),
  startTime: z.number(),
  endTime: z.number().nullable(),
  heardAt: z.date(),
  tags: textsColumn,
  metrics: jsonColumn<{ key: string; step: number; timestamp: number; value: number }[]>(),
});
export type TrackedRun = z.infer<typeof trackedRunSchema>;

/** Runs by their ids, or of experiments, the newest first, each with the newest point of every series. */
export const selectTrackedRuns = (
  db: Queries,
  {
    ids = null,
    experimentIds = null,
  }: { ids?: readonly string[] | null; experimentIds?: readonly string[] | null },
): Promise<TrackedRun[]> =>
  queryRows(db, trackedRunSchema)`
    SELECT r.id, r.kind, r.name, r.state, r.deleted_at IS NOT NULL AS "isDeleted", e.experiment_id::text AS "experimentId", e.reported_by AS "reportedBy",
      e.start_time::float8 AS "startTime", e.end_time::float8 AS "endTime", e.heard_at AS "heardAt", e.tags,
      CASE r.kind WHEN 'external' THEN r.config ELSE jsonb_build_object('kind', 'external', 'name', r.name, 'experiment', x.name, 'parameters', e.parameters) END AS config,
      coalesce((SELECT jsonb_agg(jsonb_build_object('key', s.name, 'step', s.last_step, 'timestamp', s.last_at::bigint, 'value', s.last_value) ORDER BY s.name)
        FROM external_series s WHERE s.run_id = r.id), '[]') AS metrics
    FROM external_runs e JOIN runs r ON r.id = e.run_id JOIN experiments x ON x.id = e.experiment_id
    WHERE r.purged_at IS NULL AND (${ids}::uuid[] IS NULL OR r.id = ANY(${ids}::uuid[]))
      AND (${experimentIds}::bigint[] IS NULL OR e.experiment_id = ANY(${experimentIds}::bigint[]))
    ORDER BY e.start_time DESC, r.id`;

/** Notes that the trainer said something, and what it changes of its run; what is left out stays. */
export const updateTrackedRun = (
  db: Queries,
  runId: string,
  { endTime = null, tags = {} }: { endTime?: number | null; tags?: Record<string, string> } = {},
): Promise<number> => db.$executeRaw`
  UPDATE external_runs SET heard_at = clock_timestamp(), end_time = coalesce(${endTime}::bigint, end_time), tags = tags || ${toJson(tags)}::jsonb
  WHERE run_id = ${runId}::uuid`;

/** @returns how many runs had the tag */
export const deleteTag = (db: Queries, runId: string, key: string): Promise<number> =>
  db.$executeRaw`UPDATE external_runs SET heard_at = clock_timestamp(), tags = tags - ${key}::text WHERE run_id = ${runId}::uuid AND tags ? ${key}::text`;

/** Gives the run of a command to its trainer, which asked for one in an experiment. @returns 0 where it was given already */
export async function claimRun(db: Queries, runId: string, experimentId: string): Promise<number> {
  const { count } = await db.externalRun.updateMany({
    where: { runId, isClaimed: false },
    data: { isClaimed: true, experimentId: BigInt(experimentId) },
  });
  return count;
}

/** Writes the columns of a run that follow from what its trainer reported; null: stays. Of a command the parameters alone are its trainer's. */
export const updateReportedColumns = async (
  db: Queries,
  runId: string,
  columns: {
    config: ExternalConfig;
    name: string | null;
    notes: string | null;
    addTags: readonly string[];
    removeTags: readonly string[];
    headline: number | null;
  },
): Promise<void> => {
  await db.externalRun.updateMany({
    where: { runId },
    data: { parameters: toJsonValue(columns.config.parameters) },
  });
  await db.$executeRaw`
  UPDATE runs SET name = coalesce(${columns.name}, name), config = CASE kind WHEN 'external' THEN ${toJson(columns.config)}::jsonb ELSE config END, notes = coalesce(${columns.notes}, notes), headline = coalesce(${columns.headline}::float8, headline),
    tags = ARRAY(SELECT DISTINCT t FROM unnest(tags || ${columns.addTags}::text[]) AS t WHERE t <> ALL(${columns.removeTags}::text[]) OR t = ANY(${columns.addTags}::text[]) ORDER BY t)
  WHERE id = ${runId}::uuid`;
};

/** The attempt of a run that goes on after it had ended or was silent. */
export async function reopenAttempt(db: Queries, runId: string): Promise<void> {
  await db.attempt.updateMany({
    where: { runId, number: 1 },
    data: { endedAt: null, outcome: null, reason: null },
  });
}

/** The newest point of a series by step, then by time, and the greatest time of all. */
export interface SeriesEnd {
  name: string;
  greatestAt: number;
  step: number;
  at: number;
  value: number;
}

export async function selectSeriesEnds(
  db: Queries,
  runId: string,
  names: readonly string[],
): Promise<SeriesEnd[]> {
  const rows = await db.externalSeries.findMany({ where: { runId, name: { in: [...names] } } });
  return rows.map(({ name, greatestAt, lastStep, lastAt, lastValue }) => ({
    name,
    greatestAt,
    step: lastStep,
    at: lastAt,
    value: lastValue,
  }));
}

export const upsertSeriesEnds = (
  db: Queries,
  runId: string,
  ends: readonly SeriesEnd[],
): Promise<number> => db.$executeRaw`
  INSERT INTO external_series (run_id, name, greatest_at, last_step, last_at, last_value)
  SELECT ${runId}::uuid, e.name, e."greatestAt", e.step, e.at, e.value
  FROM jsonb_to_recordset(${toJson(ends)}::jsonb) AS e(name text, "greatestAt" float8, step int, at float8, value float8)
  ON CONFLICT (run_id, name) DO UPDATE SET greatest_at = excluded.greatest_at, last_step = excluded.last_step, last_at = excluded.last_at, last_value = excluded.last_value`;

const silentSchema = z.object({ id: z.string(), silentSeconds: z.number() });

/** External runs that go on and were not heard from for so long, since the server is up. @param id only this one */
export const selectSilentRuns = (
  db: Queries,
  silenceMs: number,
  upSince: Date,
  id: string | null = null,
): Promise<z.infer<typeof silentSchema>[]> =>
  queryRows(db, silentSchema)`
    SELECT r.id, extract(epoch FROM clock_timestamp() - e.heard_at)::float8 AS "silentSeconds" FROM runs r JOIN external_runs e ON e.run_id = r.id
    WHERE r.kind = 'external' AND r.state = 'running' AND (${id}::uuid IS NULL OR r.id = ${id}::uuid) AND greatest(e.heard_at, ${upSince}) < clock_timestamp() - ${silenceMs} * interval '1 millisecond'`;

const fileSchema = z.object({
  id: z.string(),
  path: z.string(),
  bytes: z.number(),
  name: z.string(),
});
/** A file that a trainer stored with its run. */
export type TrackedFile = z.infer<typeof fileSchema>;

export const selectTrackedFiles = (db: Queries, runId: string): Promise<TrackedFile[]> =>
  queryRows(db, fileSchema)`
    SELECT id, metadata ->> 'path' AS path, bytes::float8 AS bytes, files -> 0 ->> 'name' AS name FROM artifacts
    WHERE run_id = ${runId}::uuid AND kind = 'export' AND metadata ? 'path' AND deleted_at IS NULL ORDER BY metadata ->> 'path'`;

/** Gives up the files of a run at a path and below it, except one. @returns those given up */
export const deleteTrackedFiles = (
  db: Queries,
  runId: string,
  path: string,
  keptId: string | null,
): Promise<{ id: string }[]> =>
  queryRows(db, z.object({ id: z.string() }))`
    UPDATE artifacts SET deleted_at = clock_timestamp() WHERE run_id = ${runId}::uuid AND kind = 'export' AND deleted_at IS NULL
      AND (metadata ->> 'path' = ${path} OR starts_with(metadata ->> 'path', ${`${path}/`})) AND id IS DISTINCT FROM ${keptId}::uuid
    RETURNING id`;

/** Those of these keys that a run has episodes of. */
export async function selectEpisodeKeys(
  db: Queries,
  runId: string,
  keys: readonly string[],
): Promise<Set<string>> {
  const rows = await db.episode.findMany({
    where: { runId, key: { in: [...keys] } },
    select: { key: true },
  });
  return new Set(rows.map(({ key }) => key));
}

/** Samples of each question that a run has at these steps, by `PHASE STEP QUESTION`. */
export async function selectSampleCounts(
  db: Queries,
  runId: string,
  steps: readonly number[],
): Promise<Map<string, number>> {
  const groups = await db.episode.groupBy({
    by: ["phase", "step", "questionId"],
    where: { runId, step: { in: [...steps] } },
    _count: true,
  });
  return new Map(
    groups.map(({ phase, step, questionId, _count: samples }) => [
      `${phase} ${step} ${questionId}`,
      samples,
    ]),
  );
}

/** Pins a run to the newest version of a question set, unless it is pinned to one already. */
export const pinQuestionSet = (db: Queries, runId: string, name: string): Promise<number> =>
  db.$executeRaw`
    INSERT INTO run_question_sets (run_id, name, set_id)
    SELECT ${runId}::uuid, s.name, s.id FROM question_sets s WHERE s.project_id = ${DEFAULT_PROJECT}::uuid AND s.name = ${name}
    ORDER BY s.created_at DESC LIMIT 1 ON CONFLICT (run_id, name) DO NOTHING`;

/** Episodes that were made of a run's rollouts. */
export async function countEpisodes(db: Queries, runId: string): Promise<number> {
  const row = await queryRow(db, z.object({ episodes: z.int() }))`
    SELECT count(*)::int AS episodes FROM episodes WHERE run_id = ${runId}::uuid`;
  return row?.episodes ?? 0;
}
