import { setTimeout as sleep } from "node:timers/promises";
import { readdir } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { VllmClient } from "./client";
import { buildSequence, EOS, ScriptedSampler } from "./testing/scripted-sampler";
import type { Script } from "./testing/scripted-vllm";

const signal = new AbortController().signal;

let opened: ScriptedSampler | undefined;
afterEach(() => opened?.close());
const openSampler = async (
  ...args: Parameters<typeof ScriptedSampler.open>
): Promise<ScriptedSampler> => (opened = await ScriptedSampler.open(...args));

describe("sampling by vLLM", () => {
  it("sends tokens and the policy's own settings, and gives back tokens with their log-probabilities in order", async () => {
    const { vllm, server } = await openSampler(({ prompt }) => [
      { token_ids: [prompt[0]! + 10, EOS], token_logprobs: [-0.25, -1] },
    ]);
    const { sequences, usage } = await (
      await vllm.useWeights("first", signal)
    ).sample({
      adapter: true,
      sequences: [buildSequence([4, 5]), buildSequence([6], { seed: 9, stopIds: [3] })],
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
      sequences: [buildSequence([1], { topP: 0.95, topK: 20, repetitionPenalty: 1.05 })],
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
    ).sample({ adapter: false, sequences: [buildSequence([1])] });
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
        ).sample({ adapter: true, sequences: [buildSequence([1])] })
      ).sequences[0]![0]!.ids[0]!;
    expect([await said(), await said()]).toEqual([1, 1]);
    state.hash = "second";
    expect(await said()).toBe(2);
    expect([...server.adapters.keys()]).toEqual(["searcher-2"]);
    expect(await readdir(opened!.directory)).toEqual(["searcher-2"]);
    // Back to old weights is a new version too: the server's prefix cache knows adapters by name.
    state.hash = "first";
    expect(await said()).toBe(3);
    await vllm.close();
    expect([...server.adapters.keys(), ...(await readdir(opened!.directory))]).toEqual([]);
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
      const late = old.sample({ adapter: true, sequences: [buildSequence([1])] });
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
    expect(await readdir(opened!.directory)).toEqual([]);
    await vllm.useWeights("first", signal);
    expect([...server.adapters.keys()]).toEqual(["searcher-2"]);
  });

  it("refuses weights that changed while they were written", async () => {
    const { vllm } = await openSampler(() => [], { state: { hash: "another" } });
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
    const { vllm } = await openSampler(() => reply);
    await expect(
      (await vllm.useWeights("first", signal)).sample({
        adapter: true,
        sequences: [buildSequence([1])],
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
    ).sample({ adapter: true, sequences: [buildSequence([1])] });
    expect(sequences[0]![0]!.ids).toEqual([EOS]);
    server.busy = 100;
    await expect(
      (await vllm.useWeights("first", signal)).sample({
        adapter: true,
        sequences: [buildSequence([1])],
      }),
    ).rejects.toThrow("asked 4 times");
  });

  it("stops when it is cancelled", async () => {
    const { vllm } = await openSampler(() => [{ token_ids: [EOS] }]);
    const loaded = await vllm.useWeights("first", signal);
    await expect(
      loaded.sample(
        { adapter: true, sequences: [buildSequence([1])] },
        { signal: AbortSignal.abort() },
      ),
    ).rejects.toMatchObject({ code: "cancelled" });
  });

  it("refuses guided decoding, in the sampler and in the configuration", async () => {
    const { vllm } = await openSampler(() => []);
    await expect(
      (await vllm.useWeights("first", signal)).sample({
        adapter: true,
        sequences: [buildSequence([1], { guide: { lark: 'start: "a"' } })],
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
