import type { z } from "zod";
import { hashDocument } from "@/core/episode/document-hash";
import type { DocumentRef, DocumentText, EpisodeStep } from "@/contracts/records/episode";
import {
  formatGoldAnswers,
  formatQuestionText,
  type AskedQuestion,
} from "@/contracts/formats/upstream/question-text";
import {
  formatDocuments,
  parseDocuments,
  type UpstreamDocument,
} from "@/contracts/formats/upstream/documents";
import {
  isStepSequence,
  type S3Sequence,
  type StepSequence,
  type stepSequenceSchema,
} from "@/contracts/formats/upstream/files";
import { formatResponse, parseResponse, readSelection, saysComplete } from "./response-text";

/** Conversion between upstream's sequences and typed steps. What a file does not hold stays absent. */

export interface ImportedSteps {
  steps: EpisodeStep[];
  /** Documents handed to the generator, in order. */
  context: DocumentRef[];
  documents: DocumentText[];
  /** Windows of which upstream's code cut the end, so that their last document is incomplete. */
  cutWindows: number;
}

/** Converts an upstream document. The server replaces its id where the hash is of a document in a corpus. */
function toDocumentText({ title, text }: UpstreamDocument): DocumentText {
  const hash = hashDocument({ title, text });
  return { id: `upstream-${hash.slice(0, 16)}`, hash, title, text };
}
const toDocumentRef = ({ id, hash }: DocumentText): DocumentRef => ({ id, hash, score: null });
const removeDuplicates = <T extends { hash: string }>(items: readonly T[]): T[] => [
  ...new Map(items.map((item) => [item.hash, item])).values(),
];

/**
 * The steps of one sequence; the files hold no seconds, which are 0.
 * @param question what the first window was retrieved for
 */
export function parseSequence(
  sequence: S3Sequence | StepSequence,
  question: string,
): ImportedSteps {
  if (!isStepSequence(sequence)) return parseS3Sequence(sequence, question);
  const steps: EpisodeStep[] = [];
  const documents: DocumentText[] = [];
  for (const [turn, { query, context }] of sequence.retrievals.entries()) {
    const found = removeDuplicates(context.flatMap(parseDocuments).map(toDocumentText));
    documents.push(...found);
    steps.push({ kind: "retrieve", turn, seconds: 0, query, documents: found.map(toDocumentRef) });
  }
  for (const [i, text] of (sequence.chain_of_thought ?? []).entries())
    steps.push({
      kind: "generate",
      turn: Math.min(i, Math.max(0, sequence.retrievals.length - 1)),
      seconds: 0,
      text,
    });
  const handed = sequence.all_context
    ? removeDuplicates(sequence.all_context.flatMap(parseDocuments).map(toDocumentText))
    : removeDuplicates(documents);
  return {
    steps,
    context: handed.map(toDocumentRef),
    documents: removeDuplicates([...documents, ...handed]),
    cutWindows: 0,
  };
}

/** Turn by turn, as far as `response_str` shows it; where there is none, or no window in it, no search is made up. */
function parseS3Sequence(sequence: S3Sequence, question: string): ImportedSteps {
  const handed = removeDuplicates(parseDocuments(sequence.context_with_info).map(toDocumentText));
  const steps: EpisodeStep[] = [];
  const shown: DocumentText[] = [];
  const turns = parseResponse(sequence.response_str ?? "");
  for (const [turn, { query, window, text }] of turns.entries()) {
    const base = { turn, seconds: 0 };
    const found = window?.map(toDocumentText) ?? null;
    if (found) {
      shown.push(...found);
      const documents = removeDuplicates(found).map(toDocumentRef);
      steps.push({ kind: "retrieve", ...base, query: query ?? question, documents });
    }
    if (text !== "") steps.push({ kind: "generate", ...base, text });
    if (found && text !== "") {
      const kept = readSelection(text, found.length);
      const selected = (kept?.map((i) => found[i]!) ?? found).map(({ id }) => id);
      steps.push({
        kind: "select",
        ...base,
        selected: [...new Set(selected)],
        implicit: kept === null,
      });
    }
    if (turn === turns.length - 1 && saysComplete(text))
      steps.push({ kind: "stop", ...base, reason: "model" });
  }
  return {
    steps,
    context: handed.map(toDocumentRef),
    documents: removeDuplicates([...shown, ...handed]),
    cutWindows: turns.filter(({ isCut }) => isCut).length,
  };
}

/** An episode to export: its steps, with a lookup of texts by hash. */
export interface ExportedEpisode {
  question: AskedQuestion;
  steps: readonly EpisodeStep[];
  context: readonly DocumentRef[];
  getText: (hash: string) => UpstreamDocument;
}

/** s3's form: the whole conversation, and the documents handed to the generator. */
export function buildS3Sequence({
  question,
  steps,
  context,
  getText,
}: ExportedEpisode): S3Sequence {
  return {
    golden_answers: formatGoldAnswers(question),
    context_with_info: formatDocuments(context.map(({ hash }) => getText(hash))),
    ...(steps.some(({ kind }) => kind === "generate") && {
      response_str: formatResponse(formatQuestionText(question), steps, getText),
    }),
  };
}

/** The form of IRCoT and Search-o1: one entry a retrieval. Upstream's scripts want each context as one text. */
export function buildStepSequence({
  question,
  steps,
  context,
  getText,
}: ExportedEpisode): z.input<typeof stepSequenceSchema> {
  return {
    golden_answers: formatGoldAnswers(question),
    chain_of_thought: steps.flatMap((step) =>
      step.kind === "generate" || step.kind === "condense" ? [step.text] : [],
    ),
    retrievals: steps.flatMap((step) =>
      step.kind === "retrieve"
        ? [
            {
              query: step.query,
              context: formatDocuments(step.documents.map(({ hash }) => getText(hash))),
            },
          ]
        : [],
    ),
    all_context: formatDocuments(context.map(({ hash }) => getText(hash))),
  };
}
