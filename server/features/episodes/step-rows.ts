import { z } from "zod";
import {
  episodeStepSchema,
  type DocumentRef,
  type EpisodeStep,
  type StepOfKind,
} from "@/contracts/records/episode";

const textListSchema = z.array(z.string()).nullable();
const intListSchema = z.array(z.int()).nullable();
const numberListSchema = z.array(z.number().nullable()).nullable();

/** A row of table `steps`, without its key. */
export const stepRowSchema = z.object({
  kind: z.enum(["generate", "retrieve", "select", "condense", "reject", "stop"]),
  turn: z.int(),
  seconds: z.number(),
  text: z.string().nullable(),
  prompt: z.string().nullable(),
  prompt_tokens: z.int().nullable(),
  completion_tokens: z.int().nullable(),
  token_ids: intListSchema,
  token_mask: intListSchema,
  token_logprobs: z.array(z.number()).nullable(),
  token_entropies: z.array(z.number()).nullable(),
  token_advantages: z.array(z.number()).nullable(),
  document_ids: textListSchema,
  document_hashes: textListSchema,
  document_scores: numberListSchema,
  selected: textListSchema,
  implicit: z.boolean().nullable(),
  reason: z.string().nullable(),
  /** Of a retrieve step with an online search. */
  fetched_at: z.date().nullable(),
});
export type StepRow = z.infer<typeof stepRowSchema>;
/** As a row is written: its time as text. */
export type NewStepRow = Partial<Omit<StepRow, "fetched_at">> & { fetched_at?: string };

/** A step as its row, what is null left out: the window of a retrieve step is array columns, its texts are stored once elsewhere. */
export function toStepRow(step: EpisodeStep): NewStepRow {
  const row: NewStepRow = { kind: step.kind, turn: step.turn, seconds: step.seconds };
  switch (step.kind) {
    case "generate":
      return {
        ...row,
        ...toModelCallColumns(step),
        token_ids: step.ids ?? null,
        token_mask: step.mask ?? null,
        token_logprobs: step.logprobs ?? null,
        token_entropies: step.entropies ?? null,
        token_advantages: step.advantages ?? null,
      };
    case "retrieve":
      return {
        ...row,
        text: step.query,
        document_ids: step.documents.map((d) => d.id),
        document_hashes: step.documents.map((d) => d.hash),
        document_scores: step.documents.map((d) => d.score),
        ...(step.fetchedAt !== undefined && { fetched_at: step.fetchedAt }),
      };
    case "select":
      return { ...row, selected: step.selected, implicit: step.implicit };
    case "condense":
      return { ...row, ...toModelCallColumns(step) };
    case "reject":
      return { ...row, text: step.text, reason: step.error };
    case "stop":
      return { ...row, reason: step.reason };
  }
}

const toModelCallColumns = ({
  text,
  prompt,
  promptTokens,
  completionTokens,
}: StepOfKind<"generate" | "condense">) => ({
  text,
  prompt: prompt ?? null,
  prompt_tokens: promptTokens ?? null,
  completion_tokens: completionTokens ?? null,
});

/** Documents of three parallel arrays. */
export function buildDocumentRefs(
  ids: readonly string[] | null,
  hashes: readonly string[] | null,
  scores: readonly (number | null)[] | null,
): DocumentRef[] {
  return (ids ?? []).map((id, i) => ({ id, hash: hashes?.[i] ?? "", score: scores?.[i] ?? null }));
}

/** The inverse of `rowOfStep`. @throws ZodError for a row that is no step */
export function parseStepRow(row: StepRow): EpisodeStep {
  const { kind, turn, seconds } = row;
  return episodeStepSchema.parse({
    kind,
    turn,
    seconds,
    ...((kind === "generate" || kind === "condense") && {
      text: row.text,
      ...(row.prompt !== null && { prompt: row.prompt }),
      ...(row.prompt_tokens !== null && { promptTokens: row.prompt_tokens }),
      ...(row.completion_tokens !== null && { completionTokens: row.completion_tokens }),
    }),
    ...(kind === "generate" && {
      ...(row.token_ids !== null && { ids: row.token_ids }),
      ...(row.token_mask !== null && { mask: row.token_mask }),
      ...(row.token_logprobs !== null && { logprobs: row.token_logprobs }),
      ...(row.token_entropies !== null && { entropies: row.token_entropies }),
      ...(row.token_advantages !== null && { advantages: row.token_advantages }),
    }),
    ...(kind === "retrieve" && {
      query: row.text,
      documents: buildDocumentRefs(row.document_ids, row.document_hashes, row.document_scores),
      ...(row.fetched_at !== null && { fetchedAt: row.fetched_at.toISOString() }),
    }),
    ...(kind === "select" && { selected: row.selected, implicit: row.implicit }),
    ...(kind === "reject" && { text: row.text, error: row.reason }),
    ...(kind === "stop" && { reason: row.reason }),
  });
}
