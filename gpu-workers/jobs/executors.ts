import type { RunKind } from "@/contracts/records/run-state";
import { evaluateRun } from "./evaluate/evaluate-run";
import { indexRun } from "./index/index-run";
import { serveRun } from "./serve/serve-run";
import type { Executor } from "./run-context";
import { predict } from "./predict/predict";
import { train } from "./train/train";

/** What each kind of run does. */
export const executors: Record<RunKind, Executor> = {
  train,
  predict,
  index: indexRun,
  serve: serveRun,
  evaluate: evaluateRun,
};
