import type { LaunchedKind } from "@/contracts/records/run-state";
import { runCommand } from "./command/run-command";
import { evaluateRetriever } from "./evaluate/evaluate";
import { indexCorpus } from "./index/index-corpus";
import { serve } from "./serve/serve";
import type { Executor } from "./context/run-context";
import { withHardware } from "./context/report-hardware";
import { predict } from "./predict/predict";
import { train } from "./train/train";

/** What each kind of run does. A training reports the machine by itself, with each step. */
export const executors: Record<LaunchedKind, Executor> = {
  train,
  predict: withHardware(predict),
  index: withHardware(indexCorpus),
  serve: withHardware(serve),
  evaluate: withHardware(evaluateRetriever),
  command: withHardware((context) => runCommand(context)),
};
