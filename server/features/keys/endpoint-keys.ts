import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import type { listKeysResponseSchema } from "@/contracts/api/keys";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { markKeyUsed, selectLeasedConfig, upsertKey } from "./queries";
import { createSecretReader, seal, unseal } from "./seal";

/**
 * API keys of model endpoints: sealed at rest, read by no page. A run names a key; only the worker that holds the run's
 * lease is given it, only for an endpoint that the run's configuration joins to it, and only for the origin it was
 * stored for.
 */
export class EndpointKeys {
  private readonly readSecret: () => Promise<Buffer>;

  constructor(
    private readonly database: Database,
    dataDir: string,
  ) {
    this.readSecret = createSecretReader(dataDir);
  }

  /** Stores a key, in place of one of the same name. */
  async put(name: string, origin: string, key: string, actor: string): Promise<void> {
    const sealed = seal(await this.readSecret(), name, key);
    await upsertKey(this.database.db, { name, origin: new URL(origin).origin, sealed, actor });
  }

  /** Stored keys by name, without what they hold. */
  list(): Promise<z.infer<typeof listKeysResponseSchema>> {
    return this.database.db.endpointKey.findMany({
      where: { projectId: DEFAULT_PROJECT },
      orderBy: { name: "asc" },
      select: { name: true, origin: true, createdBy: true, updatedAt: true, lastUsedAt: true },
    });
  }

  /** @throws AppError "not-found" */
  async remove(name: string): Promise<void> {
    const { count } = await this.database.db.endpointKey.deleteMany({
      where: { projectId: DEFAULT_PROJECT, name },
    });
    if (count === 0) throw new AppError("not-found", `There is no key "${name}".`);
  }

  /**
   * Opens a key for the worker that holds the run's lease.
   *
   * @throws AppError "stale-attempt", "unauthorized" where the run does not name the key with this endpoint, "not-found"
   */
  async readForRun(
    workerId: string,
    { runId, attempt, name, endpoint }: WorkerRequest<"endpointKey">,
  ): Promise<string> {
    const { db } = this.database;
    const run = await selectLeasedConfig(db, { runId, attempt }, workerId);
    if (!run)
      throw new AppError(
        "stale-attempt",
        `Attempt ${attempt} of run ${runId} holds no lease any more. Drop it.`,
      );
    if (!usesKeyWithEndpoint(run.config, name, endpoint))
      throw new AppError(
        "unauthorized",
        `The run's configuration does not use key "${name}" with ${endpoint}.`,
      );
    const row = await markKeyUsed(db, name);
    if (!row)
      throw new AppError(
        "not-found",
        `There is no stored key "${name}". Add it on the Workers page.`,
      );
    if (new URL(endpoint).origin !== row.origin)
      throw new AppError(
        "unauthorized",
        `Key "${name}" belongs to ${row.origin}; it is not sent to ${new URL(endpoint).origin}.`,
      );
    return unseal(await this.readSecret(), name, row.sealed);
  }
}

/** True where a part of a configuration has this endpoint with a connection that names this key, or is served there with it. */
function usesKeyWithEndpoint(part: unknown, name: string, endpoint: string): boolean {
  if (typeof part !== "object" || part === null) return false;
  const {
    endpoint: at,
    connection,
    advertise,
    key,
  } = part as {
    endpoint?: unknown;
    connection?: { key?: unknown } | null;
    advertise?: unknown;
    key?: unknown;
  };
  return (
    (at === endpoint && connection?.key === name) ||
    (advertise === endpoint && key === name) ||
    Object.values(part).some((value) => usesKeyWithEndpoint(value, name, endpoint))
  );
}
