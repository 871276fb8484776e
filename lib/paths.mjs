/**
 * Where things are. Plain JavaScript, because the scripts of the setup read it before any package is installed; each
 * path can be moved by an environment variable.
 */
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Repository root. `npm start` names it to the processes it starts. */
export const ROOT = process.env.S3_ROOT ?? dirname(dirname(fileURLToPath(import.meta.url)));

/** Things that setup installs once and shares between data directories: models, encoder, Atlas. */
export const SETUP_DIR = resolve(ROOT, process.env.S3_SETUP_DIR ?? ".setup");

/** State of one installation: database, artifacts, indexes, logs. Tests point it at a temporary folder. */
export const DATA_DIR = resolve(ROOT, process.env.S3_DATA_DIR ?? ".data");

export const VENV_DIR = resolve(ROOT, process.env.S3_VENV ?? ".venv");

/** The project's own Python. */
export const PYTHON = resolve(VENV_DIR, "bin", "python");

/** vLLM's build for the CPU, for tests (`npm run setup:vllm`). */
export const VLLM_DIR = resolve(SETUP_DIR, "vllm");

/** The SDK of Tinker services (`npm run setup:tinker`); another folder holds another version of it. */
export const TINKER_DIR = resolve(ROOT, process.env.S3_TINKER_SDK ?? resolve(SETUP_DIR, "tinker"));

/** A Tinker-compatible server for the CPU, for tests (`npm run setup:skyrl`). */
export const SKYRL_DIR = resolve(SETUP_DIR, "skyrl");

/** Locks of the processes that serve this checkout's build of the page. */
export const SERVING_DIR = resolve(ROOT, ".next", "serving");

/** Logs of the setup's steps. */
export const LOGS_DIR = resolve(SETUP_DIR, "logs");

/** Folder of the embedded corpus and its question sets. */
export const ATLAS_DIR = resolve(SETUP_DIR, "atlas");

/**
 * Folder of an installed model by its name, e.g. "smollm2-135m-instruct" or "minilm".
 *
 * @param {string} name
 */
export const getModelDir = (name) => resolve(SETUP_DIR, "models", name);

/**
 * A path inside the repository.
 *
 * @param {string[]} parts
 */
export const resolveInRoot = (...parts) => resolve(ROOT, ...parts);
