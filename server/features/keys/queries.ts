import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { queryRow } from "@/server/platform/db/query";

/** The SQL of stored API keys. */

/** Stores a key, in place of one of the same name. */
export const upsertKey = (
  db: Queries,
  row: { name: string; origin: string; sealed: Uint8Array; actor: string },
): Promise<number> => db.$executeRaw`
  INSERT INTO endpoint_keys (id, project_id, name, origin, sealed, created_by)
  VALUES (${randomUUID()}::uuid, ${DEFAULT_PROJECT}::uuid, ${row.name}, ${row.origin}, ${row.sealed}, ${row.actor})
  ON CONFLICT (project_id, name) DO UPDATE SET origin = excluded.origin, sealed = excluded.sealed, updated_at = now()`;

/** Configuration of a run whose lease this worker holds for this attempt; null where it does not. */
export const selectLeasedConfig = (
  db: Queries,
  ref: AttemptRef,
  workerId: string,
): Promise<{ config: unknown } | null> =>
  queryRow(db, z.object({ config: z.unknown() }))`
    SELECT r.config FROM leases l JOIN runs r ON r.id = l.run_id
    WHERE l.run_id = ${ref.runId}::uuid AND l.attempt = ${ref.attempt} AND l.worker_id = ${workerId}::uuid`;

/** Records the use of a key. @returns what is stored of it; null where there is none of this name */
export const markKeyUsed = (
  db: Queries,
  name: string,
): Promise<{ origin: string; sealed: Uint8Array } | null> =>
  queryRow(db, z.object({ origin: z.string(), sealed: z.instanceof(Uint8Array) }))`
    UPDATE endpoint_keys SET last_used_at = now() WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} RETURNING origin, sealed`;
