import { z } from "zod";
import { alarmsSchema } from "./alarms";
import { nameSchema, seedSchema } from "./common";
import { generatorSchema } from "./generator";
import { retrieverSchema } from "./retriever";
import { listSamplerProblems } from "./sampler";
import { judgeSchema } from "./scoring";
import { dataSchema, searchSchema } from "./search";
import { searcherSchema } from "./searcher";
import { checkpointingSchema, coldStartSchema, evaluationSchema } from "./training";
import { rlSchema } from "./rl";
import { rewardSchema } from "./reward";
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
    ])
      context.addIssue({ code: "custom", path: path.split("."), message });
  });
export type TrainConfig = z.infer<typeof trainConfigSchema>;
