import { expect, it } from "vitest";
import type { DocumentRef, EpisodeStep } from "@/contracts/records/episode";
import { buildForcedTurns } from "./forced-turns";

const refer = (...ids: string[]): DocumentRef[] =>
  ids.map((id) => ({ id, hash: `h-${id}`, score: 1 }));
const step = <K extends EpisodeStep["kind"]>(kind: K, turn: number, rest: object): EpisodeStep =>
  ({ kind, turn, seconds: 0, ...rest }) as EpisodeStep;
const steps = [
  step("retrieve", 0, { query: "q", documents: refer("a", "b") }),
  step("generate", 0, { text: "first" }),
  step("select", 0, { selected: ["a"], implicit: false }),
  step("retrieve", 1, { query: "old", documents: refer("c", "d") }),
  step("generate", 1, { text: "second" }),
  step("select", 1, { selected: ["c"], implicit: false }),
  step("stop", 1, { reason: "model" }),
];
const episode = { method: "s3", steps } as const;
const settings = { turns: 2, protocol: "paper" } as const;
const first = { documents: refer("a", "b"), text: "first" };
const second = { documents: refer("c", "d"), text: "second" };

it("keeps everything where only the answer is made anew, and nothing where it begins anew", () => {
  expect(buildForcedTurns(episode, settings, { turn: null })).toEqual([first, second]);
  expect(buildForcedTurns(episode, settings, { turn: 0 })).toEqual([]);
  expect(buildForcedTurns(episode, settings, { turn: 1 })).toEqual([first]);
});

it("puts another query where the turn before it wrote one or ended", () => {
  expect(buildForcedTurns(episode, settings, { turn: 0, query: "x" })).toEqual([{ query: "x" }]);
  expect(buildForcedTurns(episode, settings, { turn: 1, query: "x" })).toEqual([
    { ...first, nextQuery: "x" },
  ]);
  expect(buildForcedTurns(episode, settings, { turn: 2, query: "x" })).toEqual([
    first,
    { ...second, nextQuery: "x" },
  ]);
});

it("keeps the window of which another selection is made", () => {
  expect(buildForcedTurns(episode, settings, { turn: 1, selected: ["d"] })).toEqual([
    first,
    { documents: refer("c", "d"), selected: ["d"] },
  ]);
});

it.each([
  [{ turn: 3, query: "x" }, /no turn 3/],
  [{ turn: 2 }, /ended before turn 2/],
  [{ turn: 1, selected: ["a"] }, /Document a is not in the window/],
])("refuses %j", (change, reason) => {
  expect(() => buildForcedTurns(episode, settings, change)).toThrow(reason);
});

it("refuses to go on from a turn of another method", () => {
  const rag = { method: "rag", steps } as const;
  expect(() => buildForcedTurns(rag, settings, { turn: 1 })).toThrow(/Only the search of s3/);
  expect(buildForcedTurns(rag, settings, { turn: 0 })).toEqual([]);
});

it("keeps every text of a turn that was asked once more", () => {
  const retried = [
    steps[0]!,
    step("generate", 0, { text: "neither" }),
    step("reject", 0, { error: "invalid-action", text: "neither" }),
    ...steps.slice(1),
  ];
  const released = { turns: 2, protocol: "upstream" } as const;
  const given = [{ ...first, text: "neither" }, { text: "first" }];
  const of = (change: Parameters<typeof buildForcedTurns>[2]) =>
    buildForcedTurns({ method: "s3", steps: retried }, released, change);
  expect(of({ turn: null })).toEqual([...given, second]);
  expect(of({ turn: 1, query: "x" })).toEqual([given[0], { ...given[1], nextQuery: "x" }]);
  expect(of({ turn: 1, selected: ["d"] })).toEqual([
    ...given,
    { documents: refer("c", "d"), selected: ["d"] },
  ]);
});
