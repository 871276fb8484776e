import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import { type RunState } from "@/contracts/records/run-state";
import { TERMINAL } from "@/core/run/transitions";
import {
  expandOrThrow,
  gatherProblems,
  problemText,
  type SweepProblem,
  type SweepRun,
} from "@/core/sweep/expand-sweep";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import {
  DEFAULT_PROJECT,
  type Database,
  type Queries,
  type Transaction,
} from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import type { Launcher } from "@/server/features/runs/launcher";
import type { Why } from "@/server/features/runs/machine";
import type { Runs } from "@/server/features/runs/runs";

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
    private readonly launcher: Launcher,
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
    const { paths, runs } = expandOrThrow(input);
    const parsed = sweepSpecSchema.parse(input);
    const spec = toJson(parsed);
    const before = await this.launched(this.database.db, key, spec);
    if (before) return { id: before, runs: runs.length, isNew: false };
    await this.requireReferences(runs);
    return this.database.transact(async (tx) => {
      const id = randomUUID();
      const stored = await tx.db.$executeRaw`
        INSERT INTO sweeps (id, project_id, created_by, created_at, name, preset, spec, paths, client_key)
        VALUES (${id}::uuid, ${DEFAULT_PROJECT}::uuid, ${actor}, clock_timestamp(), ${parsed.name}, ${preset}, ${spec}::jsonb, ${paths}::text[], ${key})
        ON CONFLICT (project_id, client_key) DO NOTHING`;
      if (stored === 0)
        return { id: await this.otherLaunch(tx, key, spec), runs: runs.length, isNew: false };
      for (const { config, row, varied } of runs)
        await this.runs.queue(tx, config, { actor, preset, place: { sweepId: id, row, varied } });
      return { id, runs: runs.length, isNew: true };
    });
  }

  /** Cancels every run that has not ended. @returns how many have ended with it, and how many a worker has still to let go */
  async cancel(id: string, why: Why): Promise<{ cancelled: number; cancelling: number }> {
    const states = await this.each(
      id,
      (state) => !TERMINAL.has(state),
      (tx, runId) => this.runs.cancelWithin(tx, runId, why),
    );
    return {
      cancelled: states.filter((state) => state === "cancelled").length,
      cancelling: states.filter((state) => state === "cancelling").length,
    };
  }

  /** Queues the failed runs again, and the cancelled ones if asked; each goes on from its last checkpoint. */
  async retry(id: string, options: { cancelled: boolean }, why: Why): Promise<{ queued: number }> {
    const states = await this.each(
      id,
      (state) => state === "failed" || (options.cancelled && state === "cancelled"),
      (tx, runId) => this.runs.resumeWithin(tx, runId, why),
    );
    return { queued: states.length };
  }

  /** Forgets the group; its runs stay. @throws AppError "conflict" while runs have not ended */
  async remove(id: string): Promise<{ runs: number }> {
    return this.database.transact(async (tx) => {
      const runs = await lockRuns(tx.db, id);
      const active = runs.filter((run) => !TERMINAL.has(run.state)).length;
      if (active > 0)
        throw new AppError(
          "conflict",
          `${active} of the sweep's runs have not ended. Cancel them first, or let them end.`,
        );
      await tx.db.$executeRaw`DELETE FROM sweeps WHERE id = ${id}::uuid`;
      tx.emit({ kind: "run", runId: null, payload: { sweepId: id } });
      return { runs: runs.length };
    });
  }

  private async each(
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

  private async launched(db: Queries, key: string, spec: string): Promise<string | null> {
    const [row] = await db.$queryRaw<{ id: string; same: boolean }[]>`
      SELECT id, spec = ${spec}::jsonb AS same FROM sweeps WHERE project_id = ${DEFAULT_PROJECT}::uuid AND client_key = ${key}`;
    if (row && !row.same)
      throw new AppError(
        "conflict",
        `Another sweep was launched under the key "${key}". Give a key of its own.`,
      );
    return row?.id ?? null;
  }

  /** The one that came first, where two are launched under one key at once. */
  private async otherLaunch(tx: Transaction, key: string, spec: string): Promise<string> {
    const id = await this.launched(tx.db, key, spec);
    if (id === null)
      throw new AppError(
        "conflict",
        "The sweep was deleted while it was launched. Launch it again.",
      );
    return id;
  }

  /** Seeds name nothing, so each combination is checked once. */
  private async requireReferences(runs: readonly SweepRun[]): Promise<void> {
    const problems: SweepProblem[] = [];
    const combinations = runs.filter((run) => run.seed === runs[0]?.seed);
    for (const { config, row } of combinations)
      for (const issue of await this.launcher.referenceIssues(config))
        problems.push({ rows: [row], ...issue });
    if (problems.length > 0)
      throw new AppError(
        "invalid-input",
        `The sweep is not valid:\n${gatherProblems(problems, combinations.length).map(problemText).join("\n")}`,
      );
  }
}

/** Locks the sweep, then its runs in the order of their ids. @throws AppError "not-found" */
async function lockRuns(db: Queries, id: string): Promise<{ id: string; state: RunState }[]> {
  const found = await db.$queryRaw<
    unknown[]
  >`SELECT 1 FROM sweeps WHERE id = ${id}::uuid FOR UPDATE`;
  if (found.length === 0) throw new AppError("not-found", `There is no sweep ${id}.`);
  return db.$queryRaw`SELECT id, state FROM runs WHERE sweep_id = ${id}::uuid ORDER BY id FOR UPDATE`;
}
