import {
  documentsOf,
  episodeSchema as episodeSchema,
  type Answer,
  type DocumentText,
  type ModelUsage,
} from "@/contracts/records/episode";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { Prisma } from "@/server/platform/db/generated/client";
import { documentRefs, stepOfRow, type StepRow } from "./step-rows";

const { sql } = Prisma;

interface Row {
  key: string;
  method: string;
  protocol: string;
  questionId: string;
  sampleIndex: number;
  contextIds: string[];
  contextHashes: string[];
  contextScores: (number | null)[];
  steps: StepRow[] | null;
  usage: ModelUsage | null;
  answer: Answer | null;
}

type Stored = WorkerResponse<"storedEpisodes">;

/** Episodes of a predict run by question, with their answers and every text that they name, to be answered or scored anew. */
export const storedEpisodes = (
  db: Queries,
  { runId, questionIds }: WorkerRequest<"storedEpisodes">,
): Promise<Stored> =>
  read(
    db,
    sql`FROM episodes e`,
    sql`e.run_id = ${runId}::uuid AND e.phase = 'predict' AND e.question_id = ANY(${questionIds}::text[])`,
  );

/** The first stored episode of each key that a predict run has, with its answer and every text that it names. */
export const findEpisodes = (
  db: Queries,
  { keys }: WorkerRequest<"findEpisodes">,
): Promise<Stored> =>
  read(
    db,
    sql`FROM (SELECT DISTINCT ON (key) * FROM episodes WHERE project_id = ${DEFAULT_PROJECT}::uuid AND phase = 'predict' AND key = ANY(${keys}::text[]) ORDER BY key, ordinal) e`,
    sql`true`,
  );

/** Lists come as JSON: Node reads it many times faster than the text form of arrays. */
async function read(db: Queries, from: Prisma.Sql, where: Prisma.Sql): Promise<Stored> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT e.key, e.method, e.protocol, e.question_id AS "questionId", e.sample_index AS "sampleIndex", to_json(e.context_ids) AS "contextIds", to_json(e.context_hashes) AS "contextHashes",
      to_json(e.context_scores) AS "contextScores", e.usage, (SELECT json_agg(s ORDER BY s.index) FROM steps s WHERE s.episode_id = coalesce(e.steps_of, e.id)) AS steps,
      CASE WHEN a.id IS NOT NULL THEN jsonb_build_object('key', a.key, 'generator', a.generator, 'promptStyle', a.prompt_style, 'text', a.text, 'seconds', a.seconds) || CASE WHEN a.usage IS NULL THEN '{}' ELSE jsonb_build_object('usage', a.usage) END END AS answer
    ${from} LEFT JOIN answers a ON a.id = e.answer_id WHERE ${where}`;
  const episodes = rows.map((row) => ({
    episode: episodeSchema.parse({
      key: row.key,
      method: row.method,
      protocol: row.protocol,
      questionId: row.questionId,
      sampleIndex: row.sampleIndex,
      steps: (row.steps ?? []).map(stepOfRow),
      context: documentRefs(row.contextIds, row.contextHashes, row.contextScores),
      ...(row.usage && { usage: row.usage }),
    }),
    answer: row.answer,
  }));
  const idOf = new Map(
    episodes.flatMap(({ episode }) => documentsOf(episode)).map(({ hash, id }) => [hash, id]),
  );
  const texts = await db.$queryRaw<
    Omit<DocumentText, "id">[]
  >`SELECT hash, title, text FROM documents WHERE hash = ANY(${[...idOf.keys()]}::text[])`;
  return { episodes, documents: texts.map((text) => ({ ...text, id: idOf.get(text.hash) ?? "" })) };
}
