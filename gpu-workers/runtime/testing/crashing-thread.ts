import { parentPort, threadId } from "node:worker_threads";
import { AppError } from "@/contracts/errors";
import { serveThread } from "@/gpu-workers/runtime/thread";

/** A thread that dies when it is told to, for tests. */
export type CrashingOperations = {
  open: { request: { name: string }; response: { thread: number } };
  echo: { request: string; response: string };
  die: { request: null; response: null };
};

let opened: string | null = null;

if (parentPort) {
  serveThread<CrashingOperations>(parentPort, {
    open: async ({ name }) => {
      if (name === "broken") throw new AppError("invalid-input", "it is broken");
      opened = name;
      return { response: { thread: threadId } };
    },
    echo: async (text) => ({ response: `${opened}: ${text}` }),
    die: async () => process.exit(7),
  });
}
