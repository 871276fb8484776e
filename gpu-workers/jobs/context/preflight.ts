import { AppError, toWireError } from "@/contracts/errors";
import type { GeneratorConfig } from "@/contracts/run-config/generator";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { PreflightItem } from "@/contracts/worker-protocol/reports";
import { requirementsFor, type RunRequirements } from "@/core/run/requirements";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import type { Generator } from "@/gpu-workers/llm/generator/generator";
import { openGenerator, probeGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { probeRunJudge, type JudgedRunConfig } from "@/gpu-workers/llm/scoring/run-judge";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { RunContext, ServiceHandle } from "./run-context";

/** What the checks ask of a run's context. */
export type PreflightContext = Pick<
  RunContext,
  "services" | "signal" | "reportPreflight" | "findAnswers" | "saveAnswers"
> &
  Partial<Pick<RunContext, "readEndpointKey">>;

/** Reports what a check is doing. */
export type ReportDetail = (detail: string) => void;

/**
 * Opens what a run needs before it begins: all at once, each reported with state, seconds and error, so that a run that
 * cannot start shows on its page what is missing. Which checks there are is decided by `requirementsFor`; each check's
 * code stands here once, or in the job where only one has it.
 */
export class Preflight {
  readonly requirements: RunRequirements;
  private readonly items = new Map<PreflightItem["name"], PreflightItem>();
  private readonly handles: ServiceHandle<unknown>[] = [];
  private engine: Promise<{ client: EngineClient }> | null = null;

  constructor(
    private readonly context: PreflightContext,
    config: RunConfig,
  ) {
    this.requirements = requirementsFor(config);
    for (const name of this.requirements.preflight)
      this.items.set(name, { name, state: "waiting", seconds: null, detail: "", error: null });
  }

  /**
   * Runs one check and reports it.
   *
   * @param describe what the page says of the result
   * @throws what the check throws, once that is reported
   */
  async check<T>(
    name: PreflightItem["name"],
    work: (onDetail: ReportDetail) => Promise<T>,
    describe: (value: T) => string,
  ): Promise<T> {
    const start = performance.now();
    const report = (change: Partial<PreflightItem>): Promise<void> => {
      const seconds = (performance.now() - start) / 1000;
      this.items.set(name, { name, state: "running", detail: "", error: null, ...change, seconds });
      return this.context.reportPreflight([...this.items.values()]);
    };
    let isOver = false;
    // A detail that cannot be reported must not fail the check; the report at its end will.
    const onDetail: ReportDetail = (detail) => {
      if (!isOver) void report({ detail }).catch(() => undefined);
    };
    await report({});
    try {
      const value = await work(onDetail);
      isOver = true;
      await report({ state: "ready", detail: describe(value) });
      return value;
    } catch (error) {
      isOver = true;
      await report({ state: "failed", error: toWireError(error).message });
      throw error;
    }
  }

  /** Acquires the retriever and searches once. */
  openRetriever(
    corpus: string,
    config: RetrieverConfig,
    onProgress: ReportDetail = () => undefined,
  ): Promise<Retriever> {
    const { services, signal } = this.context;
    return this.check(
      "retriever",
      async (onDetail) => {
        const handle = await services.acquireRetriever(corpus, config, signal, (detail) => {
          onProgress(detail);
          onDetail(detail);
        });
        const retriever = this.keep(handle);
        await retriever.search(["ready?"], 1, signal);
        return retriever;
      },
      (retriever) => retriever.describe().title,
    );
  }

  /** Acquires the worker's own engine and loads into it what `load` does. The checks that need the engine wait for it. */
  openEngine<T>(
    load: (client: EngineClient, onDetail: ReportDetail) => Promise<T>,
    describe: (models: T) => string,
  ): Promise<{ client: EngineClient; models: T }> {
    const opened = this.check(
      "engine",
      async (onDetail) => {
        const client = this.keep(
          await this.context.services.acquireEngine(this.context.signal, onDetail),
        );
        return { client, models: await load(client, onDetail) };
      },
      ({ models }) => describe(models),
    );
    this.engine = opened;
    return opened;
  }

  /** Asks the frozen generator a small question, then opens it. */
  async openGenerator(
    config: GeneratorConfig,
    options: Parameters<typeof openGenerator>[4],
  ): Promise<Generator> {
    const { context } = this;
    const { generator } = await this.check(
      "generator",
      async () => {
        const engine = await this.getEngineFor(config);
        const detail = await probeGenerator(engine, config, context.signal, context);
        const generator = await openGenerator(engine, config, context, context.signal, options);
        return { detail, generator };
      },
      ({ detail }) => detail,
    );
    return generator;
  }

  /** Asks the run's judge for a verdict. */
  checkJudge(config: JudgedRunConfig): Promise<string> {
    const { context } = this;
    return this.check(
      "judge",
      async () =>
        probeRunJudge(config, await this.getEngineFor(config.judge), context, context.signal),
      (detail) => detail,
    );
  }

  /** Keeps a service until `release`. */
  keep<T>(handle: ServiceHandle<T>): T {
    this.handles.push(handle);
    return handle.value;
  }

  /** Gives back every service that was acquired here. */
  release(): void {
    for (const handle of this.handles.splice(0)) handle.release();
  }

  private async getEngineFor({
    endpoint,
  }: {
    endpoint: string | null;
  }): Promise<EngineClient | null> {
    if (endpoint !== null) return null;
    if (this.engine === null)
      throw new AppError("internal", "What needs the engine is checked before the engine.");
    return (await waitForEngine(this.engine)).client;
  }
}

/** Waits for the engine. Its failure is reported as its own; what needs it only says that it is not there. */
export const waitForEngine = <T>(engine: Promise<T>): Promise<T> =>
  engine.catch(() => {
    throw new AppError(
      "engine-unavailable",
      "The engine is not available, so what needs it is not either.",
    );
  });

/** Waits until all have ended, so that each has been reported, then throws the first failure. */
export async function waitForAll<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(work);
  const failed = settled.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as {
    -readonly [K in keyof T]: Awaited<T[K]>;
  };
}
