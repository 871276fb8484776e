import { randomUUID } from "node:crypto";
import type pg from "pg";
import { DEFAULT_PROJECT } from "@/server/platform/db/database";

/**
 * Generated results of predict runs, written without the checks and triggers of the database, which the caller has turned
 * off; so a run is marked by hand as the triggers would.
 */

/**
 * Writes a question set.
 *
 * @param groups how many groups its questions are in; absent: they name none
 * @returns its id
 */
export async function insertQuestionSet(
  client: pg.Client,
  { name, questions, groups }: { name: string; questions: number; groups?: number },
): Promise<string> {
  const setId = randomUUID();
  await client.query(
    "INSERT INTO question_sets (id, project_id, name, content_hash, questions, with_gold, created_by) VALUES ($1, $2, $3, $3, $4, $4, 'bench')",
    [setId, DEFAULT_PROJECT, name, questions],
  );
  await client.query(
    `INSERT INTO questions (set_id, id, ordinal, question, answers, gold_ids, group_name, gold_queries)
     SELECT $1, 'q' || i, i, 'Question ' || i, ARRAY['answer'], ARRAY['d1', 'd2'], 'g' || i % $3::int, '{}' FROM generate_series(0, $2::int - 1) i`,
    [setId, questions, groups ?? null],
  );
  return setId;
}

/** What a predict run answers: all questions of a set. */
interface Predictions {
  runId: string;
  setId: string;
  questions: number;
  method: string;
  scorer: string;
  /** Share of the questions that are answered right, about. */
  chance: number;
}

/**
 * Writes answers, scores, episodes and steps of a predict run, whose statistics are made when they are next asked for. Hard
 * questions are hard for every method: answers of different methods agree more than chance.
 */
export async function insertPredictions(
  client: pg.Client,
  { runId, setId, questions, method, scorer, chance }: Predictions,
): Promise<void> {
  await client.query(
    `WITH made AS (
       INSERT INTO answers (project_id, key, generator, prompt_style, text, seconds)
       SELECT $1, $2 || ' ' || i, 'smollm2-135m-instruct', 'few-shot', 'answer ' || i, 0.1 FROM generate_series(0, $3::int - 1) i RETURNING id, split_part(key, ' ', 2)::int AS i
     ), scored AS (
       INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
       SELECT id, $4, 'q' || i, $6, CASE WHEN (hashtext('q' || i) & 1023) / 1024.0 * 0.7 + random() * 0.3 < $5::float8 THEN 1 ELSE 0 END FROM made RETURNING id, answer_id, question_id, value
     ), searched AS (
       INSERT INTO episodes (id, project_id, run_id, attempt, corpus, set_id, question_id, phase, sample_index, key, method, protocol, context_ids, context_hashes, context_scores, answer_id, score_id, attribution, format_errors, searches)
       SELECT gen_random_uuid(), $1, $2::uuid, 1, 'atlas', $4, question_id, 'predict', 0, question_id, $7, 'paper', ARRAY['d1'], ARRAY['h1'], ARRAY[0.5], answer_id, id, CASE WHEN value = 1 THEN 'correct' ELSE 'not-selected' END, '{}', 0 FROM scored RETURNING id
     )
     INSERT INTO steps (episode_id, index, kind, turn, seconds, text, document_ids, document_hashes, document_scores) SELECT id, 0, 'retrieve', 0, 0.01, 'question', ARRAY['d1'], ARRAY['h1'], ARRAY[0.5] FROM searched`,
    [DEFAULT_PROJECT, runId, questions, setId, chance, scorer, method],
  );
  await client.query("INSERT INTO stale_statistics (run_id) VALUES ($1)", [runId]);
}
