import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { ROOT } from "@/lib/paths.mjs";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import { CHATML_TEMPLATE } from "@/gpu-workers/llm/model-files/chat-template";
import { VllmClient } from "./client";
import { VllmProcess } from "./process";
import { buildSamplerLaunch, type SamplerLaunchOptions } from "./launch-options";
import { VllmSampler } from "./sampler";
import { ScriptedVllm, type Script } from "./testing/scripted-vllm";

const EOS = 2;
const signal = new AbortController().signal;
const tokenizer = {
  encode: () => [5, 6, 7, 8],
  decode: (ids: readonly number[]) => ids.join(" "),
  chat: CHATML_TEMPLATE,
};

let directory: string;
let servers: ScriptedVllm[] = [];
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), "vllm-"))));
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
  await rm(directory, { recursive: true, force: true });
});

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

interface EngineState {
  hash: string;
  /** Weights that it computes with, where they are others than it writes. */
  computes?: string;
}
/** An engine's model whose weights carry a hash that the test sets; export writes what a server would load. */
function engineModel(state: EngineState): Pick<EngineModel, "id" | "info" | "export" | "forward"> {
  return {
    forward: ({ data }) =>
      Promise.resolve({
        logprobs: data.map(({ ids }) =>
          ids.map((_, i) => (i === 0 ? 0 : LOGPROBS[state.computes ?? state.hash]!)),
        ),
        values: [],
        tokenBudget: 2048,
        retriedOutOfMemory: 0,
      }),
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
    },
    export: async (path) => {
      await mkdir(path);
      for (const name of ["adapter_config.json", "config.json"])
        await writeFile(join(path, name), state.hash);
      return { hash: state.hash, files: ["adapter_config.json"] };
    },
  };
}

async function openSampler(
  script: Script,
  {
    state = { hash: "first" },
    kind = "adapter",
    replicas = 1,
  }: { state?: EngineState; kind?: "adapter" | "full"; replicas?: number } = {},
): Promise<{ vllm: VllmSampler; server: ScriptedVllm; state: { hash: string } }> {
  servers = Array.from({ length: replicas }, () => new ScriptedVllm(script, scoreFolder));
  const clients = await Promise.all(
    servers.map(
      async (server) =>
        new VllmClient({ url: await server.listen(), secret: "s" }, { firstPauseMs: 5 }),
    ),
  );
  const vllm = new VllmSampler({
    clients,
    model: engineModel(state),
    tokenizer,
    directory,
    kind,
    tensorParallelSize: 1,
    dtype: "float32",
  });
  return { vllm, server: servers[0]!, state };
}
const sequence = (ids: number[], more = {}) => ({
  ids,
  maxTokens: 8,
  temperature: 0.6,
  seed: 5,
  stop: ["</query>"],
  ...more,
});

describe("sampling by vLLM", () => {
  it("sends tokens and the policy's own settings, and gives back tokens with their log-probabilities in order", async () => {
    const { vllm, server } = await openSampler(({ prompt }) => [
      { token_ids: [prompt[0]! + 10, EOS], token_logprobs: [-0.25, -1] },
    ]);
    const { sequences, usage } = await (
      await vllm.useWeights("first", signal)
    ).sample({
      adapter: true,
      sequences: [sequence([4, 5]), sequence([6], { seed: 9, stopIds: [3] })],
    });
    expect(sequences).toEqual(
      [4, 6].map((first) => [
        {
          ids: [first + 10, EOS],
          logprobs: [-0.25, -1],
          forced: [false, false],
          finishReason: "stop",
          text: `${first + 10}`,
        },
      ]),
    );
    expect(usage).toMatchObject({ promptTokens: 3, sampledTokens: 4 });
    const asked = server.requests
      .filter(({ path, body }) => path === "/v1/completions" && !("prompt_logprobs" in body))
      .map(({ body }) => body);
    expect(asked[1]).toMatchObject({
      model: "searcher-1",
      prompt: [6],
      n: 1,
      max_tokens: 8,
      temperature: 0.6,
      seed: 9,
      stop: ["</query>"],
      stop_token_ids: [EOS, 3],
      top_p: 1,
      top_k: -1,
      repetition_penalty: 1,
      return_token_ids: true,
      include_stop_str_in_output: true,
    });
    expect(server.requests.every(({ authorization }) => authorization === "Bearer s")).toBe(true);
  });

  it("passes top-p, top-k and repetition penalty on", async () => {
    const { vllm, server } = await openSampler(() => [{ token_ids: [EOS] }]);
    await (
      await vllm.useWeights("first", signal)
    ).sample({
      adapter: true,
      sequences: [sequence([1], { topP: 0.95, topK: 20, repetitionPenalty: 1.05 })],
    });
    expect(server.requests.at(-1)?.body).toMatchObject({
      top_p: 0.95,
      top_k: 20,
      repetition_penalty: 1.05,
    });
  });

  it("asks the frozen base by its own name", async () => {
    const { vllm, server } = await openSampler(() => [{ token_ids: [EOS] }]);
    await (
      await vllm.useWeights("first", signal)
    ).sample({ adapter: false, sequences: [sequence([1])] });
    expect(server.requests.at(-1)?.body.model).toBe("base");
  });

  it("loads each version of the weights under a fresh name, once, and unloads the one before", async () => {
    const { vllm, server, state } = await openSampler(({ model }) => [
      { token_ids: [Number(model.split("-")[1])] },
    ]);
    const said = async (): Promise<number> =>
      (
        await (
          await vllm.useWeights(state.hash, signal)
        ).sample({ adapter: true, sequences: [sequence([1])] })
      ).sequences[0]![0]!.ids[0]!;
    expect([await said(), await said()]).toEqual([1, 1]);
    state.hash = "second";
    expect(await said()).toBe(2);
    expect([...server.adapters.keys()]).toEqual(["searcher-2"]);
    expect(await readdir(directory)).toEqual(["searcher-2"]);
    // Back to old weights is a new version too: the server's prefix cache knows adapters by name.
    state.hash = "first";
    expect(await said()).toBe(3);
    await vllm.close();
    expect([...server.adapters.keys(), ...(await readdir(directory))]).toEqual([]);
  });

  it("keeps the old weights loaded until the last sample from them is there", async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { vllm, server, state } = await openSampler(() => [{ token_ids: [EOS] }]);
    const old = await vllm.useWeights("first", signal);
    const { value: complete } = Object.getOwnPropertyDescriptor(
      VllmClient.prototype,
      "complete",
    ) as { value: VllmClient["complete"] };
    VllmClient.prototype.complete = async function (...args) {
      await held;
      return complete.apply(this, args);
    };
    try {
      const late = old.sample({ adapter: true, sequences: [sequence([1])] });
      state.hash = "second";
      const next = vllm.useWeights("second", signal);
      await sleep(50);
      expect([...server.adapters.keys()]).toEqual(["searcher-1", "searcher-2"]);
      release();
      expect((await late).sequences[0]![0]!.ids).toEqual([EOS]);
      await next;
      expect([...server.adapters.keys()]).toEqual(["searcher-2"]);
    } finally {
      VllmClient.prototype.complete = complete;
    }
  });

  it("fails where the adapter is not loaded, says why, and tries again under another name", async () => {
    const { vllm, server } = await openSampler(() => [{ token_ids: [EOS] }]);
    server.refuseLoad = "LoRA rank 64 is greater than max_lora_rank 16";
    await expect(vllm.useWeights("first", signal)).rejects.toMatchObject({
      code: "sampler-unavailable",
      message: expect.stringContaining("LoRA rank 64 is greater") as string,
    });
    expect(await readdir(directory)).toEqual([]);
    await vllm.useWeights("first", signal);
    expect([...server.adapters.keys()]).toEqual(["searcher-2"]);
  });

  it("refuses weights that changed while they were written", async () => {
    const { vllm } = await openSampler(() => [], { state: { hash: "another" } });
    await expect(vllm.useWeights("first", signal)).rejects.toThrow(
      "changed while they were written",
    );
  });

  describe("the weights that a server holds", () => {
    const sample = async (vllm: VllmSampler, hash: string) =>
      (await vllm.useWeights(hash, signal)).sample({ adapter: true, sequences: [sequence([1])] });

    it.each(["adapter", "full"] as const)("are wrong: %s", async (kind) => {
      // The engine computes with others than it has written.
      const state = { hash: "first", computes: "far" };
      const { vllm } = await openSampler(() => [{ token_ids: [EOS] }], { kind, state });
      await expect(vllm.useWeights("first", signal)).rejects.toMatchObject({
        code: "sampler-unavailable",
        message: expect.stringContaining("differ from the engine's by 0.50 a token") as string,
      });
      expect([...servers[0]!.adapters.keys(), ...(await readdir(directory))]).toEqual([]);
    });

    it("are those before, though the update is within the tolerance", async () => {
      const { vllm, server, state } = await openSampler(() => [{ token_ids: [EOS] }], {
        kind: "full",
      });
      await sample(vllm, "first");
      state.hash = "moved";
      server.ignoresReload = true;
      await expect(vllm.useWeights("moved", signal)).rejects.toThrow("still computes with");
      server.ignoresReload = false;
      await sample(vllm, "moved");
    });

    it("are replaced whole, once nothing samples from those before, and cannot be sampled from again", async () => {
      const { vllm, server, state } = await openSampler(() => [{ token_ids: [EOS] }], {
        kind: "full",
      });
      const old = await vllm.useWeights("first", signal);
      const paths = () => server.requests.map(({ path }) => path);
      expect(paths()).toEqual([
        "/pause?mode=wait",
        "/collective_rpc",
        "/reset_prefix_cache",
        "/resume",
        "/v1/completions",
      ]);
      const body = { adapter: true, sequences: [sequence([1])] };
      const early = old.sample(body);
      state.hash = "second";
      await vllm.useWeights("second", signal);
      expect((await early).sequences).toHaveLength(1);
      // The sample that was under way came first.
      expect(paths().slice(5, 7)).toEqual(["/v1/completions", "/pause?mode=wait"]);
      expect(server.isPaused).toBe(false);
      expect(await readdir(directory)).toEqual([]);
      await expect(old.sample(body)).rejects.toThrow("no longer holds the weights");
      const present = await vllm.useWeights("second", signal);
      await present.sample(body);
      expect(server.requests.at(-1)?.body).toMatchObject({ model: "base" });
      await expect(present.sample({ ...body, adapter: false })).rejects.toMatchObject({
        code: "unsupported",
      });
    });

    it("cannot be loaded: the reason is told, and nothing is sampled from what is left", async () => {
      const { vllm, state } = await openSampler(() => [{ token_ids: [EOS] }], { kind: "full" });
      const old = await vllm.useWeights("first", signal);
      state.hash = "second";
      const { value: reload } = Object.getOwnPropertyDescriptor(
        VllmClient.prototype,
        "reloadWeights",
      ) as { value: VllmClient["reloadWeights"] };
      VllmClient.prototype.reloadWeights = function (path, ...rest) {
        return reload.call(this, `${path}-gone`, ...rest);
      };
      try {
        await expect(vllm.useWeights("second", signal)).rejects.toMatchObject({
          code: "sampler-unavailable",
          message: expect.stringContaining("no such folder") as string,
        });
      } finally {
        VllmClient.prototype.reloadWeights = reload;
      }
      await expect(old.sample({ adapter: true, sequences: [sequence([1])] })).rejects.toThrow(
        "no longer holds the weights",
      );
    });

    it("are loaded by every process that the model is spread over", async () => {
      const { server } = await openSampler(() => [], { kind: "full" });
      const folder = join(directory, "weights");
      await mkdir(folder);
      for (const name of ["adapter_config.json", "config.json"])
        await writeFile(join(folder, name), "first");
      const url = `http://127.0.0.1:${server.port}`;
      const client = new VllmClient({ url, secret: "s" }, { firstPauseMs: 5 });
      await client.reloadWeights(folder, 1, signal);
      await expect(client.reloadWeights(folder, 2, signal)).rejects.toThrow("2 processes were to");
    });
  });

  describe("several servers", () => {
    it.each(["adapter", "full"] as const)(
      "all have each update before one samples with it: %s",
      async (kind) => {
        const { vllm, state } = await openSampler(() => [{ token_ids: [EOS] }], {
          kind,
          replicas: 3,
        });
        for (const hash of ["first", "second"]) {
          state.hash = hash;
          const sampler = await vllm.useWeights(hash, signal);
          const sequences = Array.from({ length: 30 }, (_, i) => sequence([i]));
          await sampler.sample({ adapter: true, sequences });
        }
        for (const { requests, adapters } of servers) {
          const kinds = requests.map(({ path, body }) =>
            path !== "/v1/completions" ? "load" : "prompt_logprobs" in body ? "check" : "sample",
          );
          // The update ends with the check, and samples follow; so for both versions.
          expect(kinds.join(" ")).toMatch(
            /^(load )+check( load)?( sample)+( load)+ check( load)?( sample)+$/,
          );
          if (kind === "adapter") expect([...adapters.keys()]).toEqual(["searcher-2"]);
        }
      },
    );

    it("of which one cannot load the adapter all give it back", async () => {
      const { vllm } = await openSampler(() => [{ token_ids: [EOS] }], { replicas: 2 });
      servers[1]!.refuseLoad = "out of memory";
      await expect(vllm.useWeights("first", signal)).rejects.toThrow("out of memory");
      expect(servers.map(({ adapters }) => adapters.size)).toEqual([0, 0]);
    });

    it("of which one holds other weights are named", async () => {
      const { vllm, state } = await openSampler(() => [], { kind: "full", replicas: 2 });
      await vllm.useWeights("first", signal);
      servers[1]!.ignoresReload = true;
      state.hash = "second";
      await expect(vllm.useWeights("second", signal)).rejects.toThrow("replica 2 of 2");
    });
  });

  it.each<[string, ReturnType<Script>, string]>([
    [
      "more tokens than asked for",
      [{ token_ids: Array<number>(9).fill(1) }],
      "9 tokens where 1 to 8",
    ],
    ["no token", [{ token_ids: [] }], "0 tokens"],
    ["no token ids", [{ token_ids: null }], "0.10.2"],
    [
      "fewer log-probabilities than tokens",
      [{ token_ids: [1, 2], token_logprobs: [-1] }],
      "1 log-probabilities for 2 tokens",
    ],
    [
      "a token that cannot have been sampled",
      [{ token_ids: [1], token_logprobs: [-9999] }],
      "log-probability -9999",
    ],
    [
      "a missing log-probability",
      [{ token_ids: [1], token_logprobs: [null] }],
      "log-probability null",
    ],
    ["two continuations", [{ token_ids: [1] }, { token_ids: [1] }], "2 continuations where 1"],
    ["an abort", [{ token_ids: [1], finish_reason: "abort" }], 'ended by "abort"'],
    ["another prompt", [{ token_ids: [1], prompt_token_ids: [0, 1] }], "another prompt"],
    [
      "a refusal",
      {
        status: 400,
        body: {
          error: {
            message: "The prompt is too long.",
            type: "BadRequestError",
            param: null,
            code: 400,
          },
        },
      },
      "The prompt is too long.",
    ],
    ["something else", { status: 200, body: "<html>" }, "does not answer as documented"],
  ])("takes no answer with %s", async (_, reply, reason) => {
    const { vllm } = await openSampler(() => reply);
    await expect(
      (await vllm.useWeights("first", signal)).sample({
        adapter: true,
        sequences: [sequence([1])],
      }),
    ).rejects.toMatchObject({
      code: "sampler-unavailable",
      message: expect.stringContaining(reason) as string,
    });
  });

  it("asks again after a broken connection and while the server is busy, and gives up after some attempts", async () => {
    const { vllm, server } = await openSampler((_, call) =>
      call < 2 ? "cut" : [{ token_ids: [EOS] }],
    );
    server.busy = 1;
    const { sequences } = await (
      await vllm.useWeights("first", signal)
    ).sample({ adapter: true, sequences: [sequence([1])] });
    expect(sequences[0]![0]!.ids).toEqual([EOS]);
    server.busy = 100;
    await expect(
      (await vllm.useWeights("first", signal)).sample({
        adapter: true,
        sequences: [sequence([1])],
      }),
    ).rejects.toThrow("asked 4 times");
  });

  it("stops when it is cancelled", async () => {
    const { vllm } = await openSampler(() => [{ token_ids: [EOS] }]);
    const loaded = await vllm.useWeights("first", signal);
    await expect(
      loaded.sample({ adapter: true, sequences: [sequence([1])] }, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: "cancelled" });
  });

  it("refuses guided decoding, in the sampler and in the configuration", async () => {
    const { vllm } = await openSampler(() => []);
    await expect(
      (await vllm.useWeights("first", signal)).sample({
        adapter: true,
        sequences: [sequence([1], { guide: { lark: 'start: "a"' } })],
      }),
    ).rejects.toMatchObject({ code: "unsupported" });
    const config = {
      kind: "train",
      name: "n",
      searcher: { sampler: "vllm" },
      search: { decoding: "guided" },
      rl: { oldLogprobs: "trainer" },
    };
    expect(
      trainConfigSchema.safeParse(config).error?.issues.map(({ path }) => path.join(".")),
    ).toEqual(["search.decoding"]);
    expect(
      trainConfigSchema
        .safeParse({ ...config, search: {}, searcher: { sampler: "vllm", tuning: "full" }, rl: {} })
        .error?.issues.map(({ path }) => path.join(".")),
    ).toEqual(["rl.oldLogprobs"]);
    expect(trainConfigSchema.safeParse({ ...config, search: {} }).success).toBe(true);
    expect(
      trainConfigSchema.safeParse({
        ...config,
        search: {},
        rl: { oldLogprobs: "sampler", overlap: true },
      }).success,
    ).toBe(true);
  });
});

describe("the server's process", () => {
  const command = [
    process.execPath,
    "--import",
    "tsx",
    join(ROOT, "gpu-workers/llm/vllm-server/testing/scripted-server.ts"),
  ];
  const setting: SamplerLaunchOptions = {
    model: "a-model",
    weights: { kind: "adapter", rank: 24 },
    dtype: "bfloat16",
    memoryShare: 0.4,
    tensorParallelSize: 2,
    devices: "2,3",
    isCpuBuild: false,
  };
  const start = (
    more: Partial<SamplerLaunchOptions> = {},
    options: object = {},
  ): Promise<VllmProcess> =>
    VllmProcess.start(buildSamplerLaunch({ ...setting, ...more }), { signal, command, ...options });

  it("is told the rank that vLLM has kernels for, and refuses one beyond them", () => {
    const { args, env } = buildSamplerLaunch(setting);
    expect(args.slice(0, 3)).toEqual(["serve", "a-model", "--enable-lora"]);
    expect(args.join(" ")).toContain(
      "--max-lora-rank 32 --max-loras 2 --served-model-name base --dtype bfloat16 --gpu-memory-utilization 0.4 --tensor-parallel-size 2 --logprobs-mode processed_logprobs --generation-config vllm",
    );
    expect(env).toEqual({
      VLLM_ALLOW_RUNTIME_LORA_UPDATING: "True",
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: "2,3",
    });
    const large = { kind: "adapter", rank: 600 } as const;
    expect(() => buildSamplerLaunch({ ...setting, weights: large })).toThrow("at most rank 512");
  });

  it("that takes whole weights asks for its key where vLLM would not; the build for the CPU compiles nothing", () => {
    const { args, env } = buildSamplerLaunch({
      ...setting,
      weights: { kind: "full" },
      devices: null,
      isCpuBuild: true,
    });
    expect(args.join(" ")).toContain("serve a-model --middleware require_key.RequireKey ");
    expect(args).not.toContain("--enable-lora");
    expect(args.at(-1)).toBe("--enforce-eager");
    expect(env).toMatchObject({ VLLM_SERVER_DEV_MODE: "1" });
    expect(existsSync(join(env!.PYTHONPATH!.split(delimiter)[0]!, "require_key.py"))).toBe(true);
    expect(env).not.toHaveProperty("CUDA_VISIBLE_DEVICES");
  });

  it("starts, answers, tells of its death, and can be started anew", async () => {
    const lines: string[] = [];
    let died: (message: string) => void = () => undefined;
    const death = new Promise<string>((resolve) => (died = resolve));
    const first = await start(
      {},
      {
        onUnexpectedExit: ({ message }: Error) => died(message),
        onLog: (line: string) => lines.push(line),
      },
    );
    const asked = {
      model: "base",
      prompt: [1],
      n: 1,
      max_tokens: 4,
      temperature: 1,
      top_p: 1,
      top_k: -1,
      repetition_penalty: 1,
      seed: 1,
      stop: [],
      stop_token_ids: [],
    };
    const client = new VllmClient(first);
    const [answer] = await client.complete(asked, signal);
    expect(answer).toEqual({ ids: [7, 2], logprobs: [-0.5, -0.5], finish: "stop" });
    const pid = Number(/serving a-model as (\d+)/.exec(lines.join("\n"))?.[1]);
    process.kill(pid, "SIGKILL");
    expect(await death).toContain("SIGKILL");
    await expect(client.complete(asked, signal)).rejects.toMatchObject({
      code: "sampler-unavailable",
    });
    const second = await start();
    expect(await new VllmClient(second).complete(asked, signal)).toHaveLength(1);
    await second.stop();
    await expect(fetch(`${second.url}/health`)).rejects.toThrow();
  });

  it("that does not come up says why; one that is not installed says what to do", async () => {
    await expect(start({ model: "broken" })).rejects.toThrow("ValueError: no model folder");
    await expect(start({}, { command: ["no-such-vllm"] })).rejects.toThrow("S3_VLLM");
  });
});
