import { describe, expect, it } from "vitest";
import type { DocumentText, EpisodeStep } from "@/contracts/records/episode";
import { buildTurnContexts } from "./turn-contexts";

const texts: Record<string, DocumentText> = Object.fromEntries(
  ["a", "b", "c"].map((id) => [`h${id}`, { id, hash: `h${id}`, title: id, text: `text of ${id}` }]),
);
const window = (turn: number, ids: string[]): EpisodeStep => ({
  kind: "retrieve",
  turn,
  seconds: 0,
  query: "q",
  documents: ids.map((id) => ({ id, hash: `h${id}`, score: 1 })),
});
const select = (turn: number, selected: string[], implicit = false): EpisodeStep => ({
  kind: "select",
  turn,
  seconds: 0,
  selected,
  implicit,
});
const listIds = (steps: EpisodeStep[]) =>
  buildTurnContexts(steps, texts).map(({ turn, documents }) => [turn, documents.map((d) => d.id)]);

describe("turnContexts", () => {
  it("joins the selections up to each turn, each document once", () => {
    expect(
      listIds([
        window(0, ["a", "b"]),
        select(0, ["b"]),
        window(1, ["b", "c"]),
        select(1, ["c", "b"]),
      ]),
    ).toEqual([
      [0, ["b"]],
      [1, ["b", "c"]],
    ]);
  });

  it("takes the whole window where the selection is implicit", () => {
    expect(listIds([window(0, ["a", "b"]), select(0, [], true)])).toEqual([[0, ["a", "b"]]]);
  });

  it("refuses to go on without a document's text", () => {
    expect(() => buildTurnContexts([window(0, ["z"]), select(0, ["z"])], texts)).toThrow(
      /text of document z/,
    );
  });
});
