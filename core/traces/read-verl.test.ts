import { describe, expect, it } from "vitest";
import type { VerlMapping } from "@/contracts/formats/traces/mapping";
import { DEFAULT_MAPPINGS } from "./mappings";
import { readVerlRollout } from "./read-verl";
import type { PlayedSteps, Rollout } from "./rollout";

const QUESTION = "What is question 1?";
const MAPPING = DEFAULT_MAPPINGS.verl;

const read = (line: object, mapping: VerlMapping = MAPPING): Rollout => {
  const rollout = readVerlRollout({ input: `user\n${QUESTION}`, score: 1, ...line }, mapping);
  if (typeof rollout === "string") throw new Error(rollout);
  return rollout;
};
const play = (line: object, mapping?: VerlMapping): PlayedSteps =>
  read(line, mapping).play(QUESTION);
const listKinds = ({ steps }: PlayedSteps) => steps.map(({ kind, turn }) => [kind, turn]);
const listQueries = ({ steps }: PlayedSteps): string[] =>
  steps.flatMap((step) => (step.kind === "retrieve" ? step.query : []));
const listReasons = ({ unread }: PlayedSteps): string[] => unread.map(({ reason }) => reason);

/** The prompt of Search-R1, which names its tags. */
const SEARCH_R1_PROMPT = `user\nAnswer the given question. You must conduct reasoning inside <think> and </think> first every time you get new information. After reasoning, if you find you lack some knowledge, you can call a search engine by <search> query </search> and it will return the top searched results between <information> and </information>. You can search as many times as your want. If you find no further external knowledge needed, you can directly provide the answer inside <answer> and </answer>, without detailed illustrations. For example, <answer> Beijing </answer>. Question: ${QUESTION}\nassistant\n`;
const INVALID =
  "\nMy previous action is invalid. If I want to search, I should put the query between <search> and </search>. If I want to give the final answer, I should put the answer between <answer> and </answer>. Let me try again.\n";
const window = (...cards: number[]): string =>
  cards.map((card, i) => `Doc ${i + 1}(Title: "Card ${card}") Text of card ${card}.`).join("\n");
const information = (...cards: number[]): string =>
  `\n\n<information>${window(...cards)}</information>\n\n`;

describe("lines of Search-R1", () => {
  const line = {
    input: SEARCH_R1_PROMPT,
    output: `<think>I need it.</think>\n<search> card one </search>${information(1, 2)}<think>More.</think> <search>card three</search>${information(3)}<think>Done.</think><answer> an answer </answer>`,
  };

  it("become searches with their windows, the model's words and its answer", () => {
    const rollout = read(line);
    expect(rollout).toMatchObject({ answer: "an answer", method: "search-r1", phase: "train" });
    const played = rollout.play(QUESTION);
    expect(played.unread).toEqual([]);
    expect(listKinds(played)).toEqual([
      ["generate", 0],
      ["retrieve", 1],
      ["generate", 1],
      ["retrieve", 2],
      ["generate", 2],
      ["stop", 2],
    ]);
    expect(listQueries(played)).toEqual(["card one", "card three"]);
    expect(played.steps[0]).toMatchObject({
      prompt: SEARCH_R1_PROMPT,
      text: "<think>I need it.</think>\n<search> card one </search>",
    });
    expect(played.documents.map(({ title }) => title)).toEqual(["Card 1", "Card 2", "Card 3"]);
    expect(played.context).toHaveLength(3);
  });

  it("say that nothing was searched where they answer at once; the prompt's tags are no window", () => {
    const played = play({ input: SEARCH_R1_PROMPT, output: "<answer>an answer</answer>" });
    expect(listKinds(played)).toEqual([
      ["generate", 0],
      ["stop", 0],
    ]);
    expect(played.steps[1]).toMatchObject({ reason: "model" });
    expect(played.unread).toEqual([]);
    const rambling = play({ input: SEARCH_R1_PROMPT, output: "I do not know any tags" });
    expect(rambling.steps.at(-1)).toMatchObject({ kind: "stop", reason: "malformed" });
  });

  it("are read where the trainer calls an action invalid, and where it cut a window", () => {
    const played = play({
      ...line,
      output: `what?${INVALID}<search>card one</search>\n\n<information>${window(1)} and so<think>More.</think><search>card two</search>${information(2)}<answer>x</answer>`,
    });
    expect(listQueries(played)).toEqual(["card one", "card two"]);
    expect(listReasons(played)).toEqual(["a window has no end: its last document is cut"]);
    expect(played.steps[0]).toMatchObject({
      text: expect.stringContaining("My previous action is invalid") as unknown,
    });
    expect(played.documents.map(({ text }) => text)).toEqual([
      "Text of card 1. and so",
      "Text of card 2.",
    ]);
  });

  it("list a search without a result, a window that no search asked for, and one without documents", () => {
    const played = play({
      ...line,
      output: `<information>${window(9)}</information><search>a</search>\n<information>nothing found</information>\n<search>never run</search>`,
    });
    expect(listReasons(played)).toEqual([
      "what stands in <information> follows no search",
      "a window holds no document that can be read",
      "a search has no result",
    ]);
    expect(listQueries(played)).toEqual(["a"]);
    expect(played.steps.at(-1)).toMatchObject({
      kind: "generate",
      text: "<search>never run</search>",
    });
  });
});

/** As verl decodes an agent loop's response, without special tokens. */
const call = (name: string, given: object): string =>
  `<tool_call>\n${JSON.stringify({ name, arguments: given })}\n</tool_call>`;
const respond = (...results: string[]): string =>
  `\nuser\n${results.map((result) => `<tool_response>\n${result}\n</tool_response>`).join("\n")}\nassistant\n`;
/** As verl's search tool formats passages (verl/tools/utils/search_r1_like_utils.py). */
const result = (...windows: number[][]): string =>
  JSON.stringify({
    result: windows
      .map((cards) =>
        cards.map((c, i) => `Doc ${i + 1} (Title: "Card ${c}")\nText of card ${c}.`).join("\n\n"),
      )
      .join("\n---\n"),
  });
const TOOLS_PROMPT = `system\n# Tools\n\nFor each function call, return a json object within <tool_call></tool_call> XML tags:\nuser\n${QUESTION}\nassistant\n`;

describe("lines of verl's tools", () => {
  it("become searches with their windows, the model's words and its answer", () => {
    const rollout = read({
      input: TOOLS_PROMPT,
      output: `Let me search.\n${call("search", { query_list: ["card one"] })}${respond(result([1, 2]))}It is an answer.`,
    });
    expect(rollout).toMatchObject({ answer: "It is an answer.", method: "search-r1" });
    const played = rollout.play(QUESTION);
    expect(played.unread).toEqual([]);
    expect(listKinds(played)).toEqual([
      ["generate", 0],
      ["retrieve", 1],
      ["generate", 1],
      ["stop", 1],
    ]);
    expect(listQueries(played)).toEqual(["card one"]);
    expect(played.steps[2]).toMatchObject({ text: "It is an answer." });
    expect(played.documents.map(({ title, text }) => [title, text])).toEqual([
      ["Card 1", "Text of card 1."],
      ["Card 2", "Text of card 2."],
    ]);
  });

  it("with several queries or calls at once become as many searches", () => {
    const both = play({
      output: `${call("search", { query_list: ["a", "b"] })}${respond(result([1], [2]))}done`,
    });
    const apart = play({
      output: `${call("search", { query: "a" })}\n${call("search", { query: "b" })}${respond(result([1]), result([2]))}done`,
    });
    for (const played of [both, apart]) {
      expect(played.unread).toEqual([]);
      expect(
        played.steps.flatMap((s) => (s.kind === "retrieve" ? [[s.query, s.documents.length]] : [])),
      ).toEqual([
        ["a", 1],
        ["b", 1],
      ]);
    }
    const joined = play({
      output: `${call("search", { query_list: ["a", "b"] })}${respond(result([1]))}done`,
    });
    expect(listReasons(joined)).toEqual([
      "several queries have one result, which stands under the first",
    ]);
  });

  it("say that nothing was searched where the prompt offers tools and the model answers at once", () => {
    const played = play({ input: TOOLS_PROMPT, output: "It is known." });
    expect(listKinds(played)).toEqual([
      ["generate", 0],
      ["stop", 0],
    ]);
  });

  it("list other tools, calls that are no JSON, and results that were cut", () => {
    const played = play({
      output: `${call("calculator", { x: 1 })}${respond("1")}<tool_call>{"name": "search"</tool_call>${respond("error")}${call("search", { query: "cards" })}${respond(`${result([1]).slice(0, 30)}...(truncated)`)}${call("search", {})}${respond("x")}done`,
    });
    expect(listReasons(played)).toEqual([
      'tool "calculator" is none of those that search',
      "a tool call is no JSON",
      "a window holds no document that can be read",
      "a search has no query",
    ]);
    expect(listQueries(played), "it was searched, whatever came back").toEqual(["cards"]);
  });
});

describe("lines of upstream", () => {
  const output = `<think>more</think><important_info>[1]</important_info><search_complete>False</search_complete><query>{"query": "card three"}</query>${information(3)}<important_info>[1]</important_info><search_complete>True</search_complete>`;
  const input = `user\n<question>\n${QUESTION}\n</question>\n<information>\n${window(1, 2)}\n</information>\nassistant\n`;

  it("are read as before, also where the mapping names their tags", () => {
    const played = play({ input, output });
    expect(read({ input, output }).method).toBe("s3");
    expect(listQueries(played)).toEqual([QUESTION, "card three"]);
    expect(played.steps.at(-1)).toMatchObject({ kind: "stop", reason: "model" });
    expect(played.unread).toEqual([]);
  });

  it("list a tag besides", () => {
    const odd = play({ input, output: `<plan>first</plan>${output}` });
    expect(odd.unread).toEqual([
      {
        reason: "the tag <plan> is none that the mapping names",
        example: expect.stringMatching(/^<plan>first<\/plan>/) as unknown,
      },
    ]);
  });
});

describe("lines of a form that nothing names", () => {
  const output = `<retrieve>card one</retrieve><results>${window(1)}</results>Then <b>so</b>.`;

  it("are one step that says nothing of searches, with each tag listed once", () => {
    const played = play({ output: `${output}<retrieve>again</retrieve>` });
    expect(listKinds(played)).toEqual([["generate", 0]]);
    expect(listReasons(played)).toEqual([
      "the tag <retrieve> is none that the mapping names",
      "the tag <results> is none that the mapping names",
      "the tag <b> is none that the mapping names",
    ]);
    expect(play({ output: "plain words, 1 < 2 and a > b" }).unread).toEqual([]);
  });

  it("are read once a project's own mapping names it", () => {
    const mapping: VerlMapping = {
      ...MAPPING,
      searches: [{ call: "retrieve", result: "results", answer: null }],
      words: ["b"],
    };
    const played = play({ output }, mapping);
    expect(listQueries(played)).toEqual(["card one"]);
    expect(played.unread).toEqual([]);
    expect(read({ output }, mapping).answer).toBe("Then <b>so</b>.");
  });
});

it("a tag of upstream's means a project's own search where its mapping says so", () => {
  const mapping: VerlMapping = {
    ...MAPPING,
    searches: [{ call: "query", result: "reference", answer: null }],
  };
  const output = `<query>card one</query><reference>${window(1)}</reference>So.`;
  expect(listQueries(play({ output }, mapping))).toEqual(["card one"]);
});

it("a line says itself that it is of an evaluation where the mapping finds it", () => {
  expect(read({ output: "x", split: "val" }).phase).toBe("held-out");
  expect(read({ output: "x", split: "train" }).phase).toBe("train");
  expect(
    read({ output: "x", kind: "dev" }, { ...MAPPING, phase: ["kind"], heldOut: ["dev"] }).phase,
  ).toBe("held-out");
});
