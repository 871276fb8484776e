import { expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { buildLedger } from "@/app/_episode/ledger";
import type { EpisodeDetail } from "@/app/_lib/live/trpc";
import type { EpisodeStep } from "@/contracts/records/episode";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import {
  buildChange,
  createDraft,
  findProblem,
  formatChange,
  readChange,
  selectTurn,
  type ChangeDraft,
} from "./episode-change";

const refer = (...ids: string[]) => ids.map((id) => ({ id, hash: id, score: 1 }));
const steps: EpisodeStep[] = [
  { kind: "retrieve", turn: 0, seconds: 0, query: "q", documents: refer("a", "b") },
  { kind: "select", turn: 0, seconds: 0, selected: ["b"], implicit: false },
  { kind: "retrieve", turn: 1, seconds: 0, query: "old", documents: refer("c") },
  { kind: "select", turn: 1, seconds: 0, selected: ["c"], implicit: false },
];
const ledger = buildLedger(steps, [], {});
const config = trainConfigSchema.parse({ kind: "train", name: "n" });
const detail = {
  record: { step: 6, episode: { method: "s3", steps } },
} as unknown as EpisodeDetail;
const checkpoints = [4, 8].map((step) => ({ id: `c${step}`, step }));
const create = (turn: number) => createDraft({ detail, config, ledger, turn, checkpoints });

it("begins with the turn as it was, and the newest checkpoint that the episode can be of", () => {
  expect(create(1)).toMatchObject({
    kind: "query",
    turn: 1,
    query: "old",
    selected: ["c"],
    checkpoint: "c4",
  });
  expect(create(9)).toMatchObject({ turn: 2, query: "", selected: [] });
  expect(create(NaN).turn).toBe(0);
});

it("sends only what was changed of the turn", () => {
  const draft = create(1);
  const shared = { retriever: config.retriever, generator: config.generator, checkpoint: "c4" };
  expect(buildChange(draft, ledger)).toEqual({ ...shared, turn: 1 });
  expect(buildChange({ ...draft, query: " new " }, ledger)).toEqual({
    ...shared,
    turn: 1,
    query: "new",
  });
  expect(buildChange({ ...draft, kind: "selection", selected: [] }, ledger)).toEqual({
    ...shared,
    turn: 1,
    selected: [],
  });
  expect(buildChange({ ...draft, kind: "answer" }, ledger)).toEqual({ ...shared, turn: null });
});

it("says why it cannot be played", () => {
  const t = createText("en", {});
  const past = { ...create(0), ...selectTurn(ledger, 2) };
  expect(findProblem(t, past, ledger)).toMatch(/Type the turn's query/);
  expect(findProblem(t, { ...past, kind: "again" }, ledger)).toMatch(/ended before/);
  expect(findProblem(t, { ...past, query: "x" }, ledger)).toBeNull();
});

it("comes back from the address as it was played", () => {
  const checkpoint = "00000000-0000-4000-8000-00000000000c";
  const begin = { ...create(1), checkpoint };
  const changes: Partial<ChangeDraft>[] = [
    { query: "new" },
    { kind: "selection", selected: [] },
    { kind: "answer" },
    { checkpoint: null },
    { ...selectTurn(ledger, 0), kind: "again" },
    { kind: "again", retriever: retrieverSchema.parse({ kind: "bm25" }) },
    { kind: "again", generator: { ...config.generator, promptStyle: "few-shot" } },
  ];
  for (const change of changes) {
    const draft = { ...begin, ...change };
    const text = formatChange(draft, begin, ledger);
    expect(text).not.toBeNull();
    const read = readChange(text, begin, ledger);
    expect(buildChange(read, ledger)).toEqual(buildChange(draft, ledger));
  }
  expect(formatChange(begin, begin, ledger)).toBeNull();
  for (const unreadable of [null, "", "{", '{"turn":-1,"checkpoint":null}'])
    expect(readChange(unreadable, begin, ledger)).toBe(begin);
});
