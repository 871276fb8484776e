import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import type { AttemptRef, ReportItem } from "@/contracts/worker-protocol/worker-protocol";
import type { Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { storeOutcomes } from "./store";

/**
 * Stores what a run made of another run's episodes: its answers and scores, and episodes with them that share the
 * steps of those of the run that `reuse.episodesOf` of its configuration names. A question that it has answered already is left as it is.
 *
 * @throws AppError "invalid-input" where the run reuses none, answers another set, or that run has no episode of a question
 */
export async function storeReanswered(
  db: Queries,
  ref: AttemptRef,
  { questions, records }: Extract<ReportItem, { kind: "reanswered" }>,
): Promise<void> {
  const [run] = await db.$queryRaw<{ source: string | null; setId: string | null }[]>`
    SELECT r.config->'reuse'->>'episodesOf' AS source, q.set_id AS "setId" FROM runs r LEFT JOIN run_question_sets q ON q.run_id = r.id AND q.name = ${questions} WHERE r.id = ${ref.runId}::uuid`;
  if (!run?.source)
    throw new AppError(
      "invalid-input",
      "This run reuses no other run's episodes (reuse.episodesOf): report its own.",
    );
  if (!run.setId)
    throw new AppError(
      "invalid-input",
      `This run does not answer the questions of "${questions}".`,
    );
  const { source, setId } = run;

  const idsOf = await storeOutcomes(db, setId, records);
  const rows = records.map((record) => {
    const { answer, score } = idsOf(record);
    return {
      id: randomUUID(),
      question_id: record.questionId,
      answer_id: answer,
      score_id: score,
      attribution: record.attribution,
    };
  });
  const [stored] = await db.$queryRaw<{ found: number }[]>`
    WITH given AS MATERIALIZED (
      SELECT g.*, e.id AS source_id FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS g(id uuid, question_id text, answer_id bigint, score_id bigint, attribution text),
        -- One look-up a question: where a set is new to the planner's statistics, a join reads all episodes of the set.
        LATERAL (SELECT id FROM episodes WHERE run_id = ${source}::uuid AND set_id = ${setId}::uuid AND phase = 'predict' AND question_id = g.question_id LIMIT 1) e
    ), fresh AS (
      INSERT INTO episodes (id, steps_of, project_id, run_id, attempt, corpus, set_id, question_id, phase, sample_index, key, method, protocol, context_ids, context_hashes, context_scores,
        answer_id, score_id, attribution, format_errors, searches, usage)
      SELECT g.id, coalesce(e.steps_of, e.id), e.project_id, ${ref.runId}::uuid, ${ref.attempt}, e.corpus, ${setId}::uuid, e.question_id, e.phase, e.sample_index, e.key, e.method, e.protocol, e.context_ids, e.context_hashes, e.context_scores,
        g.answer_id, g.score_id, g.attribution, e.format_errors, e.searches, e.usage
      FROM given g JOIN episodes e ON e.id = g.source_id
      ON CONFLICT (run_id, set_id, question_id) WHERE phase = 'predict' DO NOTHING
    )
    SELECT count(*)::int AS found FROM given`;
  if (stored!.found < rows.length)
    throw new AppError(
      "invalid-input",
      `Run ${source} has stored no episode of ${rows.length - stored!.found} of these questions.`,
    );
}
