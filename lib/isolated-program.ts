import { Worker } from "node:worker_threads";
import type { IsolatedFailure, IsolatedFrame, IsolatedWork } from "./isolated-process";

/**
 * The process of isolated-process.ts. Arguments: the module that does the work, the limit of resident memory, and the
 * process that started this one.
 */
const [program = "", memoryBytes, parent] = process.argv.slice(2);

/** A thread sees memory and parent whatever the main thread is busy with, and ends the whole process. */
const WATCH = `
  const { memoryBytes, parent } = require("node:worker_threads").workerData;
  setInterval(() => {
    if (process.memoryUsage.rss() > memoryBytes || process.ppid !== parent)
      process.kill(process.pid, "SIGKILL");
  }, 25);
`;
new Worker(WATCH, {
  eval: true,
  workerData: { memoryBytes: Number(memoryBytes), parent: Number(parent) },
  execArgv: [],
});

/** Answers that may be sent, and who waits until there is one. */
let allowed = 0;
let wake = (): void => undefined;

const send = (frame: IsolatedFrame<unknown>): Promise<void> =>
  new Promise((resolve) => process.send?.(frame, () => resolve()));

async function takeAllowance(): Promise<void> {
  while (allowed === 0)
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  allowed -= 1;
}

const toFailure = (error: unknown): IsolatedFailure => ({
  code:
    error instanceof Error && "code" in error && typeof error.code === "string"
      ? error.code
      : "internal",
  message: error instanceof Error ? error.message : String(error),
});

async function work(request: unknown): Promise<void> {
  try {
    const { default: run } = (await import(program)) as { default: IsolatedWork<unknown, unknown> };
    for await (const answer of run(request)) {
      await takeAllowance();
      await send({ answer });
    }
    await send("done");
  } catch (error) {
    await send({ failure: toFailure(error) });
  }
  process.exit(0);
}

process.on("disconnect", () => process.exit(0));
process.once("message", (request) => {
  process.on("message", () => {
    allowed += 1;
    wake();
  });
  void work(request);
});
