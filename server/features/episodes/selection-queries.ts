import { z } from "zod";
import type {
  EpisodeMeasure,
  EpisodeSelection,
  MeasureRange,
  textPlaceSchema,
} from "@/contracts/api/episodes";
import { buildDoubt } from "@/server/features/scoring/judging-scorers-sql";
import type { Queries } from "@/server/platform/db/database";
import { join, queryRows, sql, type Sql } from "@/server/platform/db/query";
import { buildLineageJoin } from "./queries";
import { buildWordQuery } from "./word-query";

/** What a request selects of a run's episodes, as SQL over their facts `e`. */
export interface MatchedEpisodes {
  runId: string;
  lineage: Sql;
  where: Sql;
  /**
   * A condition that is asked of one episode after the other, as so many match that a list is full soon. Null where
   * `where` says everything.
   */
  slow: Sql | null;
}

/** Columns of the measures. */
export const MEASURES: Record<EpisodeMeasure, Sql> = {
  step: sql`e.step`,
  reward: sql`e.reward`,
  advantage: sql`e.advantage`,
  score: sql`e.score`,
  searches: sql`e.searches`,
  documents: sql`e.documents`,
  tokens: sql`e.tokens`,
};

/** With more documents than these that hold the words, the index of episodes by document is no help. */
const MOST_DOCUMENTS = 1_000;

/** What a request selects. @param db of `readByIndex` where it searches a text */
export async function matchEpisodes(
  db: Queries,
  selection: EpisodeSelection,
): Promise<MatchedEpisodes> {
  const [lineage, text] = await Promise.all([
    buildLineageJoin(db, selection.runId),
    selection.text?.trim()
      ? matchText(db, selection.runId, selection.text, selection.textIn)
      : null,
  ]);
  const conditions = [...listConditions(selection), ...(text && !text.isSlow ? [text.sql] : [])];
  return {
    runId: selection.runId,
    lineage,
    where: join(conditions, " AND "),
    slow: text?.isSlow ? text.sql : null,
  };
}

function listConditions(selection: EpisodeSelection): Sql[] {
  const { runId, phase, step, questionId, filter, formatError, type, label, ranges } = selection;
  const conditions = [sql`e.run_id = ${runId}::uuid`, ...buildFilter(filter, runId)];
  if (phase !== undefined) conditions.push(sql`e.phase = ${phase}`);
  if (step !== undefined) conditions.push(sql`e.step = ${step}`);
  if (questionId !== undefined) conditions.push(sql`e.question_id = ${questionId}`);
  if (formatError !== undefined) conditions.push(sql`${formatError} = ANY (e.format_errors)`);
  if (type !== undefined) conditions.push(sql`e.type = ${type}`);
  if (label !== undefined)
    conditions.push(
      sql`EXISTS (SELECT 1 FROM episode_labels l WHERE l.episode_id = e.id AND l.label = ${label})`,
    );
  for (const [measure, range] of Object.entries(ranges))
    conditions.push(...buildRange(MEASURES[measure as EpisodeMeasure], range));
  return conditions;
}

function buildRange(column: Sql, { min, max, below }: MeasureRange): Sql[] {
  const conditions = [sql`${column} IS NOT NULL`];
  if (min !== undefined) conditions.push(sql`${column} >= ${min}::float8`);
  if (max !== undefined) conditions.push(sql`${column} <= ${max}::float8`);
  if (below !== undefined) conditions.push(sql`${column} < ${below}::float8`);
  return conditions;
}

function buildFilter(filter: EpisodeSelection["filter"], runId: string): Sql[] {
  switch (filter) {
    case "all":
      return [];
    case "correct":
      return [sql`e.score >= 1`];
    case "wrong":
      return [sql`e.score < 1`];
    case "both-right":
      return [sql`e.score >= 1 AND e.baseline_score = e.score`];
    case "gained":
      return [sql`e.score > e.baseline_score`];
    case "lost":
      return [sql`e.score < e.baseline_score`];
    case "both-wrong":
      return [sql`e.score < 1 AND e.baseline_score = e.score`];
    case "format-errors":
      return [sql`e.format_errors IS NOT NULL`];
    case "no-variance":
      return [
        sql`e.phase = 'train' AND (e.attempt, e.step, e.set_id, e.question_id) IN (SELECT attempt, step, set_id, question_id FROM episode_facts
          WHERE run_id = ${runId}::uuid AND phase = 'train' GROUP BY attempt, step, set_id, question_id HAVING count(*) > 1 AND min(reward) = max(reward))`,
      ];
    case "never-retrieved":
    case "not-selected":
    case "generator-failed":
      return [sql`e.attribution = ${filter} AND NOT ${buildDoubt(sql`e`)}`];
    case "scorer-doubtful":
      return [sql`e.score < 1 AND ${buildDoubt(sql`e`)}`];
  }
}

const WEIGHTS = { question: "A", answer: "B", queries: "C" } as const;
const documentKeySchema = z.object({ key: z.bigint() });

/** The condition that the words of a text stand where it is searched. */
async function matchText(
  db: Queries,
  runId: string,
  text: string,
  place: z.infer<typeof textPlaceSchema> | undefined,
): Promise<{ sql: Sql; isSlow: boolean }> {
  const words = buildWordQuery(text, place && place !== "documents" ? WEIGHTS[place] : "");
  if (words === null) return { sql: sql`false`, isSlow: false };
  const inEpisode = sql`t.words @@ to_tsquery('simple', ${words})`;
  if (place !== undefined && place !== "documents") return buildTextsQuery(runId, inEpisode);

  const holdsWords = sql`extract_document_words(title, text) @@ to_tsquery('simple', ${words})`;
  const documents = await queryRows(db, documentKeySchema, { check: "first" })`
    SELECT hashtextextended(hash, 0) AS key FROM documents WHERE ${holdsWords} LIMIT ${MOST_DOCUMENTS + 1}`;
  if (documents.length <= MOST_DOCUMENTS) {
    const inDocument = sql`t.documents && ${documents.map(({ key }) => key)}::bigint[]`;
    return buildTextsQuery(runId, place ? inDocument : sql`(${inEpisode} OR ${inDocument})`);
  }
  // An aggregate, so that the documents are found once, into a hash table: as EXISTS it would be a join of every episode.
  const inDocument = sql`(SELECT coalesce(bool_or(d.key IN (SELECT hashtextextended(hash, 0) FROM documents WHERE ${holdsWords})), false) FROM unnest(t.documents) AS d(key))`;
  const condition = place ? inDocument : sql`(${inEpisode} OR ${inDocument})`;
  return {
    sql: sql`(SELECT ${condition} FROM episode_texts t WHERE t.episode_id = e.id)`,
    isSlow: true,
  };
}

/** As an array, so that the texts are searched first and the facts are looked up, however many are expected. */
const buildTextsQuery = (runId: string, condition: Sql) => ({
  sql: sql`e.id IN (SELECT unnest(ARRAY(SELECT t.episode_id FROM episode_texts t WHERE t.run_id = ${runId}::uuid AND ${condition})))`,
  isSlow: false,
});
