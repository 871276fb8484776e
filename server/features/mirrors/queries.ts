import { z } from "zod";
import { listMirrorsResponseSchema, type MirrorRow } from "@/contracts/api/mirrors";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows, sql } from "@/server/platform/db/query";
import type { Sent } from "./read-points";
import type { Place } from "./targets/target";

/** The SQL of mirrors. */

/** How far a run is in a mirror. */
export interface Position {
  /** Places that the run had before. */
  generation: number;
  place: Place | null;
  sent: Sent;
}

/** What an end is told as: null while the run goes on. */
const END = sql`CASE WHEN r.state IN ('succeeded', 'failed', 'cancelled') THEN r.state || ' ' || r.attempt END`;
/**
 * Native runs that a mirror is for: of every kind that reports metrics, from the mirror's own time on or earlier, too. Of
 * deleted ones those that have a place there which was not told their end: they would go on there for ever.
 */
const MIRRORED = sql`r.executor = 'native' AND (m.earlier OR r.created_at >= m.created_at)
  AND CASE WHEN r.deleted_at IS NULL THEN EXISTS (SELECT 1 FROM metric_series s WHERE s.run_id = r.id)
    ELSE EXISTS (SELECT 1 FROM mirrored_runs o WHERE o.mirror_id = m.id AND o.run_id = r.id AND o.position->>'place' IS NOT NULL AND o.ended IS DISTINCT FROM ${END}) END`;

const dueSchema = z.object({ mirrorId: z.string(), runId: z.string() });

/** Runs with something to send, those first that have waited longest. */
export const selectDue = (
  db: Queries,
  mirrorIds: readonly string[],
  limit: number,
): Promise<z.infer<typeof dueSchema>[]> =>
  queryRows(db, dueSchema)`
    SELECT m.id AS "mirrorId", r.id AS "runId"
    FROM mirrors m JOIN runs r ON r.project_id = m.project_id LEFT JOIN mirrored_runs d ON d.mirror_id = m.id AND d.run_id = r.id
    WHERE m.id = ANY(${mirrorIds}::uuid[]) AND coalesce(d.next_at, '-infinity') <= clock_timestamp()
      AND (d.run_id IS NULL OR d.ended IS DISTINCT FROM ${END}
        OR (${END} IS NULL AND d.report < (SELECT max(greatest(a.compacted_report, (SELECT max(p.id) FROM metric_reports p WHERE p.run_id = a.run_id AND p.attempt = a.number))) FROM attempts a WHERE a.run_id = r.id)))
      AND ${MIRRORED}
    ORDER BY d.next_at NULLS FIRST, r.created_at LIMIT ${limit}`;

const claimedSchema = z.object({
  claim: z.int(),
  position: jsonColumn<Position>(),
  ended: z.string().nullable(),
  tries: z.int(),
});
export type ClaimedRow = z.infer<typeof claimedSchema>;

/** Takes a run of a mirror for a while; null where somebody else has it. */
export const claimRun = (
  db: Queries,
  { mirrorId, runId }: { mirrorId: string; runId: string },
  claimMs: number,
): Promise<ClaimedRow | null> =>
  queryRow(db, claimedSchema)`
    INSERT INTO mirrored_runs AS d (mirror_id, run_id, claim, next_at)
    VALUES (${mirrorId}::uuid, ${runId}::uuid, 1, clock_timestamp() + ${claimMs} * interval '1 millisecond')
    ON CONFLICT (mirror_id, run_id) DO UPDATE SET claim = d.claim + 1, next_at = excluded.next_at WHERE d.next_at <= clock_timestamp()
    RETURNING d.claim, d.position, d.ended, d.tries`;

export interface Claim {
  mirrorId: string;
  runId: string;
  claim: number;
}

/** Stores how far a run is, for whoever holds the claim. @returns 0 where somebody else has taken it, or the mirror is gone */
export const savePosition = (
  db: Queries,
  { mirrorId, runId, claim }: Claim,
  position: Position,
  claimMs: number,
): Promise<number> => db.$executeRaw`
  UPDATE mirrored_runs SET position = ${toJson(position)}::jsonb, next_at = clock_timestamp() + ${claimMs} * interval '1 millisecond'
  WHERE mirror_id = ${mirrorId}::uuid AND run_id = ${runId}::uuid AND claim = ${claim}`;

/** Gives a run back after all was sent. */
export const saveDelivered = (
  db: Queries,
  { mirrorId, runId, claim }: Claim,
  { report, ended }: { report: number; ended: string | null },
): Promise<number> => db.$executeRaw`
  UPDATE mirrored_runs SET report = ${report}, ended = ${ended}, tries = 0, error = NULL, next_at = clock_timestamp()
  WHERE mirror_id = ${mirrorId}::uuid AND run_id = ${runId}::uuid AND claim = ${claim}`;

/** Gives a run back after a failure, to be tried again after a wait. */
export const saveFailure = (
  db: Queries,
  { mirrorId, runId, claim }: Claim,
  error: string,
  waitMs: number,
): Promise<number> => db.$executeRaw`
  UPDATE mirrored_runs SET error = ${error}, tries = tries + 1, next_at = clock_timestamp() + ${waitMs}::float8 * interval '1 millisecond'
  WHERE mirror_id = ${mirrorId}::uuid AND run_id = ${runId}::uuid AND claim = ${claim}`;

const runSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
  attempt: z.int(),
  config: jsonColumn<object>(),
  tags: z.array(z.string()),
  error: z.string().nullable(),
  startedAt: z.date(),
  endedAt: z.date().nullable(),
  end: z.string().nullable(),
  isDeleted: z.boolean(),
});

/** What a mirror tells of a run; null where there is none. */
export const selectMirroredRun = (
  db: Queries,
  runId: string,
): Promise<z.infer<typeof runSchema> | null> =>
  queryRow(db, runSchema)`
    SELECT r.id, r.name, r.kind, r.state, r.attempt, r.config, r.tags, r.error, coalesce(r.started_at, r.created_at) AS "startedAt",
      CASE WHEN ${END} IS NOT NULL THEN r.ended_at END AS "endedAt", ${END} AS "end", r.deleted_at IS NOT NULL AS "isDeleted"
    FROM runs r WHERE r.id = ${runId}::uuid`;

/** Mirrors by name, with how far they are. */
export const selectMirrors = (db: Queries): Promise<MirrorRow[]> =>
  queryRows(db, listMirrorsResponseSchema.element)`
    SELECT m.id, m.name, m.kind, m.target, m.earlier,
      count(r.id) FILTER (WHERE d.ended = ${END})::int AS complete,
      count(r.id) FILTER (WHERE d.ended IS NULL OR d.ended IS DISTINCT FROM ${END})::int AS open,
      count(r.id) FILTER (WHERE d.tries > 0)::int AS failing,
      (array_agg(d.error ORDER BY d.next_at DESC) FILTER (WHERE d.tries > 0))[1] AS error
    FROM mirrors m LEFT JOIN runs r ON r.project_id = m.project_id AND ${MIRRORED} LEFT JOIN mirrored_runs d ON d.mirror_id = m.id AND d.run_id = r.id
    WHERE m.project_id = ${DEFAULT_PROJECT}::uuid GROUP BY m.id ORDER BY m.name`;
