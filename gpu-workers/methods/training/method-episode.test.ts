import { expect, it } from "vitest";
import type { Sampled } from "@/contracts/engine/dialect";
import { findMethodPrompt } from "@/core/prompts/built-in-prompts";
import { createPromptTemplate } from "@/core/prompts/prompt-template";
import { r1 } from "@/gpu-workers/methods/r1";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { playMethodEpisode, PROTOCOL, type MethodParts } from "./method-episode";

/** A model of which each character is a token, and whose prompt opens its thoughts. */
const tokenizer = {
  encode: (text: string) => Array.from(text, (character) => character.codePointAt(0)!),
  decode: (ids: readonly number[]) => String.fromCodePoint(...ids.filter((id) => id > 0)),
  chat: {
    render: (messages: readonly { content: string }[]) =>
      `${messages.map(({ content }) => content).join("\n")}\n<think>\n`,
  },
} as unknown as MethodParts["reader"]["tokenizer"];

const END = 0;
const NOTHING: Sampled = {
  ids: [END],
  text: "",
  logprobs: [-1],
  forced: [false],
  finishReason: "stop",
};

it.each(["stop", "length"] as const)(
  "a policy that writes nothing has not answered, which is a format error and no failure (%s)",
  async (finishReason) => {
    const template = createPromptTemplate(
      findMethodPrompt("r1", PROTOCOL)!,
      null,
      "methodSettings.promptTemplate",
    );
    const { steps, ownAnswer } = await playMethodEpisode(
      {
        definition: r1,
        template,
        documents: new DocumentStore(),
        plan: r1.plans[PROTOCOL],
        label: { model: "m", prompt: template.label },
        reader: { tokenizer, maxLength: 10_000 },
      },
      {
        request: {
          question: { id: "q", question: "Who?", answers: ["x"], goldIds: [], goldQueries: [] },
          sampleIndex: 0,
        } as never,
        key: "k",
        nextSeed: () => 0,
        write: () => Promise.resolve({ sampled: { ...NOTHING, finishReason }, seconds: 0 }),
        search: () => Promise.reject(new Error("r1 does not search")),
      },
      new AbortController().signal,
    );
    expect(ownAnswer!.text).toBe("");
    expect(steps.flatMap((step) => (step.kind === "reject" ? [step.error] : []))).toContain(
      "no-answer",
    );
    const written = steps.find((step) => step.kind === "generate")!;
    expect(written.mask!.at(-1)).toBe(1);
  },
);
