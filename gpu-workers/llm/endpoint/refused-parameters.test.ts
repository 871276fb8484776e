import { describe, expect, it } from "vitest";
import { adaptBody, explainRefusedSetting, findRefusedParameters } from "./refused-parameters";

const SENT = {
  model: "m",
  messages: [],
  max_tokens: 9,
  temperature: 0,
  top_p: 0.9,
  seed: 1,
  stop: ["\n"],
  logprobs: true,
  top_logprobs: 5,
};
const openAi = (message: string, param: string | null = null): string =>
  JSON.stringify({ error: { message, type: "invalid_request_error", param, code: null } });

describe("a refused parameter", () => {
  it.each([
    [
      "OpenAI",
      openAi(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
      ),
      ["max_tokens"],
    ],
    [
      "OpenAI",
      openAi("Unsupported value: 'temperature' does not support 0 with this model.", "temperature"),
      ["temperature"],
    ],
    ["Groq", openAi("`logprobs` is not supported with this model"), ["logprobs", "top_logprobs"]],
    [
      "Gemini",
      openAi("Logprobs is not supported for the current model."),
      ["logprobs", "top_logprobs"],
    ],
    ["Anthropic", openAi("Temperature may not be set for this model."), ["temperature"]],
    [
      "a server that names both",
      openAi("logprobs and top_logprobs are not supported"),
      ["top_logprobs", "logprobs"],
    ],
    [
      "OpenAI",
      openAi("Unsupported parameter: 'stop' is not supported with this model.", "stop"),
      ["stop"],
    ],
    [
      "Gemini",
      JSON.stringify([
        {
          error: {
            code: 400,
            message: 'Invalid JSON payload received. Unknown name "seed": Cannot find field.',
          },
        },
      ]),
      ["seed"],
    ],
    [
      "FastAPI",
      JSON.stringify({
        detail: [
          {
            type: "extra_forbidden",
            loc: ["body", "seed"],
            msg: "Extra inputs are not permitted",
            input: SENT,
          },
        ],
      }),
      ["seed"],
    ],
    [
      "Mistral",
      JSON.stringify({
        object: "error",
        message: {
          detail: [{ loc: ["body", "top_p"], msg: "top_p must be 1 when using greedy sampling." }],
        },
      }),
      ["top_p"],
    ],
    ["a text", "unknown field temperature", ["temperature"]],
    [
      "vLLM, a value out of range",
      openAi(
        "'max_tokens' or 'max_completion_tokens' is too large: 9000. This model's maximum context length is 8192 tokens",
        "max_tokens",
      ),
      [],
    ],
    [
      "OpenAI, a value out of range",
      openAi(
        "max_tokens is too large: 9000. This model supports at most 4096 completion tokens",
        "max_tokens",
      ),
      [],
    ],
    [
      "a prompt that is too long",
      openAi(
        "This model's maximum context length is 8192 tokens. Please stop and reduce the length.",
        "messages",
      ),
      [],
    ],
    ["an unknown model", openAi("The model `m` does not exist"), []],
  ])("of %s: %s", (_, text, refused) => {
    expect(findRefusedParameters(400, text, SENT)).toEqual(refused);
    expect(findRefusedParameters(422, text, SENT)).toEqual(refused);
    for (const status of [200, 401, 404, 429, 500])
      expect(findRefusedParameters(status, text, SENT)).toEqual([]);
  });

  it("is only one that was sent", () => {
    expect(findRefusedParameters(400, openAi("x", "seed"), { model: "m" })).toEqual([]);
  });

  it("is an error, and never left out, where the run sets it", () => {
    const set = { top_p: "methodSettings.topP" };
    expect(adaptBody(SENT, new Set(["top_p", "seed"]), set)).toEqual({ ...SENT, seed: undefined });
    const text = openAi("Unsupported parameter: 'top_p'", "top_p");
    expect(explainRefusedSetting(400, text, SENT, set)).toMatch(
      /^it refuses top_p 0\.9 \(methodSettings\.topP\)/,
    );
    expect(explainRefusedSetting(400, text, SENT, {})).toBeNull();
    expect(explainRefusedSetting(400, text, { model: "m" }, set)).toBeNull();
    expect(explainRefusedSetting(500, text, SENT, set)).toBeNull();
  });

  it("is left out or replaced", () => {
    const refused = new Set(["max_tokens", "temperature", "logprobs", "top_logprobs"]);
    expect(adaptBody(SENT, refused)).toEqual({
      model: "m",
      messages: [],
      max_completion_tokens: 9,
      top_p: 0.9,
      seed: 1,
      stop: ["\n"],
    });
  });
});
