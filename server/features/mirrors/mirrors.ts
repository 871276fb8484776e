import { randomUUID } from "node:crypto";
import type { z } from "zod";
import {
  mirrorAddressSchema,
  type createMirrorRequestSchema,
  type MirrorAddress,
  type MirrorRow,
} from "@/contracts/api/mirrors";
import { AppError } from "@/contracts/errors";
import type { LogLine } from "@/contracts/worker-protocol/reports";
import { doubleWait } from "@/lib/retry";
import { createSecretReader, seal, unseal } from "@/server/features/keys/seal";
import type { Logs } from "@/server/features/logs/logs";
import { DEFAULT_PROJECT, type Database, type Transaction } from "@/server/platform/db/database";
import {
  claimRun,
  saveDelivered,
  saveFailure,
  savePosition,
  selectDue,
  selectMirroredRun,
  selectMirrors,
  type Claim,
  type ClaimedRow,
  type Position,
} from "./queries";
import { readUnsentPoints } from "./read-points";
import { createTarget, findMirrorFolder } from "./targets/create-target";
import type { MirroredRun, MirrorTarget } from "./targets/target";

/** Runs of a mirror in one turn, and how long nobody else takes one of them. */
const DUE = 20;
const CLAIM_MS = 180_000;
const LONGEST_ERROR = 1_000;

/** Somebody else has taken the run, or the mirror was removed. */
class LostClaimError extends Error {}

interface SealedMirror {
  id: string;
  name: string;
  /** Its address. */
  sealed: Uint8Array;
}

export interface MirrorOptions {
  /** Folder of the installation's state, where files of mirrors lie. */
  dataDir: string;
  /** Wait after so many failed deliveries of a run, in milliseconds. */
  wait?: ((failures: number) => number) | undefined;
}

/**
 * Mirrors of native runs' metrics in other trackers. The server reads what is stored and sends it on: a run knows
 * nothing of it, so a mirror that fails or is slow changes nothing of the run, and what it missed is sent later.
 */
export class Mirrors {
  private readonly readSecret: () => Promise<Buffer>;
  /** Deliveries by mirror: each mirror has one at a time, and waits for no other. */
  private readonly delivering = new Map<string, Promise<void>>();
  private stopped = false;
  private readonly wait: (failures: number) => number;

  constructor(
    private readonly database: Database,
    private readonly logs: Logs,
    private readonly options: MirrorOptions,
  ) {
    const backoff = doubleWait(5_000, { longestMs: 5 * 60_000 });
    this.readSecret = createSecretReader(options.dataDir);
    this.wait = options.wait ?? ((failures) => backoff(failures, null) ?? 0);
  }

  list(): Promise<MirrorRow[]> {
    return selectMirrors(this.database.db);
  }

  /** @throws AppError "conflict" where there is a mirror of this name */
  async create(
    { name, earlier, address }: z.output<typeof createMirrorRequestSchema>,
    actor: string,
  ): Promise<{ id: string }> {
    const id = randomUUID();
    const sealed = seal(await this.readSecret(), id, JSON.stringify(address));
    const { count } = await this.database.db.mirror.createMany({
      data: {
        id,
        projectId: DEFAULT_PROJECT,
        name,
        kind: address.kind,
        target: this.describe(address, { id, name }),
        earlier,
        sealed: new Uint8Array(sealed),
        createdBy: actor,
      },
      skipDuplicates: true,
    });
    if (count === 0) throw new AppError("conflict", `There is a mirror "${name}" already.`);
    return { id };
  }

  /** Removes a mirror; what it has sent stays where it is. @throws AppError "not-found" */
  async remove(id: string): Promise<void> {
    const { count } = await this.database.db.mirror.deleteMany({ where: { id } });
    if (count === 0) throw new AppError("not-found", "There is no such mirror any more.");
  }

  /** Tries now whether it would take anything. @throws AppError "invalid-input" with the reason where it does not */
  async test(id: string): Promise<void> {
    const mirror = await this.database.db.mirror.findUnique({ where: { id } });
    if (!mirror) throw new AppError("not-found", "There is no such mirror any more.");
    const target = await this.openTarget(mirror);
    await target.test().catch((cause: unknown) => {
      throw new AppError("invalid-input", `It takes nothing: ${describe(cause)}`, { cause });
    });
  }

  /** Begins to send what is due, without waiting for it. */
  async deliverDue(): Promise<void> {
    const mirrors = await this.database.db.mirror.findMany({
      select: { id: true, name: true, sealed: true },
    });
    for (const mirror of mirrors) {
      if (this.stopped || this.delivering.has(mirror.id)) continue;
      const delivery = this.deliverMirror(mirror)
        // Where the database is away the next turn finds the same.
        .catch(() => undefined)
        .finally(() => this.delivering.delete(mirror.id));
      this.delivering.set(mirror.id, delivery);
    }
  }

  /** Waits for the requests under way; what is left goes on after the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.allSettled(this.delivering.values());
  }

  private async deliverMirror({ id, name, sealed }: SealedMirror): Promise<void> {
    const { db } = this.database;
    for (const due of await selectDue(db, [id], DUE)) {
      if (this.stopped) return;
      const row = await claimRun(db, due, CLAIM_MS);
      if (!row) continue;
      const claim: Claim = { ...due, claim: row.claim };
      try {
        await this.deliverRun(name, await this.openTarget({ id, name, sealed }), claim, row);
      } catch (error) {
        if (error instanceof LostClaimError) continue;
        await this.keepFailure(name, claim, row, describe(error).slice(0, LONGEST_ERROR));
      }
    }
  }

  private async deliverRun(
    name: string,
    target: MirrorTarget,
    claim: Claim,
    row: ClaimedRow,
  ): Promise<void> {
    const read = (position: Position) =>
      this.database.readAtOnce(async (db) => {
        const run = await selectMirroredRun(db, claim.runId);
        const goesOn = run !== null && run.end === null;
        const unsent = await readUnsentPoints(
          db,
          claim.runId,
          position.sent,
          target.takes === "steps" && goesOn,
        );
        return { run, unsent };
      });
    let { position } = row;
    for (;;) {
      const { run, unsent } = await read(position);
      if (!run || (run.isDeleted && !position.place))
        return void (await saveDelivered(this.database.db, claim, { report: 0, ended: null }));
      if (unsent.replaced && target.takesBack && position.place) {
        await target.withdraw(position.place);
        position = { generation: position.generation + 1, place: null, sent: {} };
        await this.save(claim, position, run.attempt);
        continue;
      }
      if (!position.place) {
        position = { ...position, place: await target.open(run, position.generation) };
        await this.save(claim, position, run.attempt);
      }
      position = await this.sendPoints(target, claim, position, run, unsent);
      if (unsent.more) {
        if (!this.stopped) continue;
        // It goes on after the next start.
        return void (await savePosition(this.database.db, claim, position, 0));
      }
      if (run.end !== row.ended) await target.tell(position.place!, run);
      if (row.tries > 0)
        await this.log(claim.runId, run.attempt, "info", `The mirror ${name} has caught up.`);
      return void (await saveDelivered(this.database.db, claim, {
        report: unsent.report,
        ended: run.end,
      }));
    }
  }

  /** Sends points part by part; after each the position is stored, with all of `sent` after the last. */
  private async sendPoints(
    target: MirrorTarget,
    claim: Claim,
    position: Position,
    run: MirroredRun,
    unsent: Awaited<ReturnType<typeof readUnsentPoints>>,
  ): Promise<Position> {
    let place = position.place!;
    for (const { points, sent } of unsent.parts) {
      const appended = await target.append(place, run, points);
      ({ place } = appended);
      position = { ...position, place, sent };
      await this.save(claim, position, run.attempt, appended.lines);
    }
    return position;
  }

  private async save(
    claim: Claim,
    position: Position,
    attempt: number,
    lines: readonly LogLine[] = [],
  ): Promise<void> {
    await this.database.transact(async (tx) => {
      const saved = await savePosition(tx.db, claim, position, CLAIM_MS);
      if (saved === 0) throw new LostClaimError();
      await this.appendLines(tx, claim.runId, attempt, lines);
    });
  }

  /** Keeps why a delivery failed; the first failure since the last success is told in the run's log. */
  private async keepFailure(
    name: string,
    claim: Claim,
    { tries }: ClaimedRow,
    reason: string,
  ): Promise<void> {
    const run = await selectMirroredRun(this.database.db, claim.runId);
    const saved = await saveFailure(this.database.db, claim, reason, this.wait(tries + 1));
    if (saved > 0 && tries === 0 && run)
      await this.log(
        claim.runId,
        run.attempt,
        "warn",
        `The mirror ${name} took nothing: ${reason} The run goes on; what is missing there is sent once it can be.`,
      );
  }

  private log(
    runId: string,
    attempt: number,
    level: LogLine["level"],
    message: string,
  ): Promise<void> {
    const line = { at: Date.now(), level, source: "mirror", message };
    return this.database.transact((tx) => this.appendLines(tx, runId, attempt, [line]));
  }

  private async appendLines(
    tx: Transaction,
    runId: string,
    attempt: number,
    lines: readonly LogLine[],
  ): Promise<void> {
    if (lines.length === 0) return;
    await this.logs.append(tx.db, { workerId: null, run: { runId, attempt } }, lines);
    tx.emit({ kind: "logs", runId, payload: { count: lines.length } });
  }

  private async openTarget({ id, name, sealed }: SealedMirror): Promise<MirrorTarget> {
    const address = mirrorAddressSchema.parse(
      JSON.parse(unseal(await this.readSecret(), id, sealed)),
    );
    return createTarget(address, { id, name }, this.options.dataDir);
  }

  private describe(address: MirrorAddress, mirror: { id: string; name: string }): string {
    switch (address.kind) {
      case "mlflow":
        return `${new URL(address.url).host}, ${address.experiment}`;
      case "tensorboard":
        return findMirrorFolder(address.kind, mirror, this.options.dataDir);
      case "wandb":
        return `${findMirrorFolder(address.kind, mirror, this.options.dataDir)}, ${address.project}`;
      case "console":
        return "";
    }
  }
}

/** What failed, as a sentence. */
function describe(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
