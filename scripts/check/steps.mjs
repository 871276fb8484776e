/** What `npm run check` runs and `npm test` counts; the longest stand first. */
import { PYTHON, resolveInRoot } from "../../lib/paths.mjs";

/**
 * A program of an installed package, as a command that Node runs.
 * @param {string[]} path of its entry under node_modules
 */
export const findNodeProgram = (...path) => [
  process.execPath,
  resolveInRoot("node_modules", ...path),
];
const prettier = findNodeProgram("prettier", "bin", "prettier.cjs");
const eslint = findNodeProgram("eslint", "bin", "eslint.js");
/** Lint by the rules that need types; what to look at stands at its end. */
export const typedLint = [
  ...findNodeProgram("oxlint", "bin", "oxlint"),
  "--type-aware",
  "--config",
  resolveInRoot("scripts", "check", "typed-rules.json"),
];
const ruff = [PYTHON, "-m", "ruff"];
const CACHE = "node_modules/.cache";

/** Folders whose imports are checked for circles. */
const CODE = [
  "app",
  "bench",
  "cli",
  "contracts",
  "core",
  "e2e",
  "gpu-workers",
  "lib",
  "scripts",
  "server",
];

/**
 * @typedef {object} Check
 * @property {string} name
 * @property {string[]} command program and arguments; exit code 0 means that all is well
 * @property {number} seconds about what it takes on two busy cores without a cache
 * @property {string} remedy
 */

/** @type {Check[]} */
export const CHECKS = [
  {
    name: "lint",
    seconds: 90,
    command: [...eslint, ".", "--cache", "--cache-location", `${CACHE}/eslint/`],
    remedy: "`npm run check -- --fix` mends what can be mended without a decision.",
  },
  {
    name: "typed-lint",
    seconds: 60,
    command: [...typedLint, "--ignore-pattern", "scripts/check/fixtures", "."],
    remedy:
      "The rules stand in scripts/check/typed-rules.json, each explained by its name at typescript-eslint.io/rules.",
  },
  {
    name: "types",
    seconds: 25,
    command: [...findNodeProgram("typescript-7", "bin", "tsc"), "--project", "tsconfig.check.json"],
    remedy: "Each line names a file, a line and a column.",
  },
  {
    name: "exact-types",
    seconds: 20,
    command: [...findNodeProgram("typescript-7", "bin", "tsc"), "--project", "tsconfig.exact.json"],
    remedy:
      "A property that may hold undefined says so: `name?: T | undefined`; or it is left out.",
  },
  {
    name: "format",
    seconds: 70,
    command: [...prettier, "--check", ".", "--log-level", "warn", "--cache"],
    remedy: "`npm run check -- --fix` formats.",
  },
  {
    name: "python-types",
    seconds: 60,
    command: [...findNodeProgram("pyright", "index.js"), "--pythonpath", PYTHON],
    remedy: "Settings of pyright are in pyproject.toml.",
  },
  {
    name: "arrows",
    seconds: 13,
    command: [
      ...findNodeProgram("dependency-cruiser", "bin", "dependency-cruise.mjs"),
      "--config",
      ".dependency-cruiser.json",
      "--exclude",
      "^(scripts/check/fixtures|server/platform/db/generated)",
      ...CODE,
    ],
    remedy: "docs/architecture.md draws which folder may import which.",
  },
  {
    name: "folder-pairs",
    seconds: 3,
    command: [process.execPath, resolveInRoot("scripts", "check", "folder-pairs.mjs"), ...CODE],
    remedy: "Move what both need to where only one of them imports the other.",
  },
  {
    name: "dead-code",
    seconds: 12,
    command: findNodeProgram("knip", "bin", "knip.js"),
    remedy: "Delete what nothing uses; an export that only its own file uses needs no `export`.",
  },
  {
    name: "python-lint",
    seconds: 1,
    command: [...ruff, "check", "."],
    remedy: "`npm run check -- --fix` mends what can be mended without a decision.",
  },
  {
    name: "python-format",
    seconds: 1,
    command: [...ruff, "format", "--check", "."],
    remedy: "`npm run check -- --fix` formats.",
  },
];

/** What `--fix` runs first. */
export const FIXES = [
  [...eslint, ".", "--fix", "--cache", "--cache-location", `${CACHE}/eslint/`],
  [...ruff, "check", "--fix", "."],
  [...ruff, "format", "."],
  [...prettier, "--write", ".", "--log-level", "warn"],
];
