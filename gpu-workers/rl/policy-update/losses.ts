import type { Datum } from "@/contracts/engine/dialect";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import {
  appendEndState,
  buildDatum,
  countActionTokens,
  fillActionTokens,
  listStates,
  pickActionTokens,
} from "@/gpu-workers/searcher/training-sequence";
import { computeMaxEpisodeTokens } from "@/gpu-workers/searcher/turn-decoding";
import type { CreditedExperience, Experience } from "./experience";
import type { TrainedModel, UpdateDependencies } from "./update-dependencies";

/** Losses of a mini-batch as requests to the engine. Everything here is pure. */

/** The body of `forward_backward` for a mini-batch. */
export type BuildLossRequest = (
  batch: readonly CreditedExperience[],
) => Parameters<TrainedModel["forwardBackward"]>[0];

/**
 * The policy's loss: the algorithm's clipped loss, or the cross-entropy of those that imitate their best episodes. All
 * are taken at the temperature of the rollouts, because the policy that learns is the one that was sampled.
 */
export const createPolicyLoss =
  ({ algorithm, config, klCoefficient }: UpdateDependencies): BuildLossRequest =>
  (batch) => {
    const { rl } = config;
    const klInLoss = rl.klIn === "loss" && klCoefficient > 0;
    const weights = computeTokenWeights(countTokensOfEach(batch), config);
    const data = batch.map(({ experience, credit }, i): Datum => {
      const { sequence, oldLogprobs, referenceLogprobs } = experience;
      const importance = computeImportanceWeights(experience, rl.truncateRatio);
      const datum = buildDatum(
        sequence,
        fillActionTokens(sequence, (t) => weights[i]! * importance[t]!),
      );
      if (algorithm.loss === "cross_entropy") return datum;
      return {
        ...datum,
        advantages: fillActionTokens(sequence, (t) => credit.advantages[t]!),
        logprobs: fillActionTokens(sequence, (t) => oldLogprobs[t]!),
        ...(klInLoss
          ? { referenceLogprobs: fillActionTokens(sequence, (t) => referenceLogprobs![t]!) }
          : {}),
      };
    });
    if (algorithm.loss === "cross_entropy")
      return { loss: "cross_entropy", config: { temperature: rl.temperature }, data };
    const lossConfig = {
      clipLow: algorithm.clipRange.low,
      clipHigh: algorithm.clipRange.high,
      klCoef: klInLoss ? klCoefficient : 0,
      klEstimator: rl.klEstimator,
      entropyCoef: rl.entropyCoefficient,
      temperature: rl.temperature,
    };
    return { loss: algorithm.loss, config: lossConfig, data };
  };

/**
 * The critic's loss: squared error to the returns, always averaged over the states of the mini-batch. These are the action
 * tokens, and under `upstream` what was retrieved as well and what follows the last token, of which the return is 0.
 */
export const createValueLoss =
  (valueClip: number | null): BuildLossRequest =>
  (batch) => {
    const sequences = batch.map(({ experience: { sequence, endValue } }) =>
      endValue === undefined ? sequence : appendEndState(sequence),
    );
    const count = sequences.flatMap(listStates).filter((m) => m === 1).length;
    const data = batch.map(({ experience: { values, endValue }, credit }, i): Datum => {
      const sequence = sequences[i]!;
      const fill = (value: (state: number) => number): number[] =>
        fillActionTokens({ mask: listStates(sequence) }, value);
      return {
        ...buildDatum(
          sequence,
          fill(() => 1 / Math.max(1, count)),
        ),
        returns: fill((t) => credit.returns![t] ?? 0),
        values: fill((t) => values[t] ?? endValue!),
      };
    });
    return { loss: "value", config: { valueClip }, data };
  };

const countTokensOfEach = (batch: readonly CreditedExperience[]): number[] =>
  batch.map(({ experience }) => countActionTokens(experience.sequence));

/**
 * Weight of each action token of an episode, so that the engine's sum over a mini-batch is the mean that
 * `rl.normalisation` asks for: `token`, over all tokens; `sequence`, within each episode and then over episodes;
 * `constant`, over episodes and the longest possible one (Liu et al. 2025).
 *
 * @param tokens action tokens of each episode of the mini-batch
 */
export function computeTokenWeights(
  tokens: readonly number[],
  { rl, search }: Pick<TrainConfig, "rl" | "search">,
): number[] {
  const total = tokens.reduce((sum, n) => sum + n, 0);
  const weigh = {
    token: () => 1 / Math.max(1, total),
    sequence: (n: number) => 1 / (tokens.length * Math.max(1, n)),
    constant: () => 1 / (tokens.length * computeMaxEpisodeTokens(search)),
  }[rl.normalisation];
  return tokens.map(weigh);
}

/**
 * Truncated importance weights of an episode's action tokens: how much likelier the trainer finds each token than the
 * sampler did, at most `cap`; 1 where `cap` is null. They correct for a sampler whose numerics differ from the trainer's,
 * and with `rl.overlap` for one whose weights are a step older: the trainer's present policy is then the one that the ratio
 * is bounded around (Fu et al. 2025, arXiv 2505.24298, section 5.2).
 */
function computeImportanceWeights(
  { sequence, trainerLogprobs }: Experience,
  cap: number | null,
): number[] {
  const samplerLogprobs = pickActionTokens(sequence, sequence.logprobs);
  return samplerLogprobs.map((logprob, t) =>
    cap === null ? 1 : Math.min(cap, Math.exp(trainerLogprobs![t]! - logprob)),
  );
}
