import { AppError } from "@/contracts/errors";
import type { Episode, Reward } from "@/contracts/records/episode";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Algorithm } from "./algorithms/algorithm";
import type { EpisodeGrader, Outcome } from "@/gpu-workers/searcher/episode-grader";
import type { RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import type { EpisodeRequest, Searcher } from "@/gpu-workers/searcher/episode-inputs";
import type { EpisodeSource } from "./episode-source";
import { playAndGrade } from "./play-and-grade";
import { drawQuestions, type QuestionPool } from "./question-pool";
import { collectRewardFacts, computeReward } from "./reward";
import { rewardTurns, type TurnReward } from "./turn-rewards";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";

/** Groups with the answers that were asked for beside those of their episodes, for the gains of turns. */
interface RolledOut {
  groups: Group[];
  turnAnswers: number;
}

/** The groups of one step. */
export interface Rollouts {
  kept: Group[];
  /** Groups from which nothing can be learned. */
  dropped: Group[];
  /** Questions drawn in place of dropped groups. */
  resampled: number;
  /** Answers for the gains of turns. */
  turnAnswers: number;
}

/** The samples of one question in one step, with their rewards. */
export interface Group {
  question: Question;
  /** Naive RAG's outcome; null where the method has no frozen generator. */
  baseline: Outcome | null;
  samples: {
    episode: Episode;
    outcome: Outcome;
    reward: Reward;
    /** With `rl.credit: turn`. */
    turnRewards?: TurnReward[];
  }[];
}

/** What rollouts are run and rewarded with. */
export interface RolloutDependencies {
  config: Pick<TrainConfig, "rl" | "reward" | "search" | "seed">;
  source: EpisodeSource;
  grader: EpisodeGrader;
  baseline: RagBaseline | null;
  algorithm: Algorithm;
  stopwatch: Stopwatch<StepPhase>;
  signal: AbortSignal;
}

/** What the samples of a group are told apart by: their rewards, in order, or those of all their turns. */
export const listRewards = ({ samples }: Group): number[] =>
  samples.flatMap(({ reward, turnRewards }) => turnRewards?.map((t) => t.reward) ?? [reward.value]);

/** Runs a group of `rl.groupSize` episodes for each question and computes their rewards. */
export async function rollOut(
  dependencies: RolloutDependencies,
  searcher: Searcher,
  questions: readonly Question[],
  step: number,
): Promise<RolledOut> {
  const { config, source, baseline, stopwatch, signal } = dependencies;
  const { groupSize, temperature, topP, topK, repetitionPenalty } = config.rl;
  const requests = questions.flatMap((question) =>
    Array.from({ length: groupSize }, (_, sampleIndex) => ({ question, sampleIndex })),
  );
  const sampling = {
    temperature,
    topP,
    topK,
    repetitionPenalty,
    seed: config.seed,
    step,
    training: true,
  };
  const play = (part: readonly EpisodeRequest[], own: AbortSignal): Promise<Episode[]> =>
    source.play(searcher, sampling, part, stopwatch, own);
  const graded = await playAndGrade(dependencies, searcher, requests, play, signal);
  const baselines = (await baseline?.getOutcomes(questions, stopwatch, signal)) ?? null;
  const groups = questions.map((question, q): Group => ({
    question,
    baseline: baselines?.[q] ?? null,
    samples: Array.from({ length: groupSize }, (_, s) => {
      const i = q * groupSize + s;
      const { episode, outcome } = graded[i]!;
      const facts = collectRewardFacts(episode, question, {
        answer: outcome.answer.text,
        accuracy: outcome.score.value,
        ragAccuracy: baselines?.[q]!.score.value ?? null,
        search: config.search,
      });
      return { episode, outcome, reward: computeReward(config.reward.weights, facts) };
    }),
  }));
  return config.rl.credit === "turn"
    ? addTurnRewards(dependencies, groups)
    : { groups, turnAnswers: 0 };
}

/** Groups with the rewards of their samples' turns. */
async function addTurnRewards(
  { config, grader, stopwatch, signal }: RolloutDependencies,
  groups: readonly Group[],
): Promise<RolledOut> {
  const graded = groups.flatMap(({ question, baseline, samples }) => {
    if (baseline === null)
      throw new AppError("internal", "Credit by turns needs naive RAG's answers.");
    return samples.map((sample) => ({ question, baseline, ...sample }));
  });
  const { rewards, answers } = await stopwatch.time("generator", () =>
    rewardTurns(grader, graded, config.reward.weights, signal),
  );
  const ofTurns = rewards.values();
  return {
    groups: groups.map((group) => ({
      ...group,
      samples: group.samples.map((sample) => ({ ...sample, turnRewards: ofTurns.next().value! })),
    })),
    turnAnswers: answers,
  };
}

/**
 * Rolls out the groups of one step. Questions that naive RAG answers are skipped (`rl.filterAnswered`); groups from which
 * nothing can be learned are replaced by new questions, in at most `rl.resample` rounds.
 */
export async function rollOutStep(
  dependencies: RolloutDependencies,
  searcher: Searcher,
  pool: QuestionPool,
  step: number,
): Promise<Rollouts> {
  const { rl } = dependencies.config;
  const { baseline, stopwatch, signal } = dependencies;
  const areUnanswered = async (candidates: Question[]): Promise<boolean[]> =>
    rl.filterAnswered && baseline !== null
      ? (await baseline.getOutcomes(candidates, stopwatch, signal)).map(
          ({ score }) => score.value === 0,
        )
      : candidates.map(() => true);

  const kept: Group[] = [];
  const dropped: Group[] = [];
  let turnAnswers = 0;
  for (let round = 0; round <= rl.resample && kept.length < rl.questionsPerStep; round++) {
    const questions = await drawQuestions(pool, rl.questionsPerStep - kept.length, areUnanswered);
    const rolledOut = await rollOut(dependencies, searcher, questions, step);
    turnAnswers += rolledOut.turnAnswers;
    for (const group of rolledOut.groups)
      (dependencies.algorithm.isInformative(listRewards(group)) ? kept : dropped).push(group);
  }
  const resampled = kept.length + dropped.length - rl.questionsPerStep;
  return { kept, dropped, resampled, turnAnswers };
}
