import type { Episode, Reward } from "@/contracts/records/episode";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Algorithm } from "./algorithms/algorithm";
import type { EpisodeGrader, Outcome } from "@/gpu-workers/searcher/episode-grader";
import type { RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import type { Searcher } from "@/gpu-workers/searcher/episode-inputs";
import type { EpisodeSource } from "./episode-source";
import { drawQuestions, type QuestionPool } from "./question-pool";
import { collectRewardFacts, computeReward } from "./reward";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";

/** The groups of one step. */
export interface Rollouts {
  kept: Group[];
  /** Groups from which nothing can be learned. */
  dropped: Group[];
  /** Questions drawn in place of dropped groups. */
  resampled: number;
}

/** The samples of one question in one step, with their rewards. */
export interface Group {
  question: Question;
  /** Naive RAG's outcome; null where the method has no frozen generator. */
  baseline: Outcome | null;
  samples: { episode: Episode; outcome: Outcome; reward: Reward }[];
}

/** What rollouts are run and rewarded with. */
export interface RolloutDependencies {
  config: Pick<TrainConfig, "rl" | "reward" | "seed">;
  source: EpisodeSource;
  grader: EpisodeGrader;
  baseline: RagBaseline | null;
  algorithm: Algorithm;
  stopwatch: Stopwatch<StepPhase>;
  signal: AbortSignal;
}

/** Rewards of a group's samples, in order. */
export const listRewards = ({ samples }: Group): number[] =>
  samples.map(({ reward }) => reward.value);

/** Runs a group of `rl.groupSize` episodes for each question and computes their rewards. */
export async function rollOut(
  dependencies: RolloutDependencies,
  searcher: Searcher,
  questions: readonly Question[],
  step: number,
): Promise<Group[]> {
  const { config, source, grader, baseline, stopwatch, signal } = dependencies;
  const { groupSize, temperature, topP, topK, repetitionPenalty } = config.rl;
  const requests = questions.flatMap((question) =>
    Array.from({ length: groupSize }, (_, sampleIndex) => ({ question, sampleIndex })),
  );
  const episodes = await source.play(
    searcher,
    {
      temperature,
      topP,
      topK,
      repetitionPenalty,
      seed: config.seed,
      step,
      training: true,
    },
    requests,
    stopwatch,
    signal,
  );
  const askedQuestions = requests.map(({ question }) => question);
  const outcomes = await stopwatch.time("generator", () =>
    grader.grade(episodes, askedQuestions, signal),
  );
  const baselines = (await baseline?.getOutcomes(questions, stopwatch, signal)) ?? null;
  return questions.map((question, q) => ({
    question,
    baseline: baselines?.[q] ?? null,
    samples: Array.from({ length: groupSize }, (_, s) => {
      const i = q * groupSize + s;
      const [episode, outcome] = [episodes[i]!, outcomes[i]!];
      const facts = collectRewardFacts(
        episode,
        question,
        outcome.answer.text,
        outcome.score.value,
        baselines?.[q]!.score.value ?? null,
      );
      return { episode, outcome, reward: computeReward(config.reward.weights, facts) };
    }),
  }));
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
  for (let round = 0; round <= rl.resample && kept.length < rl.questionsPerStep; round++) {
    const questions = await drawQuestions(pool, rl.questionsPerStep - kept.length, areUnanswered);
    for (const group of await rollOut(dependencies, searcher, questions, step))
      (dependencies.algorithm.isInformative(listRewards(group)) ? kept : dropped).push(group);
  }
  return { kept, dropped, resampled: kept.length + dropped.length - rl.questionsPerStep };
}
