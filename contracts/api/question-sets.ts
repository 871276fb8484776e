import { z } from "zod";
import { questionLineSchema } from "@/contracts/formats/corpus-lines";
import {
  columnMappingSchema,
  FIELDS,
  questionFormatSchema,
  questionReadingSchema,
} from "@/contracts/formats/question-file";
import { foundTextSchema } from "@/contracts/formats/reading";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { checkRunResponseSchema } from "./runs";
import { questionSchema } from "@/contracts/worker-protocol/questions";
import { rowIdSchema } from "./row-id";

export const listCorporaResponseSchema = z.array(
  z.object({ name: z.string(), documents: z.int(), contentHash: z.string(), createdAt: z.date() }),
);

export const importQuestionsRequestSchema = z.object({
  name: z
    .string()
    .trim()
    .regex(
      /^[\w.-]+(\/[\w.-]+)?$/,
      "letters, digits, dot, dash and underscore, with at most one slash: my-set or my-set/dev",
    )
    .max(120),
  /** One JSON object a line: {"id", "question", "answers": [...]} and optionally goldIds, type, group, goldQueries. */
  jsonl: z.string().max(200_000_000),
});

export const importQuestionsResponseSchema = z.object({ name: z.string(), questions: z.int() });

/** A request is held in memory as a whole. */
const MAX_QUESTION_FILE = 200_000_000;
/** Base64 has four characters for three bytes. */
const MAX_QUESTION_CONTENT = 4 * Math.ceil(MAX_QUESTION_FILE / 3);

export const previewQuestionsRequestSchema = z.object({
  fileName: z.string().min(1).max(255),
  content: z
    .string()
    .min(1, "the file is empty")
    .max(
      MAX_QUESTION_CONTENT,
      `a question file may have at most ${MAX_QUESTION_FILE / 1e6} MB; split it`,
    ),
  /** How `content` carries the file: its bytes in base64, or a text that has no bytes of its own. */
  encoding: z.enum(["utf8", "base64"]).default("utf8"),
  format: questionFormatSchema.default("auto"),
  reading: questionReadingSchema.prefault({}),
  /** Columns by field where the guess by their names is wrong; null: the file does not have the field. */
  mapping: columnMappingSchema.default({}),
  /** Corpus in which titles of gold passages are looked up, for sets that name no ids. */
  goldCorpus: z.string().min(1).nullable().default(null),
});

const problemSchema = z.object({ where: z.string(), message: z.string() });

export const previewQuestionsResponseSchema = z.object({
  format: questionFormatSchema.exclude(["auto"]),
  /** "gzip" where the file was packed. */
  container: z.string().nullable(),
  /** How its text is written; null of parquet. */
  text: foundTextSchema.omit({ columns: true }).nullable(),
  columns: z.array(z.string()),
  /** Columns that no field is read from. */
  unread: z.array(z.string()),
  /** What must be decided before the file can be imported, e.g. which column holds the ids. */
  undecided: z.array(z.string()),
  mapping: z.record(z.enum(FIELDS), z.string().nullable()),
  rows: z.int(),
  /** Data sets and splits that the file holds; each becomes a set. */
  parts: z.array(
    z.object({
      name: z.string(),
      questions: z.int(),
      withGold: z.int(),
      /** Of `questions`, those whose gold titles stand over no passage of `goldCorpus`, or over several. */ unresolvedGold:
        z.int(),
      withOptions: z.int(),
      /** With a gold answer that is just yes or no: runs with skipYesNo leave them out. */
      yesNo: z.int(),
    }),
  ),
  /** The first questions as they would be stored. */
  sample: z.array(
    z.object({ part: z.string(), question: questionLineSchema, goldTitles: z.array(z.string()) }),
  ),
  /** Rows that cannot be used ("line 17"), the first 200 of `problemCount`. */
  problems: z.array(problemSchema),
  problemCount: z.int(),
  warnings: z.array(z.string()),
});

export const importQuestionFileRequestSchema = previewQuestionsRequestSchema.extend({
  name: importQuestionsRequestSchema.shape.name,
  /** Parts to import, as the preview names them; null: all. Several become NAME/PART. */
  parts: z.array(z.string()).nullable().default(null),
  /** Leave out rows that cannot be used; off: one such row and nothing is imported. */
  skipProblems: z.boolean().default(false),
});

export const importQuestionFileResponseSchema = z.object({
  sets: z.array(
    z.object({
      name: z.string(),
      questions: z.int(),
      withGold: z.int(),
      /** Questions whose gold titles stand over no passage, or over several. */
      unresolvedGold: z.int(),
      version: z.string(),
      /** False where this very content was stored under the name before. */
      isNew: z.boolean(),
    }),
  ),
  skipped: z.int(),
  warnings: z.array(z.string()),
});

/** Something that a run needs and that a command fetches or serves. */
export const runPartSchema = z.object({
  kind: z.enum(["questions", "model", "corpus", "encoder", "retriever", "generator"]),
  name: z.string(),
  /** `elsewhere`: behind an address, which only the run's preflight can ask. */
  state: z.enum(["here", "missing", "elsewhere"]),
  /** What the command downloads; null where nothing says so, or it downloads nothing. */
  downloadGiB: z.number().nullable(),
  licence: z.string().nullable(),
  /** Fetches or serves it; null where it comes by hand alone. */
  command: z.string().nullable(),
});
export type RunPart = z.infer<typeof runPartSchema>;

export const listPresetsResponseSchema = z.array(
  z.object({
    id: z.string(),
    title: z.string(),
    description: z.string(),
    /** With every default filled in. */
    config: runConfigSchema,
    requirements: checkRunResponseSchema.shape.requirements,
    /** Every requirement is met by a worker that is online. */
    ready: z.boolean(),
    /** What is fetched or served for it: question sets, models, its corpus, its retriever and its generator. */
    parts: z.array(runPartSchema),
  }),
);

export const questionSetVersionsRequestSchema = z.object({ name: z.string().min(1) });

export const questionSetVersionsResponseSchema = z.array(
  z.object({
    /** First twelve digits of the content's sha256. */
    version: z.string(),
    questions: z.int(),
    withGold: z.int(),
    createdAt: z.date(),
    createdBy: z.string(),
    /** Runs that are pinned to it. */
    runs: z.int(),
  }),
);

export const listQuestionSetsResponseSchema = z.array(
  z.object({
    name: z.string(),
    questions: z.int(),
    /** Questions that name gold documents. */
    withGold: z.int(),
    createdAt: z.date(),
    createdBy: z.string(),
  }),
);

export const listQuestionsRequestSchema = z.object({
  set: z.string().min(1),
  text: z.string().max(200).optional(),
  cursor: rowIdSchema.nullish(),
  limit: z.int().min(1).max(500).default(50),
});

export const listQuestionsResponseSchema = z.object({
  rows: z.array(questionSchema),
  nextCursor: z.string().nullable(),
  total: z.int(),
});
