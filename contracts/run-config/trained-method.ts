import { z } from "zod";
import type { RewardWeights } from "./reward";
import { defineLaterSetting } from "./setting";
import {
  getTrainedMethod,
  RAG_TERMS,
  SEARCH_TERMS,
  TRAINED_METHODS,
  type TrainedMethod,
} from "./trained-method-names";

export const trainedMethodSchema = defineLaterSetting(
  z.enum(TRAINED_METHODS),
  "s3",
  "Method",
  "`s3`: a searcher for a frozen generator; `search-r1`: the model thinks, searches and answers by itself, and is rewarded for its answer; `r1`: the same without search; `sft`: supervised on gold answers, without reinforcement learning.",
  { paper: "s3" },
);

/** Settings that do not go with what is trained, by the one to change and how. */
export function listTrainedMethodProblems(config: {
  method?: TrainedMethod | undefined;
  search: { protocol: "paper" | "upstream"; decoding: "guided" | "free" };
  reward: { weights: RewardWeights };
  coldStart: { demonstrations: number };
  rl: { steps: number; credit?: "episode" | "turn" | undefined };
}): [path: string, message: string][] {
  const method = getTrainedMethod(config);
  if (method === "s3") return [];
  const { search, reward, coldStart, rl } = config;
  const ignored: readonly string[] = [...RAG_TERMS, ...(method === "r1" ? SEARCH_TERMS : [])];
  const problems: [applies: boolean, path: string, message: string][] = [
    [
      search.protocol === "upstream",
      "search.protocol",
      `upstream reproduces the released code of s3: choose paper to train ${method}`,
    ],
    [
      search.decoding === "guided",
      "search.decoding",
      `guided decoding writes the turns of s3: choose free to train ${method}`,
    ],
    [
      rl.credit === "turn",
      "rl.credit",
      `turns are credited by what they gain for a frozen generator's answer, which ${method} has not: choose episode`,
    ],
    [
      method === "sft" && rl.steps > 0,
      "rl.steps",
      "sft learns from its demonstrations alone: set 0",
    ],
    [
      method === "sft" && coldStart.demonstrations === 0,
      "coldStart.demonstrations",
      "sft learns from demonstrations, questions with their gold answers: give at least 1",
    ],
    [
      method !== "sft" &&
        Object.entries(reward.weights).every(([term, w]) => w === 0 || ignored.includes(term)),
      "reward.weights.exactMatch",
      `no naive RAG is answered for ${method}, so nothing would be rewarded: give exact match a weight, e.g. 1`,
    ],
  ];
  return problems.flatMap(([applies, path, message]) => (applies ? [[path, message]] : []));
}
