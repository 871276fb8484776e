import { hashDocument } from "@/core/episode/document-hash";
import type { DocumentRef, DocumentText, EpisodeStep } from "@/contracts/records/episode";
import {
  formatDocuments,
  parseDocuments,
  type UpstreamDocument,
} from "@/contracts/formats/upstream/documents";
import {
  isStepSequence,
  type S3Sequence,
  type StepSequence,
} from "@/contracts/formats/upstream/files";

/** Conversion between upstream's sequences and typed steps. What a file does not hold stays absent. */

export interface ImportedSteps {
  steps: EpisodeStep[];
  /** Documents handed to the generator, in order. */
  context: DocumentRef[];
  documents: DocumentText[];
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

/** The steps of one sequence; the files hold no seconds, which are 0. */
export function parseSequence(sequence: S3Sequence | StepSequence): ImportedSteps {
  const steps: EpisodeStep[] = [];
  const documents: DocumentText[] = [];
  if (!isStepSequence(sequence)) {
    const found = removeDuplicates(parseDocuments(sequence.context_with_info).map(toDocumentText));
    if (sequence.response_str !== undefined)
      steps.push({ kind: "generate", turn: 0, seconds: 0, text: sequence.response_str });
    return { steps, context: found.map(toDocumentRef), documents: found };
  }
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
  };
}

/** An episode to export: its steps, with a lookup of texts by hash. */
export interface ExportedEpisode {
  answers: readonly string[];
  steps: readonly EpisodeStep[];
  context: readonly DocumentRef[];
  getText: (hash: string) => UpstreamDocument;
}

/** s3's form: the searcher's whole text, and the documents handed to the generator. */
export function buildS3Sequence({ answers, steps, context, getText }: ExportedEpisode): S3Sequence {
  const said = steps.flatMap((step) => (step.kind === "generate" ? [step.text] : []));
  return {
    golden_answers: [...answers],
    context_with_info: formatDocuments(context.map(({ hash }) => getText(hash))),
    ...(said.length > 0 && { response_str: said.join("\n") }),
  };
}

/** The form of IRCoT and Search-o1: one entry a retrieval. */
export function buildStepSequence({
  answers,
  steps,
  context,
  getText,
}: ExportedEpisode): StepSequence {
  return {
    golden_answers: [...answers],
    chain_of_thought: steps.flatMap((step) =>
      step.kind === "generate" || step.kind === "condense" ? [step.text] : [],
    ),
    retrievals: steps.flatMap((step) =>
      step.kind === "retrieve"
        ? [
            {
              query: step.query,
              context: [formatDocuments(step.documents.map(({ hash }) => getText(hash)))],
            },
          ]
        : [],
    ),
    all_context: [formatDocuments(context.map(({ hash }) => getText(hash)))],
  };
}
