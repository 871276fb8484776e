import type { Answer, DocumentText, EpisodeRecord } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import { scoreByRules } from "@/core/scoring/rule-scoring";
import type { Rollout, RewardPart, Unread } from "@/core/traces/rollout";
import { hashJson } from "@/lib/hash";
import type { QuestionLookup } from "@/server/features/upstream/question-lookup";

/** Rollouts of other trainers as episodes of their run. Pure. */

/** What became of the lines that were sent. */
export interface StoredRollouts {
  stored: number;
  /** Lines that were stored before. */
  repeated: number;
  /** Lines of the file, from 1, that cannot be used, and why. */
  refused: { line: number; reason: string }[];
}

/** A line of a file, numbered from 0, with the hash of its text, and its JSON or why it is none. */
export type ReadLine = { number: number; hash: string } & ({ value: unknown } | { reason: string });

/** Where a rollout lies. */
export interface RolloutPlace {
  runId: string;
  file: string;
  line: number;
  /** Which of the rollouts of its line. */
  index: number;
  /** Whether its file is an evaluation's: verl names those of both folders after their steps alike. */
  isHeldOut: boolean;
}

/**
 * Key of the episode of a rollout of a file: the same line of the same place is stored once, another line that a trainer
 * writes there later, as one that goes on from its checkpoint does, is another episode.
 *
 * @param lineHash of the line's text
 */
export const buildRolloutKey = (place: RolloutPlace, lineHash: string): string =>
  hashJson(["observed rollout 2", buildPlaceKey(place), lineHash]);

/** Key that episodes had before the line's text was part of it: those are still known by it. */
export const buildPlaceKey = ({ runId, file, line, index, isHeldOut }: RolloutPlace): string =>
  hashJson([
    "observed rollout 1",
    runId,
    file,
    line,
    ...(index === 0 ? [] : [index]),
    ...(isHeldOut ? ["held-out"] : []),
  ]);

/** Key of the episode of a trace. */
export const buildTraceKey = (runId: string, traceId: string): string =>
  hashJson(["observed trace 1", runId, traceId]);

/** Under which the trainer's own judgement of an answer is stored. */
const TRAINER_SCORER = "trainer/1";
/** Characters of a model's name: indexes of the database hold it. */
const MOST_MODEL = 300;
/** Part of a reward that adds nothing to it and says whether it counts as right. */
export const RIGHT_TERM = "right";

/** An episode with the texts that it names. */
export interface BuiltRollout {
  record: EpisodeRecord;
  documents: DocumentText[];
  unread: Unread[];
}

/** The question that a rollout answers: by the texts that may be it, else by its prompts; null where the set has none such. */
export function findRolloutQuestion(
  { questions, prompts }: Rollout,
  lookup: QuestionLookup,
): Question | null {
  for (const text of questions) {
    const found = lookup.find(text);
    if (found) return found;
  }
  for (const text of [...prompts, ...questions]) {
    const found = lookup.findInPrompt(text);
    if (found) return found;
  }
  return null;
}

/** The episode of a rollout: what its trainer reports of it, and our rules' scores where it holds an answer. */
export function buildRolloutRecord(
  rollout: Rollout,
  question: Question,
  place: { key: string; step: number; sampleIndex: number; rightFrom: number },
): BuiltRollout {
  const { steps, context, documents, unread } = rollout.play(question.question);
  const reward = rollout.reward && buildReward(rollout.reward, place.rightFrom);
  const answer = buildAnswer(rollout);
  const record: EpisodeRecord = {
    phase: rollout.phase,
    step: place.step,
    episode: {
      key: place.key,
      method: rollout.method,
      protocol: "upstream",
      questionId: question.id,
      sampleIndex: place.sampleIndex,
      steps,
      context,
    },
    answer,
    score: answer && reward ? { scorer: TRAINER_SCORER, value: reward.isRight ? 1 : 0 } : null,
    ...(answer && { otherScores: scoreByRules(answer.text, question) }),
    baseline: null,
    reward: reward && reward.value,
    advantage: null,
    attribution: null,
    formatErrors: [],
  };
  return { record, documents, unread: [...rollout.unread, ...unread] };
}

/** A reward's arithmetic, with whether it counts as right as a part of weight 0. */
function buildReward(parts: readonly RewardPart[], rightFrom: number) {
  const value = parts.reduce((sum, part) => sum + part.weight * part.value, 0);
  const isRight = value >= rightFrom;
  const right = {
    label: `counts as right: at least ${rightFrom}`,
    weight: 0,
    value: isRight ? 1 : 0,
    term: RIGHT_TERM,
  };
  return { isRight, value: { name: "trainer", terms: [...parts, right], value } };
}

function buildAnswer({ answer, model }: Rollout): Answer | null {
  if (answer === null) return null;
  const generator = model?.slice(0, MOST_MODEL) ?? "trainer";
  return {
    key: hashJson(["observed answer 1", generator, answer]),
    generator,
    promptStyle: "observed",
    text: answer,
    seconds: 0,
  };
}
