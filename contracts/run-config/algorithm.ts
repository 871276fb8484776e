import { z } from "zod";

export const algorithmNameSchema = z.enum([
  "ppo",
  "grpo",
  "dr-grpo",
  "rloo",
  "reinforce++",
  "dapo",
  "rejection-sampling",
  "gspo",
  "cispo",
]);
export type AlgorithmName = z.infer<typeof algorithmNameSchema>;
