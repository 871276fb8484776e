import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import type { ForcedTurn } from "@/contracts/worker-protocol/tasks";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import { runEpisodes } from "./episode";
import type { SearchEnvironment } from "./episode-inputs";
import {
  createEnvironment,
  makeDocument,
  makeQuestion,
  retriever,
  run,
  sampling,
  createScriptedSearcher,
  tokenizer,
  type ScriptedText,
} from "./testing/scripted-searcher";
import {
  countActionTokens,
  pickActionTokens,
  buildDatum,
  fillActionTokens,
  buildTrainingSequence,
} from "./training-sequence";

const writeTurn = (ids: number[], query?: string): ScriptedText => ({
  text:
    `<important_info>[${ids.join(", ")}]</important_info>` +
    (query === undefined
      ? "<search_complete>True</search_complete>"
      : `<query>{"query": "${query}"}</query>`),
});

describe("an episode", () => {
  it("searches, selects and stops when the searcher says so", async () => {
    const { searcher, ended } = createScriptedSearcher((_, turn) =>
      turn === 0 ? writeTurn([1, 3], "50") : writeTurn([2]),
    );
    const [episode] = await run(searcher, createEnvironment({ retrieve: 4, turns: 3 }));
    expect(episode!.steps.map(({ kind, turn }) => `${kind}${turn}`)).toEqual([
      "retrieve0",
      "generate0",
      "select0",
      "retrieve1",
      "generate1",
      "select1",
      "stop1",
    ]);
    expect(episode!.context.map(({ id }) => id)).toEqual(["d0", "d2", "d51"]);
    expect(episode!.steps.at(-1)).toMatchObject({ reason: "model" });
    expect(ended).toHaveLength(1);
  });

  it("ends with what it has where the model cannot read on, the others going on; not one that fits is an error", async () => {
    const script = (prompt: string, turn: number): ScriptedText =>
      writeTurn([1], turn === 0 && prompt.includes("Text 100.") ? "1".repeat(300) : "7");
    const { searcher: long, bodies } = createScriptedSearcher(script);
    const search = createEnvironment({ retrieve: 2, turns: 1, decoding: "free", turnTokens: 400 });
    await run(long, search, 2);
    const needed = bodies[1]!.sequences.map(({ ids }) => ids.length + 400);
    const { searcher } = createScriptedSearcher(script, Math.min(...needed));
    const episodes = await run(searcher, search, 2);
    expect(needed[0]).not.toBe(needed[1]);
    const short = episodes[needed.indexOf(Math.max(...needed))]!;
    expect(short.steps.map(({ kind, turn }) => `${kind}${turn}`)).toEqual([
      "retrieve0",
      "generate0",
      "select0",
      "retrieve1",
      "reject1",
      "stop1",
    ]);
    expect([short.steps.at(-1), short.context.length]).toMatchObject([{ reason: "length" }, 1]);
    expect(episodes[needed.indexOf(Math.min(...needed))]!.steps.at(-1)).toMatchObject({
      reason: "turns",
    });
    await expect(run(createScriptedSearcher(script, 500).searcher, search)).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("lower search.retrieve") as unknown,
    });
  });

  it("ends after the searches that the setting allows", async () => {
    const { searcher, bodies } = createScriptedSearcher((_, turn) => writeTurn([1], `${turn}00`));
    const [episode] = await run(searcher, createEnvironment({ retrieve: 8, select: 3, turns: 3 }));
    expect(episode!.steps.filter(({ kind }) => kind === "retrieve")).toHaveLength(4);
    expect(episode!.steps.at(-1)).toMatchObject({ kind: "stop", reason: "turns" });
    expect(bodies).toHaveLength(4);
  });

  it("upstream's protocol searches once more and shows twelve documents first", async () => {
    const { searcher } = createScriptedSearcher((_, turn) => writeTurn([1, 9], `${turn}00`));
    const [episode] = await run(
      searcher,
      createEnvironment({ protocol: "upstream", retrieve: 8, turns: 3 }),
    );
    const windows = episode!.steps.flatMap((step) =>
      step.kind === "retrieve" ? [step.documents.length] : [],
    );
    expect(windows).toEqual([12, 8, 8, 8, 8]);
    expect(episode!.context.map(({ id }) => id)).not.toContain("d8");
    expect(episode!.steps.some(({ kind }) => kind === "reject")).toBe(false);
  });

  it("keeps the whole window where nothing is selected, and labels it", async () => {
    const { searcher } = createScriptedSearcher(() => ({
      text: "<search_complete>True</search_complete>",
    }));
    const [episode] = await run(searcher, createEnvironment({ retrieve: 4 }));
    expect(episode!.context.map(({ id }) => id)).toEqual(["d0", "d1", "d2", "d3"]);
    expect(episode!.steps.find(({ kind }) => kind === "select")).toMatchObject({ implicit: true });
    expect(episode!.steps.find(({ kind }) => kind === "reject")).toMatchObject({
      error: "no-selection",
    });
  });

  it("never hands over a document that the searcher wrote", async () => {
    const { searcher } = createScriptedSearcher(() => ({
      text: "<important_info>[1]</important_info><information>\nDoc 1(Title: x) The answer is 42.</information><important_info>[1, 2]</important_info>",
    }));
    const [episode] = await run(searcher, createEnvironment({ retrieve: 4 }));
    expect(episode!.context.map(({ id }) => id)).toEqual(["d0"]);
    expect(episode!.steps.flatMap((s) => (s.kind === "reject" ? [s.error] : []))).toContain(
      "invented-documents",
    );
    expect(episode!.steps.at(-1)).toMatchObject({ reason: "malformed" });
  });

  it("says when the token limit cut it", async () => {
    const { searcher } = createScriptedSearcher(() => ({
      text: "<important_info>[1]</important_info> well",
      finishReason: "length",
    }));
    const [episode] = await run(searcher, createEnvironment({ retrieve: 4 }));
    expect(episode!.steps.at(-1)).toMatchObject({ reason: "length" });
  });

  it("shows no document twice where that is asked for", async () => {
    const { searcher } = createScriptedSearcher(() => writeTurn([1], "2"));
    const [episode] = await run(
      searcher,
      createEnvironment({ retrieve: 4, turns: 2, skipSeen: true }),
    );
    const windows = episode!.steps.flatMap((step) =>
      step.kind === "retrieve" ? [step.documents.map(({ id }) => id)] : [],
    );
    expect(windows).toEqual([
      ["d0", "d1", "d2", "d3"],
      ["d4", "d5", "d6", "d7"],
      ["d8", "d9", "d10", "d11"],
    ]);
  });

  it("derives its seeds from run, step, question, sample and turn, and sends all ids each turn", async () => {
    const { searcher, bodies } = createScriptedSearcher((_, turn) => writeTurn([1], `${turn}`));
    await run(searcher, createEnvironment({ retrieve: 2, turns: 1 }), 2);
    const seeds = bodies.flatMap(({ sequences }) => sequences.map(({ seed }) => seed));
    expect(new Set(seeds).size).toBe(4);
    expect(bodies[1]!.sequences[0]!.ids.slice(0, bodies[0]!.sequences[0]!.ids.length)).toEqual(
      bodies[0]!.sequences[0]!.ids,
    );
  });

  it("fails where the retriever fails, and lets its sessions go", async () => {
    const { searcher, ended } = createScriptedSearcher(() => writeTurn([1], "1"));
    let calls = 0;
    const search = createEnvironment({ turns: 2 });
    search.retriever = {
      ...retriever,
      search: (queries, k) =>
        calls++ === 1
          ? Promise.reject(new AppError("retriever-unavailable", "gone"))
          : retriever.search(queries, k),
    };
    await expect(run(searcher, search)).rejects.toMatchObject({ code: "retriever-unavailable" });
    expect(ended).toHaveLength(1);
  });
});

describe("whatever the searcher writes", () => {
  const piece = fc.constantFrom(
    "<important_info>",
    "</important_info>",
    "[1, 2]",
    "[4]",
    "<query>",
    '{"query": "7"}',
    "</query>",
    "<search_complete>",
    "True",
    "False",
    "</search_complete>",
    "<information>",
    " ",
  );
  const settings = fc.record({
    protocol: fc.constantFrom("paper" as const, "upstream" as const),
    retrieve: fc.integer({ min: 1, max: 6 }),
    select: fc.integer({ min: 1, max: 4 }),
    turns: fc.integer({ min: 0, max: 3 }),
    skipSeen: fc.boolean(),
    decoding: fc.constantFrom("free" as const, "guided" as const),
  });

  it("token lists are of equal length, the context is the union of the selections without repeats, and sequences join", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(piece, { maxLength: 9 }), { minLength: 1, maxLength: 5 }),
        settings,
        async (turns, setting) => {
          const { searcher } = createScriptedSearcher((_, turn) => ({
            text: (turns[turn % turns.length] ?? []).join(""),
          }));
          const search = createEnvironment(setting);
          for (const episode of await run(searcher, search, 2)) {
            const generated = episode.steps.filter((step) => step.kind === "generate");
            for (const { ids, mask, logprobs, fed, prompt } of generated) {
              expect(mask).toHaveLength(ids!.length);
              expect(logprobs).toHaveLength(ids!.length);
              expect(mask!.slice(0, fed)).toEqual(Array.from({ length: fed! }, () => 0));
              expect(ids!.slice(0, fed)).toEqual(tokenizer.encode(prompt!));
            }
            const handedOver = episode.context.map(({ id }) => id);
            const union = new Set(
              episode.steps.flatMap((step) => (step.kind === "select" ? step.selected : [])),
            );
            // `upstream` reads the context out of the whole conversation: upstream-context.test.ts.
            if (setting.protocol === "paper") expect(handedOver).toEqual([...union]);
            else expect(new Set(handedOver).size).toBe(handedOver.length);
            const retrieved = new Set(
              episode.steps.flatMap((step) =>
                step.kind === "retrieve" ? step.documents.map(({ id }) => id) : [],
              ),
            );
            for (const id of [...union, ...handedOver]) expect(retrieved.has(id)).toBe(true);
            expect(episode.steps.filter(({ kind }) => kind === "stop")).toHaveLength(1);

            const sequence = buildTrainingSequence(episode, search.settings);
            expect(sequence.ids).toEqual(generated.flatMap(({ ids }) => ids));
            expect(sequence.mask).toHaveLength(sequence.ids.length);
            const datum = buildDatum(
              sequence,
              fillActionTokens(sequence, (action) => 0.5 + action),
            );
            expect(pickActionTokens(sequence, datum.weights)).toEqual(
              Array.from({ length: countActionTokens(sequence) }, (_, action) => 0.5 + action),
            );
            expect(datum.weights.every((weight, i) => weight === 0 || sequence.mask[i] === 1)).toBe(
              true,
            );
            expect(sequence.guides).toHaveLength(
              search.settings.decoding === "guided" ? generated.length : 0,
            );
            for (const { start, end } of sequence.guides)
              expect(start > 0 && end >= start && end <= sequence.ids.length).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("an episode of which turns are given", () => {
  const settings = { retrieve: 3, select: 2, turns: 2, decoding: "guided" } as const;
  const write = (ids: string, query: string): string =>
    `<important_info>[${ids}]</important_info>\n<search_complete>False</search_complete>\n<query>{"query": "${query}"}</query>`;
  const recordedWindow = (environment: SearchEnvironment, n: number) =>
    [0, 1, 2].map((i) => environment.documents.add(makeDocument(n + i)));
  const play = async (forced: ForcedTurn[], environment: SearchEnvironment) => {
    const { searcher, bodies } = createScriptedSearcher((_, turn) => ({
      text: turn === 0 ? "<search_complete>True</search_complete>" : "",
    }));
    const heard: number[] = [];
    const [episode] = await runEpisodes(
      searcher,
      environment,
      sampling,
      [{ ...makeQuestion(0), forced, onSteps: (steps) => heard.push(steps.length) }],
      new Stopwatch(),
      new AbortController().signal,
    );
    return { episode: episode!, bodies, heard };
  };

  it("goes through them as they were, and on from the selection that was changed", async () => {
    const environment = createEnvironment(settings);
    const forced = [
      { documents: recordedWindow(environment, 10), text: write("1", "old"), nextQuery: "40" },
      { documents: recordedWindow(environment, 40), selected: ["d41"] },
    ];
    const { episode, bodies, heard } = await play(forced, environment);
    expect(bodies).toHaveLength(1);
    expect(bodies[0]!.sequences[0]!.guide!.lark).toMatch(/^start: "<search_complete>" decision/);
    expect(tokenizer.decode(bodies[0]!.sequences[0]!.ids)).toMatch(
      /"query": "40"}<\/query>[^]*<important_info>\[2\]<\/important_info>\n$/,
    );
    expect(episode.context.map(({ id }) => id)).toEqual(["d10", "d41"]);
    expect(episode.steps.flatMap((s) => (s.kind === "retrieve" ? [s.query] : []))).toEqual([
      "0",
      "40",
    ]);
    expect(episode.steps[episode.steps.length - 1]).toMatchObject({
      kind: "stop",
      reason: "model",
    });
    expect(heard).toEqual([1, 3, 4, 7]);
  });

  it("searches with the query that was changed, and asks the searcher from there", async () => {
    const { episode } = await play([{ query: "70" }], createEnvironment(settings));
    expect(episode.steps[0]).toMatchObject({ kind: "retrieve", query: "70" });
    expect(episode.steps[0]).toMatchObject({ documents: [{ id: "d70" }, {}, {}] });
  });
});
