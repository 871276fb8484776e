import { setTimeout as sleep } from "node:timers/promises";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { ROOT } from "@/lib/paths.mjs";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import { CHATML_TEMPLATE } from "@/gpu-workers/llm/model-files/chat-template";
import { VllmClient } from "./client";
import { VllmProcess } from "./process";
import { buildSamplerLaunch } from "./launch-options";
import { VllmSampler } from "./sampler";
import { ScriptedVllm, type Script } from "./testing/scripted-vllm";

const EOS = 2;
const signal = new AbortController().signal;
const tokenizer = {
  encode: () => [],
  decode: (ids: readonly number[]) => ids.join(" "),
  chat: CHATML_TEMPLATE,
};

let directory: string;
let server: ScriptedVllm | undefined;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), "vllm-"))));
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** An engine's model whose weights carry a hash that the test sets; export writes what PEFT would load. */
function engineModel(state: { hash: string }): Pick<EngineModel, "id" | "info" | "export"> {
  return {
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
      await writeFile(join(path, "adapter_config.json"), "{}");
      return { hash: state.hash, files: ["adapter_config.json"] };
    },
  };
}

async function sampler(
  script: Script,
  state = { hash: "first" },
): Promise<{ vllm: VllmSampler; server: ScriptedVllm; state: { hash: string } }> {
  server = new ScriptedVllm(script);
  const client = new VllmClient({ url: await server.listen(), secret: "s" }, { firstPauseMs: 5 });
  return { vllm: new VllmSampler(client, engineModel(state), tokenizer, directory), server, state };
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
    const { vllm, server } = await sampler(({ prompt }) => [
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
      .filter(({ path }) => path === "/v1/completions")
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
    const { vllm, server } = await sampler(() => [{ token_ids: [EOS] }]);
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
    const { vllm, server } = await sampler(() => [{ token_ids: [EOS] }]);
    await (
      await vllm.useWeights("first", signal)
    ).sample({ adapter: false, sequences: [sequence([1])] });
    expect(server.requests.at(-1)?.body.model).toBe("base");
  });

  it("loads each version of the weights under a fresh name, once, and unloads the one before", async () => {
    const { vllm, server, state } = await sampler(({ model }) => [
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
    const { vllm, server, state } = await sampler(() => [{ token_ids: [EOS] }]);
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
    const { vllm, server } = await sampler(() => [{ token_ids: [EOS] }]);
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
    const { vllm } = await sampler(() => [], { hash: "another" });
    await expect(vllm.useWeights("first", signal)).rejects.toThrow(
      "changed while they were written",
    );
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
    const { vllm } = await sampler(() => reply);
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
    const { vllm, server } = await sampler((_, call) =>
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
    const { vllm } = await sampler(() => [{ token_ids: [EOS] }]);
    const loaded = await vllm.useWeights("first", signal);
    await expect(
      loaded.sample({ adapter: true, sequences: [sequence([1])] }, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: "cancelled" });
  });

  it("refuses guided decoding, in the sampler and in the configuration", async () => {
    const { vllm } = await sampler(() => []);
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
    ).toEqual(["searcher.sampler", "rl.oldLogprobs"]);
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
  const setting = { model: "a-model", rank: 24, memoryShare: 0.4 };
  const start = (more: Partial<typeof setting> = {}, options: object = {}): Promise<VllmProcess> =>
    VllmProcess.start(buildSamplerLaunch({ ...setting, ...more }), { signal, command, ...options });

  it("is told the rank that vLLM has kernels for, and refuses one beyond them", () => {
    const flags = buildSamplerLaunch(setting).args;
    expect(flags.slice(0, 3)).toEqual(["serve", "a-model", "--enable-lora"]);
    expect(flags.join(" ")).toContain(
      "--max-lora-rank 32 --max-loras 2 --gpu-memory-utilization 0.4 --logprobs-mode processed_logprobs --generation-config vllm",
    );
    expect(() => buildSamplerLaunch({ ...setting, rank: 600 })).toThrow("at most rank 512");
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
