import { AppError } from "@/contracts/errors";
import { PROTOCOL_VERSION, type WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import type { Database } from "@/server/platform/db/database";
import type { Timings } from "@/server/platform/timings";
import {
  bindPoolWorker,
  deleteOldUsage,
  selectMayAttach,
  selectSilentWorkers,
  storeHeartbeat,
  updateModels,
  upsertWorker,
} from "./queries";

/** The stored state of workers: hardware, presence, use of the machine, services. */
export class WorkerRegistry {
  constructor(
    private readonly database: Database,
    private readonly timings: Timings,
  ) {}

  /** @throws AppError "unsupported" for another protocol version, "conflict" where the id belongs to another token, "unauthorized" where the token belongs to another worker */
  async attach(tokenId: string, request: WorkerRequest<"attach">): Promise<void> {
    if (request.protocolVersion !== PROTOCOL_VERSION) {
      throw new AppError(
        "unsupported",
        `This worker speaks version ${request.protocolVersion} of the protocol, the server version ${PROTOCOL_VERSION}. Run the same version of the repository on both.`,
      );
    }
    await this.database.transact(async (tx) => {
      if (!(await selectMayAttach(tx.db, tokenId, request.workerId)))
        throw new AppError(
          "unauthorized",
          "A pool gave this token to a job, and another worker has attached with it. Each worker of a pool is started with the token of its own job.",
        );
      if (!(await upsertWorker(tx.db, tokenId, request)))
        throw new AppError(
          "conflict",
          `Worker ${request.workerId} belongs to another token, and only that one attaches it. Start this worker under another --name, or with another data folder.`,
        );
      await bindPoolWorker(tx.db, tokenId, request.workerId);
      tx.emit({
        kind: "worker",
        runId: null,
        payload: { workerId: request.workerId, state: "online" },
      });
    });
  }

  /** @param announce also wakes the pages; not every heartbeat is worth it */
  async recordHeartbeat(
    workerId: string,
    request: WorkerRequest<"heartbeat">,
    announce: boolean,
  ): Promise<void> {
    await this.database.transact(async (tx) => {
      await storeHeartbeat(tx.db, workerId, request);
      if (announce)
        tx.emit({ kind: "worker", runId: null, payload: { workerId, state: "online" } });
    });
  }

  /** Stores which models the worker has now, by which runs are matched. */
  async storeModels(workerId: string, request: WorkerRequest<"models">): Promise<void> {
    await this.database.transact(async (tx) => {
      await updateModels(tx.db, workerId, request);
      tx.emit({ kind: "worker", runId: null, payload: { workerId, state: "online" } });
    });
  }

  async markOffline(workerId: string): Promise<void> {
    await this.database.transact(async (tx) => {
      const { count } = await tx.db.worker.updateMany({
        where: { id: workerId, state: "online" },
        data: { state: "offline" },
      });
      if (count > 0)
        tx.emit({ kind: "worker", runId: null, payload: { workerId, state: "offline" } });
    });
  }

  /** Marks workers as offline that were not heard from for too long. */
  async markSilentOffline(): Promise<void> {
    const silent = await selectSilentWorkers(this.database.db, this.timings.offlineMs);
    for (const id of silent) await this.markOffline(id);
  }

  /** Deletes samples of the workers' use that are older than the retention. */
  pruneUsage(): Promise<number> {
    return deleteOldUsage(this.database.db, this.timings.usageRetentionMs);
  }
}
