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
    open: ({ name }) => {
      if (name === "broken") return Promise.reject(new AppError("invalid-input", "it is broken"));
      opened = name;
      return Promise.resolve({ response: { thread: threadId } });
    },
    echo: (text) => Promise.resolve({ response: `${opened}: ${text}` }),
    die: () => Promise.resolve(process.exit(7)),
  });
}
