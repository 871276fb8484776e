import { sameQuestionResponseSchema } from "@/contracts/api/inspector";
import type { Queries } from "@/server/platform/db/database";
import { queryRow, queryRows } from "@/server/platform/db/query";
import { z } from "zod";

/** The SQL of what stands beside an episode. */

type SameQuestionRow = z.infer<typeof sameQuestionResponseSchema>["rows"][number];

/**
 * Episodes of the question of an episode, of every run that is not deleted; of a resumed training run those steps that
 * a later attempt has not replaced.
 */
export const selectSameQuestion = (
  db: Queries,
  episodeId: string,
  limit: number,
): Promise<SameQuestionRow[]> =>
  queryRows(db, sameQuestionResponseSchema.shape.rows.element)`
    SELECT e.id, e.run_id AS "runId", r.name AS "runName", r.kind AS "runKind", e.method, e.phase, e.step, e.sample_index AS "sampleIndex",
      EXISTS (SELECT 1 FROM artifacts c WHERE c.run_id = e.run_id AND c.kind = 'checkpoint' AND c.step = e.step AND c.deleted_at IS NULL) AS "hasCheckpoint",
      a.text AS answer, s.value AS score, e.reward, e.searches
    FROM episodes i JOIN episodes e ON e.set_id = i.set_id AND e.question_id = i.question_id JOIN runs r ON r.id = e.run_id
    LEFT JOIN answers a ON a.id = e.answer_id LEFT JOIN scores s ON s.id = e.score_id
    WHERE i.id = ${episodeId}::uuid AND r.deleted_at IS NULL
      AND (r.kind <> 'train' OR NOT EXISTS (SELECT 1 FROM attempts b WHERE b.run_id = e.run_id AND b.number > e.attempt AND (b.from_step IS NULL OR b.from_step < e.step)))
    ORDER BY r.created_at DESC, e.run_id, e.phase, e.step, e.sample_index, e.ordinal LIMIT ${limit}`;

/** Labels in use, the most used first. */
export async function selectKnownLabels(db: Queries, limit: number): Promise<string[]> {
  const rows = await queryRows(db, z.object({ label: z.string() }))`
    SELECT label FROM episode_labels GROUP BY label ORDER BY count(*) DESC, label LIMIT ${limit}`;
  return rows.map(({ label }) => label);
}

export const episodeExists = async (db: Queries, episodeId: string): Promise<boolean> =>
  (await queryRow(
    db,
    z.object({ id: z.string() }),
  )`SELECT id FROM episodes WHERE id = ${episodeId}::uuid`) !== null;
