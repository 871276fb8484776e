// First module of every worker thread: threads do not inherit the TypeScript loader of the process, so it is
// registered here before the thread's own module is imported.
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
await import(workerData.module);
