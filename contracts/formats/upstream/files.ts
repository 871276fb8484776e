import { z } from "zod";
import { parseQuestionText, removeOptions } from "./question-text";

/** Upstream's result files (s3 at ba08d58): their shapes. core/upstream/parse-file.ts tells them apart and reads them. */

const textSchema = z.string();
/** One text, or a list of the steps' texts. */
const textsSchema = z.union([textSchema.transform((one) => [one]), z.array(textSchema)]);
const goldensSchema = z.union([
  textSchema.transform((one) => [one]),
  z.array(z.union([textSchema, z.number().transform(String)])),
]);

/** {dataset}_output_sequences.json of s3: what the searcher wrote, and the documents that it handed over. */
const s3SequenceSchema = z.looseObject({
  golden_answers: goldensSchema,
  context_with_info: textSchema,
  response_str: textSchema.optional(),
});
/** The same of IRCoT and Search-o1: retrieval by retrieval. */
export const stepSequenceSchema = z.looseObject({
  golden_answers: goldensSchema,
  chain_of_thought: textsSchema.optional(),
  retrievals: z.array(z.looseObject({ query: textSchema, context: textsSchema })),
  all_context: textsSchema.optional(),
});
export const outputSequencesSchema = z.record(
  z.string(),
  z.union([stepSequenceSchema, s3SequenceSchema]),
);
export type OutputSequences = z.infer<typeof outputSequencesSchema>;
export type StepSequence = z.infer<typeof stepSequenceSchema>;
export type S3Sequence = z.infer<typeof s3SequenceSchema>;
export const isStepSequence = (sequence: StepSequence | S3Sequence): sequence is StepSequence =>
  "retrievals" in sequence;

/** Python writes NaN and Infinity where there is no number: the value is missing, and nothing else with it. */
const noNumberSchema = z
  .custom<number | null>(
    (value) => value === null || (typeof value === "number" && !Number.isFinite(value)),
  )
  .transform(() => null);
const shareSchema = z.union([z.number().min(0).max(1), z.boolean().transform(Number)]);
/** rag_cache.json and results/*.json: answers with generation accuracy and exact match, by data set and question. */
export const resultsFileSchema = z.record(
  z.string(),
  z.record(
    z.string(),
    z.looseObject({
      answer: z.union([z.string(), noNumberSchema.transform(() => "")]),
      score: z.union([shareSchema, noNumberSchema]),
      em_score: z.union([shareSchema, noNumberSchema]).optional(),
    }),
  ),
);
export type ResultsFile = z.infer<typeof resultsFileSchema>;

/** *_stats.json */
export const statsFileSchema = z.looseObject({
  timestamp: z.union([textSchema, z.number()]).optional(),
  total_questions: z.int().nonnegative(),
  processed_questions: z.int().nonnegative(),
  data_source_stats: z.record(
    z.string(),
    z.looseObject({
      total: z.int(),
      correct: z.number(),
      accuracy: z.number(),
      em_correct: z.number().optional(),
      em_accuracy: z.number().optional(),
    }),
  ),
  remaining_questions: z.union([z.int(), z.array(z.unknown())]).optional(),
});
export type StatsFile = z.infer<typeof statsFileSchema>;

/** A line of verl's rollout JSONL (trainer.rollout_data_dir): prompt and response as text, the reward, the step. */
const gtsSchema = z.union([
  textSchema,
  z.array(textSchema),
  z.looseObject({ target: goldensSchema.optional(), question: textSchema.optional() }),
]);
export const rolloutLineSchema = z.looseObject({
  input: textSchema,
  output: textSchema,
  score: z.union([z.number(), noNumberSchema]),
  step: z.int32().nonnegative().optional(),
  gts: gtsSchema.nullish(),
});
export type RolloutLine = z.infer<typeof rolloutLineSchema>;

export type UpstreamFile =
  | { kind: "sequences"; dataset: string; sequences: OutputSequences }
  | { kind: "rag-cache"; name: string; results: ResultsFile }
  | { kind: "results"; name: string; results: ResultsFile }
  | { kind: "stats"; name: string; stats: StatsFile }
  | { kind: "rollouts"; name: string; step: number | null; lines: RolloutLine[] };

/**
 * A question as key: upstream appends "?" to every question, and carries the options of a multiple choice below it.
 * Two texts that differ in question marks at their ends, in case, or in white space alone are one question; other
 * options are another.
 */
export function buildQuestionKey(text: string): string {
  const { question, choices } = parseQuestionText(text);
  return [question, ...(choices ?? []).map((choice) => choice.text)].map(normaliseKey).join("\n");
}

/** The key of a question whatever its options are. */
export const buildStemKey = (text: string): string => normaliseKey(removeOptions(text));

const normaliseKey = (text: string): string =>
  text
    .toLowerCase()
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[?\s]+$/, "");
