/** Shows what is appended to the logs of the children, for development. */
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

const POLL_MS = 250;

/**
 * Prints new lines of logs/NAME.log, each with its name in front.
 * @param {string} folder
 * @param {string[]} names
 */
export function followLogs(folder, names) {
  const positions = new Map(names.map((name) => [name, readSize(join(folder, `${name}.log`))]));
  const rests = new Map(names.map((name) => [name, ""]));
  setInterval(() => {
    for (const name of names) {
      const file = join(folder, `${name}.log`);
      const size = readSize(file);
      const from = Math.min(positions.get(name) ?? 0, size);
      positions.set(name, size);
      if (size === from) continue;
      const lines = ((rests.get(name) ?? "") + read(file, from, size)).split("\n");
      rests.set(name, lines.pop() ?? "");
      for (const line of lines) console.log(`${name.padEnd(6)} | ${line}`);
    }
  }, POLL_MS).unref();
}

const readSize = (/** @type {string} */ file) => (existsSync(file) ? statSync(file).size : 0);

function read(/** @type {string} */ file, /** @type {number} */ from, /** @type {number} */ to) {
  const buffer = Buffer.alloc(to - from);
  const handle = openSync(file, "r");
  readSync(handle, buffer, 0, buffer.length, from);
  closeSync(handle);
  return buffer.toString();
}
