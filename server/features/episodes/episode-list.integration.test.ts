import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  episodeFilterSchema,
  episodeMeasureSchema,
  episodeSortSchema,
  listEpisodesRequestSchema,
  summarizeEpisodesRequestSchema,
  type EpisodeMeasure,
  type MeasureRange,
  type OrderedSelection,
} from "@/contracts/api/episodes";
import type { DocumentText, EpisodeRecord } from "@/contracts/records/episode";
import {
  buildDocuments,
  buildRecord,
  getPresetConfig,
  storeSamples,
} from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { splitSearchWords } from "./word-query";

const EPISODES = 120;
const WORDS = [
  "Lima",
  "capital",
  "Peru's",
  "dish",
  "état-1",
  "中国的首都",
  "北京",
  "3.5",
  "Ceviche",
];
const TEXTS = [
  ...WORDS,
  "cap",
  "lima peru",
  "首都",
  "国",
  "京北",
  "dish ceviche",
  "3",
  "?!",
  "nowhere",
];

const buildDocument = (i: number): DocumentText => {
  const [title, text] = [
    `${WORDS[i % 9]} ${WORDS[(i * 2) % 9]}`,
    `On ${WORDS[(i * 5 + 1) % 9]}, ${i}.`,
  ];
  return {
    id: `x${i}`,
    title,
    text,
    hash: createHash("sha256").update(`${title}\n${text}`).digest("hex"),
  };
};
const DOCUMENTS = Array.from({ length: 12 }, (_, i) => buildDocument(i));

/** Numbers that look drawn and are the same each time. */
const draw = (seed: number, count: number): number =>
  createHash("sha256").update(String(seed)).digest().readUInt32BE(0) % count;

/** The nth episode: two samples of a question stand together. */
function createRecord(n: number): EpisodeRecord {
  const phase = draw(n, 7) === 0 ? "held-out" : "train";
  const record = buildRecord({
    step: 1 + Math.floor(n / 16),
    question: Math.floor(n / 2) % 8,
    sample: n % 2,
    right: draw(n + 1000, 2) === 0,
    baselineRight: draw(n + 2000, 2) === 0,
    phase,
  });
  const toRef = ({ id, hash }: DocumentText) => ({ id, hash, score: 1 });
  const shown = [DOCUMENTS[draw(n + 3000, 12)]!, DOCUMENTS[draw(n + 4000, 12)]!].map(toRef);
  record.episode.steps.push({
    kind: "retrieve",
    turn: 1 + draw(n + 5000, 2),
    seconds: 0,
    query: `${WORDS[draw(n + 6000, 9)]} (${WORDS[draw(n + 7000, 9)]})`,
    documents: shown,
  });
  if (record.answer) {
    record.answer.text = `${WORDS[draw(n + 8000, 9)]}`;
    record.answer.key = `list ${n}`;
  }
  record.advantage = draw(n + 9000, 5) === 0 ? null : draw(n + 9100, 100) / 50 - 1;
  record.formatErrors = draw(n + 9200, 3) === 0 ? ["no-selection", "truncated"] : [];
  if (draw(n + 9300, 2) === 0)
    record.episode.usage = {
      calls: 1,
      promptTokens: 1,
      completionTokens: draw(n, 50),
      costUsd: null,
    };
  else
    record.episode.steps = record.episode.steps.map((step) =>
      step.kind === "generate" ? { ...step, completionTokens: draw(n, 90) } : step,
    );
  return record;
}

interface Naive {
  id: string;
  ordinal: number;
  record: EpisodeRecord;
  question: string;
}

const countTokens = ({ episode }: EpisodeRecord): number | null => {
  if (episode.usage) return episode.usage.completionTokens;
  const counts = episode.steps.flatMap((step) =>
    step.kind === "generate" || step.kind === "condense"
      ? (step.completionTokens ??
        (step.kind === "generate" && step.mask ? step.mask.filter((one) => one === 1).length : []))
      : [],
  );
  return counts.length === 0 ? null : counts.reduce((a, b) => a + b, 0);
};

const MEASURES: Record<EpisodeMeasure, (record: EpisodeRecord) => number | null> = {
  step: ({ step }) => step,
  reward: ({ reward }) => reward?.value ?? null,
  advantage: ({ advantage }) => advantage,
  score: ({ score }) => score?.value ?? null,
  searches: ({ episode }) =>
    episode.steps.filter((s) => s.kind === "retrieve" && s.turn > 0).length,
  documents: ({ episode }) => episode.context.length,
  tokens: countTokens,
};

const listWords = (text: string): string[] => splitSearchWords(text.toLowerCase());
/** As the database stores them: of unspaced writing the last character of a run as well. */
const holdsAll = (words: string[], text: string): boolean => {
  const held = [...listWords(text), ...(text.match(/[一-鿿]/g) ?? [])];
  return words.length > 0 && words.every((word) => held.some((one) => one.startsWith(word)));
};

function matchesText({ record, question }: Naive, { text, textIn }: OrderedSelection): boolean {
  if (!text?.trim()) return true;
  const words = listWords(text);
  const queries = record.episode.steps.flatMap((s) => (s.kind === "retrieve" ? [s.query] : []));
  const parts = { question, answer: record.answer?.text ?? "", queries: queries.join(" ") };
  const hashes = new Set([
    ...record.episode.context.map(({ hash }) => hash),
    ...record.episode.steps.flatMap((s) =>
      s.kind === "retrieve" ? s.documents.map(({ hash }) => hash) : [],
    ),
  ]);
  const inDocument = DOCUMENTS.some(
    (one) => hashes.has(one.hash) && holdsAll(words, `${one.title} ${one.text}`),
  );
  if (textIn === "documents") return inDocument;
  if (textIn !== undefined) return holdsAll(words, parts[textIn]);
  return inDocument || holdsAll(words, Object.values(parts).join(" "));
}

function matchesFilter(one: Naive, all: readonly Naive[], { filter }: OrderedSelection): boolean {
  const { record } = one;
  const [score, rag] = [record.score!.value, record.baseline!.score.value];
  const group = all.filter(
    ({ record: other }) =>
      other.phase === "train" &&
      other.step === record.step &&
      other.episode.questionId === record.episode.questionId,
  );
  switch (filter) {
    case "all":
      return true;
    case "correct":
      return score >= 1;
    case "wrong":
      return score < 1;
    case "both-right":
      return score >= 1 && rag === score;
    case "gained":
      return score > rag;
    case "lost":
      return score < rag;
    case "both-wrong":
      return score < 1 && rag === score;
    case "format-errors":
      return record.formatErrors.length > 0;
    case "no-variance":
      return (
        record.phase === "train" &&
        group.length > 1 &&
        new Set(group.map(({ record: other }) => other.reward?.value)).size === 1
      );
    case "scorer-doubtful":
      return false;
    case "never-retrieved":
    case "not-selected":
    case "generator-failed":
      return record.attribution === filter;
  }
}

const inRange = (value: number | null, { min, max, below }: MeasureRange): boolean =>
  value !== null &&
  value >= (min ?? -Infinity) &&
  value <= (max ?? Infinity) &&
  value < (below ?? Infinity);

const select = (all: readonly Naive[], asked: OrderedSelection): Naive[] =>
  all.filter(
    (one) =>
      (asked.phase === undefined || one.record.phase === asked.phase) &&
      (asked.formatError === undefined || one.record.formatErrors.includes(asked.formatError)) &&
      Object.entries(asked.ranges).every(([measure, range]) =>
        inRange(MEASURES[measure as EpisodeMeasure](one.record), range),
      ) &&
      matchesFilter(one, all, asked) &&
      matchesText(one, asked),
  );

const readKey = ({ record, ordinal }: Naive, sort: OrderedSelection["sort"]) => {
  if (sort === "recorded") return ordinal;
  if (sort === "type") return null;
  if (sort === "attribution") return record.attribution;
  if (sort === "phase") return record.phase;
  if (sort === "format-errors") return record.formatErrors.length;
  return MEASURES[sort](record);
};

function order(rows: readonly Naive[], { sort, sortDirection }: OrderedSelection): string[] {
  const sign = sortDirection === "ascending" ? 1 : -1;
  return [...rows]
    .sort((a, b) => {
      const [x, y] = [readKey(a, sort), readKey(b, sort)];
      if (x === y) return sign * (a.ordinal - b.ordinal);
      if (x === null || y === null) return x === null ? 1 : -1;
      return sign * (x < y ? -1 : 1);
    })
    .map(({ id }) => id);
}

const rangeArbitrary = fc.record(
  {
    min: fc.integer({ min: -1, max: 3 }),
    max: fc.integer({ min: 0, max: 40 }),
    below: fc.constant(5),
  },
  { requiredKeys: [] },
);
const selectionArbitrary = fc.record(
  {
    filter: fc.constantFrom(...episodeFilterSchema.options),
    phase: fc.constantFrom("train" as const, "held-out" as const),
    formatError: fc.constantFrom("truncated" as const, "empty-query" as const),
    ranges: fc.dictionary(fc.constantFrom(...episodeMeasureSchema.options), rangeArbitrary, {
      maxKeys: 2,
    }),
    text: fc.constantFrom(...TEXTS),
    textIn: fc.constantFrom("question", "answer", "queries", "documents"),
    sort: fc.constantFrom(...episodeSortSchema.options),
    sortDirection: fc.constantFrom("ascending", "descending"),
  },
  { requiredKeys: [] },
);

describe("the list of episodes", () => {
  let server: TestServer;
  let runId: string;
  let all: Naive[];

  beforeAll(async () => {
    server = await startTestServer({ timings: { leaseMs: 60_000, offlineMs: 60_000 } });
    await storeSamples(server.plane);
    await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    const worker = await server.worker();
    const lease = await worker.leaseAndStart();
    ({ runId } = lease);
    const records = Array.from({ length: EPISODES }, (_, n) => createRecord(n));
    await worker.request("report", {
      runId,
      attempt: lease.attempt,
      sequence: 1,
      items: [
        {
          kind: "episodes",
          corpus: "atlas",
          questions: "atlas/train",
          documents: [...DOCUMENTS, ...buildDocuments()],
          records,
        },
      ],
    });
    const rows = await server.plane.database.db.episode.findMany({ orderBy: { ordinal: "asc" } });
    all = rows.map(({ id, ordinal, questionId }, n) => ({
      id,
      ordinal: Number(ordinal),
      record: records[n]!,
      question: `Question ${questionId.slice(1)} of atlas/train?`,
    }));
  });
  afterAll(() => server.stop());

  const readAll = async (request: object): Promise<string[]> => {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof server.plane.episodeReader.list>> =
        await server.plane.episodeReader.list({ runId, limit: 50, cursor, ...request });
      ids.push(...page.rows.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    return ids;
  };

  it("filters, searches, sorts, pages, counts and walks as a plain program over all rows does", async () => {
    await fc.assert(
      fc.asyncProperty(selectionArbitrary, async (request) => {
        const asked = listEpisodesRequestSchema.parse({ runId, ...request });
        const expected = order(select(all, asked), asked);
        expect(await readAll(request)).toEqual(expected);
        const { total, isEstimate } = await server.plane.episodeReader.summarize(
          summarizeEpisodesRequestSchema.parse({ runId, ...request }),
        );
        expect({ total, isEstimate }).toEqual({ total: expected.length, isEstimate: false });
        const place = Math.floor(expected.length / 2);
        const episodeId = expected[place];
        if (episodeId === undefined) return;
        expect(await server.plane.episodeReader.findNeighbours({ ...asked, episodeId })).toEqual({
          previousId: expected[place - 1] ?? null,
          nextId: expected[place + 1] ?? null,
          position: place + 1,
          total: expected.length,
        });
      }),
      { numRuns: 60, seed: 16 },
    );
  });

  it.each(episodeMeasureSchema.options)(
    "counts every episode once in the bars of %s",
    async (measure) => {
      const summary = await server.plane.episodeReader.summarize(
        summarizeEpisodesRequestSchema.parse({
          runId,
          measure,
          filter: "wrong",
          ranges: { [measure]: { min: 1 } },
        }),
      );
      const wrong = all.filter(({ record }) => record.score!.value < 1);
      const values = wrong.map(({ record }) => MEASURES[measure](record));
      expect(summary.measure).toBe(measure);
      expect(summary.withoutValue).toBe(values.filter((value) => value === null).length);
      for (const { count, ...range } of summary.bars)
        expect(count).toBe(values.filter((value) => inRange(value, range)).length);
      const counted = summary.bars.reduce((sum, { count }) => sum + count, 0);
      expect(counted + summary.withoutValue).toBe(wrong.length);
    },
  );

  it("says what can be filtered by", async () => {
    const facets = await server.plane.episodeReader.listFacets(runId);
    expect(facets.phases.reduce((sum, { episodes }) => sum + episodes, 0)).toBe(EPISODES);
    const withErrors = all.filter(({ record }) => record.formatErrors.length > 0).length;
    expect(facets.formatErrors).toEqual([
      { value: "no-selection", episodes: withErrors },
      { value: "truncated", episodes: withErrors },
    ]);
    expect(facets.types).toEqual([]);
  });

  it("finds episodes by the labels that people put on them, and shows these in the rows", async () => {
    const { inspector, episodeReader } = server.plane;
    const [first, second] = [all[3]!, all[40]!];
    for (const [{ id }, label] of [
      [first, "odd"],
      [second, "odd"],
      [second, "a judge's case"],
    ] as const)
      await inspector.setLabel({ episodeId: id, label, isSet: true }, "test");
    expect(await readAll({ label: "odd" })).toEqual([second.id, first.id]);
    expect(await readAll({ label: "a judge's case" })).toEqual([second.id]);
    expect(await readAll({ label: "none" })).toEqual([]);
    const summary = summarizeEpisodesRequestSchema.parse({ runId, label: "odd" });
    expect(await episodeReader.summarize(summary)).toMatchObject({ total: 2 });
    expect((await episodeReader.listFacets(runId)).labels).toEqual([
      { value: "odd", episodes: 2 },
      { value: "a judge's case", episodes: 1 },
    ]);
    const { rows } = await episodeReader.list({ runId, limit: EPISODES });
    const labelled = rows.filter(({ labels }) => labels.length > 0);
    expect(labelled.map(({ id, labels }) => [id, labels])).toEqual([
      [second.id, ["a judge's case", "odd"]],
      [first.id, ["odd"]],
    ]);
    await inspector.setLabel({ episodeId: first.id, label: "odd", isSet: false }, "test");
    expect(await readAll({ label: "odd" })).toEqual([second.id]);
  });

  it("calls an answer doubtful as soon as a second judging scorer disagrees, whenever it comes", async () => {
    const { db } = server.plane.database;
    const one = all.find(({ record }) => record.score!.value === 0)!;
    const doubtful = () => readAll({ filter: "scorer-doubtful" });
    await db.$executeRaw`INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT answer_id, set_id, question_id, s.scorer, s.value FROM episodes, (VALUES ('judge/1 other', 1), ('span/7', 0)) AS s(scorer, value) WHERE id = ${one.id}::uuid`;
    expect(await doubtful()).toEqual([one.id]);
    await db.$executeRaw`DELETE FROM scores WHERE scorer = 'judge/1 other'`;
    expect(await doubtful()).toEqual([]);
    // Versions of one scorer, and of one judge's prompt, are one judge, which says what its newest version says.
    await db.$executeRaw`INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT answer_id, set_id, question_id, s.scorer, s.value FROM episodes, (VALUES ('span/6', 1), ('judge/1 a/7b', 1), ('judge/2.1 a/7b', 0)) AS s(scorer, value) WHERE id = ${one.id}::uuid`;
    expect(await doubtful()).toEqual([]);
    await db.$executeRaw`INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT answer_id, set_id, question_id, 'judge/2.1 a/8b', 1 FROM episodes WHERE id = ${one.id}::uuid`;
    expect(await doubtful()).toEqual([one.id]);
  });

  it("refuses a cursor that is of another order", async () => {
    await expect(
      server.plane.episodeReader.list({ runId, sort: "reward", cursor: "12" }),
    ).rejects.toMatchObject({ code: "invalid-input" });
  });
});
