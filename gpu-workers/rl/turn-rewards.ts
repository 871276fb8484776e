import type { Episode, Reward } from "@/contracts/records/episode";
import type { RewardWeights } from "@/contracts/run-config/reward";
import type { Question } from "@/contracts/worker-protocol/questions";
import { listTurnDocuments } from "@/core/episode/turn-contexts";
import type { EpisodeGrader, Outcome } from "@/gpu-workers/searcher/episode-grader";

/** What a turn of an episode earned. */
export interface TurnReward {
  turn: number;
  reward: number;
}

/** An episode with what it earned as a whole, and naive RAG's outcome on its question. */
export interface GradedEpisode {
  question: Question;
  episode: Episode;
  outcome: Outcome;
  reward: Reward;
  baseline: Outcome;
}

/** By how much the reward grows with the accuracy of the answer. */
const weighAccuracy = ({ gbr, upstream, accuracy }: RewardWeights): number =>
  gbr + 2 * upstream + accuracy;

/**
 * Rewards of an episode's turns: of each what the answer gained by it, w (Acc_t - Acc_{t-1}) with the accuracy's weight w
 * and naive RAG's accuracy before the first turn. What the episode earned otherwise stands at its last turn, so that the
 * turns sum to the episode's reward.
 *
 * @param scores accuracy of the generator's answer after each turn; the last is the episode's own
 */
export function computeTurnRewards(
  scores: readonly { turn: number; accuracy: number }[],
  ragAccuracy: number,
  reward: number,
  weight: number,
): TurnReward[] {
  const last = scores.length - 1;
  const rest = reward - weight * (scores[last]!.accuracy - ragAccuracy);
  return scores.map(({ turn, accuracy }, t) => ({
    turn,
    reward:
      weight * (accuracy - (scores[t - 1]?.accuracy ?? ragAccuracy)) + (t === last ? rest : 0),
  }));
}

/** An answer that must be asked for: documents as they were after a turn. */
interface TurnQuestion {
  sample: number;
  turn: number;
  episode: Episode;
}

const joinHashes = (documents: Episode["context"]): string =>
  documents.map(({ hash }) => hash).join(" ");

/**
 * Has the generator answer from the documents handed over up to each turn, and rewards the turns by what they gained. The
 * generator is asked once for equal documents.
 *
 * @returns the rewards of each episode's turns, those in which the searcher wrote, and how many answers they took
 * @throws AppError where the generator or the judge stays unavailable
 */
export async function rewardTurns(
  grader: Pick<EpisodeGrader, "grade">,
  graded: readonly GradedEpisode[],
  weights: RewardWeights,
  signal: AbortSignal,
): Promise<{ rewards: TurnReward[][]; answers: number }> {
  const turns = graded.map(({ episode }) => listWrittenTurns(episode));
  const asked: TurnQuestion[] = graded.flatMap(({ episode }, sample) =>
    turns[sample]!.slice(0, -1)
      .filter(({ documents }) => joinHashes(documents) !== joinHashes(episode.context))
      .map(({ turn, documents }) => ({
        sample,
        turn,
        episode: { ...episode, context: documents },
      })),
  );
  // The question tells equal documents apart, as two questions may be handed the same.
  const buildKey = ({ sample, episode }: TurnQuestion): string =>
    JSON.stringify([graded[sample]!.question.id, joinHashes(episode.context)]);
  const distinct = [...new Map(asked.map((entry) => [buildKey(entry), entry])).values()];
  const outcomes =
    distinct.length === 0
      ? []
      : await grader.grade(
          distinct.map(({ episode }) => episode),
          distinct.map(({ sample }) => graded[sample]!.question),
          signal,
        );
  const scores = new Map(distinct.map((entry, i) => [buildKey(entry), outcomes[i]!.score.value]));
  const weight = weighAccuracy(weights);
  const rewards = graded.map(({ outcome, baseline, reward }, sample) => {
    const known = new Map(
      asked
        .filter((entry) => entry.sample === sample)
        .map((entry) => [entry.turn, scores.get(buildKey(entry))!]),
    );
    const course = turns[sample]!.map(({ turn }) => ({
      turn,
      accuracy: known.get(turn) ?? outcome.score.value,
    }));
    return course.length === 0
      ? []
      : computeTurnRewards(course, baseline.score.value, reward.value, weight);
  });
  return { rewards, answers: distinct.length };
}

/** The turns in which the searcher wrote, with what was handed over up to each. */
function listWrittenTurns({ steps }: Episode) {
  const written = new Set(steps.flatMap((s) => (s.kind === "generate" ? [s.turn] : [])));
  return listTurnDocuments(steps).filter(({ turn }) => written.has(turn));
}
