import type { RetrieveMetrics } from "@/contracts/formats/retrieve";
import { isLoopback, type ServeRetrieverConfig } from "@/contracts/run-config/serve-config";
import type { RunContext } from "@/gpu-workers/jobs/run-context";
import { Preflight } from "@/gpu-workers/jobs/preflight";
import { RetrieveService } from "@/gpu-workers/retrieval/service/retrieve-service";
import {
  runUntilCancelled,
  SERVE_TIMES,
  type RunningService,
  type ServeTimes,
} from "./run-until-cancelled";
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
  const service = await listen(context, config, times.portMs);
  const preflight = new Preflight(context, config);
  try {
    const retriever = await preflight.openRetriever(config.corpus, config.retriever, (detail) =>
      service.setStartDetail(detail),
    );
    service.serve(retriever);
    await context.markRunning();
    const running: RunningService<RetrieveMetrics & ServiceFigures> = {
      address: `${buildAdvertisedUrl(config, service.url).replace(/\/retrieve$/, "")}/retrieve`,
      figures: () => {
        const metrics = service.readMetrics();
        return { ...metrics, waiting: metrics.waitingQueries };
      },
      rates: ({ queries }) => ({ "serve/queries_per_second": queries }),
      memoryMb: () => Promise.resolve(service.readMetrics().memoryMb),
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
  { host, port, limits }: ServeRetrieverConfig,
  portMs: number,
): Promise<RetrieveService> {
  if (!isLoopback(host))
    context.log(
      "warn",
      `The service listens on ${host}: whoever reaches it there can search the corpus.`,
    );
  return listenWhenPortIsFree(
    context,
    () => RetrieveService.listen({ host, port, limits }),
    portMs,
  );
}
