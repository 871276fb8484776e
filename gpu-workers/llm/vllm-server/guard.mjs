/**
 * Runs a program, and ends it with everything that it started when the input of this process closes, that is, when the
 * worker has ended for any reason. vLLM itself would run on and keep the GPU's memory. Sends the program's process group
 * to the parent.
 *
 * usage: node guard.mjs PROGRAM ARGUMENT...
 */
import { spawn } from "node:child_process";
import { killGroup } from "../../../lib/process-group.mjs";

const [program = "", ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"], detached: true });
if (child.pid !== undefined) process.send?.({ group: child.pid });

const stop = () => {
  killGroup(child.pid, "SIGTERM");
  setTimeout(() => killGroup(child.pid, "SIGKILL"), 20_000).unref();
};
child.once("error", (/** @type {NodeJS.ErrnoException} */ error) => {
  console.error(error.code === "ENOENT" ? `${program} was not found` : error.message);
  process.exit(127);
});
child.once("exit", (code, signal) => {
  killGroup(child.pid, "SIGKILL"); // processes that it has left behind
  if (signal) console.error(`${program} was ended by ${signal}`);
  process.exit(code ?? 1);
});
process.stdin.resume();
process.stdin.once("end", stop);
process.stdin.once("error", stop);
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, stop);
