import { createHash, randomUUID } from "node:crypto";
import type { z } from "zod";
import type {
  CorpusRecord,
  MultipleChoice,
  QuestionRecord,
} from "@/contracts/formats/corpus-lines";
import type {
  Question,
  WorkerRequest,
  WorkerResponse,
} from "@/contracts/worker-protocol/worker-protocol";
import type {
  listCorporaResponseSchema,
  listQuestionSetsResponseSchema,
  questionSetVersionsResponseSchema,
  listQuestionsRequestSchema,
  listQuestionsResponseSchema,
} from "@/contracts/api/catalogue";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { storeDocuments } from "@/server/features/episodes/store";
import { currentSet, setOfRun } from "./versions";
import { documentHash } from "@/core/episode/document-hash";
import { parseQuestionFile } from "./question-file";

const BATCH = 2_000;
const VERSION_DIGITS = 12;
const hashOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex");

interface QuestionRow {
  id: string;
  ordinal: number;
  question: string;
  answers: string[];
  goldIds: string[];
  type: string | null;
  group: string | null;
  goldQueries: string[];
  options: MultipleChoice | null;
}

const toQuestion = ({ ordinal: _ordinal, options, ...question }: QuestionRow): Question => ({
  ...question,
  ...(options && { options }),
});

/** Corpora and question sets. A changed one is a new version under the same name; the newest is meant. */
export class Catalogue {
  constructor(private readonly database: Database) {}

  corpora(): Promise<z.infer<typeof listCorporaResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT DISTINCT ON (name) name, documents, content_hash AS "contentHash", created_at AS "createdAt" FROM corpora WHERE project_id = ${DEFAULT_PROJECT}::uuid ORDER BY name, created_at DESC`;
  }

  questionSets(): Promise<z.infer<typeof listQuestionSetsResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT DISTINCT ON (name) name, questions, with_gold AS "withGold", created_at AS "createdAt", created_by AS "createdBy"
      FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid ORDER BY name, created_at DESC`;
  }

  async questions(
    request: z.output<typeof listQuestionsRequestSchema> & { runId?: string | null },
  ): Promise<z.infer<typeof listQuestionsResponseSchema>> {
    const { db } = this.database;
    const setId = request.runId
      ? await setOfRun(db, request.runId, request.set)
      : await currentSet(db, request.set);
    const pattern = request.text ? `%${request.text.replace(/[\\%_]/g, "\\$&")}%` : null;
    const [rows, totals] = await Promise.all([
      db.$queryRaw<QuestionRow[]>`
        SELECT id, ordinal, question, answers, gold_ids AS "goldIds", type, group_name AS "group", gold_queries AS "goldQueries", options FROM questions
        WHERE set_id = ${setId}::uuid AND ordinal > ${Number(request.cursor ?? -1)} AND (${pattern}::text IS NULL OR question ILIKE ${pattern} OR array_to_string(answers, ' ') ILIKE ${pattern})
        ORDER BY ordinal LIMIT ${request.limit + 1}`,
      db.$queryRaw<{ n: number }[]>`
        SELECT count(*)::int AS n FROM questions WHERE set_id = ${setId}::uuid AND (${pattern}::text IS NULL OR question ILIKE ${pattern} OR array_to_string(answers, ' ') ILIKE ${pattern})`,
    ]);
    const kept = rows.slice(0, request.limit);
    const last = kept[kept.length - 1];
    return {
      rows: kept.map(toQuestion),
      nextCursor: rows.length > kept.length && last ? String(last.ordinal) : null,
      total: totals[0]?.n ?? 0,
    };
  }

  /** A page of a set for a worker, in the order of the file. */
  async questionPage({
    set,
    runId,
    after,
    limit,
  }: WorkerRequest<"questions">): Promise<WorkerResponse<"questions">> {
    const page = await this.questions({ set, runId, cursor: after, limit });
    return { questions: page.rows, next: page.nextCursor };
  }

  /** Imports a set of a person's own: all of it, or nothing with every bad line numbered. Changed content under a name is a new version. */
  async importQuestions(
    name: string,
    jsonl: string,
    actor: string,
  ): Promise<{ name: string; questions: number }> {
    const questions = parseQuestionFile(jsonl);
    await this.storeQuestionSet(name, questions, actor);
    return { name, questions: questions.length };
  }

  /** A version's name: the first digits of its content's hash. */
  versionOf(questions: readonly QuestionRecord[]): string {
    return hashOf(questions).slice(0, VERSION_DIGITS);
  }

  /** Every version of a set, the newest first. */
  versions(name: string): Promise<z.infer<typeof questionSetVersionsResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT left(s.content_hash, ${VERSION_DIGITS}::int) AS version, s.questions, s.with_gold AS "withGold", s.created_at AS "createdAt", s.created_by AS "createdBy",
        (SELECT count(*)::int FROM run_question_sets r WHERE r.set_id = s.id) AS runs
      FROM question_sets s WHERE s.project_id = ${DEFAULT_PROJECT}::uuid AND s.name = ${name} ORDER BY s.created_at DESC`;
  }

  /** Stores a set where this very content is not stored under the name yet. @returns whether it was new */
  async storeQuestionSet(
    name: string,
    questions: readonly QuestionRecord[],
    actor: string,
  ): Promise<boolean> {
    const id = randomUUID();
    return this.database.transact(async ({ db }) => {
      const inserted = await db.$executeRaw`
        INSERT INTO question_sets (id, project_id, name, content_hash, questions, with_gold, created_by)
        VALUES (${id}::uuid, ${DEFAULT_PROJECT}::uuid, ${name}, ${hashOf(questions)}, ${questions.length}, ${questions.filter((q) => q.goldIds.length > 0).length}, ${actor})
        ON CONFLICT (project_id, name, content_hash) DO NOTHING`;
      if (inserted === 0) return false;
      for (let from = 0; from < questions.length; from += BATCH) {
        const rows = questions
          .slice(from, from + BATCH)
          .map((question, i) => ({ ...question, ordinal: from + i }));
        await db.$executeRaw`
          INSERT INTO questions (set_id, id, ordinal, question, answers, gold_ids, type, group_name, gold_queries, options)
          SELECT ${id}::uuid, q.id, q.ordinal, q.question, q.answers, q."goldIds", q.type, q."group", q."goldQueries", q.options
          FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS q(id text, ordinal int, question text, answers text[], "goldIds" text[], type text, "group" text, "goldQueries" text[], options jsonb)`;
      }
      return true;
    });
  }

  /** Stores a corpus where this very content is not stored under the name yet. @returns whether it was new */
  async storeCorpus(
    name: string,
    documents: readonly CorpusRecord[],
    actor: string,
  ): Promise<boolean> {
    const id = randomUUID();
    return this.database.transact(async ({ db }) => {
      const inserted = await db.$executeRaw`
        INSERT INTO corpora (id, project_id, name, content_hash, documents, created_by) VALUES (${id}::uuid, ${DEFAULT_PROJECT}::uuid, ${name}, ${hashOf(documents)}, ${documents.length}, ${actor})
        ON CONFLICT (project_id, name, content_hash) DO NOTHING`;
      if (inserted === 0) return false;
      for (let from = 0; from < documents.length; from += BATCH) {
        const batch = documents
          .slice(from, from + BATCH)
          .map((d) => ({ ...d, hash: documentHash(d) }));
        await storeDocuments(db, batch);
        await db.$executeRaw`
          INSERT INTO corpus_documents (corpus_id, document_id, hash)
          SELECT ${id}::uuid, d.id, d.hash FROM jsonb_to_recordset(${toJson(batch.map(({ id: documentId, hash }) => ({ id: documentId, hash })))}::jsonb) AS d(id text, hash text)`;
      }
      return true;
    });
  }
}
