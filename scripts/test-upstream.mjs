/**
 * `npm run test:upstream`: every test that holds the released code's behaviour: those that upstream/rows.json names for a
 * row of the table, and those whose files are named for upstream. All of them run in `npm test`, too.
 *
 * usage: node scripts/test-upstream.mjs [--no-browser]
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, resolveInRoot } from "../lib/paths.mjs";

/** Parts of the paths of test files that are run. */
const NAMED = ["upstream", "guide-commands.integration"];

/** @type {Record<string, Record<string, object>>} */
const rows = JSON.parse(readFileSync(resolveInRoot("scripts", "upstream", "rows.json"), "utf8"));
const files = new Set(Object.values(rows).flatMap((section) => Object.keys(section)));

/** @param {string[]} program */
const runTests = (...program) =>
  spawnSync(process.execPath, program, { cwd: ROOT, stdio: "inherit" }).status === 0;

const { values } = parseArgs({ options: { "no-browser": { type: "boolean" } } });
const hasPassed = [
  runTests(resolveInRoot("node_modules", "vitest", "vitest.mjs"), "run", ...NAMED, ...files),
  values["no-browser"] ||
    runTests(
      resolveInRoot("node_modules", "@playwright", "test", "cli.js"),
      "test",
      "--config",
      join("e2e", "playwright.config.ts"),
      // Matched against whole paths, in which a checkout's folder may be called upstream.
      "e2e/upstream-",
    ),
];
process.exitCode = hasPassed.every(Boolean) ? 0 : 1;
