import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { listTokensResponseSchema } from "@/contracts/api/workers";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Worker tokens: 256 random bits, shown once; only the sha256 is stored. */
export class Tokens {
  constructor(private readonly database: Database) {}

  async create(name: string, actor: string): Promise<{ id: string; token: string }> {
    const token = `s3w_${randomBytes(32).toString("base64url")}`;
    const id = await this.store(name, token, actor);
    return { id, token };
  }

  /** Makes a token that came from elsewhere known (the local worker's file); nothing happens where it is already. */
  async ensure(name: string, token: string, actor: string): Promise<void> {
    const rows = await this.database.db.$queryRaw<
      unknown[]
    >`SELECT 1 FROM worker_tokens WHERE sha256 = ${sha256(token)}`;
    if (rows.length === 0) await this.store(name, token, actor);
  }

  private async store(name: string, token: string, actor: string): Promise<string> {
    const id = randomUUID();
    await this.database.db
      .$executeRaw`INSERT INTO worker_tokens (id, project_id, name, sha256, created_by) VALUES (${id}::uuid, ${DEFAULT_PROJECT}::uuid, ${name}, ${sha256(token)}, ${actor})`;
    return id;
  }

  list(): Promise<z.infer<typeof listTokensResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT id, name, created_at AS "createdAt", created_by AS "createdBy", last_used_at AS "lastUsedAt", revoked_at AS "revokedAt" FROM worker_tokens ORDER BY created_at DESC`;
  }

  async revoke(id: string): Promise<void> {
    const changed = await this.database.db
      .$executeRaw`UPDATE worker_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = ${id}::uuid`;
    if (changed === 0) throw new AppError("not-found", "There is no such token.");
  }

  /**
   * Id of the token in an `Authorization: Bearer` header. Compares hashes in constant time.
   * @throws AppError "unauthorized" where it is missing, unknown or revoked
   */
  async verify(authorization: string | undefined): Promise<string> {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined)
      throw new AppError(
        "unauthorized",
        "A worker needs its token: Authorization: Bearer TOKEN. Create one on the Workers page.",
      );
    const given = sha256(token);
    const rows = await this.database.db.$queryRaw<{ id: string; sha256: Uint8Array }[]>`
      UPDATE worker_tokens SET last_used_at = clock_timestamp() WHERE sha256 = ${given} AND revoked_at IS NULL RETURNING id, sha256`;
    const found = rows.find((row) => timingSafeEqual(row.sha256, given));
    if (!found)
      throw new AppError(
        "unauthorized",
        "This worker token is unknown or revoked. Create a new one on the Workers page.",
      );
    return found.id;
  }
}
