import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DEFAULT_MAPPINGS } from "./mappings";
import { readVerifiersRollouts } from "./read-verifiers";
import type { Rollout } from "./rollout";

const QUESTION = "What is question 1?";
const read = (line: unknown, mapping = DEFAULT_MAPPINGS.verifiers): Rollout => {
  const [rollout] = readVerifiersRollouts(line, mapping);
  if (typeof rollout !== "object") throw new Error(rollout);
  return rollout;
};
/** Lines that verifiers wrote: of 0.1 a rollout a line, of 0.4 an episode a line. */
const [OLD, NEW] = readFileSync(new URL("./testing/verifiers.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Record<string, unknown>) as [
  Record<string, unknown>,
  Record<string, unknown>,
];

describe("saved results of verifiers", () => {
  it.each([
    ["0.1", OLD, { step: null, reward: 1.1, unread: [] }],
    ["0.4", NEW, { step: 4, reward: 1.1, unread: ["a branch of messages besides the last"] }],
  ])("of version %s become searches, documents and what the model wrote", (_, line, expected) => {
    const rollout = read(line);
    expect(rollout).toMatchObject({ phase: "train", step: expected.step, answer: "an answer" });
    expect(rollout.reward!.reduce((sum, part) => sum + part.weight * part.value, 0)).toBeCloseTo(
      expected.reward,
    );
    expect(rollout.questions).toContain(QUESTION);
    expect(rollout.unread.map(({ reason }) => reason)).toEqual(expected.unread);
    const { steps, documents, context, unread } = rollout.play(QUESTION);
    expect(unread).toEqual([]);
    expect(steps.map(({ kind, turn }) => [kind, turn])).toEqual([
      ["generate", 0],
      ["retrieve", 1],
      ["generate", 1],
      ["stop", 1],
    ]);
    expect(steps[0]).toMatchObject({
      prompt: expect.stringContaining(QUESTION) as unknown,
      text: expect.stringMatching(/<tool_call>\n\{"name": "search"/) as unknown,
    });
    expect(steps[1]).toMatchObject({ query: "card one" });
    expect(documents.map(({ title, text }) => [title, text])).toEqual([
      ["Card 1", "Text of card 1."],
      ["Card 2", "Text of card 2."],
    ]);
    expect(context.map(({ score }) => score)).toEqual([0.9, 0.5]);
  });

  it("of an evaluation are held out, and a selection of the model is what it answered from", () => {
    const messages = [
      call("s", "search", { query: "card one" }),
      answer("s", 'Doc 1(Title: "Card 1") Text of card 1.\nDoc 2(Title: "Card 2") Text of card 2.'),
      call("k", "select", { ids: ["2", "9"] }),
      answer("k", "kept"),
      { role: "assistant", content: "an answer" },
    ];
    const rollout = read({ ...OLD, run: { type: "eval" }, completion: messages });
    expect(rollout.phase).toBe("held-out");
    const { steps, context, unread } = rollout.play(QUESTION);
    expect(steps.map(({ kind }) => kind)).toEqual([
      "generate",
      "retrieve",
      "generate",
      "select",
      "generate",
      "stop",
    ]);
    expect(context).toHaveLength(1);
    expect(unread).toEqual([
      { reason: "a selected document is not in the last search's result", example: "9" },
    ]);
  });

  it("list what is unread with its reason and an example, and lose none of the rest", () => {
    const { play, unread } = read({
      ...OLD,
      reward: undefined,
      completion: [
        { content: "no role" },
        call("a", "calculator", { x: 1 }),
        answer("a", "1"),
        call("b", "search", {}),
        answer("b", "[]"),
        call("c", "search", { query: "cards" }),
        answer("c", "nothing that is a list"),
        call("d", "search", { query: "never answered" }),
      ],
    });
    const played = play(QUESTION);
    expect([...unread, ...played.unread].map(({ reason }) => reason)).toEqual([
      "a message has no role",
      "no reward is at reward, rewards",
      'tool "calculator" is none of those that search',
      "a search has no query",
      "a search's result is no list of documents",
      "a tool call has no result",
    ]);
    expect(played.steps.filter(({ kind }) => kind === "retrieve")).toMatchObject([
      { query: "cards", documents: [] },
    ]);
  });

  it("are read where a project's own mapping says", () => {
    const mapping = {
      ...DEFAULT_MAPPINGS.verifiers,
      messages: ["log"],
      reward: ["extra.gain"],
      search: { ...DEFAULT_MAPPINGS.verifiers.search, tools: ["*"], query: ["ask"] },
    };
    const log = [call("a", "anything", { ask: "x" }), answer("a", '[{"text": "t"}]')];
    const rollout = read({ ...OLD, log, extra: { gain: "0.5" } }, mapping);
    expect(rollout.reward).toEqual([{ label: "score", weight: 1, value: 0.5 }]);
    expect(rollout.play(QUESTION).steps[1]).toMatchObject({ kind: "retrieve", query: "x" });
  });

  it("whose messages are a circle or are missing end, with a reason", () => {
    const nodes = [
      { parent: 1, message: { role: "user", content: "a" } },
      { parent: 0, message: { role: "assistant", content: "b" } },
    ];
    expect(read({ traces: [{ nodes }] }).play(QUESTION).steps).toEqual([]);
    expect(readVerifiersRollouts({ traces: [] }, DEFAULT_MAPPINGS.verifiers)).toEqual([
      "the line holds no rollout: its list of traces is empty",
    ]);
    expect(readVerifiersRollouts(7, DEFAULT_MAPPINGS.verifiers)).toEqual([
      "no list of messages is at nodes, completion",
    ]);
  });
});

/** As verifiers saves them: each call a JSON text. */
const call = (id: string, name: string, given: object) => ({
  role: "assistant",
  content: "",
  tool_calls: [
    JSON.stringify({ id, type: "function", function: { name, arguments: JSON.stringify(given) } }),
  ],
});
const answer = (id: string, content: string) => ({ role: "tool", tool_call_id: id, content });
