import type { RetrieveMetrics } from "@/contracts/formats/retrieve";
import { isLoopbackName } from "@/contracts/formats/loopback";
import { type ServeRetrieverConfig } from "@/contracts/run-config/serve-config";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";
import { Preflight } from "@/gpu-workers/jobs/context/preflight";
import { RetrieveService } from "@/gpu-workers/retrieval/service/retrieve-service";
import {
  runUntilCancelled,
  SERVE_TIMES,
  type RunningService,
  type ServeTimes,
} from "./run-until-cancelled";
import { deriveServiceToken } from "./service-token";
import { type ServiceFigures } from "@/gpu-workers/runtime/service-figures";
import { listenWhenPortIsFree, buildAdvertisedUrl } from "@/gpu-workers/runtime/listen";

/**
 * Keeps the /retrieve service up until it is cancelled, and reports what it does. It has no end of its
 * own; a worker that dies gives the run back, and the next attempt listens on the same port where one is set.
 */
export async function serveRetriever(
  context: RunContext,
  config: ServeRetrieverConfig,
  times: ServeTimes = SERVE_TIMES,
): Promise<void> {
  const token = isLoopbackName(config.host) ? null : await deriveServiceToken(context.runId);
  const service = await listen(context, config, token, times.portMs);
  const preflight = new Preflight(context, config);
  try {
    const retriever = await preflight.openRetriever(config.corpus, config.retriever, (detail) =>
      service.setStartDetail(detail),
    );
    service.serve(retriever);
    const { note } = retriever.describe();
    if (note !== undefined) context.log("warn", note);
    await context.markRunning();
    const running: RunningService<RetrieveMetrics & ServiceFigures> = {
      address: `${buildAdvertisedUrl(config, service.url).replace(/\/retrieve$/, "")}/retrieve${token === null ? "" : `?token=${token}`}`,
      figures: () => {
        const metrics = service.readMetrics();
        return { ...metrics, waiting: metrics.waitingQueries };
      },
      rates: ({ queries }) => ({ "serve/queries_per_second": queries }),
      readMemoryMb: () => Promise.resolve(service.readMetrics().memoryMb),
      probe: () => retriever.search(["ready?"], 1, context.signal),
    };
    await runUntilCancelled(context, running, times);
  } finally {
    await service.stop();
    preflight.release();
  }
}

async function listen(
  context: RunContext,
  { host, port, limits, defaultTopk }: ServeRetrieverConfig,
  token: string | null,
  portMs: number,
): Promise<RetrieveService> {
  if (token !== null)
    context.log(
      "info",
      `The service listens on ${host} and answers whoever has its address with the token in it.`,
    );
  return listenWhenPortIsFree(
    context,
    () => RetrieveService.listen({ host, port, token, limits, defaultTopk }),
    portMs,
  );
}
