import { z } from "zod";
import { methodNameSchema } from "@/contracts/records/episode";

/**
 * Where the files and traces of other trainers hold what an episode is made of. One mapping a format; a project may keep
 * its own. Places are dotted paths (core/traces/read-place.ts) and are tried in order: the first that holds something
 * that fits is taken.
 */

/** Version of the mappings' own form. */
const VERSION = 1;

const placeSchema = z
  .string()
  .min(1, "a place is a dotted path, e.g. info.question")
  .max(300)
  .regex(/^[^.]+(?:\.[^.]+)*$/, "a place is a dotted path without empty parts");
const placesSchema = z.array(placeSchema).max(20);
const namesSchema = z.array(z.string().min(1).max(200)).max(50);

const common = {
  version: z.literal(VERSION),
  /** Texts that may be the question; the first that is in the question set is taken. */
  question: placesSchema.min(1, "name at least one place of the question"),
  step: placesSchema,
  /** A number, or an object of rewards by name, each a number or `{score, weight}`: their weighted sum. */
  reward: placesSchema,
  /** A reward from which on the answer counts as right, for the quadrants with naive RAG. */
  rightFrom: z.number(),
};

/** Of a form in which one object is one rollout with its turns. */
const played = {
  ...common,
  /** What the model answered in the end. */
  answer: placesSchema,
  model: placesSchema,
  /** Whether it is an evaluation: one of `heldOut` stands there. */
  phase: placesSchema,
  heldOut: namesSchema,
  /** The method that its episodes are shown as. */
  method: methodNameSchema,
};

/** Where the parts of one found document stand, within the document. */
const documentSchema = z.strictObject({
  id: placesSchema,
  title: placesSchema,
  text: placesSchema.min(1, "name at least one place of a document's text"),
  score: placesSchema,
});

/** Which tools search, and where their arguments and results are. */
const searchSchema = z.strictObject({
  /** Names of tools that search; `*` for every tool. */
  tools: namesSchema,
  /** Within the arguments. */
  query: placesSchema,
  /** Lists of documents within the result; a result that is such a list itself needs none. */
  documents: placesSchema,
  document: documentSchema,
});

/** Tools by which the model selects documents, and where their ids stand in the arguments. */
const selectSchema = z.strictObject({ tools: namesSchema, ids: placesSchema });

/** Name of a tag, as in `<search>`. */
const tagSchema = z
  .string()
  .max(40)
  .regex(/^[A-Za-z][\w-]*$/, "a tag's name is a letter, then letters, digits, _ or -");

/** Tags by which an answer's text writes a search: `call` has its query or a tool's call as JSON, `result` what came back. */
const searchTagsSchema = z.strictObject({
  call: tagSchema,
  result: tagSchema,
  /** Of the final answer; null: words without a call are it. */
  answer: tagSchema.nullable(),
});
export type SearchTags = z.infer<typeof searchTagsSchema>;

/**
 * A file of one line a rollout, with prompt and answer as texts (verl's rollout_data_dir and validation_data_dir).
 * Upstream's tags are read beside those that are named here.
 */
const verlMappingSchema = z.strictObject({
  format: z.literal("verl"),
  ...common,
  input: placesSchema.min(1),
  output: placesSchema.min(1),
  /** Whether it is an evaluation: one of `heldOut` stands there. What sends the file may say it for all of its lines. */
  phase: placesSchema,
  heldOut: namesSchema,
  /** The method that rollouts by `searches` are shown as; those by upstream's tags are s3's. */
  method: methodNameSchema,
  searches: z.array(searchTagsSchema).max(20),
  /** Tags of the model's own words, which say nothing of searches. Others are listed as unread. */
  words: z.array(tagSchema).max(50),
  /** Sentences of instructions that name tags without using them. */
  quoted: namesSchema,
  search: searchSchema,
});

/** Saved results of verifiers, and of what is built on it: chat messages with tool calls. */
const verifiersMappingSchema = z.strictObject({
  format: z.literal("verifiers"),
  ...played,
  /** Lists of rollouts in one line, whose parts are sought in the rollout first; a line without such a list is one. */
  rollouts: placesSchema,
  /** Messages of the prompt, and those that followed. */
  prompt: placesSchema,
  messages: placesSchema.min(1),
  search: searchSchema,
  select: selectSchema,
});

/** Spans of OpenInference, which come by OTLP. A trace is a rollout; its first span has what is said of the whole. */
const openInferenceMappingSchema = z.strictObject({
  format: z.literal("openinference"),
  ...played,
  /** The attribute that says what a span is of. */
  kind: placesSchema.min(1),
  search: z.strictObject({
    kinds: namesSchema,
    ...searchSchema.shape,
    /** Names of the tool of a span. */
    tool: placesSchema,
  }),
  /** Spans that say which documents were kept of what was found. */
  rerank: z.strictObject({ kinds: namesSchema, documents: placesSchema, document: documentSchema }),
  generate: z.strictObject({
    kinds: namesSchema,
    prompt: placesSchema,
    text: placesSchema,
    promptTokens: placesSchema,
    completionTokens: placesSchema,
  }),
  /** Spans that only hold others, or tell nothing of the episode. */
  ignored: namesSchema,
});

export const traceMappingSchema = z.discriminatedUnion("format", [
  verlMappingSchema,
  verifiersMappingSchema,
  openInferenceMappingSchema,
]);
export type TraceMapping = z.infer<typeof traceMappingSchema>;
export type VerlMapping = z.infer<typeof verlMappingSchema>;
export type VerifiersMapping = z.infer<typeof verifiersMappingSchema>;
export type OpenInferenceMapping = z.infer<typeof openInferenceMappingSchema>;
export type DocumentMapping = z.infer<typeof documentSchema>;

export const traceFormatSchema = z.enum(["verl", "verifiers", "openinference"]);
export type TraceFormat = z.infer<typeof traceFormatSchema>;
