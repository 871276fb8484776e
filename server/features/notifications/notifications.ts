import { randomUUID } from "node:crypto";
import type { z } from "zod";
import {
  channelAddressSchema,
  type ChannelAddress,
  type ChannelRow,
  type createChannelRequestSchema,
  type StoredEvent,
} from "@/contracts/api/notifications";
import { AppError } from "@/contracts/errors";
import { doubleWait } from "@/lib/retry";
import { createSecretReader, seal, unseal } from "@/server/features/keys/seal";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import type { Timings } from "@/server/platform/timings";
import { buildMessage, buildTestMessage, type Message } from "./message";
import {
  claimDeliveries,
  deleteOldDeliveries,
  markFailed,
  markSent,
  selectChannels,
  type Delivery,
} from "./queries";
import { Refusal, sendMessage } from "./send";

/** Deliveries that are taken at once, and how long nobody else takes them. */
const CLAIMED = 20;
const CLAIM_MS = 120_000;
const TRIES = 8;
const backoff = doubleWait(5_000, { longestMs: 30 * 60_000 });

/** Channels that are told of runs that end and of alarms. Events are queued with what they tell of, in one transaction. */
export class Notifications {
  private readonly readSecret: () => Promise<Buffer>;
  private readonly sending = new Set<Promise<void>>();

  constructor(
    private readonly database: Database,
    dataDir: string,
  ) {
    this.readSecret = createSecretReader(dataDir);
  }

  list(): Promise<ChannelRow[]> {
    return selectChannels(this.database.db);
  }

  /** @throws AppError "conflict" where there is a channel of this name */
  async create(
    { name, events, origin, address }: z.output<typeof createChannelRequestSchema>,
    actor: string,
  ): Promise<{ id: string }> {
    const id = randomUUID();
    const sealed = seal(await this.readSecret(), id, JSON.stringify(address));
    const { count } = await this.database.db.notificationChannel.createMany({
      data: {
        id,
        projectId: DEFAULT_PROJECT,
        name,
        kind: address.kind,
        target: address.kind === "email" ? address.to : new URL(address.url).host,
        events,
        origin: new URL(origin).origin,
        sealed: new Uint8Array(sealed),
        createdBy: actor,
      },
      skipDuplicates: true,
    });
    if (count === 0) throw new AppError("conflict", `There is a channel "${name}" already.`);
    return { id };
  }

  /** @throws AppError "not-found" */
  async remove(id: string): Promise<void> {
    const { count } = await this.database.db.notificationChannel.deleteMany({ where: { id } });
    if (count === 0) throw new AppError("not-found", "There is no such channel any more.");
  }

  /** Sends a message that tells of nothing, now. @throws AppError "invalid-input" with the reason where it is not taken */
  async test(id: string): Promise<void> {
    const channel = await this.database.db.notificationChannel.findUnique({ where: { id } });
    if (!channel) throw new AppError("not-found", "There is no such channel any more.");
    const address = await this.open(id, channel.sealed);
    await sendMessage(address, buildTestMessage(channel.origin)).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AppError("invalid-input", `Not delivered: ${reason}`, { cause });
    });
  }

  /** Begins to send what is due, without waiting for it: a slow receiver holds nothing up. */
  async deliverDue(): Promise<void> {
    const free = CLAIMED - this.sending.size;
    if (free <= 0) return;
    for (const delivery of await claimDeliveries(this.database.db, free, CLAIM_MS)) {
      const sent = this.deliver(delivery).finally(() => this.sending.delete(sent));
      this.sending.add(sent);
    }
  }

  /** Deletes what was sent, once it is as old as the log lines of runs that are deleted. @returns how many */
  prune({ runLogRetentionMs }: Pick<Timings, "runLogRetentionMs">): Promise<number> {
    return deleteOldDeliveries(this.database.db, runLogRetentionMs);
  }

  /** Waits for what is being sent. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.sending);
  }

  private async deliver({ id, tries, event, channelId, origin, sealed }: Delivery): Promise<void> {
    const { db } = this.database;
    try {
      const message = await this.readMessage(event, origin);
      // A run that was deleted meanwhile needs no message.
      if (message) await sendMessage(await this.open(channelId, sealed), message);
      await markSent(db, id);
    } catch (error) {
      const wait = error instanceof Refusal || tries >= TRIES ? null : backoff(tries, error);
      const reason = error instanceof Error ? error.message : String(error);
      // Where the database is away the claim ends by itself.
      await markFailed(db, id, reason.slice(0, 1_000), wait).catch(() => undefined);
    }
  }

  private async readMessage(event: StoredEvent, origin: string): Promise<Message | null> {
    const run = await this.database.db.run.findUnique({
      where: { id: event.runId },
      select: { name: true },
    });
    return run && buildMessage(event, run, origin);
  }

  private async open(id: string, sealed: Uint8Array): Promise<ChannelAddress> {
    return channelAddressSchema.parse(JSON.parse(unseal(await this.readSecret(), id, sealed)));
  }
}
