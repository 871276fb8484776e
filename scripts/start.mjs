/**
 * Starts everything: database, server, local worker. Ctrl-C stops it all.
 *
 * usage: node scripts/start.mjs [--dev]
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { takeLock } from "../lib/lock.mjs";
import { DATA_DIR, ROOT, SERVING_DIR, resolveInRoot } from "../lib/paths.mjs";
import { SERVER_ARGUMENTS, SERVER_VARIABLES } from "../lib/server-program.mjs";
import { NO_TELEMETRY } from "../lib/telemetry.mjs";
import { followLogs } from "./start/follow.mjs";
import { runSupervisor } from "./start/main.mjs";

const { values } = parseArgs({ options: { dev: { type: "boolean" } } });
const isDevelopment = values.dev === true;

/**
 * A port from the environment, or a clear refusal.
 * @template {number | undefined} T
 * @param {string} name of the variable
 * @param {T} fallback
 * @returns {number | T}
 */
function readPort(name, fallback) {
  const value = process.env[name];
  if (value === undefined || value === "") return fallback;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    console.error(`${name} must be a port between 1 and 65535, not "${value}".`);
    process.exit(1);
  }
  return port;
}

const env = {
  NODE_ENV: isDevelopment ? "development" : "production",
  ...NO_TELEMETRY,
  S3_ROOT: ROOT,
  ...(isDevelopment ? { S3_DEV: "1" } : {}),
};
const describeProgram = (/** @type {string[]} */ ...args) => ({
  command: process.execPath,
  args,
  cwd: ROOT,
  env,
});
const serverFile = resolveInRoot("server", "main.ts");

// While this lives, set-up does not replace the build that it serves.
if (!isDevelopment) takeLock(join(SERVING_DIR, `${process.pid}.lock`));
if (isDevelopment) followLogs(join(DATA_DIR, "logs"), ["server", "worker"]);
runSupervisor({
  dataDir: DATA_DIR,
  host: process.env.HOST || "127.0.0.1",
  port: readPort("PORT", 3000),
  databaseUrl: process.env.DATABASE_URL || undefined,
  postgresPort: readPort("S3_PG_PORT", undefined),
  // In development the server starts anew when one of its files changes; a worker goes on, so that no run is lost.
  server: isDevelopment
    ? {
        ...describeProgram(
          resolveInRoot("node_modules", "tsx", "dist", "cli.mjs"),
          "watch",
          "--clear-screen=false",
          serverFile,
        ),
        heartbeatFile: undefined, // a file with an error stops the server until it is mended
      }
    : { ...describeProgram(...SERVER_ARGUMENTS), env: { ...env, ...SERVER_VARIABLES } },
  worker: describeProgram("--import", "tsx", resolveInRoot("gpu-workers", "agent", "main.ts")),
});
