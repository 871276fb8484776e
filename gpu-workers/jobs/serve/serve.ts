import { AppError } from "@/contracts/errors";
import type { ServeTimes } from "./run-until-cancelled";
import { serveRetriever } from "./serve-retriever";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import { serveModel } from "./serve-model";

/** A serve run: keeps a retriever or a model up for others until it is cancelled; it has no end of its own. */
export async function serve(context: RunContext, times?: ServeTimes): Promise<void> {
  const { config } = context;
  if (config.kind !== "serve")
    throw new AppError("internal", `A ${config.kind} run is not a serve run.`);
  return config.what === "model"
    ? serveModel(context, config, times)
    : serveRetriever(context, config, times);
}
