/** What setup shows: a bar that moves on a terminal, plain lines elsewhere. */
import { existsSync, statSync, openSync, readSync, closeSync } from "node:fs";
import { takeLastLines } from "../lib/run.mjs";

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const BAR_WIDTH = 24;
const FRAME_MS = 120;
const PLAIN_MS = 15_000;

/** "1 min 12 s" from milliseconds. */
export function formatDuration(/** @type {number} */ ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** A bar of a share between 0 and 1, with percent. */
export function formatBar(/** @type {number} */ share) {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `[${"█".repeat(filled)}${"·".repeat(BAR_WIDTH - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}

function readLastLine(/** @type {string} */ log) {
  if (!existsSync(log)) return "";
  const { size } = statSync(log);
  const buffer = Buffer.alloc(Math.min(size, 2_000));
  const file = openSync(log, "r");
  readSync(file, buffer, 0, buffer.length, size - buffer.length);
  closeSync(file);
  return takeLastLines(buffer.toString(), 1).trim();
}

/**
 * @typedef {object} Ui
 * @property {(name: string, reason: string, log: string, progress?: () => number | null) => { note: (text: string) => void, succeed: () => void, fail: () => void }} begin
 * @property {(text: string) => void} error
 *
 * @param {{ isTTY?: boolean, columns?: number, write: (text: string) => unknown }} out
 * @returns {Ui}
 */
export function makeUi(out) {
  /** @type {Ui["begin"]} */
  const begin = (name, reason, log, progress) => {
    const started = Date.now();
    const elapsed = () => formatDuration(Date.now() - started);
    let noted = "";
    let frame = 0;
    const draw = () => {
      const share = progress?.() ?? null;
      const line = `${SPINNER[frame++ % SPINNER.length]} ${name}  ${share === null ? "" : `${formatBar(share)}  `}${elapsed()}  ${noted || readLastLine(log)}`;
      out.write(`\r\u001b[K${line.slice(0, (out.columns ?? 80) - 1)}`);
    };
    const plain = () => {
      const share = progress?.() ?? null;
      out.write(
        `  … ${name}: ${elapsed()}${share === null ? "" : `, ${Math.floor(share * 100)} %`}${noted ? `, ${noted}` : ""}\n`,
      );
    };
    if (!out.isTTY) out.write(`• ${name} (${reason})\n`);
    const timer = setInterval(out.isTTY ? draw : plain, out.isTTY ? FRAME_MS : PLAIN_MS);
    const end = (/** @type {string} */ mark) => () => {
      clearInterval(timer);
      out.write(`${out.isTTY ? "\r\u001b[K" : ""}${mark} ${name} (${elapsed()})\n`);
    };
    const note = (/** @type {string} */ text) => {
      noted = text;
      if (!out.isTTY) out.write(`  … ${name}: ${text}\n`);
    };
    return { note, succeed: end("✓"), fail: end("✗") };
  };
  return { begin, error: (text) => out.write(`\n${text}\n`) };
}
