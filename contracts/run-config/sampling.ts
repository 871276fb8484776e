import { z } from "zod";
import { defineLaterSetting } from "./setting";

/**
 * How tokens are drawn, beside the temperature: transformers' processors and vLLM's parameters of these names. First the
 * repetition penalty, then the temperature, then top-k, then top-p.
 */

const topPSchema = z.number().positive().max(1);
const TOP_P = "Top p";

/** Neutral values are left out, so that episodes that were sampled without them keep their keys. */
const defineSharedFields = (atEndpoint = "") => ({
  topK: defineLaterSetting(
    z.int().min(0).max(1_000_000),
    0,
    "Top k",
    `Only the k likeliest tokens are sampled, and what is as likely as the last of them; 0: all${atEndpoint}.`,
    { paper: "off", advanced: true },
  ),
  repetitionPenalty: defineLaterSetting(
    z.number().positive().max(10),
    1,
    "Repetition penalty",
    `Logits of tokens that prompt or text hold already are divided by it where positive, multiplied where negative (Keskar et al. 2019); 1: none${atEndpoint}.`,
    { paper: "1", advanced: true },
  ),
});

/** Of rollouts: the loss is that of the whole distribution at the temperature (docs/method.md). */
export const rolloutSamplingFields = {
  topP: defineLaterSetting(
    topPSchema,
    1,
    TOP_P,
    "Rollouts sample only the likeliest tokens that together have this probability; 1: all. Log-probabilities stay those of the whole distribution.",
    { paper: "0.95", advanced: true },
  ),
  ...defineSharedFields(),
};

/** Outside of rollouts, where a protocol may prescribe top p. */
export const inferenceSamplingFields = {
  topP: defineLaterSetting(
    topPSchema.nullable(),
    null,
    TOP_P,
    "Only the likeliest tokens that together have this probability are sampled, 1: all; empty: as the protocol has it, else all, at an endpoint the server's own default. Greedy decoding has none.",
    { paper: "0.95", advanced: true },
  ),
  ...defineSharedFields(", at an endpoint the server's own default"),
};

/** How the next token is drawn. What is left out changes nothing. */
export interface TokenSampling {
  /** 0: greedy. */
  temperature: number;
  topP?: number | undefined;
  topK?: number | undefined;
  repetitionPenalty?: number | undefined;
}

/** Settings of a run for its sampling outside of rollouts. */
type InferenceSampling = Partial<
  Record<"temperature" | "topP", number | null> & Record<"topK" | "repetitionPenalty", number>
>;

/**
 * Sampling by a run's settings where it has them, else as a protocol has it. Greedy decoding is not truncated.
 * @param hasOwnDefaults a set top p of 1 is kept, as what is left out is sampled by defaults of the server
 */
export function resolveSampling(
  settings: InferenceSampling,
  prescribed: Pick<TokenSampling, "temperature" | "topP">,
  hasOwnDefaults = false,
): TokenSampling {
  const temperature = settings.temperature ?? prescribed.temperature;
  const topP = settings.topP ?? prescribed.topP;
  const { topK, repetitionPenalty } = settings;
  const isKept = topP !== undefined && (topP < 1 || hasOwnDefaults);
  return {
    temperature,
    ...(temperature > 0 && isKept && { topP }),
    ...(temperature > 0 && topK !== undefined && { topK }),
    ...(repetitionPenalty !== undefined && { repetitionPenalty }),
  };
}

/** Whether some tokens are sampled with another probability than the model gives them at the temperature. */
export const isTruncated = ({
  topP = 1,
  topK = 0,
  repetitionPenalty = 1,
}: Omit<TokenSampling, "temperature">): boolean => topP < 1 || topK > 0 || repetitionPenalty !== 1;
