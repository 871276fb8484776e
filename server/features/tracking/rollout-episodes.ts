import { AppError, describeIssues } from "@/contracts/errors";
import { rolloutLineSchema, type RolloutLine } from "@/contracts/formats/upstream/files";
import type { DocumentText, EpisodeRecord } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import { parseSequence } from "@/core/upstream/episodes";
import { parseRolloutJson } from "@/core/upstream/parse-file";
import { hashJson } from "@/lib/hash";

/** Lines of verl's rollout_data_dir as episodes of a run that is observed. Pure. */

/** Marks by which chat templates begin a turn: the boundary of prompt and answer is known without them. */
const TURN_MARKS = /<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>/g;

/** A line of a file, numbered from 0, or why it cannot be read. */
export type ReadLine =
  { number: number; rollout: RolloutLine } | { number: number; reason: string };

/** Reads the lines of a piece of a file. @param first number of its first line, from 0 */
export function readRolloutLines(text: string, first: number): ReadLine[] {
  return text.split(/\r?\n/).flatMap((line, i): ReadLine[] => {
    if (line.trim() === "") return [];
    const number = first + i;
    try {
      const parsed = rolloutLineSchema.safeParse(parseRolloutJson(`line ${number + 1}`, line));
      return parsed.success
        ? [{ number, rollout: parsed.data }]
        : [{ number, reason: describeIssues(parsed.error).split("\n").slice(0, 3).join("; ") }];
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return [{ number, reason: error.message }];
    }
  });
}

/** Where a rollout lies: its place makes the episode's key, so that it is stored once. */
export interface RolloutPlace {
  runId: string;
  file: string;
  line: number;
}

/** Key of the episode of a rollout. */
export const buildRolloutKey = ({ runId, file, line }: RolloutPlace): string =>
  hashJson(["observed rollout 1", runId, file, line]);

/** An episode with the texts that it names. */
export interface BuiltRollout {
  record: EpisodeRecord;
  documents: DocumentText[];
  /** Windows of which no document can be read. */
  emptyWindows: number;
}

/**
 * The episode of a rollout: its searches, windows and selections as far as the text shows them, and the reward. Where it
 * shows none, prompt and answer are one step, as no search is made up.
 */
export function buildRolloutEpisode(
  { input, output, score, step }: RolloutLine,
  question: Question,
  place: RolloutPlace & { fileStep: number; sampleIndex: number },
): BuiltRollout {
  const text = `${input.replace(TURN_MARKS, "")}<|im_start|>assistant\n${output}`;
  const read = parseSequence(
    { golden_answers: [], context_with_info: "", response_str: text },
    question.question,
  );
  const hasSearches = read.steps.some(({ kind }) => kind === "retrieve");
  const shown = new Map(read.documents.map((document) => [document.id, document]));
  const kept = read.steps.flatMap((one) => (one.kind === "select" ? one.selected : []));
  const record: EpisodeRecord = {
    phase: "train",
    step: step ?? place.fileStep,
    episode: {
      key: buildRolloutKey(place),
      method: "s3",
      protocol: "upstream",
      questionId: question.id,
      sampleIndex: place.sampleIndex,
      steps: hasSearches
        ? read.steps
        : [{ kind: "generate", turn: 0, seconds: 0, prompt: input, text: output }],
      context: [...new Set(kept)].map((id) => ({ id, hash: shown.get(id)!.hash, score: null })),
    },
    answer: null,
    score: null,
    baseline: null,
    reward:
      score === null
        ? null
        : { name: "upstream", terms: [{ label: "score", weight: 1, value: score }], value: score },
    advantage: null,
    attribution: null,
    formatErrors: [],
  };
  const emptyWindows = read.steps.filter(
    (one) => one.kind === "retrieve" && one.documents.length === 0,
  ).length;
  return { record, documents: hasSearches ? read.documents : [], emptyWindows };
}
