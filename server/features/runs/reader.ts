import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import { runConfigSchema, servedName } from "@/contracts/run-config/run-config";
import { type RunKind, type RunState } from "@/contracts/records/run-state";
import { TERMINAL } from "@/core/run/transitions";
import type { PreflightItem, Progress } from "@/contracts/worker-protocol/worker-protocol";
import type {
  exportRunRequestSchema,
  exportRunResponseSchema,
  RunDetail,
  servedModelsResponseSchema,
  runHistoryResponseSchema,
  listRunsRequestSchema,
  listRunsResponseSchema,
  RunRow,
} from "@/contracts/api/runs";
import type { Alarms } from "@/server/features/alarms/alarms";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { Prisma } from "@/server/platform/db/generated/client";
import type { Episodes } from "@/server/features/episodes/episodes";
import type { Metrics } from "@/server/features/metrics/metrics";
import type { SweepReader } from "@/server/features/sweeps/reader";
import type { Launcher } from "./launcher";
import { corpusOf, headlineMetric, modelOf, settingOf } from "./needs";

const { sql } = Prisma;
const SPARKLINE = 40;
const EXPORTED_POINTS = 2000;

interface StoredRun {
  id: string;
  name: string;
  kind: RunKind;
  state: RunState;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  attempt: number;
  progress: Progress | null;
  preflight: PreflightItem[];
  createdBy: string;
  workerId: string | null;
  workerName: string | null;
  preset: string | null;
  config: unknown;
  headline: number | null;
  error: string | null;
  sweepId: string | null;
  sweepName: string | null;
  importedFrom: string | null;
  sortKey: string | null;
}

/** Sort keys as text, so that a cursor can hold any of them; ties are broken by id. */
const SORTS: Record<
  z.infer<typeof listRunsRequestSchema>["sort"],
  { key: Prisma.Sql; type: Prisma.Sql; descending: boolean }
> = {
  newest: { key: sql`r.created_at`, type: sql`timestamptz`, descending: true },
  oldest: { key: sql`r.created_at`, type: sql`timestamptz`, descending: false },
  name: { key: sql`lower(r.name)`, type: sql`text`, descending: false },
  reward: {
    key: sql`coalesce(r.headline, '-Infinity'::float8)`,
    type: sql`float8`,
    descending: true,
  },
  // What still goes on counts as the longest.
  duration: {
    key: sql`(CASE WHEN r.started_at IS NULL THEN 0 WHEN r.ended_at IS NULL THEN 'Infinity' ELSE extract(epoch FROM r.ended_at - r.started_at) END)::float8`,
    type: sql`float8`,
    descending: true,
  },
};

/** Everything the pages show of runs. */
export class RunReader {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly alarms: Alarms,
    private readonly episodes: Episodes,
    private readonly launcher: Launcher,
    private readonly sweeps: SweepReader,
  ) {}

  async list(
    request: z.output<typeof listRunsRequestSchema>,
  ): Promise<z.infer<typeof listRunsResponseSchema>> {
    const { db } = this.database;
    const conditions = filterOf(request, sql`r`);
    if (request.foldSweeps) {
      const first = sql`SELECT s.id FROM runs s WHERE s.sweep_id = r.sweep_id AND ${Prisma.join(filterOf(request, sql`s`), " AND ")} ORDER BY s.created_at, s.id LIMIT 1`;
      conditions.push(sql`(r.sweep_id IS NULL OR r.id = (${first}))`);
    }
    const sort = SORTS[request.sort];
    const cursor = request.cursor ? readCursor(request.cursor) : null;
    if (cursor)
      conditions.push(
        sql`(${sort.key}, r.id) ${sort.descending ? sql`<` : sql`>`} (${cursor.key}::text::${sort.type}, ${cursor.id}::uuid)`,
      );
    const direction = sort.descending ? sql`DESC` : sql`ASC`;
    const [rows, counts] = await Promise.all([
      this.select(
        sql`WHERE ${Prisma.join(conditions, " AND ")} ORDER BY ${sort.key} ${direction}, r.id ${direction} LIMIT ${request.limit + 1}`,
        sort.key,
      ),
      db.$queryRaw<
        { state: RunState; n: number }[]
      >`SELECT state, count(*)::int AS n FROM runs WHERE project_id = ${DEFAULT_PROJECT}::uuid GROUP BY state`,
    ]);
    const kept = rows.slice(0, request.limit);
    const last = kept[kept.length - 1];
    return {
      rows: await this.toRows(kept),
      nextCursor:
        rows.length > kept.length && last ? JSON.stringify([last.sortKey, last.id]) : null,
      counts: Object.fromEntries(counts.map(({ state, n }) => [state, n])),
    };
  }

  async get(id: string): Promise<RunDetail> {
    const run = await this.find(id);
    const config = runConfigSchema.parse(run.config);
    const [row] = await this.toRows([run]);
    if (!row) throw new AppError("internal", `Run ${id} cannot be shown.`);
    const attempts = await this.database.db.$queryRaw<
      (Omit<RunDetail["attempts"][number], "worker"> & { workerId: string; workerName: string })[]
    >`
      SELECT a.number, a.worker_id AS "workerId", w.name AS "workerName", a.started_at AS "startedAt", a.ended_at AS "endedAt", a.from_step AS "fromStep", a.outcome, a.reason
      FROM attempts a JOIN workers w ON w.id = a.worker_id WHERE a.run_id = ${id}::uuid ORDER BY a.number`;
    const actions: RunDetail["actions"] = ["duplicate"];
    if (!TERMINAL.has(run.state) && run.state !== "cancelling") actions.unshift("cancel");
    if (run.state === "failed" || run.state === "cancelled") actions.unshift("resume");
    return {
      ...row,
      config,
      createdBy: run.createdBy,
      preflight: run.preflight,
      attempts: attempts.map(({ workerId, workerName, ...attempt }) => ({
        ...attempt,
        worker: { id: workerId, name: workerName },
      })),
      waitingFor: run.state === "queued" ? await this.launcher.waitingFor(config) : null,
      actions,
    };
  }

  history(id: string): Promise<z.infer<typeof runHistoryResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT sequence, at, from_state AS "from", to_state AS "to", attempt, actor, reason FROM run_transitions WHERE run_id = ${id}::uuid ORDER BY sequence`;
  }

  /** A page of a run's export; the metrics come with the first one. */
  async export({
    id,
    cursor,
    limit,
  }: z.output<typeof exportRunRequestSchema>): Promise<z.infer<typeof exportRunResponseSchema>> {
    const run = await this.find(id);
    const names = cursor ? [] : (await this.metrics.names(id)).map((metric) => metric.name);
    const episodes = await this.episodes.list({
      runId: id,
      filter: "all",
      order: "oldest",
      cursor,
      limit,
    });
    const { name, state, createdAt, startedAt, endedAt, error } = run;
    return {
      run: { id, name, state, createdAt, startedAt, endedAt, error },
      config: runConfigSchema.parse(run.config),
      metrics: await this.metrics.series(id, names, EXPORTED_POINTS),
      episodes: episodes.rows,
      nextCursor: episodes.nextCursor,
    };
  }

  private async find(id: string): Promise<StoredRun> {
    const [run] = await this.select(sql`WHERE r.id = ${id}::uuid`, sql`r.id`);
    if (!run) throw new AppError("not-found", `There is no run ${id}.`);
    return run;
  }

  /** Models that running serve runs keep up, newest first. */
  async servedModels(): Promise<z.infer<typeof servedModelsResponseSchema>> {
    const runs = await this.select(
      sql`WHERE r.kind = 'serve' AND r.state = 'running' ORDER BY r.created_at DESC`,
      sql`r.created_at`,
    );
    return runs.flatMap(({ id, name, config, progress, workerName }) => {
      const parsed = runConfigSchema.parse(config);
      if (parsed.kind !== "serve" || parsed.what !== "model" || progress?.phase !== "serving")
        return [];
      return [
        {
          id,
          name,
          model: servedName(parsed),
          address: progress.detail,
          key: parsed.key,
          worker: workerName ?? "",
        },
      ];
    });
  }

  private select(rest: Prisma.Sql, sortKey: Prisma.Sql): Promise<StoredRun[]> {
    return this.database.db.$queryRaw<StoredRun[]>`
      SELECT r.id, r.name, r.kind, r.state, r.created_at AS "createdAt", r.started_at AS "startedAt", r.ended_at AS "endedAt", r.attempt, r.progress, r.preflight, r.created_by AS "createdBy",
        w.id AS "workerId", w.name AS "workerName", r.preset, r.config, r.headline, r.error, r.imported_from AS "importedFrom", r.sweep_id AS "sweepId", (SELECT g.name FROM sweeps g WHERE g.id = r.sweep_id) AS "sweepName", (${sortKey})::text AS "sortKey"
      FROM runs r LEFT JOIN attempts a ON a.run_id = r.id AND a.number = r.attempt AND r.state <> 'queued' LEFT JOIN workers w ON w.id = a.worker_id ${rest}`;
  }

  private async toRows(runs: readonly StoredRun[]): Promise<RunRow[]> {
    const metrics = [...new Set(runs.map((run) => headlineMetric(run.kind)))];
    const ids = runs.map((run) => run.id);
    const sweeps = [...new Set(runs.flatMap((run) => run.sweepId ?? []))];
    const [series, standing, counts] = await Promise.all([
      this.metrics.seriesOf(ids, metrics, SPARKLINE),
      this.alarms.standing(ids),
      this.sweeps.counts(sweeps),
    ]);
    return runs.map((run) => {
      const config = runConfigSchema.parse(run.config);
      const metric = headlineMetric(run.kind);
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
        // What files do not say of a run has its default in the configuration, and is not shown as a fact.
        model: run.importedFrom === null ? modelOf(config) : null,
        corpus: corpusOf(config),
        setting: run.importedFrom === null ? settingOf(config) : null,
        error: run.error,
        sweep:
          run.sweepId !== null && run.sweepName !== null
            ? { id: run.sweepId, name: run.sweepName, counts: counts.get(run.sweepId) ?? {} }
            : null,
        importedFrom: run.importedFrom,
        alarms: standing.get(run.id) ?? [],
      };
    });
  }
}

/** What a run must be to be listed, as conditions on the alias that it has in the query. */
function filterOf(
  {
    states,
    kinds,
    text,
  }: Pick<z.output<typeof listRunsRequestSchema>, "states" | "kinds" | "text">,
  run: Prisma.Sql,
): Prisma.Sql[] {
  const conditions = [sql`${run}.project_id = ${DEFAULT_PROJECT}::uuid`];
  if (states) conditions.push(sql`${run}.state = ANY(${states}::text[])`);
  if (kinds) conditions.push(sql`${run}.kind = ANY(${kinds}::text[])`);
  if (text) {
    const escaped = text.replace(/[\\%_]/g, "\\$&");
    conditions.push(
      sql`(${run}.name ILIKE ${`%${escaped}%`} OR ${run}.id::text LIKE ${`${escaped.toLowerCase()}%`})`,
    );
  }
  return conditions;
}

function readCursor(cursor: string): { key: string; id: string } {
  try {
    const [key, id] = JSON.parse(cursor) as unknown[];
    if (typeof key === "string" && typeof id === "string") return { key, id };
  } catch {
    // Reported below.
  }
  throw new AppError("invalid-input", "The cursor is not one that this list gave.");
}
