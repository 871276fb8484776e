import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import type { EpisodeStep } from "@/contracts/records/episode";
import { explainAttribution, traceGold, buildLedger, listRewardParts } from "./ledger";

const ref = (id: string) => ({ id, hash: `h-${id}`, score: 0.5 });
const steps: EpisodeStep[] = [
  { kind: "retrieve", turn: 0, seconds: 1, query: "question", documents: [ref("a"), ref("b")] },
  { kind: "generate", turn: 0, seconds: 2, text: "…" },
  { kind: "select", turn: 0, seconds: 0, selected: ["a", "b"], implicit: true },
  { kind: "reject", turn: 0, seconds: 0, error: "no-selection", text: "…" },
  { kind: "retrieve", turn: 1, seconds: 1, query: "second", documents: [ref("b"), ref("c")] },
  { kind: "select", turn: 1, seconds: 0, selected: ["b"], implicit: false },
  { kind: "stop", turn: 1, seconds: 0, reason: "turns" },
];
const context = [ref("a"), ref("b")];

describe("buildLedger", () => {
  const ledger = buildLedger(steps, ["a", "c"], {
    "h-a": { id: "a", hash: "h-a", title: "A", text: "about a" },
  });
  it("marks new, gold and selected documents in each window", () => {
    expect(
      ledger.turns.map((t) => t.documents.map((d) => [d.id, d.fresh, d.gold, d.selected])),
    ).toEqual([
      [
        ["a", true, true, true],
        ["b", true, false, true],
      ],
      [
        ["b", false, false, true],
        ["c", true, true, false],
      ],
    ]);
  });
  it("counts what each turn brought and what is handed over so far", () => {
    expect(ledger.turns.map((t) => [t.newGold, t.goldRetrieved, t.goldSelected])).toEqual([
      [1, 1, 1],
      [1, 2, 1],
    ]);
  });
  it("keeps implicit selections, rejections, the stop and the time with their turn", () => {
    expect(ledger.turns[0]).toMatchObject({ implicit: true, seconds: 3, stop: null });
    expect(ledger.turns[0]?.rejected.map((r) => r.error)).toEqual(["no-selection"]);
    expect(ledger.turns[1]).toMatchObject({ implicit: false, stop: { reason: "turns" } });
  });
  it("holds null, not an empty text, for a document whose text is not stored", () => {
    expect(ledger.turns[0]?.documents.map((d) => d.text?.title ?? null)).toEqual(["A", null]);
  });
  it("says where each gold document got to", () => {
    expect(traceGold(ledger, ["a", "c", "z"], context)).toEqual([
      { id: "a", retrievedIn: 0, handedOver: true },
      { id: "c", retrievedIn: 1, handedOver: false },
      { id: "z", retrievedIn: null, handedOver: false },
    ]);
  });
});

describe("explainAttribution", () => {
  const fates = [
    { id: "a", retrievedIn: 0, handedOver: true },
    { id: "c", retrievedIn: 1, handedOver: false },
    { id: "z", retrievedIn: null, handedOver: false },
  ];
  const t = createText("en", {});
  const title = (id: string) => id.toUpperCase();
  it("names what was missing", () => {
    expect(explainAttribution(t, "never-retrieved", fates, title)).toBe(
      "Lost in retrieval: 1 of 3 gold documents was in no window: “Z”.",
    );
    expect(explainAttribution(t, "not-selected", fates.slice(0, 2), title)).toContain("“C”");
    expect(explainAttribution(t, null, fates, title)).toBeNull();
  });
});

it("writes the reward as a sum with its signs", () => {
  expect(
    listRewardParts([
      { label: "accuracy", weight: 2, value: 1 },
      { label: "naive RAG", weight: -1, value: 0 },
    ]).map((p) => `${p.sign}${p.weight}×${p.value}`),
  ).toEqual(["2×1", "−1×0"]);
});
