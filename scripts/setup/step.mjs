/** The frame of set-up: steps that know whether they are done, retries, and failures that name a remedy. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError, run, takeLastLines } from "../lib/run.mjs";

/**
 * @typedef {object} StepContext
 * @property {string} log file that the step's programs write to
 * @property {(command: string, args: string[], options?: object) => Promise<void>} exec run a program
 * @property {(command: string, args: string[], options?: object) => Promise<void>} fetch the same, for programs that use a registry: repeated with growing pauses
 * @property {(text: string) => void} note say what is going on
 *
 * @typedef {object} Step
 * @property {string} id names the log and --only
 * @property {string} name shown to people
 * @property {string} remedy what to do when it fails
 * @property {() => true | string} done true, or why it must run
 * @property {(context: StepContext) => Promise<void>} run
 * @property {() => number | null} [progress] share done, 0 to 1, where it can be measured
 */

/** A failed step, with what a person needs to mend it. */
export class StepError extends Error {
  /** @param {string} message cause @param {string} [remedy] more precise than the step's own */
  constructor(message, remedy) {
    super(message);
    this.name = "StepError";
    this.remedy = remedy;
  }
}

const PERMANENT =
  /EUSAGE|ERESOLVE|EACCES|ENOSPC|No space left|Permission denied|externally-managed/i;

/**
 * Repeats what may fail because a registry is slow. What a client has fetched it keeps in its cache. The program repeats
 * by lib/retry.ts; this runs before the packages that it needs are installed.
 * @template T
 * @param {() => Promise<T>} action
 * @param {{ attempts?: number, firstPauseMs?: number, onRetry?: (attempt: number, pauseMs: number) => void }} [options]
 * @returns {Promise<T>}
 */
async function withRetries(
  action,
  { attempts = 4, firstPauseMs = 2_000, onRetry = () => {} } = {},
) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      const isPermanent = !(error instanceof CommandError) || PERMANENT.test(error.output);
      if (isPermanent || attempt >= attempts) throw error;
      const pauseMs = firstPauseMs * 2 ** (attempt - 1);
      onRetry(attempt, pauseMs);
      await sleep(pauseMs);
    }
  }
}

/** The report of a failed step: name, cause, last lines of its log, remedy. */
function describeFailure(
  /** @type {Step} */ step,
  /** @type {unknown} */ error,
  /** @type {string} */ log,
) {
  const output =
    error instanceof CommandError && error.output
      ? `\n  Last lines of ${log}:\n${takeLastLines(error.output).replace(/^/gm, "    ")}`
      : "";
  const remedy = (error instanceof StepError && error.remedy) || step.remedy;
  return `Setup stopped at "${step.name}".\n  Cause: ${error instanceof Error ? error.message : String(error)}${output}\n  Remedy: ${remedy}`;
}

/**
 * Runs the steps that are not done, in order; stops at the first that fails.
 * @param {Step[]} steps
 * @param {{ logsDir: string, ui: import("./progress.mjs").Ui, retry?: object }} options
 * @returns {Promise<boolean>} whether all is set up
 */
export async function runSteps(steps, { logsDir, ui, retry = {} }) {
  mkdirSync(logsDir, { recursive: true });
  for (const step of steps) {
    const reason = step.done();
    if (reason === true) continue;
    const log = join(logsDir, `${step.id}.log`);
    rmSync(log, { force: true });
    const shown = ui.begin(step.name, reason, log, step.progress);
    const exec = (
      /** @type {string} */ command,
      /** @type {string[]} */ args,
      /** @type {object} */ options = {},
    ) => run(command, args, { log, ...options });
    const onRetry = (/** @type {number} */ attempt, /** @type {number} */ pauseMs) =>
      shown.note(`attempt ${attempt} failed, trying again in ${pauseMs / 1000} s`);
    const context = {
      log,
      exec,
      fetch: (
        /** @type {string} */ command,
        /** @type {string[]} */ args,
        /** @type {object} */ options = {},
      ) => withRetries(() => exec(command, args, options), { onRetry, ...retry }),
      note: shown.note,
    };
    try {
      await step.run(context);
      const still = step.done();
      if (still !== true) throw new StepError(`it ran, but ${still}`);
      shown.succeed();
    } catch (error) {
      shown.fail();
      ui.error(describeFailure(step, error, log));
      return false;
    }
  }
  return true;
}
