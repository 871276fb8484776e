import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import { type RunState } from "@/contracts/records/run-state";
import { TERMINAL_STATES } from "@/core/run/transitions";
import {
  expandSweepOrThrow,
  mergeProblems,
  formatSweepProblem,
  type SweepProblem,
  type SweepRun,
} from "@/core/sweep/expand-sweep";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import type { Database, Queries, Transaction } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import type { ReferenceCheck } from "@/server/features/runs/reference-check";
import type { TransitionReason } from "@/server/features/runs/state-machine";
import type { Runs } from "@/server/features/runs/runs";
import { insertSweep, selectRunsForUpdate, selectSweepByKey } from "./queries";

interface Launch {
  actor: string;
  preset: string | null;
  /** The same key is the same launch. */
  key: string;
}

/** Everything that happens to the runs of a sweep together. Each method is one transaction: all of them or none. */
export class Sweeps {
  constructor(
    private readonly database: Database,
    private readonly runs: Runs,
    private readonly references: ReferenceCheck,
  ) {}

  /**
   * Queues every run of a sweep. Launched again under the same key, it is the sweep that was launched before.
   *
   * @throws AppError "invalid-input" that names every problem by run and path; "conflict" where the key is another sweep's
   */
  async launch(
    input: unknown,
    { actor, preset, key }: Launch,
  ): Promise<{ id: string; runs: number; isNew: boolean }> {
    const { paths, runs } = expandSweepOrThrow(input);
    const parsed = sweepSpecSchema.parse(input);
    const spec = toJson(parsed);
    const before = await this.findLaunched(this.database.db, key, spec);
    if (before) return { id: before, runs: runs.length, isNew: false };
    await this.requireReferences(runs);
    return this.database.transact(async (tx) => {
      const id = randomUUID();
      const { name } = parsed;
      const isNew = await insertSweep(tx.db, { id, name, actor, preset, spec, paths, key });
      if (!isNew)
        return { id: await this.requireLaunched(tx, key, spec), runs: runs.length, isNew: false };
      for (const { config, row, varied } of runs)
        await this.runs.queue(tx, config, { actor, preset, place: { sweepId: id, row, varied } });
      return { id, runs: runs.length, isNew: true };
    });
  }

  /** Cancels every run that has not ended. @returns how many are cancelled now, and how many a worker has yet to stop */
  async cancel(
    id: string,
    by: TransitionReason,
  ): Promise<{ cancelled: number; cancelling: number }> {
    const states = await this.changeRuns(
      id,
      (state) => !TERMINAL_STATES.has(state),
      (tx, runId) => this.runs.cancelWithin(tx, runId, by),
    );
    return {
      cancelled: states.filter((state) => state === "cancelled").length,
      cancelling: states.filter((state) => state === "cancelling").length,
    };
  }

  /** Queues the failed runs again, and the cancelled ones if asked; each goes on from its last checkpoint. */
  async retry(
    id: string,
    options: { cancelled: boolean },
    by: TransitionReason,
  ): Promise<{ queued: number }> {
    const states = await this.changeRuns(
      id,
      (state) => state === "failed" || (options.cancelled && state === "cancelled"),
      (tx, runId) => this.runs.resumeWithin(tx, runId, by),
    );
    return { queued: states.length };
  }

  /** Deletes the sweep; its runs stay. @throws AppError "conflict" while runs have not ended */
  async remove(id: string): Promise<{ runs: number }> {
    return this.database.transact(async (tx) => {
      const runs = await lockRuns(tx.db, id);
      const active = runs.filter((run) => !TERMINAL_STATES.has(run.state)).length;
      if (active > 0)
        throw new AppError(
          "conflict",
          `${active} of the sweep's runs have not ended. Cancel them first, or let them end.`,
        );
      await tx.db.sweep.delete({ where: { id } });
      tx.emit({ kind: "run", runId: null, payload: { sweepId: id } });
      return { runs: runs.length };
    });
  }

  private async changeRuns(
    id: string,
    which: (state: RunState) => boolean,
    change: (tx: Transaction, runId: string) => Promise<{ state: RunState }>,
  ): Promise<RunState[]> {
    return this.database.transact(async (tx) => {
      const states: RunState[] = [];
      for (const run of await lockRuns(tx.db, id))
        if (which(run.state)) states.push((await change(tx, run.id)).state);
      return states;
    });
  }

  private async findLaunched(db: Queries, key: string, spec: string): Promise<string | null> {
    const row = await selectSweepByKey(db, key, spec);
    if (row && !row.same)
      throw new AppError(
        "conflict",
        `Another sweep was launched under the key "${key}". Give a key of its own.`,
      );
    return row?.id ?? null;
  }

  /** The sweep that was stored first, where two are launched under one key at once. @throws AppError "conflict" */
  private async requireLaunched(tx: Transaction, key: string, spec: string): Promise<string> {
    const id = await this.findLaunched(tx.db, key, spec);
    if (id === null)
      throw new AppError(
        "conflict",
        "The sweep was deleted while it was launched. Launch it again.",
      );
    return id;
  }

  /** Runs that differ by their seed alone have the same references, so each combination is checked once. */
  private async requireReferences(runs: readonly SweepRun[]): Promise<void> {
    const problems: SweepProblem[] = [];
    const combinations = runs.filter((run) => run.seed === runs[0]?.seed);
    const known = this.references.openNames();
    for (const { config, row } of combinations)
      for (const issue of await this.references.findIssues(config, known))
        problems.push({ rows: [row], ...issue });
    if (problems.length > 0)
      throw new AppError(
        "invalid-input",
        `The sweep is not valid:\n${mergeProblems(problems, combinations.length).map(formatSweepProblem).join("\n")}`,
      );
  }
}

/** Locks a sweep and its runs. @throws AppError "not-found" */
async function lockRuns(db: Queries, id: string): Promise<{ id: string; state: RunState }[]> {
  const runs = await selectRunsForUpdate(db, id);
  if (!runs) throw new AppError("not-found", `There is no sweep ${id}.`);
  return runs;
}
