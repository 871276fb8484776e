import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import type { listKeysResponseSchema } from "@/contracts/api/keys";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { loadSecret, seal, unseal } from "./seal";

/**
 * API keys of model endpoints: sealed at rest, read by no page. A run names a key; only the worker that holds the run's
 * lease is given it, only for an endpoint that the run's configuration joins to it, and only for the origin it was
 * stored for.
 */
export class Keys {
  private secret: Promise<Buffer> | null = null;

  constructor(
    private readonly database: Database,
    private readonly dataDir: string,
  ) {}

  /** Stores a key, in place of one of the same name. */
  async put(name: string, origin: string, key: string, actor: string): Promise<void> {
    const sealed = seal(await this.opened(), name, key);
    await this.database.db.$executeRaw`
      INSERT INTO endpoint_keys (id, project_id, name, origin, sealed, created_by) VALUES (${randomUUID()}::uuid, ${DEFAULT_PROJECT}::uuid, ${name}, ${new URL(origin).origin}, ${sealed}, ${actor})
      ON CONFLICT (project_id, name) DO UPDATE SET origin = excluded.origin, sealed = excluded.sealed, updated_at = now()`;
  }

  list(): Promise<z.infer<typeof listKeysResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT name, origin, created_by AS "createdBy", updated_at AS "updatedAt", last_used_at AS "lastUsedAt" FROM endpoint_keys WHERE project_id = ${DEFAULT_PROJECT}::uuid ORDER BY name`;
  }

  async remove(name: string): Promise<void> {
    const changed = await this.database.db
      .$executeRaw`DELETE FROM endpoint_keys WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name}`;
    if (changed === 0) throw new AppError("not-found", `There is no key "${name}".`);
  }

  /** @throws AppError "stale-attempt", "unauthorized" where the run does not name the key with this endpoint, "not-found" */
  async forRun(
    workerId: string,
    { runId, attempt, name, endpoint }: WorkerRequest<"endpointKey">,
  ): Promise<string> {
    const { db } = this.database;
    const [run] = await db.$queryRaw<{ config: unknown }[]>`
      SELECT r.config FROM leases l JOIN runs r ON r.id = l.run_id WHERE l.run_id = ${runId}::uuid AND l.attempt = ${attempt} AND l.worker_id = ${workerId}::uuid`;
    if (!run)
      throw new AppError(
        "stale-attempt",
        `Attempt ${attempt} of run ${runId} holds no lease any more. Drop it.`,
      );
    if (!joins(run.config, name, endpoint))
      throw new AppError(
        "unauthorized",
        `The run's configuration does not use key "${name}" with ${endpoint}.`,
      );
    const [row] = await db.$queryRaw<{ origin: string; sealed: Uint8Array }[]>`
      UPDATE endpoint_keys SET last_used_at = now() WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} RETURNING origin, sealed`;
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
    return unseal(await this.opened(), name, row.sealed);
  }

  private opened(): Promise<Buffer> {
    this.secret ??= loadSecret(this.dataDir);
    return this.secret;
  }
}

/** Whether any part of a configuration has this endpoint with a connection that names this key, or is served there with it. */
function joins(part: unknown, name: string, endpoint: string): boolean {
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
    Object.values(part).some((value) => joins(value, name, endpoint))
  );
}
