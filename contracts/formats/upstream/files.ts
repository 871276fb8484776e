import { z } from "zod";
import { AppError, describeIssues } from "@/contracts/errors";

/** Upstream's result files (s3 at ba08d58): their shapes, how to tell them apart, and how to read them. Pure. */

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
const stepSequenceSchema = z.looseObject({
  golden_answers: goldensSchema,
  chain_of_thought: textsSchema.optional(),
  retrievals: z.array(z.looseObject({ query: textSchema, context: textsSchema })),
  all_context: textsSchema.optional(),
});
const outputSequencesSchema = z.record(z.string(), z.union([stepSequenceSchema, s3SequenceSchema]));
export type OutputSequences = z.infer<typeof outputSequencesSchema>;
export type StepSequence = z.infer<typeof stepSequenceSchema>;
export type S3Sequence = z.infer<typeof s3SequenceSchema>;
export const isStepSequence = (sequence: StepSequence | S3Sequence): sequence is StepSequence =>
  "retrievals" in sequence;

const shareSchema = z.union([z.number().min(0).max(1), z.boolean().transform(Number)]);
/** rag_cache.json and results/*.json: answers with generation accuracy and exact match, by data set and question. */
const resultsFileSchema = z.record(
  z.string(),
  z.record(
    z.string(),
    z.looseObject({
      answer: z
        .string()
        .nullable()
        .transform((answer) => answer ?? ""),
      score: shareSchema,
      em_score: shareSchema.optional(),
    }),
  ),
);
export type ResultsFile = z.infer<typeof resultsFileSchema>;

/** *_stats.json */
const statsFileSchema = z.looseObject({
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
const rolloutLineSchema = z.looseObject({
  input: textSchema,
  output: textSchema,
  score: z.number(),
  step: z.int().nonnegative().optional(),
  gts: gtsSchema.nullish(),
});
export type RolloutLine = z.infer<typeof rolloutLineSchema>;

export type UpstreamFile =
  | { kind: "sequences"; dataset: string; sequences: OutputSequences }
  | { kind: "rag-cache"; name: string; results: ResultsFile }
  | { kind: "results"; name: string; results: ResultsFile }
  | { kind: "stats"; name: string; stats: StatsFile }
  | { kind: "rollouts"; name: string; step: number | null; lines: RolloutLine[] };

const base = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/**
 * Reads one file. Its kind is known by its name or else by its content; null: not a file of upstream's.
 *
 * @throws AppError "invalid-input" for a file that has the name but not the shape
 */
export function parseUpstreamFile(path: string, content: string): UpstreamFile | null {
  const name = base(path);
  if (name.endsWith(".jsonl")) return parseRollouts(name, content);
  if (!name.endsWith(".json")) return null;
  const value = json(name, content);
  const sequences = /^(.+)_output_sequences\.json$/.exec(name);
  if (sequences)
    return {
      kind: "sequences",
      dataset: sequences[1]!,
      sequences: shaped(outputSequencesSchema, value, name),
    };
  if (name.endsWith("_stats.json"))
    return {
      kind: "stats",
      name: name.replace(/_stats\.json$/, ""),
      stats: shaped(statsFileSchema, value, name),
    };
  const results = resultsFileSchema.safeParse(value);
  const isCache = name.includes("rag_cache");
  if (!results.success) {
    if (isCache || path.includes("results/")) shaped(resultsFileSchema, value, name);
    return null;
  }
  return {
    kind: isCache ? "rag-cache" : "results",
    name: name.replace(/\.json$/, ""),
    results: results.data,
  };
}

function parseRollouts(name: string, content: string): UpstreamFile | null {
  const lines = content
    .split(/\r?\n/)
    .flatMap((line, i) => (line.trim() === "" ? [] : [{ line, number: i + 1 }]));
  const step = /^(\d+)\.jsonl$/.exec(name);
  const parsed: RolloutLine[] = [];
  for (const { line, number } of lines) {
    const result = rolloutLineSchema.safeParse(json(`${name}, line ${number}`, line));
    if (!result.success) {
      if (parsed.length === 0 && !step) return null;
      throw new AppError(
        "invalid-input",
        `${name}, line ${number} is no rollout: ${describeIssues(result.error)}`,
      );
    }
    parsed.push(result.data);
  }
  return parsed.length === 0
    ? null
    : { kind: "rollouts", name, step: step ? Number(step[1]) : null, lines: parsed };
}

function json(name: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new AppError(
      "invalid-input",
      `${name} is not JSON (was the run that wrote it killed?): ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function shaped<T extends z.ZodType>(schema: T, value: unknown, name: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError(
    "invalid-input",
    `${name} does not have the shape of its name: ${describeIssues(parsed.error).split("\n").slice(0, 5).join("; ")}`,
  );
}

/**
 * A question as key: upstream appends "?" to every question, and carries the options of a multiple choice below it.
 * Two texts that differ in that, in case, or in white space alone are one question.
 */
export function buildQuestionKey(question: string): string {
  return question
    .split(/\n\s*Options:/)[0]!
    .toLowerCase()
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[?\s]+$/, "");
}
