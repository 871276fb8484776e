import { resolve } from "node:path";

/** Repository root: every command is started from it by npm. */
export const ROOT = process.env.S3_ROOT ?? process.cwd();

/** Things that setup installs once and shares between data directories: models, encoder, Atlas. */
export const SETUP_DIR = resolve(ROOT, process.env.S3_SETUP_DIR ?? ".setup");

/** State of one installation: database, artifacts, indexes, logs. Tests point it at a temporary folder. */
export const DATA_DIR = resolve(ROOT, process.env.S3_DATA_DIR ?? ".data");

/** The project's own Python. */
export const PYTHON = resolve(ROOT, process.env.S3_VENV ?? ".venv", "bin", "python");

/** Folder of an installed model by its name, e.g. "smollm2-135m-instruct" or "minilm". */
export const modelDir = (name: string): string => resolve(SETUP_DIR, "models", name);

/** Folder of the embedded corpus and its question sets. */
export const ATLAS_DIR = resolve(SETUP_DIR, "atlas");
