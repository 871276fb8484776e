import { AppError } from "@/contracts/errors";
import { PROTOCOL_VERSION, type WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import type { Timings } from "@/server/platform/timings";

/** What is stored of workers: who they are, whether they are there, what they use and which services they run. */
export class WorkerRegistry {
  constructor(
    private readonly database: Database,
    private readonly timings: Timings,
  ) {}

  /** @throws AppError "unsupported" for another protocol version, "conflict" where the id belongs to another token's live worker */
  async attach(tokenId: string, request: WorkerRequest<"attach">): Promise<void> {
    if (request.protocolVersion !== PROTOCOL_VERSION) {
      throw new AppError(
        "unsupported",
        `This worker speaks version ${request.protocolVersion} of the protocol, the server version ${PROTOCOL_VERSION}. Run the same version of the repository on both.`,
      );
    }
    await this.database.transact(async (tx) => {
      const changed = await tx.db.$executeRaw`
        INSERT INTO workers AS w (id, project_id, token_id, name, hardware, slots, free_slots, capabilities, state, attached_at, last_seen_at)
        VALUES (${request.workerId}::uuid, ${DEFAULT_PROJECT}::uuid, ${tokenId}::uuid, ${request.name}, ${toJson(request.hardware)}::jsonb, ${toJson(request.slots)}::jsonb,
          ${toJson(request.slots)}::jsonb, ${toJson(request.capabilities)}::jsonb, 'online', clock_timestamp(), clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET token_id = excluded.token_id, name = excluded.name, hardware = excluded.hardware, slots = excluded.slots, free_slots = excluded.free_slots,
          capabilities = excluded.capabilities, state = 'online', attached_at = excluded.attached_at, last_seen_at = excluded.last_seen_at
        WHERE w.token_id = excluded.token_id OR w.state = 'offline'`;
      if (changed === 0)
        throw new AppError(
          "conflict",
          `Worker ${request.workerId} is attached with another token. Give this one an id of its own (another data directory).`,
        );
      tx.emit({
        kind: "worker",
        runId: null,
        payload: { workerId: request.workerId, state: "online" },
      });
    });
  }

  /** @param announce also wakes the pages; not every heartbeat is worth it */
  async heartbeat(
    workerId: string,
    request: WorkerRequest<"heartbeat">,
    announce: boolean,
  ): Promise<void> {
    await this.database.transact(async (tx) => {
      await tx.db
        .$executeRaw`UPDATE workers SET state = 'online', last_seen_at = clock_timestamp(), free_slots = ${toJson(request.freeSlots)}::jsonb WHERE id = ${workerId}::uuid`;
      await tx.db.$executeRaw`
        INSERT INTO worker_usage (worker_id, at, cpu, memory_mb, gpus) VALUES (${workerId}::uuid, clock_timestamp(), ${request.usage.cpu}, ${request.usage.memoryMb}, ${toJson(request.usage.gpus)}::jsonb)
        ON CONFLICT DO NOTHING`;
      const services = request.services.map((service) => ({
        key: service.key,
        kind: service.kind,
        state: service.state,
        report: service,
      }));
      await tx.db
        .$executeRaw`DELETE FROM services WHERE worker_id = ${workerId}::uuid AND NOT (key = ANY(${services.map((s) => s.key)}::text[]))`;
      await tx.db.$executeRaw`
        INSERT INTO services AS s (worker_id, key, kind, state, report, updated_at)
        SELECT ${workerId}::uuid, n.key, n.kind, n.state, n.report, clock_timestamp() FROM jsonb_to_recordset(${toJson(services)}::jsonb) AS n(key text, kind text, state text, report jsonb)
        ON CONFLICT (worker_id, key) DO UPDATE SET kind = excluded.kind, state = excluded.state, report = excluded.report, updated_at = excluded.updated_at`;
      if (announce)
        tx.emit({ kind: "worker", runId: null, payload: { workerId, state: "online" } });
    });
  }

  async offline(workerId: string): Promise<void> {
    await this.database.transact(async (tx) => {
      const changed = await tx.db
        .$executeRaw`UPDATE workers SET state = 'offline' WHERE id = ${workerId}::uuid AND state = 'online'`;
      if (changed > 0)
        tx.emit({ kind: "worker", runId: null, payload: { workerId, state: "offline" } });
    });
  }

  /** Marks workers that were not heard from for too long, and forgets use that is too old. */
  async sweep(): Promise<void> {
    const silent = await this.database.db.$queryRaw<
      { id: string }[]
    >`SELECT id FROM workers WHERE state = 'online' AND last_seen_at < clock_timestamp() - ${this.timings.offlineMs} * interval '1 millisecond'`;
    for (const { id } of silent) await this.offline(id);
    await this.database.db
      .$executeRaw`DELETE FROM worker_usage WHERE at < clock_timestamp() - ${this.timings.usageRetentionMs} * interval '1 millisecond'`;
  }
}
