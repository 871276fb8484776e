import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readReply } from "./read-reply";

const chat = (message: object, choice: object = {}, body: object = {}) =>
  readReply({ choices: [{ message, finish_reason: "stop", ...choice }], ...body });

describe("a reply", () => {
  it.each([
    ["a text", { content: "Rome" }],
    ["vLLM's and SGLang's thoughts", { content: "Rome", reasoning_content: "Paris?" }],
    ["OpenRouter's thoughts", { content: "Rome", reasoning: "Paris?" }],
    ["Ollama's thoughts", { content: "Rome", thinking: "Paris?" }],
    ["thoughts in the text", { content: "<think>Paris?</think>\n\nRome" }],
    ["a lone closing mark", { content: "Paris?\n</think>\n\nRome" }],
    ["text parts", { content: [{ type: "text", text: "Ro" }, "me"] }],
    [
      "Mistral's parts",
      {
        content: [
          { type: "thinking", thinking: [{ type: "text", text: "Paris?" }] },
          { type: "text", text: "Rome" },
        ],
      },
    ],
    [
      "Anthropic's parts",
      { content: [{ type: "thinking", thinking: "Paris?", signature: "x" }, { text: "Rome" }] },
    ],
    [
      "one thought under two names",
      { content: "Rome", reasoning: "Paris?", reasoning_details: [{ text: "Paris?" }] },
    ],
    ["a part of another kind", { content: [{ type: "image_url" }, null, { text: "Rome" }] }],
  ])("of %s is Rome", (name, message) => {
    const thinks = JSON.stringify(message).includes("Paris?");
    expect(chat(message)).toMatchObject({ text: "Rome", thoughts: thinks ? "Paris?" : null });
    const written = chat(message)!.written;
    expect(written.split("Paris?")).toHaveLength(thinks ? 2 : 1);
    expect(written).toContain("Rome");
  });

  it("may have no content, which is said", () => {
    expect(chat({ content: null })).toMatchObject({ text: "", hasText: false, thoughts: null });
    expect(chat({})).toMatchObject({ text: "", hasText: false });
    expect(chat({ content: [] })).toMatchObject({ hasText: false });
    expect(chat({ content: "" })).toMatchObject({ text: "", hasText: true });
    expect(chat({ content: null, refusal: "I cannot" })).toMatchObject({ refusal: "I cannot" });
  });

  it.each([
    ["stop", "stop"],
    ["content_filter", "content_filter"],
    ["STOP", "stop"],
    ["Length", "length"],
    ["eos_token", "eos_token"],
    ["", null],
    [null, null],
    [7, null],
  ])("ends by %j: %j", (finish_reason, finish) =>
    expect(chat({ content: "x" }, { finish_reason })!.finish).toBe(finish),
  );

  it.each([
    [
      { prompt_tokens: 5, completion_tokens: 3 },
      { promptTokens: 5, completionTokens: 3 },
    ],
    [
      { prompt_tokens: 5.4, completion_tokens: 2.5 },
      { promptTokens: 5, completionTokens: 3 },
    ],
    [
      { prompt_tokens: 5, completion_tokens: null },
      { promptTokens: 5, completionTokens: 0 },
    ],
    [{ prompt_tokens: "5", completion_tokens: -1 }, null],
    [{}, null],
    [null, null],
    ["many", null],
  ])("takes usage %j as %j", (usage, read) =>
    expect(chat({ content: "x" }, {}, { usage })!.usage).toEqual(read),
  );

  it.each([
    [{ content: [{ token: "a", top_logprobs: [{ token: "yes", logprob: -1 }] }] }, 1],
    [{ content: [{ token: "a", logprob: -1, top_logprobs: null }] }, 0],
    [
      {
        content: [
          {
            top_logprobs: [
              { token: "no", logprob: null },
              { token: "yes", logprob: -1 },
            ],
          },
        ],
      },
      1,
    ],
    [{ content: null }, 0],
    [{ content: [] }, 0],
    [{ top_logprobs: [{ yes: -1 }] }, 1],
    [null, 0],
    ["x", 0],
  ])("takes log-probabilities %j as %i alternatives", (logprobs, count) => {
    const { alternatives } = chat({ content: "yes" }, { logprobs })!;
    expect(alternatives).toEqual(count === 0 ? [] : [{ token: "yes", logprob: -1 }]);
  });

  it("is none without a choice", () => {
    for (const body of [null, "x", {}, { choices: [] }, { choices: [null] }, { error: {} }])
      expect(readReply(body)).toBeNull();
    expect(chat({ content: 7 })).toBeNull();
  });

  it("has its answer for its text, whatever is thought and however that is sent", () => {
    const word = fc.stringMatching(/^[a-z]{1,9}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), word, (words, answer) => {
        const thought = words.map((each) => `T${each}`).join(" ");
        for (const message of [
          { content: answer, reasoning_content: thought },
          { content: answer, reasoning: thought, reasoning_details: [{ text: thought }] },
          { content: `<think>${thought}</think>${answer}` },
          { content: `${thought}</think>\n\n${answer}` },
          { content: [{ type: "thinking", thinking: thought }, answer] },
        ])
          expect(chat(message)).toMatchObject({ text: answer, thoughts: thought });
      }),
    );
  });

  it("whatever it is, is read or none, and a thought is never its text", () => {
    const odd = fc.jsonValue() as fc.Arbitrary<never>;
    fc.assert(
      fc.property(odd, odd, odd, odd, (content, logprobs, usage, reasoning) => {
        const message = { content, reasoning_content: "TH", reasoning };
        const reply = chat(message, { logprobs }, { usage });
        if (reply !== null && !JSON.stringify(content).includes("TH"))
          expect(reply.text).not.toContain("TH");
      }),
    );
  });
});
