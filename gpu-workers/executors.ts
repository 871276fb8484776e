import type { RunKind } from "@/contracts/run-state";
import { evaluateRun } from "./retrieval/evaluate-run";
import { indexRun } from "./retrieval/index-run";
import { serveRun } from "./serving/serve-run";
import type { Executor } from "./run-context";
import { predict } from "./s3/predict";
import { train } from "./s3/train";

/** What each kind of run does. */
export const executors: Record<RunKind, Executor> = {
  train,
  predict,
  index: indexRun,
  serve: serveRun,
  evaluate: evaluateRun,
};
