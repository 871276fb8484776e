import { AppError } from "@/contracts/errors";
import type { RunKind } from "@/contracts/run-state";
import { RetrieveService } from "./retrieval/service";
import type { Executor, RunContext } from "./run-context";
import { Preflight } from "./s3/preflight";
import { predict } from "./s3/predict";
import { train } from "./s3/train";

/** What each kind of run does. */
export const executors: Record<RunKind, Executor> = { train, predict, index, serve };

/** An index run: opening the retriever builds what is missing. */
async function index(context: RunContext): Promise<void> {
  const { config, signal } = context;
  if (config.kind !== "index") throw new AppError("internal", `A ${config.kind} run is not an index run.`);
  await context.running();
  const say = (detail: string): void => void context.progress({ phase: "indexing", done: 0, total: 1, detail }).catch(() => undefined);
  const handle = await context.services.retriever(config.corpus, config.retriever, signal, say);
  try {
    await handle.value.search(["ready?"], 1, signal);
    const { title, documents } = handle.value.describe();
    await context.progress({ phase: "indexing", done: 1, total: 1, detail: `${title}: ${documents ?? "unknown number of"} documents` });
  } finally {
    handle.release();
  }
}

/** A serve run: keeps the /retrieve service up until it is cancelled. */
async function serve(context: RunContext): Promise<void> {
  const { config, signal } = context;
  if (config.kind !== "serve") throw new AppError("internal", `A ${config.kind} run is not a serve run.`);
  const preflight = new Preflight(context, ["retriever"]);
  const handle = await preflight.check("retriever", (say) => context.services.retriever(config.corpus, config.retriever, signal, say), ({ value }) => value.describe().title);
  try {
    const service = await RetrieveService.start(handle.value, { port: config.port });
    try {
      await context.running();
      await context.progress({ phase: "serving", done: 0, total: 0, detail: `${service.url}/retrieve` });
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      throw new AppError("cancelled", "The service was stopped.");
    } finally {
      await service.stop();
    }
  } finally {
    handle.release();
  }
}
