import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { EpisodeStep } from "@/contracts/records/episode";
import { ablateContext } from "./ablated-context";

const refs = (...ids: string[]) => ids.map((id) => ({ id, hash: `h-${id}`, score: 1 }));
const retrieve = (turn: number, ...ids: string[]): EpisodeStep => ({
  kind: "retrieve",
  turn,
  seconds: 0,
  query: "q",
  documents: refs(...ids),
});
const select = (turn: number, ...selected: string[]): EpisodeStep => ({
  kind: "select",
  turn,
  seconds: 0,
  selected,
  implicit: false,
});
const EPISODE = {
  key: "k",
  questionId: "q0",
  context: refs("a", "d", "c", "written-by-searcher-1"),
  steps: [
    retrieve(0, "a", "b", "c"),
    select(0, "a", "c"),
    retrieve(1, "d", "a", "e"),
    select(1, "d"),
    retrieve(2, "c", "f"),
    select(2, "c"),
  ],
};
const list = (ablation: Parameters<typeof ablateContext>[1], episode = EPISODE) =>
  ablateContext(episode, ablation).context.map(({ id }) => id);

describe("an ablated context", () => {
  it("is refused where no window is known, as of imported files", () => {
    for (const ablation of ["no-select", "no-init", "no-both"] as const)
      expect(() => list(ablation, { ...EPISODE, steps: [] })).toThrow(
        /question q0 shows no window/,
      );
  });

  it("holds the windows that its name leaves", () => {
    expect(list("no-select")).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(list("no-both")).toEqual(["d", "a", "e", "c", "f"]);
    // "c" was selected of a later window, too; "a" of the first alone.
    expect(list("no-init")).toEqual(["d", "c", "written-by-searcher-1"]);
  });

  it("is empty where the searcher stopped at the first window", () => {
    const stopped = { ...EPISODE, context: refs("a"), steps: EPISODE.steps.slice(0, 2) };
    expect([list("no-init", stopped), list("no-both", stopped)]).toEqual([[], []]);
    expect(list("no-select", stopped)).toEqual(["a", "b", "c"]);
  });

  it("has a key of its own for each name, and steps as they were", () => {
    const ablated = (["no-select", "no-init", "no-both"] as const).map((name) =>
      ablateContext(EPISODE, name),
    );
    expect(new Set([EPISODE, ...ablated].map(({ key }) => key)).size).toBe(4);
    for (const { steps } of ablated) expect(steps).toBe(EPISODE.steps);
  });

  it("repeated changes no document", () => {
    const name = fc.constantFrom("no-select" as const, "no-init" as const, "no-both" as const);
    fc.assert(
      fc.property(name, (ablation) => {
        const once = ablateContext(EPISODE, ablation);
        expect(ablateContext(once, ablation).context).toEqual(once.context);
      }),
    );
  });

  it("is of s3's stored episodes alone", () => {
    const issues = (more: object) =>
      predictConfigSchema
        .safeParse({ kind: "predict", name: "n", ...more })
        .error?.issues.map(({ path }) => path.join("."));
    const episodesOf = "00000000-0000-4000-8000-000000000001";
    expect(issues({ reuse: { context: "no-init" } })).toEqual(["reuse.context"]);
    expect(issues({ reuse: { context: "no-init", episodesOf } })).toBeUndefined();
    expect(issues({ method: "ircot", reuse: { context: "no-init", episodesOf } })).toEqual([
      "reuse.context",
    ]);
    expect(issues({ reuse: { context: "selected" } })).toBeUndefined();
  });
});
