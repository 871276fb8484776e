import { z } from "zod";
import { liveEventKindSchema } from "@/contracts/api/live";
import type { Queries } from "@/server/platform/db/database";
import { empty, jsonColumn, queryRow, queryRows, sql } from "@/server/platform/db/query";

/** The SQL of the event log. */

const eventSchema = z.object({
  id: z.bigint(),
  kind: liveEventKindSchema,
  runId: z.string().nullable(),
  payload: jsonColumn<Record<string, unknown>>(),
});
export type StoredEvent = z.infer<typeof eventSchema>;

/** Events after an id, in the order of their ids. @param runId null: of all runs */
export const selectEvents = (
  db: Queries,
  after: bigint,
  runId: string | null,
  limit: number,
): Promise<StoredEvent[]> =>
  queryRows(db, eventSchema)`
    SELECT id, kind, run_id AS "runId", payload FROM events
    WHERE id > ${after} ${runId === null ? empty : sql`AND run_id = ${runId}::uuid`} ORDER BY id LIMIT ${limit}`;

/** Ids of the log: the oldest and newest that are stored, null where it is empty, and the last that was assigned. */
export async function selectEventIds(
  db: Queries,
): Promise<{ oldest: bigint | null; newest: bigint | null; assigned: bigint }> {
  const row = await queryRow(
    db,
    z.object({
      oldest: z.bigint().nullable(),
      newest: z.bigint().nullable(),
      assigned: z.bigint(),
    }),
  )`
    SELECT (SELECT min(id) FROM events) AS oldest, (SELECT max(id) FROM events) AS newest,
      (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq) AS assigned`;
  return row ?? { oldest: null, newest: null, assigned: 0n };
}

export const deleteOldEvents = (db: Queries, retentionMs: number): Promise<number> =>
  db.$executeRaw`DELETE FROM events WHERE at < clock_timestamp() - ${retentionMs} * interval '1 millisecond'`;
