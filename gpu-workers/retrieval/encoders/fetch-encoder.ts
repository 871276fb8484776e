import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "@/contracts/errors";
import { modelDir } from "@/lib/paths.mjs";
import { getFileSize } from "@/lib/files";
import { hashFile } from "@/lib/hash";
import { ENCODER_PRESETS, type EncoderPreset } from "./encoder-presets";
import { findEncoder } from "./encoder-settings";

/** Files of a repository besides its weights; only the tokenizer must be there. */
const CONFIGURATION_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "config.json",
  "special_tokens_map.json",
  "modules.json",
  "sentence_bert_config.json",
  "config_sentence_transformers.json",
  "1_Pooling/config.json",
];
const HUB = "https://huggingface.co";

export interface FetchEncoderOptions {
  /** Folder of the encoder; by default that of its name among the models. */
  directory?: string;
  /** Another hub of the same layout (a mirror), without a trailing slash. */
  hub?: string;
  onProgress?: (file: string, bytes: number, total: number | null) => void;
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
    directory = modelDir(name.split("/").at(-1) ?? name),
    hub = HUB,
    onProgress,
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
      const target = join(directory, folder, local);
      const isThere = await downloadFile(
        `${hub}/${repository}/resolve/main/${remote}`,
        target,
        (bytes, total) => onProgress?.(join(folder, local), bytes, total),
      );
      if (!isThere && needed)
        throw new AppError(
          "not-found",
          `${repository} has no ${remote}: it holds no encoder as ONNX; export one with scripts/setup/export_encoder.py and bring the folder to ${directory}`,
        );
      if (isThere) sha256[join(folder, local)] = await hashFile(target);
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
      `no ONNX export of ${preset.title} is known on a hub: export its ${preset.twoTowers ? "two encoders" : "encoder"} with scripts/setup/export_encoder.py and bring ${preset.twoTowers ? `the folders \`query\` and \`passage\` to ${modelDir(name)}` : `the folder to ${modelDir(name)}`}`,
    );
  if (!/^[\w.-]+\/[\w.-]+$/.test(name))
    throw new AppError(
      "invalid-input",
      `"${name}" is neither a preset (${Object.keys(ENCODER_PRESETS).join(", ")}) nor a repository of the form owner/name`,
    );
  return [{ folder: "", repository: name, onnx: "onnx/model.onnx" }];
}

/** Downloads a file, from where an earlier call stopped; false where the hub does not have it. */
async function downloadFile(
  url: string,
  target: string,
  onProgress: (bytes: number, total: number | null) => void,
): Promise<boolean> {
  if ((await getFileSize(target)) ?? 0) return true;
  const partial = `${target}.partial`;
  await mkdir(dirname(target), { recursive: true });
  const start = (await getFileSize(partial)) ?? 0;
  let response: Response;
  try {
    response = await fetch(url, {
      headers: start > 0 ? { range: `bytes=${start}-` } : {},
      signal: AbortSignal.timeout(6 * 3600_000),
    });
  } catch (cause) {
    throw new AppError(
      "retriever-unavailable",
      `${new URL(url).host} cannot be reached from here (${cause instanceof Error ? cause.message : String(cause)}): fetch the folder on a machine that can, and bring it to ${dirname(target)}`,
      { cause },
    );
  }
  if (response.status === 404) return false;
  if (response.status === 416) await rm(partial, { force: true });
  if (!response.ok || !response.body)
    throw new AppError(
      "retriever-unavailable",
      `${url} answered ${response.status} ${response.statusText}; try again later (what came is kept), or bring the folder to ${dirname(target)}`,
    );
  const continues = response.status === 206;
  const length = Number(response.headers.get("content-length") ?? NaN);
  const total = Number.isNaN(length) ? null : length + (continues ? start : 0);
  const file = await open(partial, continues ? "a" : "w");
  let bytes = continues ? start : 0;
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      await file.write(chunk);
      bytes += chunk.length;
      onProgress(bytes, total);
    }
    await file.sync();
  } catch (cause) {
    throw new AppError(
      "retriever-unavailable",
      `the download of ${url} broke off after ${bytes} bytes; run the same command again, it goes on there`,
      { cause },
    );
  } finally {
    await file.close();
  }
  if (total !== null && bytes !== total)
    throw new AppError(
      "retriever-unavailable",
      `${url} ended after ${bytes} of ${total} bytes; run the same command again, it goes on there`,
    );
  await rename(partial, target);
  return true;
}
