import { AppError } from "@/contracts/errors";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";

/**
 * Versions of question sets and corpora. The same content under a name is the same version; changed content is a new one.
 * A run is pinned to the sets' versions that were the newest when it was created, and to the corpus' when its first
 * attempt began (prisma/migrations/0021_corpus_versions).
 */

/** Id of the newest version of a question set. */
export async function currentSet(db: Queries, name: string): Promise<string> {
  const [row] = await db.$queryRaw<
    { id: string }[]
  >`SELECT id FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} ORDER BY created_at DESC LIMIT 1`;
  if (!row)
    throw new AppError("invalid-input", `There is no question set "${name}". Import it first.`);
  return row.id;
}

/** Id of the version that a run is pinned to; of a run without a pin, the newest. */
export async function setOfRun(db: Queries, runId: string, name: string): Promise<string> {
  const [row] = await db.$queryRaw<
    { id: string }[]
  >`SELECT set_id AS id FROM run_question_sets WHERE run_id = ${runId}::uuid AND name = ${name}`;
  return row?.id ?? currentSet(db, name);
}

/** Version of a corpus that a run would search now, by its content; null where none is known. */
export async function currentCorpus(db: Queries, name: string): Promise<string | null> {
  const [row] = await db.$queryRaw<{ version: string | null }[]>`
    SELECT coalesce(
      (SELECT content_hash FROM corpora WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} ORDER BY created_at DESC LIMIT 1),
      (SELECT report -> 'manifest' ->> 'hash' FROM worker_corpora WHERE name = ${name} ORDER BY updated_at DESC LIMIT 1)) AS version`;
  return row!.version;
}

/** Names of the question sets that a configuration asks. */
export function questionSetsOf(config: RunConfig): string[] {
  if (config.kind === "train")
    return [...new Set([config.data.trainQuestions, config.data.heldOutQuestions])];
  return config.kind === "predict" || config.kind === "evaluate" ? [config.questions] : [];
}

/**
 * Pins a new run to the newest versions of its sets; a run on another run's stored episodes takes over the version of
 * that run. A name without a set is left to fail where it is read.
 */
export async function pinQuestionSets(
  db: Queries,
  runId: string,
  config: RunConfig,
): Promise<void> {
  const source = config.kind === "predict" ? config.reuse.episodesOf : null;
  await db.$executeRaw`
    INSERT INTO run_question_sets (run_id, name, set_id)
    SELECT DISTINCT ON (s.name) ${runId}::uuid, s.name, coalesce(p.set_id, s.id)
    FROM question_sets s LEFT JOIN run_question_sets p ON p.run_id = ${source}::uuid AND p.name = s.name
    WHERE s.project_id = ${DEFAULT_PROJECT}::uuid AND s.name = ANY(${questionSetsOf(config)}::text[]) ORDER BY s.name, s.created_at DESC`;
}
