import { AppError } from "@/contracts/errors";
import type { RunContext } from "../run-context";
import { Preflight } from "../s3/preflight";
import { RetrieveService } from "./service";

/** A serve run: keeps the /retrieve service up until it is cancelled. */
export async function serveRun(context: RunContext): Promise<void> {
  const { config, signal } = context;
  if (config.kind !== "serve") throw new AppError("internal", `A ${config.kind} run is not a serve run.`);
  const preflight = new Preflight(context, ["retriever"]);
  const handle = await preflight.check("retriever", (say) => context.services.retriever(config.corpus, config.retriever, signal, say), ({ value }) => value.describe().title);
  try {
    const service = await RetrieveService.start(handle.value, { host: config.host, port: config.port });
    try {
      await context.running();
      await context.progress({ phase: "serving", done: 0, total: 0, detail: `${config.advertise ?? service.url}/retrieve` });
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
