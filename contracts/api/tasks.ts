import { z } from "zod";
import { wireErrorSchema } from "@/contracts/errors";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import { generatorSchema } from "@/contracts/run-config/generator";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";
import { retrieverSchema } from "@/contracts/run-config/retriever";

const taskStateSchema = z.enum(["running", "succeeded", "failed", "cancelled"]);

export type TaskState = z.infer<typeof taskStateSchema>;

export const taskKindSchema = z.enum([
  "query",
  "documents",
  "dry-run",
  "index-plan",
  "corpus-preview",
  "remove-corpus",
  "turn-gains",
  "play",
]);

export type TaskKind = z.infer<typeof taskKindSchema>;

export const getTaskRequestSchema = z.object({ id: z.uuid() });

export const taskDetailSchema = z.object({
  id: z.uuid(),
  kind: taskKindSchema,
  state: taskStateSchema,
  worker: z.object({ id: z.uuid(), name: z.string() }),
  detail: z.string(),
  /** 0..1 */
  fraction: z.number(),
  createdAt: z.date(),
  endedAt: z.date().nullable(),
  error: wireErrorSchema.nullable(),
  /** What contracts/worker-protocol.ts names for the kind (queryResult, dryRunResult, ...); checked against it. */
  result: z.unknown(),
  /** What there is of the result before the end (kind "play": playProgressSchema); null: nothing. */
  partial: z.unknown(),
});

export type TaskDetail = z.infer<typeof taskDetailSchema>;

export const cancelTaskRequestSchema = z.object({ id: z.uuid() });

export const cancelTaskResponseSchema = z.object({ state: taskStateSchema });

/** What is changed of an episode, and from where it is played again. Absent: as it was. */
export const episodeChangeSchema = z
  .object({
    /** It is kept as it was before this turn; null: all of it is kept, and only the answer is made anew. */
    turn: z.int().nonnegative().nullable(),
    /** Query of the turn. */
    query: z.string().trim().min(1, "type a query").max(MAX_QUERY_LENGTH).optional(),
    /** Ids of the documents that are selected of the turn's window, which is kept. */
    selected: z.array(z.string().min(1)).max(50).optional(),
    retriever: retrieverSchema.optional(),
    generator: generatorSchema.optional(),
    /** Id of a checkpoint; null: the untrained searcher. */
    checkpoint: z.uuid().nullable(),
  })
  .refine(({ query, selected }) => query === undefined || selected === undefined, {
    path: ["selected"],
    message: "another query brings other documents: change one of query and selection",
  });
export type EpisodeChange = z.infer<typeof episodeChangeSchema>;

export const createTaskRequestSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("query"),
    corpus: z.string().min(1),
    retriever: retrieverSchema,
    query: z.string().trim().min(1, "type a query").max(MAX_QUERY_LENGTH),
    k: z.int().min(1).max(50).default(10),
    /** Null: any worker that can. */ workerId: z.uuid().nullish(),
  }),
  /** Documents of a corpus, read where it lies. */
  z.object({
    kind: z.literal("documents"),
    corpus: z.string().min(1),
    ids: z.array(z.string().trim().min(1).max(512)).min(1).max(50),
  }),
  /** Eight questions with the exact configuration. */
  z.object({ kind: z.literal("dry-run"), config: z.unknown() }),
  /** Which indexes a retriever needs over a corpus and what they cost, measured on the worker; `passages` where no worker holds it yet. */
  z.object({
    kind: z.literal("index-plan"),
    corpus: z.string().min(1),
    passages: z.int().positive().nullish(),
    retriever: retrieverSchema,
    /** Name or id; null: any worker that can. */ worker: z.string().nullish(),
  }),
  /** What the beginning of a source holds, read as its import would read it; nothing is imported. */
  z.object({
    kind: z.literal("corpus-preview"),
    source: corpusSourceSchema,
    /** Name or id; null: any worker. */ worker: z.string().nullish(),
  }),
  /** Deletes an imported corpus and its indexes from a worker; refused while a run uses it. */
  z.object({ kind: z.literal("remove-corpus"), corpus: z.string().min(1), workerId: z.uuid() }),
  /** What each turn of a stored episode gained. */
  z.object({ kind: z.literal("turn-gains"), episodeId: z.uuid() }),
  /** Plays a typed question with a method's configuration of a predict run; its question set is not read. */
  z.object({
    kind: z.literal("ask"),
    config: z.unknown(),
    question: z.string().trim().min(1, "type a question").max(MAX_QUERY_LENGTH),
    /** Answers that count as right; none: nothing is scored. */
    answers: z.array(z.string().trim().min(1).max(500)).max(20).default([]),
  }),
  /** Plays a stored episode again from a turn on, with what was changed. */
  z.object({ kind: z.literal("what-if"), episodeId: z.uuid(), change: episodeChangeSchema }),
]);

export const createTaskResponseSchema = z.object({ taskId: z.uuid() });
