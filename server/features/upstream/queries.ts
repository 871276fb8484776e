import { z } from "zod";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import type { Queries } from "@/server/platform/db/database";
import { jsonColumn, queryRow, queryRows } from "@/server/platform/db/query";

/** The SQL that reads runs for export. */

/** Null of a question that is no multiple choice. */
const optionsSchema = jsonColumn<MultipleChoice | null>();

const answeredQuestionSchema = z.object({
  questionId: z.string(),
  question: z.string(),
  answers: z.array(z.string()),
  options: optionsSchema,
  type: z.string().nullable(),
  answer: z.string().nullable(),
  score: z.number().nullable(),
  ragAnswer: z.string().nullable(),
  ragScore: z.number().nullable(),
});
/** A question with what a run, and naive RAG as its baseline, answered. */
export type AnsweredQuestion = z.infer<typeof answeredQuestionSchema>;

/** Questions of a predict run, in the order of the set. */
export const selectAnsweredQuestions = (db: Queries, runId: string): Promise<AnsweredQuestion[]> =>
  queryRows(db, answeredQuestionSchema, { check: "first" })`
    SELECT e.question_id AS "questionId", q.question, q.answers, q.options, q.type, a.text AS answer, s.value AS score, ra.text AS "ragAnswer", rs.value AS "ragScore"
    FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id LEFT JOIN answers a ON a.id = e.answer_id LEFT JOIN scores s ON s.id = e.score_id
    LEFT JOIN answers ra ON ra.id = e.baseline_answer_id LEFT JOIN scores rs ON rs.id = e.baseline_score_id
    WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' ORDER BY q.ordinal`;

/** Size of the version of a set that a run is pinned to, else of the newest; null where there is no such set. */
export const selectRunSet = (db: Queries, runId: string, name: string) =>
  queryRow(db, z.object({ id: z.string(), questions: z.int() }))`
    SELECT s.id, s.questions FROM question_sets s WHERE s.id = coalesce((SELECT p.set_id FROM run_question_sets p WHERE p.run_id = ${runId}::uuid AND p.name = ${name}),
      (SELECT id FROM question_sets WHERE name = ${name} ORDER BY created_at DESC LIMIT 1))`;

/** Rollouts of a training run by step, with all that the searcher was asked and wrote. */
export const selectRollouts = (db: Queries, runId: string) =>
  queryRows(
    db,
    z.object({
      step: z.int(),
      reward: z.number().nullable(),
      question: z.string(),
      answers: z.array(z.string()),
      options: optionsSchema,
      prompt: z.string().nullable(),
      text: z.string().nullable(),
    }),
    { check: "first" },
  )`
    SELECT e.step, e.reward, q.question, q.answers, q.options, g.prompt, g.text FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
    LEFT JOIN LATERAL (SELECT string_agg(s.prompt, E'\n' ORDER BY s.index) AS prompt, string_agg(s.text, E'\n' ORDER BY s.index) AS text FROM steps s WHERE s.episode_id = coalesce(e.steps_of, e.id) AND s.kind = 'generate') g ON true
    WHERE e.run_id = ${runId}::uuid AND e.phase = 'train' ORDER BY e.step, e.ordinal`;
