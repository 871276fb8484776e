/** The supervisor as a program: prints what happens, and stops everything on a signal. */
import { join } from "node:path";
import { readProcessState } from "../../lib/lock.mjs";
import { formatDuration } from "../setup/progress.mjs";
import { StartError } from "./start-error.mjs";
import { startAll } from "./supervisor.mjs";

const PARENT_WATCH_MS = 1_000;

const say = (/** @type {string} */ text) =>
  console.log(`[${new Date().toTimeString().slice(0, 8)}] ${text}`);

/** npm runs this script, often through a shell; where npm is killed, nobody is left to stop it. */
function watchNpm() {
  const parent = process.ppid;
  const state = readProcessState(parent);
  const through = state?.name.match(/^(?:sh|dash|bash|zsh)$/) ? state.parent : null;
  return () =>
    process.ppid === parent && (through === null || readProcessState(parent)?.parent === through);
}

/**
 * Starts everything and stays until it is stopped; ends the process.
 * @param {Omit<import("./supervisor.mjs").Settings, "say" | "signal">} settings
 */
export function runSupervisor(settings) {
  const started = Date.now();
  const interruption = new AbortController();
  /** @type {Awaited<ReturnType<typeof startAll>> | null} */
  let system = null;
  /** @type {Promise<void> | null} */
  let stopping = null;
  let exitCode = 0;

  function shutDown(/** @type {string} */ reason) {
    if (stopping) {
      say("Stopping at once.");
      system?.kill();
      process.exit(1);
    }
    say(`${reason} Stopping worker, server and database (again to stop at once).`);
    interruption.abort();
    stopping = starting.then(async () => {
      await system?.stop();
      say("Everything is stopped.");
      process.exit(exitCode);
    });
  }

  const signals = {
    SIGINT: "Interrupted.",
    SIGTERM: "Asked to stop.",
    SIGHUP: "The terminal was closed.",
  };
  for (const [name, reason] of Object.entries(signals)) process.on(name, () => shutDown(reason));

  if (process.env.npm_lifecycle_event) {
    const isThere = watchNpm();
    setInterval(() => {
      if (!stopping && !isThere()) shutDown("npm is gone.");
    }, PARENT_WATCH_MS).unref();
  }

  const starting = startAll({ ...settings, say, signal: interruption.signal }).then(
    (result) => {
      system = result;
      if (stopping) return;
      console.log(
        `\n  S3 is ready: ${result.url}\n  The address holds the secret that lets a browser in: keep it to yourself.\n  (${formatDuration(Date.now() - started)}; logs in ${join(settings.dataDir, "logs")}; Ctrl-C stops everything)\n`,
      );
      void result.failed.then((reason) => {
        exitCode = 1;
        shutDown(reason);
      });
    },
    (error) => {
      if (stopping) return;
      console.error(error instanceof StartError ? `\n${error.message}` : error);
      process.exit(1);
    },
  );
}
