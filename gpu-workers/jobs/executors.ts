import type { LaunchedKind } from "@/contracts/records/run-state";
import { evaluateRetriever } from "./evaluate/evaluate";
import { indexCorpus } from "./index/index-corpus";
import { serve } from "./serve/serve";
import type { Executor } from "./run-context";
import { predict } from "./predict/predict";
import { train } from "./train/train";

/** What each kind of run does. */
export const executors: Record<LaunchedKind, Executor> = {
  train,
  predict,
  index: indexCorpus,
  serve: serve,
  evaluate: evaluateRetriever,
};
