/** Where things are, for the scripts that run before any package is installed. Agrees with contracts/paths.ts. */
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT =
  process.env.S3_ROOT ?? resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");
export const SETUP_DIR = resolve(ROOT, process.env.S3_SETUP_DIR ?? ".setup");
export const DATA_DIR = resolve(ROOT, process.env.S3_DATA_DIR ?? ".data");
export const VENV_DIR = resolve(ROOT, process.env.S3_VENV ?? ".venv");
export const PYTHON = resolve(VENV_DIR, "bin", "python");
/** Locks of the processes that serve this checkout's build of the page. */
export const SERVING_DIR = resolve(ROOT, ".next", "serving");
export const LOGS_DIR = resolve(SETUP_DIR, "logs");

/** A path inside the repository. */
export const inRoot = (...parts) => resolve(ROOT, ...parts);
