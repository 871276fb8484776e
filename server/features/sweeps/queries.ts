import { z } from "zod";
import { runStateSchema, type RunState } from "@/contracts/records/run-state";
import type { Progress } from "@/contracts/worker-protocol/reports";
import type { VariedSettings } from "@/core/sweep/varied-settings";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { empty, jsonColumn, queryRow, queryRows, sql } from "@/server/platform/db/query";

/** The statements of sweeps. */

const storedSweepSchema = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.date(),
  createdBy: z.string(),
  preset: z.string().nullable(),
  spec: z.unknown(),
  paths: z.array(z.string()),
});
export type StoredSweep = z.infer<typeof storedSweepSchema>;

/** Whether a row of sweeps has a run that is not deleted: without one there is nothing in it to compare. */
const hasRuns = sql`EXISTS (SELECT FROM runs WHERE runs.sweep_id = sweeps.id AND runs.deleted_at IS NULL)`;

/** The newest sweeps that have a run which is not deleted, by a part of their name. @param pattern of ILIKE */
export const findSweeps = (
  db: Queries,
  pattern: string,
  limit: number,
): Promise<{ id: string; name: string }[]> =>
  queryRows(db, z.object({ id: z.string(), name: z.string() }))`
    SELECT id, name FROM sweeps WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name ILIKE ${pattern} AND ${hasRuns}
    ORDER BY created_at DESC LIMIT ${limit}`;

export const selectSweep = (db: Queries, id: string): Promise<StoredSweep | null> =>
  db.sweep.findUnique({
    where: { id, projectId: DEFAULT_PROJECT },
    omit: { projectId: true, clientKey: true },
  });

/** A page of the sweeps that have a run which is not deleted, newest first. @param after creation time and id of the row before the page */
export const selectSweepPage = (
  db: Queries,
  limit: number,
  after: { key: string; id: string } | null,
): Promise<StoredSweep[]> =>
  queryRows(db, storedSweepSchema)`
    SELECT id, name, created_at AS "createdAt", created_by AS "createdBy", preset, spec, paths FROM sweeps
    WHERE project_id = ${DEFAULT_PROJECT}::uuid AND ${hasRuns} ${after ? sql`AND (created_at, id) < (${after.key}::timestamptz, ${after.id}::uuid)` : empty}
    ORDER BY created_at DESC, id DESC LIMIT ${limit}`;

/** Stores a sweep. @returns false where its key is taken */
export async function insertSweep(
  db: Queries,
  row: {
    id: string;
    name: string;
    actor: string;
    preset: string | null;
    spec: string;
    paths: readonly string[];
    key: string;
  },
): Promise<boolean> {
  const inserted = await db.$executeRaw`
    INSERT INTO sweeps (id, project_id, created_by, created_at, name, preset, spec, paths, client_key)
    VALUES (${row.id}::uuid, ${DEFAULT_PROJECT}::uuid, ${row.actor}, clock_timestamp(), ${row.name}, ${row.preset}, ${row.spec}::jsonb, ${row.paths}::text[], ${row.key})
    ON CONFLICT (project_id, client_key) DO NOTHING`;
  return inserted > 0;
}

/** The sweep that was launched under a key, and whether it has this specification; null where there is none. */
export const selectSweepByKey = (
  db: Queries,
  key: string,
  spec: string,
): Promise<{ id: string; same: boolean } | null> =>
  queryRow(db, z.object({ id: z.string(), same: z.boolean() }))`
    SELECT id, spec = ${spec}::jsonb AS same FROM sweeps WHERE project_id = ${DEFAULT_PROJECT}::uuid AND client_key = ${key}`;

/** Locks a sweep, then its runs in the order of their ids; null where there is no such sweep. */
export async function selectRunsForUpdate(
  db: Queries,
  sweepId: string,
): Promise<{ id: string; state: RunState }[] | null> {
  const idSchema = z.object({ id: z.string() });
  const sweep = await queryRow(db, idSchema)`
    SELECT id FROM sweeps WHERE id = ${sweepId}::uuid FOR UPDATE`;
  if (!sweep) return null;
  return queryRows(db, idSchema.extend({ state: runStateSchema }))`
    SELECT id, state FROM runs WHERE sweep_id = ${sweepId}::uuid AND deleted_at IS NULL ORDER BY id FOR UPDATE`;
}

const memberSchema = z.object({
  id: z.string(),
  name: z.string(),
  row: z.int(),
  seed: z.int().nullable(),
  state: runStateSchema,
  varied: jsonColumn<VariedSettings>(),
  progress: jsonColumn<Progress | null>(),
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  error: z.string().nullable(),
});
/** A run of a sweep. */
export type SweepMember = z.infer<typeof memberSchema>;

/** The runs of a sweep that are not deleted, in the order of its table. */
export const selectMembers = (db: Queries, sweepId: string): Promise<SweepMember[]> =>
  queryRows(db, memberSchema)`
    SELECT id, name, sweep_row AS row, (config ->> 'seed')::int AS seed, state, varied, progress, started_at AS "startedAt", ended_at AS "endedAt", error
    FROM runs WHERE sweep_id = ${sweepId}::uuid AND deleted_at IS NULL ORDER BY sweep_row, created_at, id`;
