import type {
  DocumentRef,
  DocumentText,
  EpisodeStep,
  MethodName,
} from "@/contracts/records/episode";

/** A part of what was sent that is no part of the episode, and why. */
export interface Unread {
  reason: string;
  example: string;
}

/** What a rollout did, as steps of an episode. */
export interface PlayedSteps {
  steps: EpisodeStep[];
  /** Documents that the model answered from, in order. */
  context: DocumentRef[];
  documents: DocumentText[];
  unread: Unread[];
}

/** One named part of a reward. */
export interface RewardPart {
  label: string;
  weight: number;
  value: number;
}

/** A rollout of another trainer as far as its mapping finds it; what it does not say is null. */
export interface Rollout {
  phase: "train" | "held-out";
  step: number | null;
  /** The parts of its reward, which add up to it; null: it has none. */
  reward: RewardPart[] | null;
  answer: string | null;
  model: string | null;
  method: MethodName;
  /** Texts that may be its question, and prompts that may hold it. */
  questions: string[];
  prompts: string[];
  unread: Unread[];
  /** @param question the question of the set that it answers */
  play: (question: string) => PlayedSteps;
}

const MOST_EXAMPLE = 300;

/** Shortens what is shown as an example. */
export const cutExample = (value: unknown): string => {
  const text = typeof value === "string" ? value : writeJson(value);
  return text.length > MOST_EXAMPLE ? `${text.slice(0, MOST_EXAMPLE)}…` : text;
};

/** JSON that was read may be nested deeper than it can be written. */
function writeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return "nested too deeply to be shown";
  }
}
