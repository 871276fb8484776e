import type { Episode, Reward } from "@/contracts/records/episode";
import type { TrainConfig } from "@/contracts/run-config/run-config";
import type { Question } from "@/contracts/worker-protocol/worker-protocol";
import type { Algorithm } from "./algorithms/algorithm";
import type { EpisodeGrader, Outcome } from "@/gpu-workers/searcher/episode-grader";
import type { RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import { runEpisodes } from "@/gpu-workers/searcher/episode";
import type { SearchEnvironment, Searcher } from "@/gpu-workers/searcher/episode-inputs";
import { drawQuestions, type QuestionPool } from "./question-pool";
import { collectRewardFacts, computeReward } from "./reward";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";

/** The groups of one step. */
export interface Rollouts {
  kept: Group[];
  /** Could not teach anything. */
  dropped: Group[];
  resampled: number;
}

/** The samples of one question in one step, with what they earned. */
export interface Group {
  question: Question;
  baseline: Outcome;
  samples: { episode: Episode; outcome: Outcome; reward: Reward }[];
}

export interface RolloutDependencies {
  config: Pick<TrainConfig, "rl" | "reward" | "seed">;
  search: SearchEnvironment;
  grader: EpisodeGrader;
  baseline: RagBaseline;
  algorithm: Algorithm;
  stopwatch: Stopwatch<StepPhase>;
  signal: AbortSignal;
}

export const listRewards = ({ samples }: Group): number[] =>
  samples.map(({ reward }) => reward.value);

/** Rolls out a group of episodes for each question and rewards them. */
export async function rollOut(
  parts: RolloutDependencies,
  searcher: Searcher,
  questions: readonly Question[],
  step: number,
): Promise<Group[]> {
  const { config, search, grader: assessor, baseline, stopwatch: clock, signal } = parts;
  const { groupSize, temperature } = config.rl;
  const requests = questions.flatMap((question) =>
    Array.from({ length: groupSize }, (_, sampleIndex) => ({ question, sampleIndex })),
  );
  const episodes = await runEpisodes(
    searcher,
    search,
    { temperature, seed: config.seed, step, training: true },
    requests,
    clock,
    signal,
  );
  const asked = requests.map(({ question }) => question);
  const outcomes = await clock.time("generator", () => assessor.grade(episodes, asked, signal));
  const baselines = await baseline.getOutcomes(questions, clock, signal);
  return questions.map((question, q) => ({
    question,
    baseline: baselines[q]!,
    samples: Array.from({ length: groupSize }, (_, s) => {
      const i = q * groupSize + s;
      const [episode, outcome] = [episodes[i]!, outcomes[i]!];
      const facts = collectRewardFacts(
        episode,
        question,
        outcome.answer.text,
        outcome.score.value,
        baselines[q]!.score.value,
      );
      return { episode, outcome, reward: computeReward(config.reward.weights, facts) };
    }),
  }));
}

/**
 * The groups of one step. Questions that naive RAG answers are passed over; groups that cannot teach (all samples
 * earned the same) are replaced by fresh questions, at most rl.resample times.
 */
export async function rollOutStep(
  parts: RolloutDependencies,
  searcher: Searcher,
  pool: QuestionPool,
  step: number,
): Promise<Rollouts> {
  const { rl } = parts.config;
  const unanswered = async (candidates: Question[]): Promise<boolean[]> =>
    rl.filterAnswered
      ? (await parts.baseline.getOutcomes(candidates, parts.stopwatch, parts.signal)).map(
          ({ score }) => score.value === 0,
        )
      : candidates.map(() => true);

  const kept: Group[] = [];
  const dropped: Group[] = [];
  for (let round = 0; round <= rl.resample && kept.length < rl.questionsPerStep; round++) {
    const questions = await drawQuestions(pool, rl.questionsPerStep - kept.length, unanswered);
    for (const group of await rollOut(parts, searcher, questions, step))
      (parts.algorithm.isInformative(listRewards(group)) ? kept : dropped).push(group);
  }
  return { kept, dropped, resampled: kept.length + dropped.length - rl.questionsPerStep };
}
