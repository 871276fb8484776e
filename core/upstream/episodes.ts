import { documentHash } from "@/core/episode/document-hash";
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

/** Between upstream's sequences and typed steps. What a file does not hold stays absent: nothing is made up. */

export interface ImportedSteps {
  steps: EpisodeStep[];
  /** Documents handed to the generator, in order. */
  context: DocumentRef[];
  documents: DocumentText[];
}

/** Turns an upstream document into ours; one whose hash the server knows from a corpus gets that corpus' id there. */
function asDocument({ title, text }: UpstreamDocument): DocumentText {
  const hash = documentHash({ title, text });
  return { id: `upstream-${hash.slice(0, 16)}`, hash, title, text };
}
const refOf = ({ id, hash }: DocumentText): DocumentRef => ({ id, hash, score: null });
const unique = <T extends { hash: string }>(items: readonly T[]): T[] => [
  ...new Map(items.map((item) => [item.hash, item])).values(),
];

/** Steps of one sequence; seconds are not in the files and count 0. */
export function stepsOfSequence(sequence: S3Sequence | StepSequence): ImportedSteps {
  const steps: EpisodeStep[] = [];
  const documents: DocumentText[] = [];
  if (!isStepSequence(sequence)) {
    const found = unique(parseDocuments(sequence.context_with_info).map(asDocument));
    if (sequence.response_str !== undefined)
      steps.push({ kind: "generate", turn: 0, seconds: 0, text: sequence.response_str });
    return { steps, context: found.map(refOf), documents: found };
  }
  for (const [turn, { query, context }] of sequence.retrievals.entries()) {
    const found = unique(context.flatMap(parseDocuments).map(asDocument));
    documents.push(...found);
    steps.push({ kind: "retrieve", turn, seconds: 0, query, documents: found.map(refOf) });
  }
  for (const [i, text] of (sequence.chain_of_thought ?? []).entries())
    steps.push({
      kind: "generate",
      turn: Math.min(i, Math.max(0, sequence.retrievals.length - 1)),
      seconds: 0,
      text,
    });
  const handed = sequence.all_context
    ? unique(sequence.all_context.flatMap(parseDocuments).map(asDocument))
    : unique(documents);
  return { steps, context: handed.map(refOf), documents: unique([...documents, ...handed]) };
}

/** An episode for export: its steps, with the texts by hash. */
export interface ExportedEpisode {
  answers: readonly string[];
  steps: readonly EpisodeStep[];
  context: readonly DocumentRef[];
  textOf(hash: string): UpstreamDocument;
}

/** s3's own form: the searcher's text as one, and the documents handed over. */
export function s3SequenceOf({ answers, steps, context, textOf }: ExportedEpisode): S3Sequence {
  const said = steps.flatMap((step) => (step.kind === "generate" ? [step.text] : []));
  return {
    golden_answers: [...answers],
    context_with_info: formatDocuments(context.map(({ hash }) => textOf(hash))),
    ...(said.length > 0 && { response_str: said.join("\n") }),
  };
}

/** IRCoT's and Search-o1's form: retrieval by retrieval. */
export function stepSequenceOf({ answers, steps, context, textOf }: ExportedEpisode): StepSequence {
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
              context: [formatDocuments(step.documents.map(({ hash }) => textOf(hash)))],
            },
          ]
        : [],
    ),
    all_context: [formatDocuments(context.map(({ hash }) => textOf(hash)))],
  };
}
