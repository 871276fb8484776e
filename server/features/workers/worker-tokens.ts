import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { listTokensResponseSchema } from "@/contracts/api/workers";
import { DEFAULT_PROJECT, type Database, type Queries } from "@/server/platform/db/database";
import { markTokenUsed, revokeToken } from "./queries";

/** What is stored of a token, and looked for: its sha256 in bytes. */
const hashToken = (text: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(createHash("sha256").update(text).digest());

/** Worker tokens: 256 random bits, shown once; only the sha256 is stored. */
export class WorkerTokens {
  constructor(private readonly database: Database) {}

  async create(name: string, actor: string): Promise<{ id: string; token: string }> {
    const token = `s3w_${randomBytes(32).toString("base64url")}`;
    const id = await this.store(this.database.db, { name, token, actor });
    return { id, token };
  }

  /** Makes, within a transaction, the token of a pool's job: the first worker that attaches with it keeps it for itself. */
  async createForJob(
    db: Queries,
    name: string,
    actor: string,
  ): Promise<{ id: string; token: string }> {
    const token = `s3w_${randomBytes(32).toString("base64url")}`;
    const id = await this.store(db, { name, token, actor, singleWorker: true });
    return { id, token };
  }

  /** Stores a token that came from elsewhere (the local worker's file), unless it is stored already. */
  async ensure(name: string, token: string, actor: string): Promise<void> {
    const { db } = this.database;
    const known = await db.workerToken.findUnique({ where: { sha256: hashToken(token) } });
    if (!known) await this.store(db, { name, token, actor });
  }

  private async store(
    db: Queries,
    {
      token,
      actor,
      ...row
    }: { name: string; token: string; actor: string; singleWorker?: boolean },
  ): Promise<string> {
    const id = randomUUID();
    await db.workerToken.create({
      data: { ...row, id, projectId: DEFAULT_PROJECT, sha256: hashToken(token), createdBy: actor },
    });
    return id;
  }

  /** Tokens without their hashes, newest first; not those of pools' jobs, which end with their job. */
  list(): Promise<z.infer<typeof listTokensResponseSchema>> {
    return this.database.db.workerToken.findMany({
      where: { singleWorker: false },
      orderBy: { createdAt: "desc" },
      select: {
        id: true,
        name: true,
        createdAt: true,
        createdBy: true,
        lastUsedAt: true,
        revokedAt: true,
      },
    });
  }

  /** @throws AppError "not-found" */
  async revoke(id: string): Promise<void> {
    if (!(await revokeToken(this.database.db, id)))
      throw new AppError("not-found", "There is no such token.");
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
    const presented = hashToken(token);
    const found = await markTokenUsed(this.database.db, presented);
    if (!found || !timingSafeEqual(found.sha256, presented))
      throw new AppError(
        "unauthorized",
        "This worker token is unknown or revoked. Create a new one on the Workers page.",
      );
    return found.id;
  }
}
