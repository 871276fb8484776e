import type { z } from "zod";
import {
  runHistoryResponseSchema,
  type exportRunRequestSchema,
  type exportRunResponseSchema,
  type listRunsResponseSchema,
  type RunDetail,
  type RunRow,
  type servedModelsResponseSchema,
} from "@/contracts/api/runs";
import type {
  listRunsRequestSchema,
  RunFilter,
  runFacetsResponseSchema,
} from "@/contracts/api/run-list";
import { keepsRule, MOST_MATCHING, RUN_COLUMN } from "@/contracts/api/run-list-values";
import { AppError } from "@/contracts/errors";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { formatServedName } from "@/contracts/run-config/serve-config";
import { getHeadlineMetric } from "@/core/metrics/metrics";
import { formatSearchSetting, getRunCorpus, getRunModel } from "@/core/run/run-summary";
import { canTransition, HELD_STATES, TERMINAL_STATES } from "@/core/run/transitions";
import type { Alarms } from "@/server/features/alarms/alarms";
import type { EpisodeReader } from "@/server/features/episodes/episode-reader";
import type { Metrics } from "@/server/features/metrics/metrics";
import type { Database } from "@/server/platform/db/database";
import { cutPage, formatCursor, parseCursor } from "@/server/platform/db/paging";
import { readColumnValues } from "./column-values";
import {
  countShelf,
  selectMatchingRuns,
  selectMetricNames,
  selectPresets,
  selectRunPage,
  selectTags,
} from "./list-queries";
import { selectParameterNames } from "./parameter-sql";
import type { Placement } from "./placement";
import {
  countRunsByState,
  selectAttempts,
  selectBranches,
  selectCheckpointOrigin,
  selectRun,
  selectServingRuns,
  type StoredRun,
} from "./reader-queries";

const SPARKLINE_POINTS = 40;
const EXPORTED_POINTS = 2000;

/** Everything the pages show of runs. */
export class RunReader {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly alarms: Alarms,
    private readonly episodes: EpisodeReader,
    private readonly placement: Placement,
  ) {}

  async list(
    request: z.output<typeof listRunsRequestSchema>,
  ): Promise<z.infer<typeof listRunsResponseSchema>> {
    const { db } = this.database;
    const after = request.cursor ? parseCursor(request.cursor) : null;
    const [found, counts] = await Promise.all([
      selectRunPage(db, request, request.limit + 1, after),
      countShelf(db, request.shelf),
    ]);
    const { rows, nextCursor } = cutPage(found, request.limit, ({ sortKey, id }) =>
      formatCursor(sortKey, id),
    );
    const [shown, values] = await Promise.all([
      this.toRows(rows),
      readColumnValues(db, this.metrics, rows, request.columns),
    ]);
    return {
      rows: shown.map((row) => ({ ...row, values: values.get(row.id) ?? {} })),
      nextCursor,
      counts,
    };
  }

  /** Ids of the runs that pass a filter, newest first: `MOST_MATCHING` at most. */
  async listMatching(filter: RunFilter): Promise<{ ids: string[] }> {
    return { ids: await selectMatchingRuns(this.database.db, filter, MOST_MATCHING) };
  }

  /** What filters and columns of the list can be chosen from. */
  async listFacets(): Promise<z.infer<typeof runFacetsResponseSchema>> {
    const { db } = this.database;
    const [tags, presets, metrics, parameters] = await Promise.all([
      selectTags(db),
      selectPresets(db),
      selectMetricNames(db),
      selectParameterNames(db),
    ]);
    const toTexts = (rows: { text: string }[]) => rows.map(({ text }) => text);
    return {
      tags: toTexts(tags),
      presets: toTexts(presets),
      metrics: toTexts(metrics),
      parameters: toTexts(parameters).filter((name) => keepsRule(`param:${name}`, RUN_COLUMN)),
    };
  }

  async get(id: string): Promise<RunDetail> {
    const run = await this.find(id);
    const config = runConfigSchema.parse(run.config);
    const [row] = await this.toRows([run]);
    if (!row) throw new AppError("internal", `Run ${id} cannot be shown.`);
    const [attempts, branchedFrom, branches] = await Promise.all([
      selectAttempts(this.database.db, id),
      selectCheckpointOrigin(this.database.db, id),
      selectBranches(this.database.db, id),
    ]);
    return {
      ...row,
      config,
      createdBy: run.createdBy,
      branchedFrom,
      branches,
      preflight: run.preflight,
      attempts: attempts.map(({ workerId, workerName, ...attempt }) => ({
        ...attempt,
        worker: { id: workerId, name: workerName },
      })),
      waitingFor: run.state === "queued" ? await this.placement.explainWaiting(config) : null,
      actions: listActions(run),
    };
  }

  /** State changes of a run, oldest first. */
  async listHistory(id: string): Promise<z.infer<typeof runHistoryResponseSchema>> {
    const rows = await this.database.db.runTransition.findMany({
      where: { runId: id },
      orderBy: { sequence: "asc" },
    });
    return runHistoryResponseSchema.parse(
      rows.map(({ fromState, toState, ...row }) => ({ ...row, from: fromState, to: toState })),
    );
  }

  /** A page of a run's export; the metrics come with the first one. */
  async export({
    id,
    cursor,
    limit,
  }: z.output<typeof exportRunRequestSchema>): Promise<z.infer<typeof exportRunResponseSchema>> {
    const run = await this.find(id);
    const names = cursor ? [] : (await this.metrics.listMetrics(id)).map((metric) => metric.name);
    const episodes = await this.episodes.list({
      runId: id,
      filter: "all",
      sortDirection: "ascending",
      cursor,
      limit,
    });
    const { name, state, createdAt, startedAt, endedAt, error } = run;
    return {
      run: { id, name, state, createdAt, startedAt, endedAt, error },
      config: runConfigSchema.parse(run.config),
      metrics: Object.fromEntries(
        Object.entries(await this.metrics.readSeries(id, names, EXPORTED_POINTS)).map(
          ([metric, entries]) => [
            metric,
            entries.map((entry) => ({ ...entry, at: new Date(entry.at) })),
          ],
        ),
      ),
      episodes: episodes.rows,
      nextCursor: episodes.nextCursor,
    };
  }

  private async find(id: string): Promise<StoredRun> {
    const run = await selectRun(this.database.db, id);
    if (!run) throw new AppError("not-found", `There is no run ${id}.`);
    return run;
  }

  /** Models that running serve runs keep up, newest first. */
  async listServedModels(): Promise<z.infer<typeof servedModelsResponseSchema>> {
    const runs = await selectServingRuns(this.database.db);
    return runs.flatMap(({ id, name, config, progress, workerName }) => {
      const parsed = runConfigSchema.parse(config);
      if (parsed.kind !== "serve" || parsed.what !== "model" || progress?.phase !== "serving")
        return [];
      return [
        {
          id,
          name,
          model: formatServedName(parsed),
          address: progress.detail,
          key: parsed.key,
          worker: workerName ?? "",
        },
      ];
    });
  }

  private async toRows(runs: readonly StoredRun[]): Promise<RunRow[]> {
    const metrics = [...new Set(runs.map((run) => getHeadlineMetric(run.kind)))];
    const ids = runs.map((run) => run.id);
    const sweeps = [...new Set(runs.flatMap((run) => run.sweepId ?? []))];
    const [series, standing, counts] = await Promise.all([
      this.metrics.readSeriesOfRuns(ids, metrics, SPARKLINE_POINTS),
      this.alarms.listActive(ids),
      // What is read at once stands on one shelf.
      countRunsByState(this.database.db, sweeps, {
        deleted: runs.some(({ deletedAt }) => deletedAt !== null),
      }),
    ]);
    return runs.map((run) => {
      const config = runConfigSchema.parse(run.config);
      const metric = getHeadlineMetric(run.kind);
      const points = series.get(run.id)?.[metric] ?? [];
      return {
        id: run.id,
        name: run.name,
        kind: run.kind,
        state: run.state,
        createdAt: run.createdAt,
        startedAt: run.startedAt,
        endedAt: run.endedAt,
        attempt: run.attempt,
        progress: run.progress,
        headline: {
          metric,
          value: run.headline,
          sparkline: points.map(({ step, value }) => ({ step, value })),
        },
        worker:
          run.workerId !== null && run.workerName !== null
            ? { id: run.workerId, name: run.workerName }
            : null,
        preset: run.preset,
        // The configuration of an imported run has defaults where its files name nothing: those are not shown as facts.
        model: run.importedFrom === null ? getRunModel(config) : null,
        corpus: getRunCorpus(config),
        setting: run.importedFrom === null ? formatSearchSetting(config) : null,
        error: run.error,
        sweep:
          run.sweepId !== null && run.sweepName !== null
            ? { id: run.sweepId, name: run.sweepName, counts: counts.get(run.sweepId) ?? {} }
            : null,
        importedFrom: run.importedFrom,
        alarms: standing.get(run.id) ?? [],
        tags: run.tags,
        notes: run.notes,
        archivedAt: run.archivedAt,
        deletedAt: run.deletedAt,
      };
    });
  }
}

/** What a person may do with a run now. */
function listActions({ kind, state, deletedAt }: StoredRun): RunDetail["actions"] {
  const actions: RunDetail["actions"] = kind === "external" ? [] : ["duplicate"];
  const isOpen = !TERMINAL_STATES.has(state) && state !== "cancelling";
  if (isOpen) actions.push("cancel");
  if (isOpen && kind === "train") actions.push("steps");
  if (
    kind !== "serve" &&
    kind !== "command" &&
    (state === "queued" || canTransition(kind, state, "pausing"))
  )
    actions.push("pause");
  if (deletedAt === null && !HELD_STATES.has(state) && canTransition(kind, state, "queued"))
    actions.push("resume");
  return actions;
}
