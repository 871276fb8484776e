import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import {
  buildPlaygroundHref,
  buildTurnHref,
  type PlaygroundState,
} from "@/app/_lib/playground-link";
import { formatRetriever } from "@/app/_lib/config/retriever";
import { compactRetriever, RETRIEVER_PRESETS } from "@/app/_lib/config/retriever-presets";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { collectTerms, splitHighlights, stemWord } from "@/app/_episode/highlight";
import { addEntry } from "./history";
import { findOverlaps } from "./overlap";
import {
  buildAddress,
  DEFAULT_SEARCH,
  describeProblems,
  readSearchParams,
} from "./playground-address";
import { DEFAULT_RETRIEVERS, readRetrievers, writeRetrievers } from "./retriever-params";

const t = createText("en", {});
const DEFAULT_STATE: PlaygroundState = { ...DEFAULT_SEARCH, retrievers: DEFAULT_RETRIEVERS };

describe("highlighting", () => {
  const marked = (text: string, query: string) =>
    splitHighlights(text, collectTerms(query)).flatMap((p) => (p.mark ? [p.text] : []));

  it("finds words of the query however they are inflected", () => {
    expect(
      marked(
        "The capital of Peru is Lima. Capitals and dishes.",
        "capitals of the country with the dish",
      ),
    ).toEqual(["capital", "Capitals", "dishes"]);
    expect(marked("Religious countries were running", "religion country run")).toEqual([
      "Religious",
      "countries",
      "running",
    ]);
  });

  it("leaves stop words alone, unless there is nothing else", () => {
    expect(marked("what is the matter", "what is the capital")).toEqual([]);
    expect(marked("to be or not", "to be")).toEqual(["to", "be"]);
  });

  it("keeps words apart that only begin alike", () => {
    expect(marked("Perugia is no Peru", "Peru")).toEqual(["Peru"]);
    expect(stemWord("national")).toBe(stemWord("nation"));
  });

  it("loses nothing of the text", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, query) => {
        expect(
          splitHighlights(text, collectTerms(query))
            .map((p) => p.text)
            .join(""),
        ).toBe(text);
      }),
    );
  });
});

describe("overlap", () => {
  it("says where a document stands in the other columns, and ignores those without an answer", () => {
    expect(findOverlaps([["a", "b"], ["b", "c"], null])).toEqual([
      [[], [{ column: 1, rank: 1 }]],
      [[{ column: 0, rank: 2 }], []],
      [],
    ]);
  });

  it("takes the first rank of a document that is repeated", () => {
    expect(findOverlaps([["a"], ["x", "a", "a"]])[0]).toEqual([[{ column: 1, rank: 2 }]]);
  });
});

describe("the address", () => {
  const read = (href: string) => {
    const params = new URLSearchParams(href.split("?")[1] ?? "");
    const { state, problems, isCut } = readSearchParams(t, params);
    const { retrievers, problems: more } = readRetrievers(t, params.get("r"));
    return {
      state: { ...state, retrievers },
      problem: describeProblems(t, [...problems, ...more], isCut),
    };
  };
  const write = ({ retrievers, ...search }: PlaygroundState) =>
    buildAddress(search, writeRetrievers(retrievers));
  const id = "2f1d4f6a-8c2b-4a55-9d07-0d2f0f3f5b11";

  it("is empty for the defaults and holds every change", () => {
    expect(buildPlaygroundHref({})).toBe("/playground");
    const state: PlaygroundState = {
      corpus: "wiki",
      query: "a & b?",
      k: 3,
      retrievers: [
        retrieverSchema.parse({ kind: "hybrid", b: 0.5 }),
        retrieverSchema.parse({ kind: "remote", url: "http://127.0.0.1:3000/retrieve" }),
      ],
      worker: id,
      episode: id,
    };
    for (const href of [buildPlaygroundHref(state), write(state)])
      expect(read(href)).toEqual({ state, problem: null });
    expect(write(state)).not.toContain("efSearch");
    expect(write(DEFAULT_STATE)).toBe("/playground");
  });

  it("round-trips any query and any preset", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 300 }),
        fc.subarray([...RETRIEVER_PRESETS], { minLength: 1, maxLength: 4 }),
        (query, presets) => {
          const retrievers = presets.map((p) => p.config);
          expect(read(buildPlaygroundHref({ query, retrievers }))).toEqual({
            state: { ...DEFAULT_STATE, query, retrievers },
            problem: null,
          });
        },
      ),
    );
  });

  it("says what it could not read, and takes the default", () => {
    const { state, problem } = read(
      "/playground?k=7000&r=%5B%7B%22kind%22%3A%22magic%22%7D%5D&worker=me",
    );
    expect(state).toEqual(DEFAULT_STATE);
    expect(problem).toMatch(/k must be a whole number/);
    expect(problem).toMatch(/retrievers \(r\).*The default stands in its place\.$/);
  });

  it("says that a query was cut, and cuts it", () => {
    const query = "x".repeat(MAX_QUERY_LENGTH);
    expect(read(buildPlaygroundHref({ query }))).toEqual({
      state: { ...DEFAULT_STATE, query },
      problem: null,
    });
    for (const more of ["y", "y".repeat(100_000)]) {
      const href = buildPlaygroundHref({ query: query + more });
      expect(href.length).toBeLessThan(2100);
      const { state, problem } = read(href);
      expect(state.query).toBe(query);
      expect(problem).toMatch(/^The query is longer than 2,000 characters and was cut there/);
    }
  });

  it("of a turn has its query, the corpus and retriever of its run, and as many documents as it saw", () => {
    const retriever = retrieverSchema.parse({ kind: "bm25", k1: 1.5 });
    const config = { kind: "predict", retriever } as unknown as RunConfig;
    const turn = (documents: number) => ({
      query: "capital of Peru",
      documents: Array<null>(documents).fill(null),
    });
    const expected = {
      ...DEFAULT_STATE,
      corpus: "wiki",
      query: "capital of Peru",
      retrievers: [retriever],
      episode: id,
    };
    expect(read(buildTurnHref(turn(3), config, { id, corpus: "wiki" }))).toEqual({
      state: expected,
      problem: null,
    });
    expect(read(buildTurnHref(turn(20), config, { id, corpus: "wiki" })).state.k).toBe(20);
    expect(read(buildTurnHref(turn(80), config, { id, corpus: "wiki" })).state.k).toBe(50);
    expect(
      read(
        buildTurnHref(turn(3), { kind: "index" } as unknown as RunConfig, { id, corpus: "wiki" }),
      ),
    ).toEqual({ state: { ...expected, retrievers: DEFAULT_STATE.retrievers }, problem: null });
  });
});

it("retrievers are told apart by their titles and shortened to what differs", () => {
  expect(new Set(RETRIEVER_PRESETS.map((p) => formatRetriever(t, p.config))).size).toBe(
    RETRIEVER_PRESETS.length,
  );
  for (const { config } of RETRIEVER_PRESETS)
    expect(retrieverSchema.parse(compactRetriever(config))).toEqual(config);
  expect(compactRetriever(retrieverSchema.parse({ kind: "dense", variant: "int8" }))).toEqual({
    kind: "dense",
    variant: "int8",
  });
});

it("the history keeps the newest of the same search first", () => {
  const entry = (query: string, at: number) => ({ query, href: `/playground?q=${query}`, at });
  expect(addEntry([entry("b", 2), entry("a", 1)], entry("a", 3))).toEqual([
    entry("a", 3),
    entry("b", 2),
  ]);
  expect(
    addEntry(
      Array.from({ length: 30 }, (_, i) => entry(`${i}`, i)),
      entry("new", 99),
    ),
  ).toHaveLength(30);
});
