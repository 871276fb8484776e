import { sameQuestionResponseSchema } from "@/contracts/api/inspector";
import type { Queries } from "@/server/platform/db/database";
import { queryRows } from "@/server/platform/db/query";
import { z } from "zod";

/** The statements of what stands beside an episode. */

const sameQuestionRowSchema = sameQuestionResponseSchema.shape.rows.element.extend({
  /** Episodes that could be listed, were there no limit over all runs. */
  listable: z.int(),
});

/**
 * Episodes of the question of an episode, of every run that is not deleted; of a resumed training run those steps that
 * a later attempt has not replaced. The episode itself is always among them. Of each run a few: one sample of a step
 * before another of the same step, steps with a checkpoint before others, later steps before earlier ones. All runs
 * are there before any has a second episode, but for the run of the episode.
 *
 * @param ofEachRun episodes of a run at most @param limit episodes of all runs at most
 */
export const selectSameQuestion = (
  db: Queries,
  episodeId: string,
  { ofEachRun, limit }: { ofEachRun: number; limit: number },
): Promise<z.infer<typeof sameQuestionRowSchema>[]> =>
  queryRows(db, sameQuestionRowSchema)`
    WITH found AS (
      SELECT e.id, e.run_id, r.name AS run_name, r.kind AS run_kind, r.created_at, e.method, e.phase, e.step, e.sample_index, e.ordinal, e.answer_id, e.score_id, e.reward, e.searches,
        e.id = i.id AS is_itself, e.run_id = i.run_id AS is_of_its_run,
        EXISTS (SELECT 1 FROM artifacts c WHERE c.run_id = e.run_id AND c.kind = 'checkpoint' AND c.step = e.step AND c.deleted_at IS NULL) AS has_checkpoint
      FROM episodes i JOIN episodes e ON e.set_id = i.set_id AND e.question_id = i.question_id JOIN runs r ON r.id = e.run_id
      WHERE i.id = ${episodeId}::uuid AND (e.id = i.id OR r.deleted_at IS NULL
        AND (r.kind <> 'train' OR NOT EXISTS (SELECT 1 FROM attempts b WHERE b.run_id = e.run_id AND b.number > e.attempt AND (b.from_step IS NULL OR b.from_step < e.step))))),
    placed AS (
      SELECT f.*, count(*) OVER (PARTITION BY f.run_id)::int AS of_run,
        row_number() OVER (PARTITION BY f.run_id ORDER BY f.is_itself DESC, f.sample_index, f.has_checkpoint DESC, f.step DESC NULLS LAST, f.ordinal) AS place
      FROM found f),
    kept AS (
      SELECT p.*, count(*) OVER ()::int AS listable FROM placed p WHERE p.place <= ${ofEachRun}
      ORDER BY p.is_of_its_run DESC, p.place, p.created_at DESC, p.run_id LIMIT ${limit})
    SELECT k.id, k.run_id AS "runId", k.run_name AS "runName", k.run_kind AS "runKind", k.method, k.phase, k.step, k.sample_index AS "sampleIndex",
      k.has_checkpoint AS "hasCheckpoint", a.text AS answer, s.value AS score, k.reward, k.searches, k.of_run AS "ofRun", k.listable
    FROM kept k LEFT JOIN answers a ON a.id = k.answer_id LEFT JOIN scores s ON s.id = k.score_id
    ORDER BY k.created_at DESC, k.run_id, k.phase, k.step, k.sample_index, k.ordinal`;

/** Labels in use, the most used first. */
export async function selectKnownLabels(db: Queries, limit: number): Promise<string[]> {
  const groups = await db.episodeLabel.groupBy({
    by: ["label"],
    orderBy: [{ _count: { label: "desc" } }, { label: "asc" }],
    take: limit,
  });
  return groups.map(({ label }) => label);
}

export const episodeExists = async (db: Queries, episodeId: string): Promise<boolean> =>
  (await db.episode.findUnique({ where: { id: episodeId }, select: { id: true } })) !== null;
