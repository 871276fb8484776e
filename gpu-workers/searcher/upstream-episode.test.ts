import { describe, expect, it } from "vitest";
import type { EpisodeStep } from "@/contracts/records/episode";
import { searchSchema, type SearchConfig } from "@/contracts/run-config/search";
import { AppError } from "@/contracts/errors";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import { computeEpisodeKey } from "./episode-key";
import { runEpisodes } from "./episode";
import { UPSTREAM_RETRY } from "./prompt";
import {
  createEnvironment,
  makeQuestion,
  retriever,
  run,
  sampling,
  createScriptedSearcher,
  tokenizer,
} from "./testing/scripted-searcher";
import { buildTrainingSequence } from "./training-sequence";
import { buildTurnGrammar } from "./turn-decoding";
import { cutConversation, cutObservation, UPSTREAM_LIMITS } from "./upstream-limits";

const upstream = (settings: Partial<SearchConfig> = {}) =>
  createEnvironment({ protocol: "upstream", turns: 2, ...settings });
const listKinds = (steps: readonly EpisodeStep[]): string[] =>
  steps.map(({ kind, turn }) => `${kind}${turn}`);
const writes = (...texts: string[]) =>
  createScriptedSearcher((_, generation) => ({
    text: texts[generation] ?? texts[texts.length - 1]!,
  }));
const ask = (query: string): string =>
  `<important_info>[1]</important_info><query>{"query": "${query}"}</query>`;
const STOP = "<important_info>[1]</important_info><search_complete>True</search_complete>";
const RETRIES = "I think the answer is Paris.";

describe("an episode as the released code plays it", () => {
  it("asks once more where a turn neither stops nor searches; it stays in its turn and uses up a generation", async () => {
    const { searcher, bodies } = writes(RETRIES, ask("50"), STOP);
    const [episode] = await run(searcher, upstream());
    expect(listKinds(episode!.steps)).toEqual([
      "retrieve0",
      "generate0",
      "reject0",
      "generate0",
      "select0",
      "retrieve1",
      "generate1",
      "select1",
      "stop1",
    ]);
    expect(episode!.steps[2]).toMatchObject({ error: "invalid-action", text: RETRIES });
    expect(episode!.steps[3]).toMatchObject({ prompt: UPSTREAM_RETRY });
    expect(tokenizer.decode(bodies[1]!.sequences[0]!.ids).endsWith(RETRIES + UPSTREAM_RETRY)).toBe(
      true,
    );
    expect(episode!.context.map(({ id }) => id)).toEqual(["d0", "d50"]);
  });

  it("with n turns searches n + 1 times, and writes n + 2 texts whatever they are", async () => {
    const searching = writes(ask("7"));
    const [searched] = await run(searching.searcher, upstream({ turns: 3 }));
    expect(searching.bodies).toHaveLength(5);
    expect(searched!.steps.filter(({ kind }) => kind === "retrieve")).toHaveLength(1 + 4);
    expect(searched!.steps.at(-1)).toMatchObject({ kind: "stop", reason: "turns" });
    const wandering = writes(RETRIES);
    const [wandered] = await run(wandering.searcher, upstream({ turns: 3 }));
    expect(wandering.bodies).toHaveLength(5);
    expect(wandered!.steps.filter(({ kind }) => kind === "retrieve")).toHaveLength(1);
    expect(wandered!.steps.filter(({ kind }) => kind === "reject")).toHaveLength(4);
    // Nothing was selected, so the whole first window is handed over.
    expect(wandered!.steps.at(-2)).toMatchObject({ kind: "select", implicit: true });
    expect(wandered!.context).toHaveLength(12);
  });

  it("keeps the selection of the first text that gives one", async () => {
    const { searcher } = writes("<important_info>[2]</important_info>", STOP);
    const [episode] = await run(searcher, upstream());
    const selections = episode!.steps.filter((step) => step.kind === "select");
    expect(selections).toMatchObject([{ selected: ["d1"], implicit: false }]);
    expect(episode!.context.map(({ id }) => id)).toEqual(["d1"]);
  });

  it("opens a query that was only closed, without calling that the policy's choice", async () => {
    const { searcher, bodies } = writes(RETRIES, '{"query": "50"}\n</query>', STOP);
    const [episode] = await run(searcher, upstream());
    const written = episode!.steps.filter((step) => step.kind === "generate")[1]!;
    expect(written.text).toBe('<query>\n{"query": "50"}\n</query>');
    const opening = written.mask!.slice(written.fed, written.fed! + "<query>\n".length);
    expect(opening).toEqual(Array.from("<query>\n", () => 0));
    expect(tokenizer.decode(bodies[2]!.sequences[0]!.ids)).toContain(
      '<query>\n<query>\n{"query": "50"}\n</query>\n\n<information>Doc 1(Title: "Title 50") Text 50\n',
    );
    expect(episode!.steps).toContainEqual(
      expect.objectContaining({ kind: "retrieve", query: "50" }),
    );
  });

  it("goes on with one assistant turn: an end token before another try is not kept", async () => {
    const { searcher, bodies } = writes(RETRIES, STOP);
    const { sample } = searcher.model;
    searcher.model.sample = async (...call) => {
      const result = await sample(...call);
      for (const [sampled] of result.sequences) {
        sampled!.ids.push(0x23f9);
        sampled!.logprobs.push(-0.1);
        sampled!.forced.push(false);
      }
      return result;
    };
    const [episode] = await run(searcher, upstream());
    expect(bodies[1]!.sequences[0]!.ids).not.toContain(0x23f9);
    const last = episode!.steps.filter((step) => step.kind === "generate").at(-1)!;
    expect(last.ids!.at(-1)).toBe(0x23f9);
  });

  it("orders the context by its selections, and lets more than `select` through", async () => {
    const { searcher } = writes(
      '<query>{"query": "50"}</query>',
      "<important_info>[5, 4, 3, 2]</important_info><search_complete>1</search_complete>",
    );
    const [episode] = await run(searcher, upstream({ select: 1, turns: 1 }));
    const ids = episode!.context.map(({ id }) => id);
    expect(ids.slice(0, 4)).toEqual(["d51", "d52", "d53", "d54"]);
    expect(ids.slice(4)).toEqual(Array.from({ length: 12 }, (_, i) => `d${i}`));
  });

  it("hands over what the searcher wrote as a document, counts it, and holds its text", async () => {
    const own = '<information>Doc 1(Title: "Mine") made up</information>';
    const environment = upstream();
    const [episode] = await run(writes(own + STOP).searcher, environment);
    const [mine] = episode!.context;
    expect(mine).toMatchObject({ id: "written-by-searcher-1", score: null });
    expect(environment.documents.getText(mine!)).toMatchObject({ title: "Mine", text: "made up" });
    expect(episode!.steps).toContainEqual(
      expect.objectContaining({ kind: "reject", error: "invented-documents" }),
    );
  });

  it("shows the options of a multiple choice to the searcher, and retrieves by the question alone", async () => {
    const options = {
      choices: [
        { letter: "A", text: "Vitamin A" },
        { letter: "B", text: "Vitamin D" },
      ],
      answer: "B",
    };
    const request = { question: { id: "m", question: "Which one?", options }, sampleIndex: 0 };
    const play = async (environment: ReturnType<typeof upstream>) => {
      const { searcher, bodies } = writes(STOP);
      const playing = [searcher, environment, sampling, [request]] as const;
      const [episode] = await runEpisodes(
        ...playing,
        new Stopwatch(),
        new AbortController().signal,
      );
      const bare = { ...request, question: { id: "m", question: "Which one?" } };
      return {
        episode: episode!,
        read: tokenizer.decode(bodies[0]!.sequences[0]!.ids),
        ofBare: computeEpisodeKey(searcher, environment, sampling, bare),
      };
    };
    const released = await play(upstream());
    expect(released.read).toContain("Which one?\nOptions:\nA: Vitamin A\nB: Vitamin D\n\n<inform");
    expect(released.episode.steps[0]).toMatchObject({ kind: "retrieve", query: "Which one?" });
    expect(released.episode.key).not.toBe(released.ofBare);
    const paper = await play(createEnvironment({ turns: 2 }));
    expect(paper.read).not.toContain("Vitamin");
    expect(paper.episode.key).toBe(paper.ofBare);
  });
});

describe("what the released code fails at or skips is an error", () => {
  it.each([
    ["a list of a list (turn +5)", '<query>{"query": [["a"],"b"]}</query>', '["a"]'],
    ["a list of numbers (turn +6)", '<query>{"query": [1,2]}</query>', "1"],
  ])("a query that its retriever refuses: %s", async (_, text, refused) => {
    const { searcher, ended } = writes(text);
    await expect(run(searcher, upstream())).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining(`wrote the query ${refused}, which is no text`) as unknown,
    });
    expect(ended).toHaveLength(1);
  });

  it("a retriever that fails gives no document that says Error", async () => {
    const environment = upstream();
    let calls = 0;
    environment.retriever = {
      ...retriever,
      search: (queries, k) =>
        calls++ === 1
          ? Promise.reject(new AppError("retriever-unavailable", "gone"))
          : retriever.search(queries, k),
    };
    await expect(run(writes(ask("7")).searcher, environment)).rejects.toMatchObject({
      code: "retriever-unavailable",
    });
  });

  it("a first prompt that is too long to load; in training one of which the reward would not see its question", async () => {
    const environment = upstream();
    const long = (characters: number) => ({
      question: { id: "q", question: "w".repeat(characters) },
      sampleIndex: 0,
    });
    const play = (characters: number, training: boolean) =>
      runEpisodes(
        writes(STOP).searcher,
        environment,
        { ...sampling, training },
        [long(characters)],
        new Stopwatch(),
        new AbortController().signal,
      );
    await expect(play(8000, false)).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("reads 8000 and refuses more") as unknown,
    });
    await expect(play(2000, true)).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("skips every batch") as unknown,
    });
    expect(await play(2000, false)).toHaveLength(1);
    expect(await play(1000, true)).toHaveLength(1);
  });
});

describe("what the released code cuts", () => {
  it("the end of an observation after 1,400 tokens: its last documents and closing tag", async () => {
    const text = "x".repeat(UPSTREAM_LIMITS.observation);
    expect(cutObservation(text, tokenizer)).toEqual({ text, ids: tokenizer.encode(text) });
    expect(cutObservation(`${text}y`, tokenizer).text).toBe(text);

    const { searcher } = writes(ask("50"), ask("70"), STOP);
    const [episode] = await run(searcher, upstream({ retrieve: 50 }));
    const [, second, third] = episode!.steps.filter((step) => step.kind === "generate");
    for (const { fed, prompt } of [second!, third!]) {
      expect(fed).toBe(UPSTREAM_LIMITS.observation);
      expect(prompt).not.toContain("</information>");
    }
    // Neither of the cut windows is ever closed, so nothing of them is handed over.
    expect(episode!.context.map(({ id }) => id)).toEqual(["d0"]);
  });

  it("the beginning of the conversation, of which 8,000 tokens are read", async () => {
    const { searcher, bodies } = writes(`${"w".repeat(5000)}${ask("1")}`);
    const [episode] = await run(searcher, upstream());
    const lengths = bodies.map(({ sequences }) => sequences[0]!.ids.length);
    expect(lengths[0]).toBeLessThan(8000);
    expect(lengths.slice(1)).toEqual(lengths.slice(1).map((n) => Math.min(n, 8000)));
    expect(lengths.at(-1)).toBe(8000);
    expect(episode!.steps.at(-1)).toMatchObject({ reason: "turns" });
  });

  it("for reward and update the first prompt's beginning, and what follows 8,000 tokens of the rest", async () => {
    const rest = "a".repeat(8001);
    const ids = tokenizer.encode(rest);
    expect(cutConversation("first", { text: rest, ids }, tokenizer)).toBe(`first${rest.slice(1)}`);

    const environment = upstream();
    environment.settings = searchSchema.parse({ protocol: "upstream", turns: 2 });
    const { searcher } = writes(`${"w".repeat(5000)}${ask("1")}`);
    const [episode] = await run(searcher, environment);
    const whole = episode!.steps.flatMap((step) => (step.kind === "generate" ? step.ids! : []));
    const prompt = episode!.steps.find((step) => step.kind === "generate")!.fed!;
    const begin = Math.max(0, prompt - 2000);
    const sequence = buildTrainingSequence(episode!, environment.settings);
    expect(whole.length).toBeGreaterThan(prompt + 8000);
    expect(sequence.ids).toEqual(whole.slice(begin, prompt + 8000));
    expect(sequence.mask).toHaveLength(sequence.ids.length);
    expect(sequence.logprobs).toHaveLength(sequence.ids.length);
    const paper = buildTrainingSequence(episode!, { ...environment.settings, protocol: "paper" });
    expect(paper.ids).toEqual(whole);
  });
});

describe("guided decoding under upstream", () => {
  it("offers no id that is read as nothing, in a window of twelve", () => {
    const settings = searchSchema.parse({ protocol: "upstream", decoding: "guided", select: 2 });
    const grammar = buildTurnGrammar(settings, 12, 0);
    expect(grammar).toContain('"8"');
    expect(grammar).not.toMatch(/"(, )?9"|"(, )?12"/);
    expect(buildTurnGrammar({ ...settings, protocol: "paper" }, 12, 0)).toContain('"12"');
  });

  it("plays what the grammar writes: a selection, a decision and a query", async () => {
    const turn = (ids: string, query: string) =>
      `<important_info>[${ids}]</important_info>\n<search_complete>False</search_complete>\n<query>{"query": "${query}"}</query>`;
    const { searcher } = writes(
      turn("1, 8", "50 "),
      turn("", "60"),
      "<important_info>[2]</important_info>\n<search_complete>True</search_complete>",
    );
    const [episode] = await run(searcher, upstream({ decoding: "guided" }));
    expect(episode!.steps.some(({ kind }) => kind === "reject")).toBe(false);
    expect(episode!.context.map(({ id }) => id)).toEqual(["d0", "d7", "d61"]);
  });

  it("a turn that was recorded with a further try is played again as it was", async () => {
    const environment = upstream();
    const first = await run(writes(RETRIES, ask("50"), STOP).searcher, environment);
    const steps = first[0]!.steps;
    const windows = steps.flatMap((step) => (step.kind === "retrieve" ? [step.documents] : []));
    const forced = [
      { documents: windows[0]!, text: RETRIES },
      { text: ask("50") },
      { documents: windows[1]! },
    ];
    const { searcher, bodies } = writes(STOP);
    const [again] = await runEpisodes(
      searcher,
      environment,
      sampling,
      [{ ...makeQuestion(0), forced }],
      new Stopwatch(),
      new AbortController().signal,
    );
    expect(bodies).toHaveLength(1);
    expect(listKinds(again!.steps)).toEqual(listKinds(steps));
    expect(again!.context).toEqual(first[0]!.context);
  });
});
