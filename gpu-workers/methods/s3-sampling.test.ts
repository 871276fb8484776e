import { describe, expect, it } from "vitest";
import type { SampleSequence } from "@/contracts/engine/dialect";
import { createEngineModel } from "@/gpu-workers/methods/method-model";
import {
  createEnvironment,
  createScriptedSearcher,
  makeQuestion,
} from "@/gpu-workers/searcher/testing/scripted-searcher";
import { createS3Method } from "./s3";

const signal = new AbortController().signal;
const DONE = "<important_info>[1]</important_info>\n<search_complete>True</search_complete>";

describe("what s3 asks the worker's own engine for outside of training", () => {
  it.each([
    ["paper", {}, { temperature: 0 }],
    ["upstream", {}, { temperature: 0.6, topP: 0.95 }],
    ["upstream", { topP: 1 }, { temperature: 0.6 }],
    ["paper", { temperature: 0.7, topK: 20 }, { temperature: 0.7, topK: 20 }],
    ["paper", { repetitionPenalty: 1.1 }, { temperature: 0, repetitionPenalty: 1.1 }],
  ] as const)("%s with %o", async (protocol, settings, expected) => {
    const { searcher, bodies } = createScriptedSearcher(() => ({ text: DONE }));
    const environment = createEnvironment({ protocol });
    const method = createS3Method(searcher, environment, 0, [], settings);
    const asked = makeQuestion(1).question as never;
    await method.run([asked], signal);
    const { temperature, topP, topK, repetitionPenalty } = bodies[0]!.sequences[0]!;
    expect({ temperature, topP, topK, repetitionPenalty }).toEqual({
      topP: undefined,
      topK: undefined,
      repetitionPenalty: undefined,
      ...expected,
    });
    const neutral = createS3Method(searcher, environment, 0, [], {});
    // Another sampling is another episode, and only that.
    expect(method.computeEpisodeKey(asked) === neutral.computeEpisodeKey(asked)).toBe(
      Object.keys(settings).length === 0,
    );
  });
});

it("a method's own model in the engine is asked with top-p, top-k and repetition penalty", async () => {
  const asked: SampleSequence[] = [];
  const model = createEngineModel(
    {
      sample: ({ sequences }) => {
        asked.push(...sequences);
        return Promise.resolve({
          sequences: sequences.map(() => [
            { ids: [1], text: "x", logprobs: [0], forced: [false], finishReason: "stop" as const },
          ]),
          usage: {
            promptTokens: 1,
            computedTokens: 1,
            sampledTokens: 1,
            prefillSeconds: 0,
            decodeSeconds: 0,
          },
        });
      },
    },
    false,
    {
      encode: () => [1],
      decode: () => "",
      chat: { render: () => "p", describe: () => undefined },
    },
    "m",
    "i",
  );
  const sampling = { temperature: 0.7, topP: 0.95, topK: 9, repetitionPenalty: 1.2, seed: 3 };
  await model.reply(
    { messages: [{ role: "user", content: "q" }], stop: [], maxTokens: 4, ...sampling },
    signal,
  );
  expect(asked).toEqual([{ ids: [1], maxTokens: 4, stop: [], ...sampling }]);
});
