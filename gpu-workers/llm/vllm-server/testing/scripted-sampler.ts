import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SampleSequence } from "@/contracts/engine/dialect";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import { CHATML_TEMPLATE } from "@/gpu-workers/llm/model-files/chat-template";
import { VllmClient } from "../client";
import { VllmSampler } from "../sampler";
import { ScriptedVllm, type Script } from "./scripted-vllm";

export const EOS = 2;

const TOKENIZER = {
  encode: () => [5, 6, 7, 8],
  decode: (ids: readonly number[]) => ids.join(" "),
  chat: CHATML_TEMPLATE,
};

/** What the weights of each hash make of every token; "moved" is within the tolerance of "first", "far" is not. */
const LOGPROBS: Readonly<Record<string, number>> = {
  first: -2,
  second: -2.2,
  moved: -2.0005,
  far: -2.5,
};

/** What a folder holds, as a server that has loaded it computes with it. */
const scoreFolder = (folder: string | null): number =>
  folder === null ? -1 : LOGPROBS[readFileSync(join(folder, "adapter_config.json"), "utf8")]!;

/** Writes a folder with the weights of this hash, as a server loads it. */
export async function writeWeights(path: string, hash: string): Promise<void> {
  await mkdir(path);
  for (const name of ["adapter_config.json", "config.json"])
    await writeFile(join(path, name), hash);
}

interface EngineState {
  hash: string;
  /** Weights that it computes with, where they are others than it writes. */
  computes?: string;
}

/** An engine's model whose weights carry a hash that the test sets. */
const createEngineModel = (
  state: EngineState,
): Pick<EngineModel, "id" | "info" | "export" | "forward"> => ({
  id: "searcher",
  info: {
    layers: 1,
    vocabulary: 10,
    maxLength: 100,
    parameters: 1,
    trainable: 1,
    eosIds: [EOS],
    seconds: 0,
    library: null,
    adaptedMaps: null,
    service: null,
  },
  forward: ({ data }) =>
    Promise.resolve({
      logprobs: data.map(({ ids }) =>
        ids.map((_, i) => (i === 0 ? 0 : LOGPROBS[state.computes ?? state.hash]!)),
      ),
      values: [],
      tokenBudget: 2048,
      retriedOutOfMemory: 0,
    }),
  export: async (path) => {
    await writeWeights(path, state.hash);
    return { hash: state.hash, files: ["adapter_config.json"] };
  },
});

/** Scripted servers with a sampler over them and a folder for weights; `close` ends and removes them. */
export class ScriptedSampler {
  private constructor(
    readonly servers: readonly ScriptedVllm[],
    readonly vllm: VllmSampler,
    readonly state: EngineState,
    readonly directory: string,
  ) {}

  static async open(
    script: Script,
    {
      state = { hash: "first" },
      kind = "adapter",
      replicas = 1,
    }: { state?: EngineState; kind?: "adapter" | "full"; replicas?: number } = {},
  ): Promise<ScriptedSampler> {
    const directory = await mkdtemp(join(tmpdir(), "vllm-"));
    const servers = Array.from({ length: replicas }, () => new ScriptedVllm(script, scoreFolder));
    const urls = await Promise.all(servers.map((server) => server.listen()));
    const vllm = new VllmSampler({
      clients: urls.map((url) => new VllmClient({ url, secret: "s" }, { firstPauseMs: 5 })),
      model: createEngineModel(state),
      tokenizer: TOKENIZER,
      directory,
      kind,
      tensorParallelSize: 1,
      dtype: "float32",
    });
    return new ScriptedSampler(servers, vllm, state, directory);
  }

  get server(): ScriptedVllm {
    return this.servers[0]!;
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A sequence to sample from these ids. */
export const buildSequence = (ids: number[], more: Partial<SampleSequence> = {}) => ({
  ids,
  maxTokens: 8,
  temperature: 0.6,
  seed: 5,
  stop: ["</query>"],
  ...more,
});
