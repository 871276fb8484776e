import { z } from "zod";
import { alarmsSchema } from "./alarms";
import { nameSchema, seedSchema } from "./common";
import { generatorSchema } from "./generator";
import { checkPrompt, findPromptId } from "./prompt";
import { retrieverSchema } from "./retriever";
import { listSamplerProblems } from "./sampler";
import { judgeSchema } from "./scoring";
import { dataSchema, searchSchema, type SearchConfig } from "./search";
import { searcherSchema } from "./searcher";
import { checkpointingSchema, coldStartSchema, evaluationSchema } from "./training";
import { rlSchema, type RlConfig } from "./rl";
import { rewardSchema, type RewardWeights } from "./reward";
import { getTrainedMethod } from "./trained-method-names";
import { listTrainedMethodProblems, trainedMethodSchema } from "./trained-method";

export const trainConfigSchema = z
  .strictObject({
    kind: z.literal("train"),
    name: nameSchema,
    seed: seedSchema,
    method: trainedMethodSchema,
    data: dataSchema,
    retriever: retrieverSchema,
    search: searchSchema,
    searcher: searcherSchema,
    generator: generatorSchema,
    reward: rewardSchema,
    judge: judgeSchema,
    coldStart: coldStartSchema,
    rl: rlSchema,
    evaluation: evaluationSchema,
    checkpointing: checkpointingSchema,
    alarms: alarmsSchema,
  })
  .superRefine((config, context) => {
    for (const [path, message] of [
      ...listSamplerProblems(config),
      ...listTrainedMethodProblems(config),
      ...listTurnProblems(config),
    ])
      context.addIssue({ code: "custom", path: path.split("."), message });
    const { search, searcher } = config;
    checkPrompt(
      context,
      ["searcher", "promptTemplate"],
      findPromptId("searcher.promptTemplate", {
        method: getTrainedMethod(config),
        protocol: search.protocol,
      }),
      searcher.promptTemplate ?? null,
    );
  });

/** Settings that do not go with credit by turns, by the one to change and how. */
function listTurnProblems({
  rl,
  search,
  reward: { weights },
}: {
  rl: RlConfig;
  search: SearchConfig;
  reward: { weights: RewardWeights };
}): [path: string, message: string][] {
  if (rl.credit !== "turn") return [];
  const problems: [applies: boolean, path: string, message: string][] = [
    [
      search.protocol === "upstream",
      "rl.credit",
      "the released code's documents are those of a whole conversation, not of its turns: choose episode, or the protocol paper",
    ],
    [
      weights.gbr === 0 && weights.upstream === 0 && weights.accuracy === 0,
      "rl.credit",
      "turns are credited by what they gain in accuracy: give reward.weights.gbr, upstream or accuracy a weight, or choose episode",
    ],
  ];
  return problems.flatMap(([applies, path, message]) => (applies ? [[path, message]] : []));
}

export type TrainConfig = z.infer<typeof trainConfigSchema>;
