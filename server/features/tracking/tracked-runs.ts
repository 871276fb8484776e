import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { externalRunResponseSchema } from "@/contracts/api/external-runs";
import { AppError } from "@/contracts/errors";
import type { MlflowMetric, mlflowRequests, RunStatus } from "@/contracts/formats/mlflow/requests";
import { externalConfigSchema, type ExternalConfig } from "@/contracts/run-config/external-config";
import type { MetricPoint } from "@/contracts/records/metric-point";
import { getHeadlineMetric } from "@/core/metrics/metrics";
import { TERMINAL_STATES } from "@/core/run/transitions";
import type { Logs } from "@/server/features/logs/logs";
import type { Metrics } from "@/server/features/metrics/metrics";
import { buildMetricsEvent } from "@/server/features/runs/report-ingestion";
import {
  appendHistory,
  changeState,
  lockRun,
  type TransitionReason,
} from "@/server/features/runs/state-machine";
import type { Database, Transaction } from "@/server/platform/db/database";
import type { Experiments } from "./experiments";
import { extendEnds, isBeyond, selectNovel, splitByValue } from "./novel-points";
import {
  claimRun,
  countEpisodes,
  deleteTag,
  insertTrackedRun,
  reopenAttempt,
  selectSeriesEnds,
  selectSilentRuns,
  selectTrackedRuns,
  updateReportedColumns,
  updateTrackedRun,
  upsertSeriesEnds,
  type TrackedRun,
} from "./queries";
import { listShownTags, NAME_TAG, NOTE_TAG } from "./reported-tags";
import type { RunObserver } from "./run-observer";
import { selectIssues, selectObservation, selectWaitingTraces } from "./trace-queries";

type CreateRequest = z.output<typeof mlflowRequests.createRun>;
type UpdateRequest = z.output<typeof mlflowRequests.updateRun>;
type Text = { key: string; value: string };

/** What a trainer reports of its run at once. */
export interface Reported {
  metrics?: readonly MlflowMetric[];
  params?: readonly Text[];
  tags?: readonly Text[];
}

type RolloutsSummary = Pick<
  z.output<typeof externalRunResponseSchema>,
  "episodes" | "issues" | "waitingTraces" | "baseline"
>;

const ATTEMPT = 1;
const HEADLINE = getHeadlineMetric("external");
const STATE_OF: Record<RunStatus, "running" | "succeeded" | "failed" | "cancelled"> = {
  RUNNING: "running",
  SCHEDULED: "running",
  FINISHED: "succeeded",
  FAILED: "failed",
  KILLED: "cancelled",
};
/** Parameters of a run; verl's whole configuration has some 600. */
const MOST_PARAMETERS = 5_000;
/** Names that the pages show are no longer. */
const MOST_NAME = 120;
/** Characters of a refusal that the log repeats. */
const MOST_REFUSAL = 2_000;
/** Points without a number that one line of the log names. */
const MOST_NAMED = 20;

const toRecord = (texts: readonly Text[]): Record<string, string> =>
  Object.fromEntries(texts.map(({ key, value }) => [key, value]));

/**
 * Runs that another trainer makes and reports here. They go on while it reports, end as it says, and are stalled where
 * it says nothing for a while: only the trainer's own word makes one succeed.
 */
export class TrackedRuns {
  private readonly upSince = new Date();

  constructor(
    private readonly database: Database,
    private readonly experiments: Experiments,
    private readonly metrics: Metrics,
    private readonly logs: Logs,
    private readonly observer: RunObserver,
  ) {}

  /**
   * A new run of a trainer, or the run of the command that it belongs to, where it is the first that this asks for.
   *
   * @param command id of the command's run; null: the trainer is no job of a worker
   * @throws AppError "not-found" where there is no such experiment, "invalid-input" where it is deleted
   */
  async create(request: CreateRequest, command: string | null = null): Promise<TrackedRun> {
    const experiment = await this.experiments.requireActive(request.experiment_id);
    if (command !== null && (await this.claim(command, experiment.id, request)))
      return this.get(command);
    const id = randomUUID();
    const tags = toRecord(request.tags);
    const name = request.run_name || tags[NAME_TAG] || `${experiment.name} ${id.slice(0, 8)}`;
    tags[NAME_TAG] = name;
    const config = externalConfigSchema.parse({
      kind: "external",
      name: cutName(name),
      experiment: experiment.name,
    });
    const reportedBy = request.user_id || tags["mlflow.user"] || "";
    await this.database.transact(async (tx) => {
      await insertTrackedRun(tx.db, {
        id,
        config,
        experimentId: experiment.id,
        reportedBy,
        startTime: request.start_time ?? Date.now(),
        tags,
      });
      await this.showTags(tx, id, config, { [NAME_TAG]: name }, tags);
      const by = { actor: reportedBy || "trainer", reason: "reported by its trainer" };
      await appendHistory(tx, id, null, "running", ATTEMPT, by);
    });
    return this.get(id);
  }

  /** Gives the run of a command to its trainer. @returns whether it was free */
  private async claim(
    command: string,
    experimentId: string,
    { tags }: CreateRequest,
  ): Promise<boolean> {
    let isFree = false;
    await this.change(command, async (tx) => {
      isFree = (await claimRun(tx.db, command, experimentId)) === 1;
      if (isFree) await updateTrackedRun(tx.db, command, { tags: toRecord(tags) });
    });
    return isFree;
  }

  /** @throws AppError "not-found" */
  async get(id: string): Promise<TrackedRun> {
    const [run] = await selectTrackedRuns(this.database.db, { ids: [id] });
    if (!run) throw buildMissingRunError(id);
    return run;
  }

  /**
   * Stores what a trainer reports, as a whole or not at all: a point that is stored already is left out, a parameter
   * keeps its first value.
   *
   * @throws AppError "invalid-input" for a step that cannot be stored, another value of a parameter, a deleted run
   */
  async report(id: string, { metrics = [], params = [], tags = [] }: Reported): Promise<void> {
    try {
      const { points, odd } = splitByValue(metrics);
      await this.change(id, async (tx, run) => {
        const novel = await this.appendPoints(tx, id, points);
        const headline = novel.findLast(({ name }) => name === HEADLINE)?.value ?? null;
        if (odd.length > 0) await this.tell(tx, id, describeOdd(odd));
        const config = { ...run.config, parameters: mergeParameters(run.config, params) };
        const added = toRecord(tags);
        if (tags.length > 0) await updateTrackedRun(tx.db, id, { tags: added });
        if (params.length > 0 || tags.length > 0 || headline !== null)
          await this.showTags(tx, id, config, run.tags, { ...run.tags, ...added }, headline);
        if (novel.length > 0) await this.observer.observePoints(tx, id, config, novel);
      });
    } catch (error) {
      await this.noteRefusal(id, error);
      throw error;
    }
  }

  /** Deletes a tag. @throws AppError "not-found" */
  deleteTag(id: string, key: string): Promise<void> {
    return this.change(id, async (tx, run) => {
      if ((await deleteTag(tx.db, id, key)) === 0)
        throw new AppError("not-found", `The run has no tag "${key}".`);
      const { [key]: _, ...rest } = run.tags;
      await this.showTags(tx, id, run.config, run.tags, rest);
    });
  }

  /** Takes what the trainer says of the run itself: its name, that it goes on, or how it ended. */
  async update(
    id: string,
    { status, end_time: endTime, run_name: name }: UpdateRequest,
  ): Promise<TrackedRun> {
    await this.change(id, async (tx, run) => {
      const tags: Record<string, string> = name ? { [NAME_TAG]: name } : {};
      await updateTrackedRun(tx.db, id, { endTime: endTime ?? null, tags });
      if (name) await this.showTags(tx, id, run.config, run.tags, { ...run.tags, ...tags });
      if (status === undefined) return;
      const by = { actor: run.reportedBy || "trainer", reason: `its trainer says ${status}` };
      // How a command ended is its worker's to say, once it has sent the rollouts that are left (closeCommand).
      if (run.kind !== "external") return;
      await moveTo(tx, id, STATE_OF[status], by);
      if (STATE_OF[status] !== "running")
        await this.observer.sumUpRollouts(tx, id, run.config, { isOver: true });
    });
    return this.get(id);
  }

  /** Sums up the last steps of a command whose worker says that it is over; of any other run nothing. */
  closeCommand(id: string): Promise<void> {
    return this.database.transact(async (tx) => {
      const [run] = await selectTrackedRuns(tx.db, { ids: [id] });
      if (run?.kind !== "command") return;
      await lockRun(tx.db, id);
      await this.observer.sumUpRollouts(tx, id, run.config, { isOver: true });
    });
  }

  /** Sums up the last steps of commands that ended within the hour, also of those whose worker was lost. @returns how many */
  async closeEndedCommands(): Promise<number> {
    const ended = await this.database.db.run.findMany({
      where: {
        kind: "command",
        state: { in: [...TERMINAL_STATES] },
        endedAt: { gt: new Date(Date.now() - 3_600_000) },
      },
      select: { id: true },
    });
    for (const { id } of ended) await this.closeCommand(id);
    return ended.length;
  }

  /** Deletes a run, or restores it, as MLflow's clients do: also one that goes on. */
  async setDeleted(id: string, isDeleted: boolean): Promise<void> {
    await this.database.transact(async (tx) => {
      await lockRun(tx.db, id);
      if ((await this.requireTracked(tx, id)).kind === "command")
        throw new AppError(
          "invalid-input",
          "This run is a command of a worker: delete or restore it on its page.",
        );
      await tx.db.run.update({
        where: { id },
        data: { deletedAt: isDeleted ? new Date() : null },
        select: { id: true },
      });
      tx.emit({ kind: "run", runId: id, payload: {} });
    });
  }

  /** Stored points of a metric of a run, by step, then by time. @throws AppError "not-found" */
  async readHistory(
    id: string,
    name: string,
    range: { from: number; to: number } | null = null,
  ): Promise<MetricPoint[]> {
    await this.get(id);
    const points = await this.database.readAtOnce((db) =>
      this.metrics.readPoints(db, id, [name], range),
    );
    return points.sort((a, b) => a.step - b.step || a.at - b.at);
  }

  /** What became of a run's rollouts: episodes, what is unread, and traces that wait for spans. */
  async describeRollouts(id: string): Promise<RolloutsSummary> {
    const { db } = this.database;
    const [episodes, issues, waiting, observation] = await Promise.all([
      countEpisodes(db, id),
      selectIssues(db, id),
      selectWaitingTraces(db, id),
      selectObservation(db, id),
    ]);
    return {
      episodes,
      issues,
      waitingTraces: waiting?.traces ?? 0,
      baseline: observation?.baseline ?? null,
    };
  }

  /** Runs whose trainer says nothing any more become stalled. @returns how many */
  async markSilent({ externalSilenceMs }: { externalSilenceMs: number }): Promise<number> {
    const silent = await selectSilentRuns(this.database.db, externalSilenceMs, this.upSince);
    for (const { id } of silent)
      await this.database.transact(async (tx) => {
        const run = await lockRun(tx.db, id);
        // It may have said something until the lock was there.
        const [still] = await selectSilentRuns(tx.db, externalSilenceMs, this.upSince, id);
        if (!still) return;
        const { silentSeconds } = still;
        const reason = `its trainer has said nothing for ${Math.round(silentSeconds)} s; it may have died or may be computing`;
        await changeState(tx, run, "stalled", { actor: "server", reason });
        const { config } = await this.requireTracked(tx, id);
        await this.observer.sumUpRollouts(tx, id, config, { isOver: true });
      });
    return silent.length;
  }

  /**
   * Runs work under the lock of a run, which is thereby heard from again.
   * @throws AppError "not-found", "invalid-input" where it is deleted
   */
  change(id: string, work: (tx: Transaction, run: TrackedRun) => Promise<void>): Promise<void> {
    return this.database.transact(async (tx) => {
      const { state } = await lockRun(tx.db, id);
      const run = await this.requireTracked(tx, id);
      if (run.isDeleted)
        throw new AppError(
          "invalid-input",
          `Run ${id} is deleted: restore it before you report to it.`,
        );
      const by = { actor: run.reportedBy || "trainer", reason: "heard from again" };
      if (state === "stalled") await moveTo(tx, id, "running", by);
      await work(tx, run);
      await updateTrackedRun(tx.db, id);
    });
  }

  private async requireTracked(tx: Transaction, id: string): Promise<TrackedRun> {
    const [run] = await selectTrackedRuns(tx.db, { ids: [id] });
    if (!run) throw buildMissingRunError(id);
    return run;
  }

  /** Appends the points that are not stored yet. @returns those */
  private async appendPoints(
    tx: Transaction,
    runId: string,
    points: readonly MetricPoint[],
  ): Promise<MetricPoint[]> {
    if (points.length === 0) return [];
    const names = [...new Set(points.map(({ name }) => name))];
    const ends = new Map(
      (await selectSeriesEnds(tx.db, runId, names)).map((end) => [end.name, end]),
    );
    const doubtful = points.filter((point) => !isBeyond(point, ends.get(point.name)));
    const steps = doubtful.map(({ step }) => step);
    const stored =
      doubtful.length === 0
        ? []
        : await this.metrics.readPoints(
            tx.db,
            runId,
            [...new Set(doubtful.map(({ name }) => name))],
            { from: Math.min(...steps), to: Math.max(...steps) },
          );
    const novel = selectNovel(points, stored);
    if (novel.length === 0) return [];
    await this.metrics.append(tx.db, { runId, attempt: ATTEMPT }, novel);
    await upsertSeriesEnds(tx.db, runId, extendEnds(ends, novel));
    tx.emit(buildMetricsEvent(runId, novel));
    return novel;
  }

  /** Shows what was reported in the columns that the pages read. */
  private async showTags(
    tx: Transaction,
    id: string,
    config: ExternalConfig,
    before: Record<string, string>,
    tags: Record<string, string>,
    headline: number | null = null,
  ): Promise<void> {
    const shown = listShownTags(tags);
    const name = tags[NAME_TAG] === before[NAME_TAG] ? undefined : tags[NAME_TAG];
    await updateReportedColumns(tx.db, id, {
      config: name === undefined ? config : { ...config, name: cutName(name) },
      // What a person named stays until the trainer names it anew.
      name: name === undefined ? null : cutName(name),
      notes: tags[NOTE_TAG] === before[NOTE_TAG] ? null : (tags[NOTE_TAG] ?? ""),
      addTags: shown,
      removeTags: listShownTags(before).filter((tag) => !shown.includes(tag)),
      headline,
    });
    tx.emit({ kind: "run", runId: id, payload: {} });
  }

  /** Stores a line in the log of a run: what its curves cannot show. */
  async tell(tx: Transaction, runId: string, message: string, source = "mlflow"): Promise<void> {
    const run = { runId, attempt: ATTEMPT };
    const line = { at: Date.now(), level: "warn" as const, source, message };
    await this.logs.append(tx.db, { workerId: null, run }, [line]);
    tx.emit({ kind: "logs", runId, payload: { count: 1 } });
  }

  /** What was refused stands in the run's log, too: trainers often swallow their tracker's errors. */
  async noteRefusal(id: string, error: unknown): Promise<void> {
    if (!(error instanceof AppError) || error.code !== "invalid-input") return;
    await this.database.transact(async (tx) => {
      const [run] = await selectTrackedRuns(tx.db, { ids: [id] });
      if (run) await this.tell(tx, id, `Refused: ${error.message.slice(0, MOST_REFUSAL)}`);
    });
  }
}

/** Moves a run to a state; from any but `running` through that, so that its attempt is opened and ended again. */
async function moveTo(
  tx: Transaction,
  id: string,
  to: "running" | "succeeded" | "failed" | "cancelled",
  by: TransitionReason,
): Promise<void> {
  const run = await lockRun(tx.db, id);
  if (run.state === to) return;
  if (run.state !== "running") {
    await reopenAttempt(tx.db, id);
    await changeState(tx, run, "running", by);
  }
  if (to !== "running") await changeState(tx, run, to, by, to);
}

const cutName = (name: string): string => name.trim().slice(0, MOST_NAME).trim() || "unnamed";

const buildMissingRunError = (id: string): AppError =>
  new AppError("not-found", `There is no run ${id.replaceAll("-", "")} that a trainer reports.`);

/** @throws AppError "invalid-input" for another value of a parameter, or too many parameters */
function mergeParameters(config: ExternalConfig, params: readonly Text[]): Record<string, string> {
  const merged = new Map(Object.entries(config.parameters));
  for (const { key, value } of params) {
    const before = merged.get(key);
    if (before !== undefined && before !== value)
      throw new AppError(
        "invalid-input",
        `Parameter "${key}" was ${JSON.stringify(before)} and cannot become ${JSON.stringify(value.slice(0, 200))}: a parameter keeps its value. Nothing of this request was stored.`,
      );
    merged.set(key, value);
  }
  if (merged.size > MOST_PARAMETERS)
    throw new AppError(
      "invalid-input",
      `A run has at most ${MOST_PARAMETERS} parameters, and with these it would have ${merged.size}. Report numbers that change as metrics, and a large configuration as a file (log_artifact). Nothing of this request was stored.`,
    );
  return Object.fromEntries(merged);
}

function describeOdd(odd: readonly MetricPoint[]): string {
  const named = odd
    .slice(0, MOST_NAMED)
    .map(({ name, step, value }) => `${name} at step ${step} is ${value}`);
  const more = odd.length > MOST_NAMED ? `, and ${odd.length - MOST_NAMED} more` : "";
  return `Not drawn, as it is no number: ${named.join(", ")}${more}.`;
}
