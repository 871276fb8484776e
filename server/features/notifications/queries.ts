import { z } from "zod";
import {
  listChannelsResponseSchema,
  type ChannelRow,
  type NotificationEvent,
  type StoredEvent,
} from "@/contracts/api/notifications";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRows } from "@/server/platform/db/query";

/** The SQL of notifications. */

/** Queues an event for every channel that wants it; one that was queued before under the same key is not queued again. */
export const insertDeliveries = (
  db: Queries,
  type: NotificationEvent,
  key: string,
  event: StoredEvent,
): Promise<number> => db.$executeRaw`
  INSERT INTO notification_deliveries (channel_id, event_key, event)
  SELECT id, ${key}, ${toJson(event)}::jsonb FROM notification_channels
  WHERE project_id = ${DEFAULT_PROJECT}::uuid AND ${type} = ANY(events)
  ON CONFLICT DO NOTHING`;

const deliverySchema = z.object({
  id: z.bigint(),
  tries: z.int(),
  event: jsonColumn<StoredEvent>(),
  channelId: z.string(),
  origin: z.string(),
  sealed: z.instanceof(Uint8Array),
});
export type Delivery = z.infer<typeof deliverySchema>;

/** Takes deliveries that are due: nobody else takes them before `claimMs` are over, also where this process ends meanwhile. */
export const claimDeliveries = (db: Queries, limit: number, claimMs: number): Promise<Delivery[]> =>
  queryRows(db, deliverySchema)`
    UPDATE notification_deliveries d SET tries = tries + 1, next_at = clock_timestamp() + ${claimMs} * interval '1 millisecond'
    FROM notification_channels c
    WHERE c.id = d.channel_id AND d.id IN (
      SELECT id FROM notification_deliveries WHERE state = 'pending' AND next_at <= clock_timestamp() ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING d.id, d.tries, d.event, d.channel_id AS "channelId", c.origin, c.sealed`;

/** Nothing happens where the channel was deleted meanwhile. */
export async function markSent(db: Queries, id: bigint): Promise<void> {
  await db.notificationDelivery.updateMany({
    where: { id },
    data: { state: "sent", error: null },
  });
}

/** Deletes what was sent and is older than its retention; what was given up stays with its reason. @returns how many */
export const deleteOldDeliveries = (db: Queries, retentionMs: number): Promise<number> =>
  db.$executeRaw`
    DELETE FROM notification_deliveries WHERE state = 'sent' AND created_at < clock_timestamp() - ${retentionMs} * interval '1 millisecond'`;

/** @param waitMs until the next try; null: it is given up */
export const markFailed = (
  db: Queries,
  id: bigint,
  error: string,
  waitMs: number | null,
): Promise<number> => db.$executeRaw`
  UPDATE notification_deliveries SET error = ${error}, state = CASE WHEN ${waitMs}::float8 IS NULL THEN 'failed' ELSE 'pending' END,
    next_at = clock_timestamp() + coalesce(${waitMs}::float8, 0) * interval '1 millisecond'
  WHERE id = ${id}`;

/** Channels by name, with what became of their messages. */
export const selectChannels = (db: Queries): Promise<ChannelRow[]> =>
  queryRows(db, listChannelsResponseSchema.element)`
    SELECT c.id, c.name, c.kind, c.target, c.events,
      count(d.id) FILTER (WHERE d.state = 'sent')::int AS sent,
      count(d.id) FILTER (WHERE d.state = 'pending')::int AS pending,
      count(d.id) FILTER (WHERE d.state = 'failed')::int AS failed,
      (array_agg(d.error ORDER BY d.id DESC) FILTER (WHERE d.error IS NOT NULL))[1] AS error
    FROM notification_channels c LEFT JOIN notification_deliveries d ON d.channel_id = c.id
    WHERE c.project_id = ${DEFAULT_PROJECT}::uuid GROUP BY c.id ORDER BY c.name`;
