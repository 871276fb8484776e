/** One supervised process: started, watched, started again with growing pauses, stopped. */
import { spawn } from "node:child_process";
import { closeSync, copyFileSync, existsSync, openSync, readFileSync } from "node:fs";
import { rmSync, statSync, truncateSync } from "node:fs";
import { constants } from "node:os";
import { capture, takeLastLines } from "../lib/run.mjs";
import { MARK, findMarked, signal, endProcesses, waitForEnd } from "./processes.mjs";

const LOG_LIMIT_BYTES = 20 * 2 ** 20;
const LOG_CHECK_MS = 10_000;
const REASON_LINES = 12;
/** A process that starts may be silent for so many times as long as later. */
const START_HANGS = 4;

/**
 * When a process that dies is started again: after pauses that double. One that always died within `quickDeathMs` is
 * given up after `quickDeaths`, where somebody waits for it to start; once it has lasted, or where nobody does, it is
 * started again for ever. One whose heartbeats stop for `hangMs` is killed.
 */
export const DEFAULT_POLICY = {
  firstPauseMs: 500,
  longestPauseMs: 30_000,
  quickDeathMs: 10_000,
  quickDeaths: 5,
  hangMs: 45_000,
};

/**
 * setpriv gives a process a signal to get when its parent dies, whatever kills that, and another user.
 * Linux only; elsewhere children watch their supervisor themselves, and the next start cleans up.
 */
const hasSetpriv = process.platform === "linux" && capture("setpriv", ["--version"]) !== null;

/**
 * @typedef {object} ChildSpec
 * @property {string} name
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string | undefined>} [env]
 * @property {string} [cwd]
 * @property {string} log
 * @property {"SIGTERM" | "SIGINT"} [stopSignal]
 * @property {number} [graceMs] time to stop by itself
 * @property {{ uid: number, gid: number, needsDac?: boolean } | null} [user]
 * @property {string} [heartbeatFile] where it says once a second that it works
 * @property {() => Promise<void>} [beforeStart] mends what a killed predecessor left
 */

/** What PostgreSQL's own user is given to read past folders that only root may enter. */
const DAC = "+dac_override,+dac_read_search";

/** Whether this machine can give that; in some containers root itself has not all of it. */
export const canGiveDac = () =>
  hasSetpriv &&
  capture("setpriv", [`--inh-caps=${DAC}`, `--ambient-caps=${DAC}`, "--", "true"]) !== null;

/**
 * Moves what a log holds to LOG.1 once it is large; whoever writes it goes on at its beginning. On a full disk what it
 * holds is lost. Where it cannot be copied for any other reason it is left as it is.
 * @param {string} log
 * @param {number} limitBytes
 * @param {(from: string, to: string) => void} copy
 * @returns {boolean} whether it was large
 * @throws {Error} where it cannot be copied, although the disk is not full
 */
export function rotateLog(log, limitBytes = LOG_LIMIT_BYTES, copy = copyFileSync) {
  if (!existsSync(log) || statSync(log).size <= limitBytes) return false;
  try {
    copy(log, `${log}.1`);
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
    // A full disk: what the log holds makes room for others, and a part of a copy is of no use.
    rmSync(`${log}.1`, { force: true });
  }
  truncateSync(log);
  return true;
}

/**
 * The command as it is spawned: with parent-death signal and user where the machine can.
 * @param {Pick<ChildSpec, "command" | "args" | "user" | "stopSignal">} spec
 * @param {boolean} canSetpriv
 * @returns {{ command: string, args: string[], options: { uid?: number, gid?: number } }}
 */
export function wrap({ command, args, user, stopSignal = "SIGTERM" }, canSetpriv = hasSetpriv) {
  if (!canSetpriv) return { command, args, options: user ? { uid: user.uid, gid: user.gid } : {} };
  const options = [
    ...(user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"] : []),
    ...(user?.needsDac ? [`--inh-caps=${DAC}`, `--ambient-caps=${DAC}`] : []),
    `--pdeathsig=${stopSignal.replace(/^SIG/, "")}`,
  ];
  return { command: "setpriv", args: [...options, "--", command, ...args], options: {} };
}

/** How a process ended, for people. */
function describeEnd(
  /** @type {number | null} */ code,
  /** @type {NodeJS.Signals | null} */ signalName,
) {
  if (signalName) return `was ended by ${signalName}`;
  const name = Object.entries(constants.signals).find(([, number]) => number + 128 === code)?.[0];
  return name ? `was ended by ${name}` : `ended with code ${code}`;
}

/**
 * Keeps a process running until it is stopped.
 * @param {ChildSpec} spec
 * @param {{ id: string, say: (text: string) => void, onGiveUp: ((reason: string) => void) | null, policy?: typeof DEFAULT_POLICY }} supervisor
 */
export function keepRunning(spec, { id, say, onGiveUp, policy = DEFAULT_POLICY }) {
  const mark = `${id}/${spec.name}`;
  /** @type {import("node:child_process").ChildProcess | null} */
  let child = null;
  let isStopping = false;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let deaths = 0;
  let hasLasted = false;
  let logStart = 0;
  let hasToldOfLog = false;
  /** A log that stays large keeps nothing from working; it is told once. */
  function keepLogSmall() {
    try {
      if (rotateLog(spec.log)) logStart = 0;
    } catch (error) {
      if (!hasToldOfLog)
        say(`The log ${spec.log} is large and cannot be moved aside: ${String(error)}`);
      hasToldOfLog = true;
    }
  }
  setInterval(keepLogSmall, LOG_CHECK_MS).unref();
  let restarting = Promise.resolve();

  function start() {
    if (isStopping) return;
    const started = Date.now();
    keepLogSmall();
    logStart = existsSync(spec.log) ? statSync(spec.log).size : 0;
    const log = openSync(spec.log, "a");
    const { command, args, options } = wrap(spec);
    const env = {
      ...process.env,
      ...spec.env,
      S3_SUPERVISOR_PID: String(process.pid),
      S3_HEARTBEAT_FILE: spec.heartbeatFile,
      [MARK]: mark,
    };
    if (spec.heartbeatFile) rmSync(spec.heartbeatFile, { force: true });
    const spawned = spawn(command, args, {
      ...options,
      cwd: spec.cwd,
      env,
      detached: true,
      stdio: ["ignore", log, log],
    });
    child = spawned;
    closeSync(log);
    let hasEnded = false;
    const ended = (/** @type {string} */ how) => {
      if (hasEnded) return;
      hasEnded = true;
      handleEnd(how, Date.now() - started);
    };
    spawned.once("error", (error) => ended(`could not be started: ${error.message}`));
    spawned.once("exit", (code, signalName) => ended(describeEnd(code, signalName)));
  }

  function handleEnd(/** @type {string} */ how, /** @type {number} */ lifetimeMs) {
    if (isStopping) return;
    hasLasted ||= lifetimeMs >= policy.quickDeathMs;
    deaths = lifetimeMs < policy.quickDeathMs ? deaths + 1 : 1;
    if (deaths === policy.quickDeaths) {
      const written = readFileSync(spec.log).subarray(logStart).toString();
      const output = takeLastLines(written, REASON_LINES);
      const reason = `The ${spec.name} ${how}, ${deaths} times in a row. Last lines of ${spec.log}:\n${output.replace(/^/gm, "    ")}`;
      if (onGiveUp && !hasLasted) return onGiveUp(reason);
      say(reason);
    }
    const doublings = Math.min(deaths - 1, 20);
    const pauseMs = Math.min(policy.longestPauseMs, policy.firstPauseMs * 2 ** doublings);
    say(`The ${spec.name} ${how}. Starting it again in ${pauseMs / 1000} s (log: ${spec.log}).`);
    timer = setTimeout(() => {
      restarting = restart();
    }, pauseMs);
  }

  async function restart() {
    await endLeftovers(0);
    await spec.beforeStart?.();
    start();
  }

  /** What the process started itself: its group, and whoever carries its mark elsewhere. */
  async function endLeftovers(/** @type {number} */ graceMs) {
    if (child?.pid) signal(-child.pid, "SIGKILL");
    await endProcesses(() => findMarked(mark), { graceMs });
  }

  const isRunning = () => child !== null && child.exitCode === null && child.signalCode === null;

  /** Kills a process that lives but does nothing any more; its end is then seen as any other. */
  function watchHeartbeats(/** @type {string} */ file) {
    /** @type {number | null} */
    let last = null;
    let silentMs = 0;
    const checkMs = policy.hangMs / 9;
    // Time is counted in checks, so that a machine that slept does not count as silence.
    setInterval(() => {
      const beat = existsSync(file) ? statSync(file).mtimeMs : null;
      silentMs = beat === last && isRunning() && !isStopping ? silentMs + checkMs : 0;
      last = beat;
      const limitMs = beat === null ? policy.hangMs * START_HANGS : policy.hangMs;
      if (silentMs < limitMs) return;
      silentMs = 0;
      say(`The ${spec.name} has not moved for ${limitMs / 1000} s and is killed.`);
      if (child?.pid) signal(-child.pid, "SIGKILL");
    }, checkMs).unref();
  }

  if (spec.heartbeatFile) watchHeartbeats(spec.heartbeatFile);
  start();
  return {
    name: spec.name,
    pid: () => child?.pid ?? null,
    /** Stops the process and all it started: politely, then not. */
    stop: async () => {
      isStopping = true;
      clearTimeout(timer);
      await restarting;
      const pid = child?.pid;
      if (pid && isRunning()) {
        signal(pid, spec.stopSignal ?? "SIGTERM");
        if (!(await waitForEnd([pid], spec.graceMs ?? 10_000)))
          say(`The ${spec.name} did not stop by itself and is killed.`);
      }
      await endLeftovers(500);
    },
    /** Kills at once, without waiting. */
    kill: () => {
      isStopping = true;
      clearTimeout(timer);
      if (child?.pid) signal(-child.pid, "SIGKILL");
    },
  };
}
