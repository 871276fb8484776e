import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@/contracts/errors";
import type { MetricName, MetricPoint } from "@/contracts/metrics";
import type { RetrieveMetrics } from "@/contracts/retrieve";
import { isLoopback, type ServeRetrieverConfig } from "@/contracts/run-config";
import type { RunContext } from "../run-context";
import { Preflight } from "../s3/preflight";
import { listenPatiently, reachedAt } from "./listening";
import type { Retriever } from "../retrieval/retriever";
import { RetrieveService } from "../retrieval/service";

export interface ServeTimes {
  /** Metrics are reported this often while there are requests. */
  reportMs: number;
  /** The same while there are none. */
  idleReportMs: number;
  /** How long a later attempt waits for its port: the attempt before it may be about to let go. */
  portMs: number;
}
export const SERVE_TIMES: ServeTimes = { reportMs: 5_000, idleReportMs: 60_000, portMs: 20_000 };

/** Queries in a row that a retriever may fail before the run gives up. */
const FAILED_PROBES = 3;

/**
 * Keeps the /retrieve service up until it is cancelled, and reports what it does. It has no end of its
 * own; a worker that dies gives the run back, and the next attempt listens on the same port where one is set.
 */
export async function serveRetriever(context: RunContext, config: ServeRetrieverConfig, times: ServeTimes = SERVE_TIMES): Promise<void> {
  const { signal } = context;
  const service = await listen(context, config, times.portMs);
  try {
    const preflight = new Preflight(context, ["retriever"]);
    const open = async (say: (detail: string) => void) => {
      const tell = (detail: string): void => {
        service.describeStart(detail);
        say(detail);
      };
      const handle = await context.services.retriever(config.corpus, config.retriever, signal, tell);
      await handle.value.search(["ready?"], 1, signal);
      return handle;
    };
    const handle = await preflight.check("retriever", open, ({ value }) => value.describe().title);
    try {
      service.serve(handle.value);
      await context.running();
      await keepUp(context, service, handle.value, `${reachedAt(config, service.url).replace(/\/retrieve$/, "")}/retrieve`, times);
    } finally {
      await service.stop();
      handle.release();
    }
  } finally {
    await service.stop();
  }
}

async function listen(context: RunContext, { host, port, limits }: ServeRetrieverConfig, portMs: number): Promise<RetrieveService> {
  if (!isLoopback(host)) context.log("warn", `The service listens on ${host}: whoever reaches it there can search the corpus.`);
  return listenPatiently(context, () => RetrieveService.listen({ host, port, limits }), portMs);
}

/** Reports until the run is cancelled; throws where the retriever fails for good. */
async function keepUp(context: RunContext, service: RetrieveService, retriever: Retriever, address: string, times: ServeTimes): Promise<never> {
  const { signal } = context;
  const began = Date.now();
  let last = { at: began, metrics: service.metrics() };
  let failedProbes = 0;
  await context.progress({ phase: "serving", done: 0, total: 0, detail: address });
  for (;;) {
    await sleep(times.reportMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new AppError("cancelled", "The service was stopped.");
    const metrics = service.metrics();
    const seconds = (Date.now() - last.at) / 1000;
    if (metrics.requests === last.metrics.requests && metrics.waitingQueries === 0 && seconds * 1000 < times.idleReportMs) continue;
    await context.report({ kind: "metrics", points: pointsOf(metrics, last.metrics, seconds, Date.now(), Math.round((Date.now() - began) / 1000)) });
    await context.progress({ phase: "serving", done: metrics.requests, total: 0, detail: address });
    if (metrics.refused + metrics.errors > last.metrics.refused + last.metrics.errors || failedProbes > 0) {
      try {
        await retriever.search(["ready?"], 1, signal);
        failedProbes = 0;
      } catch (error) {
        if (!signal.aborted && ++failedProbes >= FAILED_PROBES) throw error;
      }
    }
    last = { at: Date.now(), metrics };
  }
}

/** What happened since the last report; step: seconds that this attempt has served. */
function pointsOf(now: RetrieveMetrics, before: RetrieveMetrics, seconds: number, at: number, step: number): MetricPoint[] {
  const points: [MetricName, number][] = [
    ["serve/requests_per_second", (now.requests - before.requests) / seconds],
    ["serve/queries_per_second", (now.queries - before.queries) / seconds],
    ["serve/waiting", now.waitingQueries],
    ["serve/refused", now.refused - before.refused],
    ["serve/errors", now.errors - before.errors],
    ["serve/memory_mb", now.memoryMb],
  ];
  if (now.latencyCount > before.latencyCount) {
    if (now.latencyMs.p50 !== null) points.push(["serve/latency_ms_p50", now.latencyMs.p50]);
    if (now.latencyMs.p99 !== null) points.push(["serve/latency_ms_p99", now.latencyMs.p99]);
  }
  return points.map(([name, value]) => ({ name, step, value, at }));
}
