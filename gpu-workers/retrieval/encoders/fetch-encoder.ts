import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "@/contracts/errors";
import { getModelDir } from "@/lib/paths.mjs";
import { download, type DownloadOptions } from "@/gpu-workers/runtime/download";
import { ENCODER_PRESETS, type EncoderPreset } from "./encoder-presets";
import { findEncoder, SENTENCE_CONFIG_FILES } from "./encoder-settings";

/** Files of a repository besides its weights; only the tokenizer must be there. */
const CONFIGURATION_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "config.json",
  "special_tokens_map.json",
  "modules.json",
  ...SENTENCE_CONFIG_FILES,
  "config_sentence_transformers.json",
  "1_Pooling/config.json",
];
const HUB = "https://huggingface.co";
const LONGEST_MS = 6 * 3600_000;

export interface FetchEncoderOptions {
  /** Folder of the encoder; by default that of its name among the models. */
  directory?: string;
  /** Another hub of the same layout (a mirror), without a trailing slash. */
  hub?: string;
  onProgress?: (file: string, bytes: number, total: number | null) => void;
  /** As `download` has it. */
  pausesMs?: readonly number[];
}

/**
 * Downloads an encoder: a preset's name, or a repository "owner/name" with an ONNX export. An interrupted download
 * continues where it stopped. The files are recorded with their sha256 in model.json.
 *
 * @throws AppError `retriever-unavailable` where the hub cannot be reached, `not-found` where it has no such files
 */
export async function fetchEncoder(
  name: string,
  {
    directory = getModelDir(name.split("/").at(-1) ?? name),
    hub = HUB,
    onProgress,
    pausesMs,
  }: FetchEncoderOptions = {},
): Promise<{ directory: string; sha256: Record<string, string> }> {
  const parts = listSources(name);
  const sha256: Record<string, string> = {};
  for (const { folder, repository, onnx } of parts) {
    const files: [string, string, boolean][] = [
      ...CONFIGURATION_FILES.map((file): [string, string, boolean] => [
        file,
        file,
        file === "tokenizer.json",
      ]),
      [onnx, "model.onnx", true],
      [`${onnx}_data`, "model.onnx_data", false],
    ];
    for (const [remote, local, needed] of files) {
      const found = await downloadFile({
        url: `${hub}/${repository}/resolve/main/${remote}`,
        path: join(directory, folder, local),
        onProgress: (bytes, total) => onProgress?.(join(folder, local), bytes, total),
        pausesMs,
      });
      if (found === null && needed)
        throw new AppError(
          "not-found",
          `${repository} has no ${remote}: it holds no encoder as ONNX; export one with scripts/setup/export_encoder.py and bring the folder to ${directory}`,
        );
      if (found !== null) sha256[join(folder, local)] = found;
    }
  }
  await writeFile(
    join(directory, "model.json"),
    `${JSON.stringify({ name, task: "sentence-embedding", from: parts.map(({ repository }) => `${hub}/${repository}`), sha256 }, null, 2)}\n`,
  );
  await findEncoder(name, "fp32", directory);
  return { directory, sha256 };
}

function listSources(name: string): EncoderPreset["hub"] {
  const preset = ENCODER_PRESETS[name];
  if (preset && preset.hub.length > 0) return preset.hub;
  if (preset)
    throw new AppError(
      "not-found",
      `no ONNX export of ${preset.title} is known on a hub: export its ${preset.twoTowers ? "two encoders" : "encoder"} with scripts/setup/export_encoder.py and bring ${preset.twoTowers ? `the folders \`query\` and \`passage\` to ${getModelDir(name)}` : `the folder to ${getModelDir(name)}`}`,
    );
  if (!/^[\w.-]+\/[\w.-]+$/.test(name))
    throw new AppError(
      "invalid-input",
      `"${name}" is neither a preset (${Object.keys(ENCODER_PRESETS).join(", ")}) nor a repository of the form owner/name`,
    );
  return [{ folder: "", repository: name, onnx: "onnx/model.onnx" }];
}

/** Downloads a file. @returns its sha256; null where the hub does not have it */
async function downloadFile(
  file: Pick<DownloadOptions, "url" | "path" | "onProgress" | "pausesMs">,
): Promise<string | null> {
  try {
    return await download({
      ...file,
      sha256: null,
      byHand: `Fetch the folder on a machine that can, and bring it to ${dirname(file.path)}; or run the same command again, it goes on where it stopped.`,
      unreachable: "retriever-unavailable",
      signal: AbortSignal.timeout(LONGEST_MS),
    });
  } catch (error) {
    if (error instanceof AppError && error.code === "not-found") return null;
    throw error;
  }
}
