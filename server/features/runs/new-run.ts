import { z } from "zod";
import type { CheckpointChoice, projectTimeResponseSchema } from "@/contracts/api/new-run";
import type { RunKind } from "@/contracts/records/run-state";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { countAsked, describeWork, isSameWork, projectSeconds, type Work } from "@/core/run/work";
import { DEFAULT_PROJECT, type Database, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { queryRows } from "@/server/platform/db/query";

const LISTED_CHECKPOINTS = 200;
/** Past runs that a projection is taken from. */
const PAST_RUNS = 20;

/** What the form of a new run is told of runs before it. */
export class NewRun {
  constructor(private readonly database: Database) {}

  /** Kept checkpoints of runs that are not deleted, the newest first, the chosen one in any case. */
  listCheckpoints(chosen: string | null): Promise<CheckpointChoice[]> {
    return selectCheckpoints(this.database.db, chosen);
  }

  /** Projects how long a run will take from runs like it that ended; null where there is none. */
  async projectTime(input: unknown): Promise<z.infer<typeof projectTimeResponseSchema>> {
    const { success, data: config } = runConfigSchema.safeParse(input);
    const work = success ? describeWork(config) : null;
    if (!success || work === null) return null;
    const { db } = this.database;
    const past = await selectPastRuns(db, config.kind, work);
    // A run over all questions is like one over some of them, once it is known how many all are.
    const all = config.kind === "predict" ? await countQuestions(db, config.questions) : null;
    const sized = past.flatMap(({ config: stored, ...run }) => {
      const parsed = runConfigSchema.safeParse(stored);
      const done = parsed.success ? describeWork(parsed.data) : null;
      // A sample matches what a run over the first questions is like; its time is of other questions.
      return parsed.success && done && isSameWork(done, work)
        ? [{ ...run, size: countAsked(parsed.data, done.size, all) }]
        : [];
    });
    const projected = projectSeconds(countAsked(config, work.size, all), sized);
    if (projected === null) return null;
    const workers = [...new Set(sized.flatMap(({ worker }) => worker ?? []))];
    return { ...projected, unit: work.unit, workers };
  }
}

/** Questions of the newest set of a name; null where there is none. */
const countQuestions = async (db: Queries, name: string): Promise<number | null> =>
  (
    await queryRows(db, z.object({ questions: z.int() }))`
      SELECT questions FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} ORDER BY created_at DESC LIMIT 1`
  )[0]?.questions ?? null;

const checkpointSchema = z.object({
  id: z.string(),
  step: z.int(),
  createdAt: z.date(),
  runId: z.string(),
  run: z.string(),
  model: z.string().nullable(),
});

const selectCheckpoints = (db: Queries, chosen: string | null): Promise<CheckpointChoice[]> =>
  queryRows(db, checkpointSchema)`
    SELECT a.id, a.step, a.created_at AS "createdAt", r.id AS "runId", r.name AS run, r.config #>> '{searcher,model}' AS model
    FROM artifacts a JOIN runs r ON r.id = a.run_id
    WHERE a.project_id = ${DEFAULT_PROJECT}::uuid AND a.kind = 'checkpoint' AND a.deleted_at IS NULL
      AND (r.deleted_at IS NULL OR a.id::text = ${chosen}::text)
    ORDER BY (a.id::text = ${chosen}::text) DESC NULLS LAST, a.created_at DESC LIMIT ${LISTED_CHECKPOINTS}`;

const pastRunSchema = z.object({
  config: z.unknown(),
  seconds: z.number(),
  worker: z.string().nullable(),
});

/** Runs of a kind that succeeded in one attempt with the same part of the configuration, the last first. */
const selectPastRuns = (
  db: Queries,
  kind: RunKind,
  { like }: Work,
): Promise<z.infer<typeof pastRunSchema>[]> =>
  queryRows(db, pastRunSchema)`
    SELECT r.config, extract(epoch FROM r.ended_at - r.started_at)::float8 AS seconds, w.name AS worker
    FROM runs r LEFT JOIN attempts a ON a.run_id = r.id AND a.number = r.attempt LEFT JOIN workers w ON w.id = a.worker_id
    WHERE r.project_id = ${DEFAULT_PROJECT}::uuid AND r.kind = ${kind} AND r.state = 'succeeded' AND r.attempt = 1 AND r.imported_from IS NULL
      AND r.started_at IS NOT NULL AND r.config @> ${toJson(like)}::jsonb
    ORDER BY r.ended_at DESC LIMIT ${PAST_RUNS}`;
