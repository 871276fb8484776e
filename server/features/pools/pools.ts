import { randomUUID } from "node:crypto";
import type { z } from "zod";
import {
  poolRowSchema,
  type CreatePoolRequest,
  type PoolRow,
  type updatePoolRequestSchema,
} from "@/contracts/api/pools";
import { AppError } from "@/contracts/errors";
import { findTemplateProblems, renderTemplate } from "@/core/pools/template";
import { seal, unseal } from "@/server/features/keys/seal";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { createDriver } from "./drivers/create-driver";
import { listValues, nameJob, readPlan } from "./pool-reconciler";
import {
  lockPoolWorker,
  markEnding,
  selectCosts,
  selectLiveWorkers,
  selectPools,
  selectPoolsForUpdate,
  selectShownWorkers,
  type StoredPool,
} from "./queries";

const LIVE_STATES = ["requested", "pending", "attached", "idle"] as const;

/** Pools as people keep them: what is stored, shown, tried and ended by hand. What is started, the reconciler decides. */
export class Pools {
  constructor(
    private readonly database: Database,
    private readonly readSecret: () => Promise<Buffer>,
  ) {}

  /** Pools by name, with their workers, their cost so far and how many runs wait for them. */
  async list(): Promise<PoolRow[]> {
    return this.database.readAtOnce(async (db) => {
      const pools = await selectPools(db);
      if (pools.length === 0) return [];
      const workers = await selectShownWorkers(db);
      const costs = await selectCosts(db);
      const { waiting } = await readPlan(db, pools);
      return pools.map((pool) =>
        poolRowSchema.parse({
          ...pool,
          hasSecret: pool.sealed !== null,
          waiting: waiting.get(pool.id) ?? 0,
          cost: costs.find(({ poolId }) => poolId === pool.id)?.cost ?? 0,
          workers: workers.filter(({ poolId }) => poolId === pool.id),
        }),
      );
    });
  }

  /** @throws AppError "conflict" where there is a pool of this name, "invalid-input" with what is wrong with its template */
  async create(request: CreatePoolRequest, actor: string): Promise<{ id: string }> {
    requireTemplate(request);
    const id = randomUUID();
    const { secret, ...columns } = request;
    const { count } = await this.database.db.pool.createMany({
      data: {
        ...columns,
        id,
        projectId: DEFAULT_PROJECT,
        sealed: await this.seal(id, secret),
        createdBy: actor,
      },
      skipDuplicates: true,
    });
    if (count === 0) throw new AppError("conflict", `There is a pool "${request.name}" already.`);
    return { id };
  }

  /**
   * Changes a pool; workers that are there go on as they were started. Its secret does not go along to another scheduler.
   *
   * @throws AppError "not-found", "conflict" where it has workers and would be reached otherwise, "invalid-input"
   */
  async update({
    id,
    secret,
    ...columns
  }: z.output<typeof updatePoolRequestSchema>): Promise<void> {
    requireTemplate(columns);
    const sealed = secret === undefined ? undefined : await this.seal(id, secret);
    await this.database.transact(async ({ db }) => {
      const pools = await selectPoolsForUpdate(db);
      const pool = requireFound(pools.find((one) => one.id === id));
      if (pools.some((one) => one.id !== id && one.name === columns.name))
        throw new AppError("conflict", `There is a pool "${columns.name}" already.`);
      const isElsewhere = toJson(pool.target) !== toJson(columns.target);
      if (isElsewhere && (await countLive(db, id)) > 0)
        throw new AppError(
          "conflict",
          "Its workers are known to the scheduler it has now. End them before it is given another.",
        );
      // A secret goes nowhere but where it was given for.
      const kept = isElsewhere ? { sealed: null } : {};
      await db.pool.update({
        where: { id },
        data: { ...columns, ...(sealed === undefined ? kept : { sealed }) },
      });
    });
  }

  /** Pauses a pool, so that it starts none, or lets it start again, whatever failed before. @throws AppError "not-found" */
  async pause(id: string, paused: boolean): Promise<void> {
    const { count } = await this.database.db.pool.updateMany({
      where: { id },
      data: { paused, ...(!paused && { failures: 0, error: null, nextStartAt: new Date(0) }) },
    });
    if (count === 0) requireFound(undefined);
  }

  /** Removes a pool, with what is known of its earlier workers. @throws AppError "not-found", "conflict" while it has workers */
  async remove(id: string): Promise<void> {
    await this.database.transact(async ({ db }) => {
      requireFound((await selectPoolsForUpdate(db)).find((one) => one.id === id));
      const live = await countLive(db, id);
      if (live > 0)
        throw new AppError(
          "conflict",
          live === 1
            ? "It has 1 worker. Pause it, end it, and remove the pool once it has ended."
            : `It has ${live} workers. Pause it, end them, and remove it once they have ended.`,
        );
      await db.pool.delete({ where: { id } });
    });
  }

  /**
   * Tries now whether the scheduler answers and would take the job.
   *
   * @returns what it said, and the job as it would be submitted
   * @throws AppError with the reason where it would not
   */
  async test(id: string): Promise<{ said: string; script: string }> {
    const pool = requireFound((await selectPools(this.database.db)).find((one) => one.id === id));
    const script = renderSample(pool);
    const secret = pool.sealed ? unseal(await this.readSecret(), pool.id, pool.sealed) : "";
    const driver = createDriver(pool.target, secret);
    const said = await driver.check({ name: nameJob(SAMPLE_ID), script, gpus: pool.offers.gpus });
    return { said, script };
  }

  /** Ends a worker: it is given no run from now on, and its runs go back to the queue. @throws AppError "not-found" */
  async endWorker(id: string, actor: string): Promise<void> {
    await this.database.transact(async ({ db }) => {
      if (!(await lockPoolWorker(db, id, LIVE_STATES)))
        throw new AppError("not-found", "There is no such worker, or it ends already.");
      await markEnding(db, id, { failing: false, reason: `Ended by ${actor}.`, logTail: null });
    });
  }

  private async seal(id: string, secret: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return secret === "" ? null : new Uint8Array(seal(await this.readSecret(), id, secret));
  }
}

const SAMPLE_ID = "00000000-0000-4000-8000-000000000000";

/** The job that a pool would submit, of a worker that there is not. */
const renderSample = (pool: StoredPool): string =>
  renderTemplate(
    pool.target.kind,
    pool.template,
    listValues(pool, { id: SAMPLE_ID, name: `${pool.name}-00000000` }),
  );

function requireTemplate({
  target,
  template,
}: Pick<CreatePoolRequest, "target" | "template">): void {
  const problems = findTemplateProblems(target.kind, template);
  if (problems.length > 0) throw new AppError("invalid-input", `template: ${problems.join("\n")}`);
}

function requireFound<T>(pool: T | undefined): T {
  if (pool === undefined) throw new AppError("not-found", "There is no such pool any more.");
  return pool;
}

const countLive = async (
  db: Parameters<typeof selectLiveWorkers>[0],
  poolId: string,
): Promise<number> =>
  (await selectLiveWorkers(db)).filter((worker) => worker.poolId === poolId).length;
