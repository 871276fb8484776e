import { createHash, randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { z } from "zod";
import type {
  listQuestionsRequestSchema,
  listQuestionsResponseSchema,
  listQuestionSetsResponseSchema,
  questionSetVersionsResponseSchema,
} from "@/contracts/api/question-sets";
import type { QuestionRecord } from "@/contracts/formats/corpus-lines";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { Question } from "@/contracts/worker-protocol/questions";
import { DEFAULT_PROJECT, type Database, type Queries } from "@/server/platform/db/database";
import { buildLikePattern, cutPage } from "@/server/platform/db/paging";
import {
  countQuestions,
  insertQuestions,
  selectCorrections,
  selectNewest,
  selectQuestions,
  selectVersions,
  type QuestionRow,
} from "./queries";
import { parseQuestionJsonl } from "./question-jsonl";
import { findCurrentSetId, findRunSetId } from "./versions";
import { chunk } from "@/lib/chunk";

const BATCH = 2_000;
/** Of its content's hash, by which a version is called. */
const VERSION_DIGITS = 12;

const toQuestion = ({ ordinal: _ordinal, options, ...question }: QuestionRow): Question => ({
  ...question,
  ...(options && { options }),
});

/** Question sets. A changed one is a new version under the same name; the newest is meant. */
export class QuestionSets {
  constructor(private readonly database: Database) {}

  /** The newest version of each set, by name. */
  list(): Promise<z.infer<typeof listQuestionSetsResponseSchema>> {
    return this.database.db.questionSet.findMany({
      where: { projectId: DEFAULT_PROJECT },
      distinct: ["name"],
      orderBy: [{ name: "asc" }, { createdAt: "desc" }],
      select: { name: true, questions: true, withGold: true, createdAt: true, createdBy: true },
    });
  }

  /** A page of a set's questions: of the version that a run is pinned to, or of the newest. */
  async listQuestions({
    set,
    text,
    cursor,
    limit,
    runId,
  }: z.output<typeof listQuestionsRequestSchema> & { runId?: string | null | undefined }): Promise<
    z.infer<typeof listQuestionsResponseSchema>
  > {
    const { db } = this.database;
    const setId = runId ? await findRunSetId(db, runId, set) : await findCurrentSetId(db, set);
    const pattern = text ? buildLikePattern(text) : null;
    const [rows, total] = await Promise.all([
      selectQuestions(db, { setId, pattern, after: Number(cursor ?? -1), limit: limit + 1 }),
      countQuestions(db, setId, pattern),
    ]);
    const page = cutPage(rows, limit, (last) => String(last.ordinal));
    return { rows: page.rows.map(toQuestion), nextCursor: page.nextCursor, total };
  }

  /** A page of a set for a worker, in the order of the file. */
  async readWorkerPage({
    set,
    runId,
    after,
    limit,
  }: WorkerRequest<"questions">): Promise<WorkerResponse<"questions">> {
    const page = await this.listQuestions({ set, runId, cursor: after, limit });
    return { questions: page.rows, next: page.nextCursor };
  }

  /** Every question of a set's newest version. @throws AppError "invalid-input" where there is no such set */
  async readAll(name: string): Promise<Question[]> {
    const { db } = this.database;
    const setId = await findCurrentSetId(db, name);
    const rows = await selectQuestions(db, { setId, pattern: null, after: -1, limit: null });
    return rows.map(toQuestion);
  }

  /** Imports a set of a person's own: all of it, or nothing with every bad line numbered. Changed content under a name is a new version. */
  async importQuestions(
    name: string,
    jsonl: string,
    actor: string,
  ): Promise<{ name: string; questions: number }> {
    const questions = parseQuestionJsonl(jsonl);
    await this.store(name, questions, actor);
    return { name, questions: questions.length };
  }

  /** Every version of a set, the newest first. */
  listVersions(name: string): Promise<z.infer<typeof questionSetVersionsResponseSchema>> {
    return selectVersions(this.database.db, name, VERSION_DIGITS);
  }

  /**
   * Stores a version of a set, which then is the newest. Content that is stored under the name already is that version
   * again; `keepNewest`: another one may stay the newest.
   */
  async store(
    name: string,
    questions: readonly QuestionRecord[],
    actor: string,
    { keepNewest = false } = {},
  ): Promise<StoredVersion> {
    const contentHash = await hashQuestions(questions);
    const version = contentHash.slice(0, VERSION_DIGITS);
    return this.database.transact(async ({ db }) => {
      const newest = await selectNewest(db, name);
      const id = randomUUID();
      const { count } = await db.questionSet.createMany({
        data: {
          id,
          projectId: DEFAULT_PROJECT,
          name,
          contentHash,
          questions: questions.length,
          withGold: questions.filter(({ goldIds }) => goldIds.length > 0).length,
          createdBy: actor,
        },
        skipDuplicates: true,
      });
      if (count === 0) {
        if (keepNewest || newest === null || newest.contentHash === contentHash)
          return { version, isNew: false, note: null };
        await db.questionSet.updateMany({
          where: { projectId: DEFAULT_PROJECT, name, contentHash },
          data: { createdAt: new Date() },
        });
        return {
          version,
          isNew: false,
          note: `Version ${version} of ${name} is the newest again.`,
        };
      }
      const numbered = questions.map((question, ordinal) => ({ ...question, ordinal }));
      for (const batch of chunk(numbered, BATCH)) await insertQuestions(db, id, batch);
      return {
        version,
        isNew: true,
        note: newest && (await describeCorrections(db, { id, version, newest })),
      };
    });
  }
}

/** The version that a content is, and whether it was stored now. */
export interface StoredVersion {
  version: string;
  isNew: boolean;
  /** What a person should know of it: other gold answers than the version before. */
  note: string | null;
}

/** Says that the same questions have other gold answers than they had; null where they have not. */
async function describeCorrections(
  db: Queries,
  stored: { id: string; version: string; newest: { id: string; contentHash: string } },
): Promise<string | null> {
  const { count, question, before, after } = await selectCorrections(
    db,
    stored.id,
    stored.newest.id,
  );
  if (count === 0) return null;
  const earlier = stored.newest.contentHash.slice(0, VERSION_DIGITS);
  return `${count} ${count === 1 ? "question has" : "questions have"} other gold answers than in version ${earlier}, which earlier runs keep: this is version ${stored.version}. First: ${JSON.stringify(question)}, ${before?.join(" | ")} before, ${after?.join(" | ")} now.`;
}

/** A version's name: the first digits of its content's hash. */
export const computeVersion = async (questions: readonly QuestionRecord[]): Promise<string> =>
  (await hashQuestions(questions)).slice(0, VERSION_DIGITS);

/** The hash of their JSON, made in parts, between which the server answers others. */
async function hashQuestions(questions: readonly QuestionRecord[]): Promise<string> {
  const hash = createHash("sha256").update("[");
  let separator = "";
  for (const batch of chunk(questions, BATCH)) {
    hash.update(separator + JSON.stringify(batch).slice(1, -1));
    separator = ",";
    await setImmediate();
  }
  return hash.update("]").digest("hex");
}
