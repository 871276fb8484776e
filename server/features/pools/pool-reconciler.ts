import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { AppError, toWireError } from "@/contracts/errors";
import { countVllmDevices } from "@/contracts/worker-protocol/vllm-devices";
import { hideTokens, renderTemplate, type TemplateValues } from "@/core/pools/template";
import { seal, unseal } from "@/server/features/keys/seal";
import type { WorkerConnections } from "@/server/features/workers/worker-connections";
import type { WorkerTokens } from "@/server/features/workers/worker-tokens";
import type { Database, Queries, Transaction } from "@/server/platform/db/database";
import type { Timings } from "@/server/platform/timings";
import { markMessage } from "@/core/texts/mark-message";
import { decideNext, type Decision, type WorkerFacts } from "./decide-next";
import { createDriver } from "./drivers/create-driver";
import type { JobStatus, PoolDriver } from "./drivers/driver";
import { planStarts, type Plan } from "./plan-starts";
import {
  claimPool,
  countFailure,
  lockPoolWorker,
  markEnded,
  markEnding,
  markSubmitted,
  releasePool,
  selectFreeWorkers,
  selectIsBusy,
  selectLiveWorkers,
  selectPools,
  selectPoolsForUpdate,
  selectWaitingRuns,
  updateJob,
  updateState,
  type LiveWorker,
  type StoredPool,
} from "./queries";

/** How long nobody else looks at a pool that a server which died meanwhile had taken. */
const CLAIM_MS = 60_000;
const MOST_SUBMISSIONS = 3;
/** Starts in a row that fail before a pool is paused. */
const MOST_FAILURES = 3;
const LONGEST_REASON = 2_000;

export interface ReconcilerDependencies {
  database: Database;
  workerTokens: WorkerTokens;
  workerConnections: WorkerConnections;
  timings: Timings;
  log: Logger;
  /** Secret that seals tokens until their job was submitted. */
  readSecret: () => Promise<Buffer>;
}

/**
 * Brings pools to what is wanted: requests workers for runs that wait, submits their jobs, watches them, and ends what is
 * idle or does not come. All it knows is in the database and at the schedulers, and every step may be made again, so a
 * server that dies anywhere loses no job and starts none twice: a job is known by the id of its row.
 */
export class PoolReconciler {
  /** Rounds by pool: each pool has one at a time, and waits for no other. */
  private readonly rounds = new Map<string, Promise<void>>();
  private stopped = false;
  /** When this server first looked, by the clock of the database: who was not heard from before could not be heard. */
  private listeningSince: Date | null = null;

  constructor(private readonly deps: ReconcilerDependencies) {}

  /** Requests workers, and begins to look at the pools that have some, without waiting for their schedulers. */
  async reconcileDue(): Promise<void> {
    await this.requestWorkers();
    const live = await this.deps.database.db.poolWorker.findMany({
      where: { state: { notIn: ["ended", "failed"] } },
      distinct: ["poolId"],
      select: { poolId: true },
    });
    for (const { poolId } of live) {
      if (this.stopped || this.rounds.has(poolId)) continue;
      const round = this.lookAt(poolId)
        // Where the database is away the next turn finds the same.
        .catch((error: unknown) =>
          this.deps.log.warn(
            { error: toWireError(error), pool: poolId },
            "a pool was not looked at",
          ),
        )
        .finally(() => this.rounds.delete(poolId));
      this.rounds.set(poolId, round);
    }
  }

  /** Waits for the calls under way; what is left goes on after the next start. Jobs go on meanwhile. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.allSettled(this.rounds.values());
  }

  /**
   * Requests one worker of a pool, whatever waits.
   *
   * @throws AppError "conflict" where its quota is used up, "not-found"
   */
  async requestWorker(poolId: string): Promise<{ id: string }> {
    const secret = await this.deps.readSecret();
    return this.deps.database.transact(async (tx) => {
      const pool = (await selectPoolsForUpdate(tx.db)).find(({ id }) => id === poolId);
      if (!pool) throw new AppError("not-found", "There is no such pool any more.");
      const live = (await selectLiveWorkers(tx.db)).filter((worker) => worker.poolId === poolId);
      if (live.length >= pool.quota)
        throw new AppError(
          "conflict",
          `The pool ${pool.name} has ${live.length} of at most ${pool.quota} workers. Raise its quota, or end one.`,
        );
      return { id: await this.insertWorker(tx, pool, secret, true) };
    });
  }

  /** Requests workers for runs that wait; the pools are locked, so that no two such decisions exceed a quota. */
  private async requestWorkers(): Promise<void> {
    const { database, readSecret } = this.deps;
    if ((await readPlan(database.db, await selectPools(database.db))).starts.length === 0) return;
    const secret = await readSecret();
    await database.transact(async (tx) => {
      const pools = await selectPoolsForUpdate(tx.db);
      const { starts } = await readPlan(tx.db, pools);
      for (const id of starts)
        await this.insertWorker(
          tx,
          pools.find((pool) => pool.id === id)!,
          secret,
          false,
        );
    });
  }

  private async insertWorker(
    tx: Transaction,
    pool: StoredPool,
    secret: Buffer,
    manual: boolean,
  ): Promise<string> {
    const id = randomUUID();
    const { id: tokenId, token } = await this.deps.workerTokens.createForJob(
      tx.db,
      `pool ${pool.name}`,
      "server",
    );
    await tx.db.poolWorker.create({
      data: {
        id,
        poolId: pool.id,
        name: `${pool.name}-${id.slice(0, 8)}`,
        tokenId,
        sealedToken: new Uint8Array(seal(secret, id, token)),
        state: "requested",
        manual,
        costPerHour: pool.costPerHour,
      },
    });
    return id;
  }

  private async lookAt(poolId: string): Promise<void> {
    const { database, timings } = this.deps;
    const pool = await claimPool(database.db, poolId, CLAIM_MS);
    if (!pool) return;
    try {
      const driver = createDriver(pool.target, await this.openSecret(pool));
      for (const worker of await this.listLive(poolId))
        if (worker.state === "requested" && !this.stopped) await this.submit(pool, driver, worker);
      await this.watch(pool, driver);
    } finally {
      await releasePool(database.db, poolId, timings.poolMs);
    }
  }

  private async openSecret({ id, sealed }: StoredPool): Promise<string> {
    return sealed ? unseal(await this.deps.readSecret(), id, sealed) : "";
  }

  private async listLive(poolId: string): Promise<LiveWorker[]> {
    const live = await selectLiveWorkers(this.deps.database.db);
    return live.filter((worker) => worker.poolId === poolId);
  }

  /** Submits a job; after some attempts that failed the worker is given up. */
  private async submit(pool: StoredPool, driver: PoolDriver, worker: LiveWorker): Promise<void> {
    const { db } = this.deps.database;
    try {
      const script = renderTemplate(pool.target.kind, pool.template, listValues(pool, worker));
      if (!worker.sealedToken) throw new AppError("internal", "Its token is gone.");
      const token = unseal(await this.deps.readSecret(), worker.id, worker.sealedToken);
      const job = { name: nameJob(worker.id), script, gpus: pool.offers.gpus, token };
      await markSubmitted(db, worker.id, await driver.submit(job));
    } catch (error) {
      const reason = describe(error);
      const isFinal = error instanceof AppError && error.code === "invalid-input";
      const why = { failing: true, reason: `${markMessage`Not submitted`}: ${reason}` };
      if (isFinal || worker.submissions + 1 >= MOST_SUBMISSIONS)
        return this.end(pool, worker, why, null);
      await db.poolWorker.updateMany({
        where: { id: worker.id, state: "requested" },
        data: { submissions: { increment: 1 }, reason },
      });
    }
  }

  /** Compares each worker of a pool with what its scheduler and the server know of it, and does what follows. */
  private async watch(pool: StoredPool, driver: PoolDriver): Promise<void> {
    const { db } = this.deps.database;
    const workers = (await this.listLive(pool.id)).filter(({ state }) => state !== "requested");
    if (workers.length === 0) return;
    let jobs: Map<string, JobStatus>;
    try {
      jobs = await driver.list(workers.map(({ id }) => nameJob(id)));
    } catch (error) {
      // Nothing is known of its jobs, so nothing is done to them.
      await db.pool.updateMany({
        where: { id: pool.id, paused: false },
        data: { error: describe(error) },
      });
      return;
    }
    await db.pool.updateMany({
      where: { id: pool.id, paused: false, failures: 0, error: { not: null } },
      data: { error: null },
    });
    const { unneeded } = await readPlan(db, await selectPools(db));
    for (const worker of workers) {
      if (this.stopped) return;
      const job = jobs.get(nameJob(worker.id)) ?? null;
      await this.advance(pool, driver, worker, job, unneeded.includes(worker.id));
    }
  }

  private async advance(
    pool: StoredPool,
    driver: PoolDriver,
    worker: LiveWorker,
    job: JobStatus | null,
    isUnneeded: boolean,
  ): Promise<void> {
    const { db } = this.deps.database;
    const isBegun = job !== null && job.phase !== "queued";
    const startedAt = job?.startedAt ?? (job?.phase === "running" ? worker.now : null);
    if (job)
      await updateJob(db, worker.id, {
        detail: job.detail.slice(0, LONGEST_REASON),
        startedAt: isBegun ? startedAt : null,
      });
    this.listeningSince ??= worker.now;
    const decision = decide(pool, driver, worker, job, isUnneeded, this.listeningSince);
    if (decision.kind === "keep") {
      if (decision.state === "ending") return this.tellToEnd(driver, worker, job);
      return this.keep(pool, worker, decision);
    }
    if (worker.state === "ending") return this.finish(driver, worker, job);
    const isKnownLog = decision.kind === "finish" || decision.failing;
    const logTail = isKnownLog ? await readLog(driver, worker) : null;
    await this.end(pool, worker, { ...decision, reason: decision.reason ?? "" }, logTail);
    const [ending] = (await this.listLive(pool.id)).filter(
      ({ id, state }) => id === worker.id && state === "ending",
    );
    if (!ending) return;
    if (decision.kind === "finish") await this.finish(driver, ending, job);
    else await this.tellToEnd(driver, ending, job);
  }

  private async keep(
    pool: StoredPool,
    worker: LiveWorker,
    { state }: Extract<Decision, { kind: "keep" }>,
  ): Promise<void> {
    const { db } = this.deps.database;
    if (state !== "attached" && state !== "idle") return;
    if (state === worker.state) return;
    const changed = await updateState(db, worker.id, worker.state, state);
    if (changed > 0 && worker.state === "pending")
      await db.pool.updateMany({
        where: { id: pool.id, failures: { gt: 0 } },
        data: { failures: 0, error: null, nextStartAt: new Date(0) },
      });
  }

  /** Moves a worker to `ending`, from which on it is given no run. A failed start is counted against its pool. */
  private async end(
    pool: StoredPool,
    worker: LiveWorker,
    why: { failing: boolean; reason: string; onlyIfIdle?: true },
    logTail: string | null,
  ): Promise<void> {
    const reason = why.reason.slice(0, LONGEST_REASON);
    await this.deps.database.transact(async ({ db }) => {
      // Whoever gives it a run waits for the lock, or is seen by what is asked after it.
      if (!(await lockPoolWorker(db, worker.id, [worker.state]))) return;
      if (why.onlyIfIdle && worker.workerId && (await selectIsBusy(db, worker.workerId))) return;
      await markEnding(db, worker.id, { failing: why.failing, reason, logTail });
      if (why.failing && (worker.state === "requested" || worker.state === "pending"))
        await countFailure(db, pool.id, {
          reason,
          waitMs: this.deps.timings.poolRetryMs,
          longestMs: this.deps.timings.poolRetryMs * 20,
          most: MOST_FAILURES,
        });
    });
  }

  /** Tells the job of an ending worker to end; one that is not listed yet is told once it is. */
  private async tellToEnd(
    driver: PoolDriver,
    worker: LiveWorker,
    job: JobStatus | null,
  ): Promise<void> {
    if (job) await this.tryToEnd(worker, () => driver.cancel(nameJob(worker.id)));
  }

  /** @returns whether it succeeded; else the reason is stored, and the next look tries again */
  private async tryToEnd({ id }: LiveWorker, step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      await this.deps.database.db.poolWorker.updateMany({
        where: { id, state: "ending" },
        data: { detail: `${markMessage`It could not be ended`}: ${describe(error)}` },
      });
      return false;
    }
  }

  /** Removes what is left of a job that is over, and of its worker here. */
  private async finish(
    driver: PoolDriver,
    worker: LiveWorker,
    job: JobStatus | null,
  ): Promise<void> {
    const { database, workerTokens, workerConnections } = this.deps;
    if (!(await this.tryToEnd(worker, () => driver.release(nameJob(worker.id))))) return;
    await workerTokens.revoke(worker.tokenId);
    workerConnections.disconnectToken(worker.tokenId);
    await database.transact(async (tx) => {
      await markEnded(tx.db, worker.id, job?.endedAt ?? null);
      // Its job is over, whatever its last heartbeat, which may have come after its connection was gone, has said.
      const { workerId } = worker;
      if (workerId === null) return;
      await tx.db.worker.updateMany({ where: { id: workerId }, data: { state: "offline" } });
      tx.emit({ kind: "worker", runId: null, payload: { workerId, state: "offline" } });
    });
  }
}

/** Name of a job: unique, and short enough for a label of Kubernetes. */
export const nameJob = (id: string): string => `s3-${id}`;

const describe = (error: unknown): string =>
  hideTokens(toWireError(error).message).slice(0, LONGEST_REASON);

const readLog = (driver: PoolDriver, { id }: LiveWorker): Promise<string | null> =>
  driver.readLog(nameJob(id)).then(
    (log) => hideTokens(log) || null,
    (error: unknown) => `Its log could not be read: ${describe(error)}`,
  );

/** What a template of a pool names. */
export const listValues = (
  { name, serverUrl, offers }: Pick<StoredPool, "name" | "serverUrl" | "offers">,
  worker: { id: string; name: string },
): TemplateValues => ({
  job: nameJob(worker.id),
  worker: worker.name,
  pool: name,
  server: serverUrl,
  gpus: offers.gpus,
  engineSlots: offers.engineSlots,
  lightSlots: offers.lightSlots,
});

function decide(
  pool: StoredPool,
  driver: PoolDriver,
  worker: LiveWorker,
  job: JobStatus | null,
  isUnneeded: boolean,
  listeningSince: Date,
): Decision {
  const presence: WorkerFacts["presence"] =
    worker.attachedId && worker.lastSeenAt
      ? {
          isOnline: worker.isOnline,
          isBusy: worker.isBusy,
          lastSeenAt: worker.lastSeenAt,
          lacks: listLacking(pool, worker),
        }
      : null;
  return decideNext(
    {
      state: worker.state as "pending" | "attached" | "idle" | "ending",
      submittedAt: worker.submittedAt,
      wasListed: worker.detail !== "",
      startedAt: worker.startedAt,
      idleSince: worker.idleSince,
    },
    { job, presence, isUnneeded, listeningSince },
    {
      idleMs: pool.idleSeconds * 1_000,
      startMs: pool.startSeconds * 1_000,
      appearsWithinMs: driver.appearsWithinMs ?? 0,
    },
    worker.now,
  );
}

function listLacking({ offers }: StoredPool, worker: LiveWorker): string[] {
  const { models, corpora, vllm, slots } = worker;
  const gpus = worker.gpus ?? 0;
  const vllmDevices = countVllmDevices(vllm, gpus);
  return [
    ...offers.models
      .filter((one) => !models?.includes(one))
      .map((one) => markMessage`the model ${one}`),
    ...offers.corpora
      .filter((one) => !corpora?.includes(one))
      .map((one) => markMessage`the corpus ${one}`),
    ...(offers.gpus > gpus ? [markMessage`${offers.gpus} GPUs (it has ${gpus})`] : []),
    ...(offers.vllm && !vllm ? ["vLLM"] : []),
    ...(offers.vllm && vllm && gpus >= offers.gpus && vllmDevices < offers.gpus
      ? [markMessage`vLLM on ${offers.gpus} GPUs (it has ${vllm})`]
      : []),
    ...(offers.commands && !worker.commands
      ? [markMessage`--allow-commands (S3_ALLOW_COMMANDS=1) in its template`]
      : []),
    ...(worker.trainsElsewhere && !offers.tinker
      ? [markMessage`training by its own engine (it was started with --tinker-url)`]
      : []),
    // Without them a run that made the pool start it would never come to it.
    ...(offers.engineSlots > (slots?.engine ?? 0)
      ? [markMessage`${offers.engineSlots} engine slots`]
      : []),
    ...(offers.lightSlots > (slots?.light ?? 0) ? [`${offers.lightSlots} light slots`] : []),
  ];
}

/** Which workers are wanted now. */
export async function readPlan(db: Queries, pools: readonly StoredPool[]): Promise<Plan> {
  if (pools.length === 0) return planStarts([], [], [], []);
  const live = await selectLiveWorkers(db);
  const [runs, workers] = [await selectWaitingRuns(db), await selectFreeWorkers(db)];
  const plan = planStarts(
    pools.map((pool) => ({
      ...pool,
      live: live.filter(({ poolId }) => poolId === pool.id).length,
      mayStart: !pool.paused && pool.isDue,
    })),
    live.filter(({ state }) => state === "requested" || state === "pending"),
    workers,
    runs,
  );
  const manual = new Set(live.filter((worker) => worker.manual).map(({ id }) => id));
  return { ...plan, unneeded: plan.unneeded.filter((id) => !manual.has(id)) };
}
